#!/usr/bin/env bash
# A ceremony by files: powers of tau by three people and a beacon, then the keys of a circuit.
# With an argument, that folder is used, else a temporary one.
set -euo pipefail
cd "$(dirname "$0")/../.."
root="$PWD"
tacit="${TACIT:-cargo run --quiet --locked -p tacit-cli --}"
dir="${1:-$(mktemp -d)}"
mkdir -p "$dir"
beacon=00000000000000000000b1e55ed0000000000000000000000000000000000000

$tacit ceremony new "$dir/powers" --power 4 --announce "a value that is drawn in public tomorrow"
for name in ann bob eve; do
    echo "$name rolls dice: $RANDOM$RANDOM" >"$dir/dice"
    $tacit ceremony contribute "$dir/powers" --name "$name" --key "$dir/$name.key" --entropy "$dir/dice" \
        </dev/null
done
$tacit ceremony beacon "$dir/powers" --source "$beacon" --exponent 10
$tacit ceremony show "$dir/powers"
$tacit ceremony finalise "$dir/powers" --out "$dir/out"

circuit="$root/examples/ceremony/cubic.r1cs" # x³ + x + 5 = y, y is public
on=(--circuit "$circuit" --powers "$dir/out/powers.ptau")
$tacit ceremony new "$dir/keys" "${on[@]}"
for name in ann bob; do
    $tacit ceremony contribute "$dir/keys" --name "$name" --key "$dir/$name.key" "${on[@]}" </dev/null
done
$tacit ceremony beacon "$dir/keys" --source "$beacon" --exponent 10
$tacit ceremony verify "$dir/keys" "${on[@]}"
$tacit ceremony finalise "$dir/keys" "${on[@]}" --out "$dir/out"

# Eve says that Bob's contribution is hers: the signature does not verify.
cp -r "$dir/keys" "$dir/forged"
sed -i 's/"bob"/"eve"/' "$dir/forged/ceremony.json"
if $tacit ceremony verify "$dir/forged" "${on[@]}"; then exit 1; fi
echo "forged transcript refused"
