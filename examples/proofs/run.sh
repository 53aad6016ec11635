#!/usr/bin/env bash
# Three runs whose participants prove what they contribute. The keys of the last come out of a ceremony.
# With an argument, that folder is used, else a temporary one.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cd "$here/../.."
tacit="${TACIT:-cargo run --quiet --locked --release -p tacit-cli --}"
dir="${1:-$(mktemp -d)}"
mkdir -p "$dir"

echo "== bounds of updates that nobody sees"
$tacit run "$here/masked.toml" --out "$dir/masked"
$tacit audit verify "$dir/masked"

echo "== bounds of updates, for everybody who does not see them"
$tacit run "$here/bounded.toml" --out "$dir/bounded"
$tacit audit verify "$dir/bounded"

echo "== keys for the circuit of the last plan"
beacon=00000000000000000000b1e55ed0000000000000000000000000000000000000
$tacit prove circuit "$here/gradient.toml" --out "$dir/circuit.r1cs" | tee "$dir/size"
power=$(sed -n 's/.*2^//p' "$dir/size")
made() { # FOLDER OPTION…: two people contribute, a beacon ends it
    for name in ann bob; do
        $tacit ceremony contribute "$1" "${@:2}" --name "$name" --key "$dir/$name.key" </dev/null
    done
    $tacit ceremony beacon "$1" --source "$beacon" --exponent 10
    $tacit ceremony finalise "$1" "${@:2}" --out "$dir/keys"
}
$tacit ceremony new "$dir/powers" --power "$power"
made "$dir/powers"
on=(--circuit "$dir/circuit.r1cs" --powers "$dir/keys/powers.ptau")
$tacit ceremony new "$dir/ceremony" "${on[@]}"
made "$dir/ceremony" "${on[@]}" | tee "$dir/finalised"

echo "== gradients of data that participants committed to"
{
    sed '/^\[proof\]/,$d' "$here/gradient.toml"
    sed -n '/^\[proof\]/,$p' "$dir/finalised"
} >"$dir/gradient.toml"
$tacit run "$dir/gradient.toml" --keys "$dir/keys" --out "$dir/gradient"
$tacit audit verify "$dir/gradient" --keys "$dir/keys" --ceremony "$dir/ceremony"
if $tacit audit verify "$dir/gradient" --keys "$dir/keys" --ceremony "$dir/powers"; then exit 1; fi

echo "== one of them by hand, shown in another round, and passed off as somebody else's"
of=("$dir/gradient.toml" --keys "$dir/keys")
$tacit prove gradient "${of[@]}" --participant p0 --secret "$dir/data.secret" --out "$dir/proof.json"
$tacit verify gradient "${of[@]}" --participant p0 --proof "$dir/proof.json"
if $tacit verify gradient "${of[@]}" --participant p0 --proof "$dir/proof.json" \
    --nonce "$(printf '%064d' 1)"; then exit 1; fi
if $tacit verify gradient "${of[@]}" --participant p1 --proof "$dir/proof.json"; then exit 1; fi
echo "nobody else's"
