"""Writes what other libraries give for the privacy of compositions into vectors/accounting.json:

    pip install dp-accounting==0.6.0 prv-accountant==0.2.0 && python bench/accounting_vectors.py

Both are permissively licensed (Apache 2.0, MIT); only their results are kept.

- `pld` is dp-accounting's privacy loss distribution, an upper bound; its grid is made finer where
  its own error, which grows with compositions, would exceed a ten-thousandth of epsilon. Where
  a grid twice as coarse changes the result it is `coarse`: a bound, and not the value.
- `rdp` is dp-accounting's, on its own orders, which stand in the file. Its series of fractional
  orders adds up terms that alternate in sign without their signs: a bound, by very little.
- `prv` is prv-accountant's lower bound, estimate and upper bound (eps_error 0.01).
- Fixed-size sampling is for replace-one neighbours and has no `pld`.
"""

import json
import math
import pathlib
import random
import sys
import time
import warnings

import dp_accounting as dp
from dp_accounting import pld, rdp
from dp_accounting.pld import common, privacy_loss_distribution

warnings.filterwarnings("ignore")
OUT = pathlib.Path(__file__).parent.parent / "vectors" / "accounting.json"
GOLDEN = [(1.0, 0.01, 1000, 1e-5), (1.1, 0.004, 10_000, 1e-5), (0.8, 0.05, 2000, 1e-6),
          (1.0, 1.0, 100, 1e-5)]
REPLACE = dp.NeighboringRelation.REPLACE_ONE


def gaussian(sigma, rate, times):
    return {"mechanism": "gaussian", "noise_multiplier": sigma, "rate": rate, "times": times}


def event(release):
    if release["mechanism"] == "laplace":
        inner = dp.LaplaceDpEvent(release["scale"])
    else:
        inner = dp.GaussianDpEvent(release["noise_multiplier"])
    if "size" in release:
        inner = dp.SampledWithoutReplacementDpEvent(release["of"], release["size"], inner)
    elif release["rate"] < 1:
        inner = dp.PoissonSampledDpEvent(release["rate"], inner)
    return dp.SelfComposedDpEvent(inner, release["times"])


def rdp_epsilon(releases, delta):
    relation = REPLACE if "size" in releases[0] else dp.NeighboringRelation.ADD_OR_REMOVE_ONE
    accountant = rdp.RdpAccountant(neighboring_relation=relation)
    for release in releases:
        if not accountant.supports(event(release)):
            return None
        accountant.compose(event(release))
    return accountant.get_epsilon(delta)


def pld_epsilon(releases, delta, grid):
    total = None
    for release in releases:
        if release["mechanism"] == "pure":
            promise = common.DifferentialPrivacyParameters(release["epsilon"], 0)
            one = privacy_loss_distribution.from_privacy_parameters(
                promise, value_discretization_interval=grid)
        elif release["mechanism"] == "laplace":
            one = privacy_loss_distribution.from_laplace_mechanism(
                release["scale"], value_discretization_interval=grid,
                sampling_prob=release["rate"])
        else:
            one = privacy_loss_distribution.from_gaussian_mechanism(
                release["noise_multiplier"], value_discretization_interval=grid,
                sampling_prob=release["rate"], log_mass_truncation_bound=-60)
        one = one.self_compose(release["times"])
        total = one if total is None else total.compose(one)
    return total.get_epsilon_for_delta(delta)


def is_coarse(releases, delta, found, grid):
    return pld_epsilon(releases, delta, 2 * grid) > found * (1 + 3e-4)


def prv_epsilon(releases, delta):
    from prv_accountant import LaplaceMechanism, PoissonSubsampledGaussianMechanism, PRVAccountant
    prvs = []
    for release in releases:
        if release["mechanism"] == "laplace" and release["rate"] == 1:
            prvs.append(LaplaceMechanism(mu=1 / release["scale"]))
        elif release["mechanism"] == "gaussian":
            prvs.append(PoissonSubsampledGaussianMechanism(
                noise_multiplier=release["noise_multiplier"],
                sampling_probability=release["rate"]))
        else:
            return None
    times = [release["times"] for release in releases]
    try:
        accountant = PRVAccountant(prvs=prvs, max_self_compositions=times, eps_error=0.01,
                                   delta_error=delta / 1000)
        found = [float(x) for x in accountant.compute_epsilon(delta, times)]
        return found if all(math.isfinite(x) for x in found) else None
    except (RuntimeError, ValueError, MemoryError):
        return None


