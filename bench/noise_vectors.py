"""Known answers for the tables of the samplers, with Python's decimal at 120 digits:
`python3 bench/noise_vectors.py > vectors/noise/tables.json`.

Each table is floor(2^128 * P(|X| > k)) for k = 0, 1, ... while that is at least 2^48, straight from
the definition of the distribution.
"""

import json
from decimal import Decimal, getcontext

getcontext().prec = 120
ONE, TWO = Decimal(1), Decimal(2)
SCALE = TWO**128


def gaussian(sigma, squares):
    """exp(-k^2 * squares / (2 sigma^2))"""
    rate = Decimal(squares) / (2 * Decimal(sigma) ** 2)
    return lambda k: (-rate * k * k).exp() * (1 if k == 0 else 2)


def skellam(variance):
    """exp(-v) I_k(v), by the series of the Bessel function"""
    half = Decimal(variance) / 2

    def weight(k):
        term = ONE
        for i in range(1, k + 1):
            term = term * half / i
        total, m = Decimal(0), 0
        while term > Decimal(10) ** -110 * (total + Decimal(10) ** -110):
            total += term
            m += 1
            term = term * half * half / (m * (m + k))
        return total * (1 if k == 0 else 2)

    return weight


def digit(scale, place, count):
    """A digit of a geometric variable: exp(-d * place / scale) for d < count"""
    rate = Decimal(place) / Decimal(scale)
    return lambda d: (-rate * d).exp() if d < count else Decimal(0)


def table(weight, limit):
    weights = [weight(k) for k in range(limit)]
    above, thresholds = sum(weights), []
    whole = above
    for w in weights:
        above -= w
        share = int(above / whole * SCALE)
        if share <= 1 << 48:
            break
        thresholds.append(str(share))
    return thresholds


def main():
    cases = []
    for sigma, squares in [(0.3, 1), (1.0, 1), (4.0, 1), (10.7, 1), (44.0, 1), (1000.0, 785)]:
        case = {"law": "gaussian", "parameter": sigma, "squares": squares}
        limit = int(20 * sigma / squares**0.5) + 12
        cases.append(case | {"thresholds": table(gaussian(sigma, squares), limit)})
    for variance in [0.1, 1.0, 7.3, 100.0, 900.0]:
        case = {"law": "skellam", "parameter": variance, "squares": 1}
        limit = int(20 * variance**0.5) + 40
        cases.append(case | {"thresholds": table(skellam(variance), limit)})
    for scale, place in [(0.3, 1), (5.0, 1), (3e9, 1), (3e9, 256), (3e9, 256**4)]:
        case = {"law": "digit", "parameter": scale, "squares": place}
        cases.append(case | {"thresholds": table(digit(scale, place, 256), 256)})
    print(json.dumps(cases, indent=1))


main()
