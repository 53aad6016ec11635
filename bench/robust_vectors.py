"""Writes what other libraries give for robust rules and attacks:

    pip install flwr==1.41.0 && python bench/robust_vectors.py flower
    pip install byzfl==0.0.11 && python bench/robust_vectors.py byzfl

into vectors/aggregate/{flower,byzfl}.json and vectors/attack/byzfl.json. Both are permissively
licensed (Apache 2.0, MIT); only their results are kept. Where a definition differs from the
paper's, which ours follows, the case says how one is made of the other:

- ByzFL's Krum counts n - f - 1 neighbours, the paper n - f - 2: it is told f + 1.
- ByzFL's Multi-Krum averages n - f rows, more than the n - f - 2 that the paper allows: no case.
- ByzFL's geometric median starts from zero, ours from the mean: compared after 300 steps.
- ByzFL's ALIE adds the deviation of a sample (n - 1), ours subtracts that of the rows (n).
- ByzFL's sign flip is the negative of the mean, which here is inner-product manipulation with 1;
  its mimic copies a row that is given, ours chooses one: no case.
- Flower's Multi-Krum weighs by examples: they are equal here.
- ByzFL's MDA, MoNNA, MeaMed, CAF and SMEA are not among our rules.
"""

import json
import math
import pathlib
import sys

import numpy as np

VECTORS = pathlib.Path(__file__).parent.parent / "vectors"


def rows(seed, n, width=19):
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(n, width))  # no two values are equally far from a third
    found[rng.integers(n)] *= 50
    return found.astype(np.float32)


def case(rule, parameters, x, expected, **more):
    return {
        "rule": rule, "parameters": parameters, "rows": [[float(v) for v in row] for row in x],
        "weights": [1] * len(x), "expected": [round(float(v), 7) for v in expected], **more,
    }


def write(name, cases):
    path = VECTORS / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[\n" + ",\n".join(json.dumps(one) for one in cases) + "\n]\n")


def flower():
    from flwr.server.strategy import aggregate as of

    cases = []
    for seed, n in enumerate([7, 9, 12, 15]):
        x, f = rows(seed, n), (n - 3) // 4
        results = [([row], 1) for row in x]
        cases.append(case("krum", {"num_byzantine": f}, x, of.aggregate_krum(results, f, 0)[0]))
        kept = n - f - 2
        cases.append(case("multi-krum", {"num_byzantine": f, "num_selected": kept}, x,
                          of.aggregate_krum(results, f, kept)[0]))
        cases.append(case("trimmed-mean", {"trim_ratio": 0.2}, x,
                          of.aggregate_trimmed_avg(results, 0.2)[0]))
        cases.append(case("median", {}, x, of.aggregate_median(results)[0]))
        cases.append(case("bulyan", {"num_byzantine": f}, x, of.aggregate_bulyan(
            list(results), f, of.aggregate_krum, to_keep=0)[0]))
        cases.append(case("mean", {}, x, of.aggregate(results)[0]))
    write("aggregate/flower.json", cases)


def byzfl():
    import byzfl.aggregators.aggregators as of
    import byzfl.aggregators.preaggregators as pre
    import byzfl.attacks.attacks as attacks

    cases, forged = [], []
    for seed, n in enumerate([7, 9, 12, 15], 100):
        x, f = rows(seed, n).astype(np.float64), (n - 3) // 4
        cases.append(case("krum", {"num_byzantine": f}, x, of.Krum(f + 1)(x)))
        cases.append(case("trimmed-mean", {"trim_ratio": f / n}, x, of.TrMean(f)(x)))
        cases.append(case("median", {}, x, of.Median()(x)))
        cases.append(case("mean", {}, x, of.Average()(x)))
        cases.append(case("geometric-median", {"iterations": 300, "smoothing": 0.1}, x,
                          of.GeometricMedian(nu=0.1, T=300)(x)))
        clipping = of.CenteredClipping(L=3, tau=2.0)
        first = clipping(x)
        parameters = {"iterations": 3, "clip_radius": 2.0}
        cases.append(case("centered-clipping", parameters, x, first))
        before = np.round(first * 1024) / 1024
        clipping.m = before
        cases.append(case("centered-clipping", parameters, x, clipping(x),
                          before=[float(v) for v in before]))
        mixing = [{"rule": "nearest-neighbour-mixing", "parameters": {"num_byzantine": f}}]
        mixed = pre.NNM(f)(x)
        cases.append(case("median", {}, x, of.Median()(mixed), mixing=mixing))
        cases.append(case("krum", {"num_byzantine": f}, x, of.Krum(f + 1)(mixed), mixing=mixing))
        twice = mixing + [{"rule": "nearest-neighbour-mixing", "parameters": {"num_byzantine": 1}}]
        cases.append(case("trimmed-mean", {"trim_ratio": f / n}, x,
                          of.TrMean(f)(pre.NNM(1)(mixed)), mixing=twice))
        for tau in (0.5, 1.5):
            z = -tau * math.sqrt(n / (n - 1))
            forged.append(case("a-little-is-enough", {"deviations": z}, x,
                               attacks.ALittleIsEnough(tau)(x)))
            forged.append(case("inner-product-manipulation", {"epsilon": tau}, x,
                               attacks.InnerProductManipulation(tau)(x)))
        forged.append(case("inner-product-manipulation", {"epsilon": 1.0}, x,
                           attacks.SignFlipping()(x)))
    for seed, (n, size) in enumerate([(12, 2), (13, 3), (9, 4)], 200):
        x = rows(seed, n).astype(np.float64)
        np.random.seed(seed)
        order = np.random.permutation(n)
        np.random.seed(seed)
        buckets = pre.Bucketing(size)(x)
        cases.append(case("bucketing", {"bucket_size": size}, x, buckets.reshape(-1),
                          order=[int(i) for i in order]))
    write("aggregate/byzfl.json", cases)
    write("attack/byzfl.json", forged)


if __name__ == "__main__":
    {"flower": flower, "byzfl": byzfl}[sys.argv[1]]()