def case(releases, delta, golden=False):
    start, fixed = time.time(), "size" in releases[0]
    found = {"releases": releases, "delta": delta}
    pure = releases[0]["mechanism"] == "pure"
    bound = None if pure else rdp_epsilon(releases, delta)
    if bound is not None:
        found["rdp"] = bound
    if not fixed:
        times = sum(r["times"] for r in releases)
        guess = bound or 1.0
        grid = 1e-4 if golden else min(1e-3, guess * 1e-4, math.sqrt(5e-4 * guess / times))
        grid = 10 ** math.floor(math.log10(max(grid, 2e-6)))
        found["pld"], found["pld_grid"] = pld_epsilon(releases, delta, grid), grid
        if not golden and not pure and is_coarse(releases, delta, found["pld"], grid):
            found["coarse"] = True
        prv = prv_epsilon(releases, delta) if times <= 20_000 else None
        if prv:
            found["prv"] = prv
    print(json.dumps(found), f"{time.time() - start:.2f} s", file=sys.stderr, flush=True)
    return found


def compositions():
    rng = random.Random(7)
    for sigma, rate, times, delta in GOLDEN:
        yield [gaussian(sigma, rate, times)], delta
    kept = 0
    while kept < 120:
        sigma = rng.choice([0.35, 0.45, 0.6, 0.8, 1.0, 1.3, 2.0, 4.0, 8.0])
        rate = rng.choice([1e-5, 1e-4, 1e-3, 0.004, 0.01, 0.05, 0.2, 0.6])
        times, delta = rng.choice([1, 30, 1000, 10_000, 100_000]), rng.choice([1e-5, 1e-6, 1e-8])
        releases = [gaussian(sigma, rate, times)]
        if 0.02 < rdp_epsilon(releases, delta) < 60:
            kept += 1
            yield releases, delta
    for sigma, times in [(0.3, 1), (0.45, 3), (1, 1), (1, 10), (3, 10), (10, 10), (10, 1000),
                         (30, 100), (50, 10_000), (300, 100_000), (100, 1), (0.8, 5)]:
        yield [gaussian(sigma, 1.0, times)], rng.choice([1e-5, 1e-6, 1e-8])
    for scale, rate, times in [(1, 1.0, 1), (2, 1.0, 10), (10, 1.0, 100), (50, 1.0, 1000),
                               (5, 1.0, 3), (0.5, 1.0, 2), (100, 1.0, 10_000), (1, 0.1, 30), (2, 0.01, 1000),
                               (0.5, 0.01, 100), (3, 0.2, 100), (1, 0.004, 10_000)]:
        laplace = {"mechanism": "laplace", "scale": scale, "rate": rate, "times": times}
        yield [laplace], rng.choice([1e-5, 1e-6])
    for epsilon, times in [(0.1, 10), (0.5, 10), (0.05, 1000), (1.0, 5), (0.01, 10_000)]:
        pure = {"mechanism": "pure", "epsilon": epsilon, "rate": 1.0, "times": times}
        yield [pure], rng.choice([1e-5, 1e-6])
    kept = 0
    while kept < 25:
        many = rng.randint(2, 5)
        releases = [gaussian(rng.choice([0.7, 0.9, 1.0, 1.4, 2.0, 5.0]),
                             rng.choice([1e-3, 0.004, 0.01, 0.05]),
                             rng.choice([1, 10, 300, 2000])) for _ in range(many)]
        if rng.random() < 0.3:
            releases.append(gaussian(rng.choice([5.0, 20.0]), 1.0, rng.choice([1, 10])))
        if rng.random() < 0.3:
            laplace = {"mechanism": "laplace", "scale": 10.0, "rate": 1.0, "times": 5}
            releases.append(laplace)
        if 0.05 < rdp_epsilon(releases, 1e-5) < 40:
            kept += 1
            yield releases, 1e-5
    for sigma in [0.8, 1.0, 2.0, 4.0, 8.0]:
        for size, of, times in [(10, 1000, 100), (50, 1000, 1000), (100, 100_000, 10_000),
                                (500, 1000, 10), (4, 1000, 1000)]:
            release = {"mechanism": "gaussian", "noise_multiplier": sigma, "size": size, "of": of,
                       "times": times}
            yield [release], 1e-5


def main():
    cases = [case(r, d, golden=i < len(GOLDEN)) for i, (r, d) in enumerate(compositions())]
    about = "bench/accounting_vectors.py: dp-accounting 0.6.0, prv-accountant 0.2.0"
    lines = ",\n".join("    " + json.dumps(c) for c in cases)
    orders = json.dumps([float(x) for x in rdp.rdp_privacy_accountant.DEFAULT_RDP_ORDERS])
    head = f'{{\n  "about": "{about}",\n  "orders": {orders},\n  "cases": [\n'
    OUT.write_text(head + lines + "\n  ]\n}\n")


if __name__ == "__main__":
    main()
