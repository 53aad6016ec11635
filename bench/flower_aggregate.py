"""Flower's weighted mean of 50 updates of a million values on one thread: the rival of

    cargo bench -p tacit-learn --bench aggregate

    pip install flwr==1.41.0 numpy
    python bench/flower_aggregate.py

Seconds of this process' CPU time, median of several runs. `arrays` starts from numpy arrays in
memory, `records` from messages as a strategy receives them.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["FLWR_TELEMETRY_ENABLED"] = "0"

import statistics
import time

import numpy as np
from flwr.app import ArrayRecord, MetricRecord, RecordDict
from flwr.server.strategy.aggregate import aggregate
from flwr.serverapp.strategy.strategy_utils import aggregate_arrayrecords

RUNS, ROWS, VALUES = 11, 50, 1_000_000


def seconds(work):
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return statistics.median(times)


def main():
    rng = np.random.default_rng(1)
    rows = [rng.normal(0, 0.01, VALUES).astype(np.float32) for _ in range(ROWS)]
    weights = [500 + 10 * i for i in range(ROWS)]
    source = np.ones(ROWS * VALUES * 4, np.uint8)
    target = np.full_like(source, 2)
    records = [
        RecordDict({"arrays": ArrayRecord([row]), "metrics": MetricRecord({"num-examples": w})})
        for row, w in zip(rows, weights)
    ]
    gigabytes = source.nbytes / 1e9
    copied = seconds(lambda: np.copyto(target, source))
    arrays = seconds(lambda: aggregate([([row], w) for row, w in zip(rows, weights)]))
    messages = seconds(lambda: aggregate_arrayrecords(records, "num-examples"))
    print(f"copied: {gigabytes / copied:.2f} GB/s")
    for name, time_s in [("arrays", arrays), ("records", messages)]:
        print(f"flower mean of {ROWS} x {VALUES}, {name}: {time_s:.4f} s, "
              f"{gigabytes / time_s:.2f} GB/s, / copied: {copied / time_s:.2f}")


if __name__ == "__main__":
    main()
