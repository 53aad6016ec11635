"""Writes vectors/aggregate/rules.json: what the definitions give, on the vectors themselves.

    pip install numpy
    python bench/aggregate_vectors.py

Written apart from the Rust code and in another way: distances are taken between whole vectors, the
iterative rules move a vector and not its coefficients, and values are sorted by NumPy.
"""

import json
import pathlib

import numpy as np

OUT = pathlib.Path(__file__).parent.parent / "vectors" / "aggregate" / "rules.json"


def krum_order(x, f, k=None):
    n = len(x)
    k = n - f - 2 if k is None else k
    scores = []
    for i in range(n):
        others = sorted(float(np.sum((x[i] - x[j]) ** 2)) for j in range(n) if j != i)
        scores.append(sum(others[:k]))
    return sorted(range(n), key=lambda i: (scores[i], i))


def krum(x, w, num_byzantine):
    return x[krum_order(x, num_byzantine)[0]]


def multi_krum(x, w, num_byzantine, num_selected):
    m = num_selected or len(x) - num_byzantine - 2
    return np.mean(x[krum_order(x, num_byzantine)[:m]], axis=0)


def trimmed_mean(x, w, trim_ratio):
    k = int(trim_ratio * len(x) + 1e-9)
    return np.mean(np.sort(x, axis=0)[k : len(x) - k], axis=0)


def median(x, w):
    return np.median(x, axis=0)


def geometric_median(x, w, iterations, smoothing, weighted):
    alpha = np.array(w, float) if weighted else np.ones(len(x))
    v = np.average(x, axis=0, weights=alpha)
    for _ in range(iterations):
        beta = alpha / np.maximum(smoothing, np.linalg.norm(x - v, axis=1))
        v = beta @ x / beta.sum()
    return v


def bulyan(x, w, num_byzantine):
    f, n = num_byzantine, len(x)
    left, selected = list(range(n)), []
    while len(selected) < n - 2 * f:
        k = max(1, len(left) - f - 2)
        selected.append(left.pop(krum_order(x[left], f, k)[0]))
    s = x[selected]
    m = np.median(s, axis=0)
    result = []
    for column in range(x.shape[1]):
        near = sorted(s[:, column], key=lambda value: abs(value - m[column]))
        result.append(np.mean(near[: n - 4 * f]))
    return np.array(result)


def centered_clipping(x, w, clip_radius, iterations):
    v = np.zeros(x.shape[1])
    for _ in range(iterations):
        d = x - v
        scale = np.minimum(1, clip_radius / np.linalg.norm(d, axis=1))
        v = v + np.mean(d * scale[:, None], axis=0)
    return v


def norm_bounded_mean(x, w, bound_l2):
    scale = np.minimum(1, bound_l2 / np.linalg.norm(x, axis=1))
    return np.average(x * scale[:, None], axis=0, weights=w)


CASES = [
    ("krum", krum, 5, {"num_byzantine": 1}),
    ("krum", krum, 9, {"num_byzantine": 3}),
    ("krum", krum, 12, {"num_byzantine": 0}),
    ("multi-krum", multi_krum, 9, {"num_byzantine": 2, "num_selected": 3}),
    ("multi-krum", multi_krum, 10, {"num_byzantine": 2, "num_selected": 0}),
    ("trimmed-mean", trimmed_mean, 10, {"trim_ratio": 0.2}),
    ("trimmed-mean", trimmed_mean, 7, {"trim_ratio": 0.4}),
    ("trimmed-mean", trimmed_mean, 7, {"trim_ratio": 0.0}),
    ("median", median, 9, {}),
    ("median", median, 12, {}),
    ("geometric-median", geometric_median, 9,
     {"iterations": 3, "smoothing": 1e-6, "weighted": True}),
    ("geometric-median", geometric_median, 12,
     {"iterations": 100, "smoothing": 0.1, "weighted": False}),
    ("bulyan", bulyan, 7, {"num_byzantine": 1}),
    ("bulyan", bulyan, 12, {"num_byzantine": 2}),
    ("centered-clipping", centered_clipping, 9, {"clip_radius": 1.5, "iterations": 3}),
    ("centered-clipping", centered_clipping, 10, {"clip_radius": 10.0, "iterations": 1}),
    ("norm-bounded-mean", norm_bounded_mean, 9, {"bound_l2": 2.0}),
]


def main():
    rng = np.random.default_rng(2017)
    cases = []
    for rule, reference, n, parameters in CASES:
        rows = np.round(rng.normal(size=(n, 19)) * 64) / 64  # exact in single precision
        rows[rng.integers(n)] *= 50
        weights = [int(w) for w in rng.integers(1, 1000, size=n)]
        expected = reference(rows, weights, **parameters)
        cases.append({
            "rule": rule,
            "parameters": parameters,
            "rows": [[float(x) for x in row] for row in rows],
            "weights": weights,
            "expected": [round(float(x), 9) for x in expected],
        })
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
