"""Writes what SciPy gives for the bounds of privacy audits into vectors/privacy_audit.json:

    pip install scipy==1.17.1 && python bench/privacy_audit_vectors.py

- `one_run`: the largest epsilon that right guesses refute, by theorem 5.2 of Steinke, Nasr &
  Jagielski 2023 (arXiv:2305.08846) in the form of their appendix D.
- `clopper_pearson`: the upper limit of a proportion, as a quantile of the beta distribution.
"""

import json
import pathlib

from scipy import optimize, stats

OUT = pathlib.Path(__file__).parent.parent / "vectors" / "privacy_audit.json"


def chance(m, r, v, epsilon, delta):
    q = stats.logistic.cdf(epsilon)
    beta = stats.binom.sf(v - 1, r, q)
    below = stats.binom.cdf(v - 1, r, q)
    # P[v > B >= v - i] = P[B < v] - P[B < v - i]
    alpha = max([(below - stats.binom.cdf(v - i - 1, r, q)) / i for i in range(1, v + 1)],
                default=0.0)
    return min(beta + 2 * m * delta * alpha, 1.0)


def one_run(m, r, v, delta, error):
    if chance(m, r, v, 0.0, delta) >= error:
        return 0.0
    return optimize.brentq(lambda e: chance(m, r, v, e, delta) - error, 0.0, 60.0, xtol=1e-12)


def main():
    games = [(m, r, v, delta, error)
             for m, r, v in [(40, 40, 40), (40, 40, 30), (100, 100, 60), (100, 10, 10),
                             (1000, 1000, 690), (1000, 300, 280), (1000, 100, 100),
                             (1000, 100, 97), (5000, 500, 499), (10_000, 10_000, 9_000)]
             for delta, error in [(0.0, 0.05), (1e-5, 0.05), (1e-3, 0.01)]]
    limits = [(count, n, error) for n in (10, 1000, 50_000)
              for count in (0, 1, n // 7, n // 2, n - 1) for error in (0.025, 1e-9)]
    text = {
        "one_run": [{"canaries": m, "guesses": r, "right": v, "delta": delta, "error": error,
                     "epsilon": one_run(m, r, v, delta, error)}
                    for m, r, v, delta, error in games],
        "clopper_pearson": [{"count": count, "all": n, "error": error,
                             "limit": float(stats.beta.isf(error, count + 1, n - count))}
                            for count, n, error in limits],
    }
    OUT.write_text(json.dumps(text, indent=1) + "\n")


if __name__ == "__main__":
    main()
