"""Robust aggregation beside Flower and ByzFL, all on one thread, in one run:

    python -m venv rivals && rivals/bin/pip install flwr==1.41.0 byzfl==0.0.11
    rivals/bin/python bench/aggregators.py

For every rule: processor seconds (median of three runs of the rivals, or the only one if it is slow;
of five of ours), memory beyond the updates at the peak, and how many times as long a rival takes.
`ROWS=50 VALUES=1000000 RULES=krum,median` in the environment measures a part. Every rival's rule runs in
a process of its own on the same kind of updates. ByzFL's venv may be another one: BYZFL_PYTHON.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

SHAPES = [(50, 1_000_000), (10, 10_000_000)]
ONE_THREAD = {
    name: "1"
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
}
RULES = ["mean", "krum", "multi-krum", "trimmed-mean", "median", "geometric-median", "bulyan",
         "centered-clipping", "norm-bounded-mean"]
RUNS = 3
SLOW_S = 5  # run once


def byzantine(rule, rows):
    return max(1, (rows - 3) // 4 if rule == "bulyan" else min(rows // 4, (rows - 3) // 2))


def flower(rule, rows):
    from flwr.server.strategy import aggregate as of

    results = [([row], 500 + 10 * i) for i, row in enumerate(rows)]
    f = byzantine(rule, len(rows))
    return {
        "mean": lambda: of.aggregate(results),
        "krum": lambda: of.aggregate_krum(results, f, 0),
        "multi-krum": lambda: of.aggregate_krum(results, f, len(rows) - f - 2),
        "trimmed-mean": lambda: of.aggregate_trimmed_avg(results, 0.2),
        "median": lambda: of.aggregate_median(results),
        "bulyan": lambda: of.aggregate_bulyan(list(results), f, of.aggregate_krum, to_keep=0),
    }.get(rule)


def byzfl(rule, rows):
    import numpy as np
    import byzfl.aggregators.aggregators as of

    vectors = np.stack(rows)
    rows.clear()
    f = byzantine(rule, len(vectors))
    made = {
        "mean": lambda: of.Average(),
        "krum": lambda: of.Krum(f),
        "multi-krum": lambda: of.MultiKrum(f),
        "trimmed-mean": lambda: of.TrMean(len(vectors) // 5),
        "median": lambda: of.Median(),
        "geometric-median": lambda: of.GeometricMedian(nu=1e-6, T=8),
        "centered-clipping": lambda: of.CenteredClipping(L=3, tau=10.0),
    }.get(rule)
    return made and (lambda: made()(vectors))


def resident(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) * 1024


def child(library, rule, count, values):
    import numpy as np

    rng = np.random.default_rng(1)
    rows = [(rng.random(values, np.float32) - np.float32(0.5)) * np.float32(0.02)
            for _ in range(count)]
    work = {"flower": flower, "byzfl": byzfl}[library](rule, rows)
    if work is None:
        return print(json.dumps(None))
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before, seconds, extra = resident("VmRSS:"), [], 0
    for run in range(RUNS):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
        if run == 0:
            extra = resident("VmHWM:") - before
        if seconds[0] > SLOW_S:
            break
    print(json.dumps({"cpu_s": statistics.median(seconds), "extra_bytes": extra}))


def rival(library, rule, count, values):
    python = os.environ.get("BYZFL_PYTHON", sys.executable) if library == "byzfl" else sys.executable
    command = [python, __file__, library, rule, str(count), str(values)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **ONE_THREAD})
    if done.returncode:
        print(f"# {library} {rule}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def ours(rule, count, values):
    command = ["cargo", "bench", "-q", "-p", "tacit-learn", "--bench", "robust", "--"]
    out = subprocess.run([*command, str(count), str(values), rule], check=True,
                         capture_output=True, text=True, cwd=pathlib.Path(__file__).parent.parent)
    return json.loads(next(line for line in out.stdout.splitlines() if line.startswith("{")))


def main():
    mib = 1 << 20
    print("| rule | updates | ours | extra | Flower | extra | times | ByzFL | extra | times |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    shapes, rules = SHAPES, RULES
    if "ROWS" in os.environ:
        shapes = [(int(os.environ["ROWS"]), int(os.environ["VALUES"]))]
    if "RULES" in os.environ:
        rules = os.environ["RULES"].split(",")
    for count, values in shapes:
        for rule in rules:
            mine = ours(rule, count, values)
            cells = [rule, f"{count} × {values / 1e6:g} M", f"{mine['cpu_s']:.3f} s",
                     f"{mine['extra_bytes'] / mib:.0f} MiB"]
            for library in ("flower", "byzfl"):
                theirs = rival(library, rule, count, values)
                cells += ["–"] * 3 if theirs is None else [
                    f"{theirs['cpu_s']:.3f} s", f"{theirs['extra_bytes'] / mib:.0f} MiB",
                    f"{theirs['cpu_s'] / mine['cpu_s']:.1f}"]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 5:
        child(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
