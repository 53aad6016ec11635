#!/usr/bin/env bash
# A coordinator and two hospitals on three machines of their own: network namespaces joined by a
# switch, made and removed by this script. Without root, or without `ip`, three processes on
# loopback instead.
#
#   examples/three_machines/run.sh [FOLDER]
#
# TACIT names the binary (by default the release build, built if need be), PORT the coordinator's
# port. Everything is written below FOLDER, by default a new temporary folder: one folder for each
# machine, as if each had its own disk.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
port=${PORT:-8443}

if [ -z "${TACIT:-}" ]; then
    cargo build --release --manifest-path "$here/../../Cargo.toml" -p tacit-cli
    TACIT=$here/../../target/release/tacit
fi
tacit=$(cd "$(dirname "$TACIT")" && pwd)/$(basename "$TACIT")

out=${1:-$(mktemp -d)}
mkdir -p "$out"
out=$(cd "$out" && pwd)
machines=(coordinator hospital-a hospital-b)
net=tacit-$$
started=()
namespaces=()

clean_up() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    for name in "${namespaces[@]}"; do ip netns delete "$name" 2>/dev/null || true; done
}
trap clean_up EXIT

# Three namespaces, each with one cable to a switch in a fourth. The host's network is not touched.
plug() {
    local number=0 machine
    ip netns add "$net-switch" 2>/dev/null || return 1
    namespaces+=("$net-switch")
    ip -n "$net-switch" link add switch type bridge || return 1
    ip -n "$net-switch" link set switch up
    for machine in "${machines[@]}"; do
        number=$((number + 1))
        ip netns add "$net-$machine" && namespaces+=("$net-$machine") || return 1
        ip -n "$net-switch" link add "port$number" type veth peer name eth0 netns "$net-$machine" ||
            return 1
        ip -n "$net-switch" link set "port$number" master switch up
        ip -n "$net-$machine" address add "10.77.0.$number/24" dev eth0
        ip -n "$net-$machine" link set eth0 up
        ip -n "$net-$machine" link set lo up
    done
}

# on MACHINE COMMAND…: runs it there, in that machine's folder.
if [ "$(id -u)" = 0 ] && command -v ip >/dev/null && plug; then
    address=10.77.0.1
    on() { cd "$out/$1" && exec ip netns exec "$net-$1" "${@:2}"; }
    echo "three network namespaces, the coordinator at $address:$port"
else
    address=127.0.0.1
    on() { cd "$out/$1" && exec "${@:2}"; }
    echo "no network namespaces here: three processes on $address:$port"
fi

for machine in "${machines[@]}"; do mkdir -p "$out/$machine/pki/issued"; done
for machine in "${machines[@]}"; do cp "$here/plan.toml" "$out/$machine/"; done

# 1. The coordinator's operator makes an authority and a certificate for everybody, and hands each
#    hospital the authority's certificate and its own key: the only files that change hands.
(on coordinator "$tacit" pki init)
(on coordinator "$tacit" pki issue coordinator --coordinator "$address")
for hospital in hospital-a hospital-b; do
    (on coordinator "$tacit" pki issue "$hospital")
    cp "$out/coordinator/pki/ca.cert.pem" "$out/$hospital/pki/"
    mv "$out/coordinator/pki/issued/$hospital".*.pem "$out/$hospital/pki/issued/"
done

# 2. The coordinator waits for both hospitals.
(on coordinator "$tacit" serve plan.toml --listen "$address:$port" --out run) &
started+=($!)

# 3. Each hospital joins with its own data: here one half each of an embedded set.
part=0
for hospital in hospital-a hospital-b; do
    (on "$hospital" "$tacit" join --coordinator "https://$address:$port" --name "$hospital" \
        --plan plan.toml --data breast-cancer --part "$part/2") &
    started+=($!)
    part=$((part + 1))
done
for pid in "${started[@]}"; do wait "$pid"; done
started=()

# 4. An auditor checks a copy of the run without network, with the log's key as hospital A saw it
#    and not as the coordinator filed it.
mkdir -p "$out/auditor"
cp -r "$out/coordinator/run/"{plan.toml,model.safetensors,log} "$out/auditor/"
key=$(sed 's/.*"log":"\([^"]*\)".*/\1/' "$out/hospital-a/tacit-participant/hospital-a/seen.json")
"$tacit" audit verify "$out/auditor" --key "$key" --witnesses 2
echo "everything is below $out"
