#!/usr/bin/env bash
# A coordinator, four clinics and five aggregators: ten processes on loopback. After the second
# round two of the aggregators are killed; the run goes on without them, and its model is, bit for
# bit, that of a simulation in one process.
#
#   examples/committee/run.sh [FOLDER]
#
# TACIT names the binary (by default the release build, built if need be), PORT the coordinator's
# port, which the aggregators' five follow. Everything is written below FOLDER, by default a new
# temporary folder.
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
cd "$out"
started=()
clean_up() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
}
trap clean_up EXIT

# 1. The plan of a simulation names no addresses; that of a federation names where each
#    aggregator listens.
cp "$here/plan.toml" simulated.toml
addresses=$(for i in 1 2 3 4 5; do printf '"https://127.0.0.1:%d", ' $((port + i)); done)
sed "/^protection/ s|stage_timeout_s|addresses = [${addresses%, }], stage_timeout_s|" \
    simulated.toml > plan.toml

# 2. One authority for everybody. On machines of their own each keeps but its own key.
"$tacit" pki init
"$tacit" pki issue coordinator --coordinator 127.0.0.1
for i in 0 1 2 3 4; do "$tacit" pki issue "aggregator-$i" --aggregator 127.0.0.1; done
for i in 0 1 2 3; do "$tacit" pki issue "p$i"; done

# 3. Aggregators, coordinator, clinics.
aggregators=()
for i in 0 1 2 3 4; do
    "$tacit" aggregator plan.toml --number "$i" --name "aggregator-$i" \
        --listen "127.0.0.1:$((port + 1 + i))" &
    aggregators+=($!)
done
started=("${aggregators[@]}")
"$tacit" serve plan.toml --listen "127.0.0.1:$port" --out run > serve.txt &
serve=$!
started+=("$serve")
clinics=()
for i in 0 1 2 3; do
    "$tacit" join --coordinator "https://127.0.0.1:$port" --name "p$i" --plan plan.toml \
        --data breast-cancer --part "$i/4" &
    clinics+=($!)
done
started+=("${clinics[@]}")

# 4. Two aggregators die.
until [ -f run/history.jsonl ] && [ "$(wc -l < run/history.jsonl)" -ge 2 ]; do
    kill -0 "$serve"
    sleep 0.1
done
kill -9 "${aggregators[0]}" "${aggregators[3]}"
echo "two aggregators were killed after round $(wc -l < run/history.jsonl)"
for pid in "${clinics[@]}" "$serve"; do wait "$pid"; done

# 5. The same plan in one process gives the same model after each round.
"$tacit" simulate simulated.toml --out simulated > simulated.txt
models() { grep -o '"model_after":"[0-9a-f]*"' "$1/history.jsonl"; }
cmp <(models run) <(models simulated)
"$tacit" audit verify run
echo "the model of ten processes is that of one; everything is below $out"
