"""Writes sums of packed shares, and what they open, into vectors/secagg/committee.v1.json:

    python3 bench/committee_vectors.py

Nothing but Python's big integers. Polynomials are drawn by Newton's method through the packed
elements and random values at other points, so that nothing but the definition is shared with what
is tested. Every second vector has forged sums; `sum` is null where they are too many to be told.
"""

import json
import pathlib
import random

P = 2**64 - 2**32 + 1
OUT = pathlib.Path(__file__).parent.parent / "vectors" / "secagg" / "committee.v1.json"


def through(points, values):
    """The Newton form of the polynomial with these values, as a function."""
    table = list(values)
    for level in range(1, len(points)):
        for i in range(len(points) - 1, level - 1, -1):
            below = pow(points[i] - points[i - level], -1, P)
            table[i] = (table[i] - table[i - 1]) * below % P

    def at(x):
        total = 0
        for point, coefficient in zip(reversed(points), reversed(table)):
            total = (total * (x - point) + coefficient) % P
        return total
    return at


def deal(vector, n, t, privacy, bits, rng):
    slots, packing = 63 // (bits + 1), t - privacy
    elements = [sum(x << ((bits + 1) * j) for j, x in enumerate(vector[i:i + slots])) % P
                for i in range(0, len(vector), slots)]
    rows = -(-len(elements) // packing)
    elements += [0] * (rows * packing - len(elements))
    shares = [[] for _ in range(n)]
    for row in range(rows):
        # Element l·rows + row lies at -l.
        points = [-i % P for i in range(packing)] + [100 + i for i in range(privacy)]
        values = [elements[i * rows + row] for i in range(packing)]
        at = through(points, values + [rng.randrange(P) for _ in range(privacy)])
        for i in range(n):
            shares[i].append(at(i + 1))
    return shares


def main():
    rng, vectors = random.Random(6), []
    for n, t, privacy, bits in [(2, 2, 1, 62), (3, 2, 1, 32), (5, 3, 2, 20), (6, 3, 1, 30),
                                (9, 5, 2, 9), (64, 22, 11, 40)]:
        for forged in range(0, (n - t) // 2 + 2):
            if forged > n - t:
                continue
            count, participants = rng.randrange(1, 40), rng.randrange(2, 5)
            most = min(2**(bits - 1) - 1, (2**bits - 1) // participants)
            cohort = [[rng.randint(-most, most) for _ in range(count)]
                      for _ in range(participants)]
            dealt = [deal(v, n, t, privacy, bits, rng) for v in cohort]
            sums = [[sum(of[i][r] for of in dealt) % P for r in range(len(dealt[0][0]))]
                    for i in range(n)]
            liars = sorted(rng.sample(range(n), forged))
            for liar in liars:
                row = rng.randrange(len(sums[liar]))
                sums[liar][row] = (sums[liar][row] + rng.randrange(1, P)) % P
            opened = [sum(v[i] for v in cohort) % 2**bits for i in range(count)]
            vectors.append({"aggregators": n, "threshold": t, "privacy": privacy, "bits": bits,
                            "count": count, "shares": sums, "liars": liars,
                            "sum": opened if 2 * forged <= n - t else None})
            if n == 64 and forged == 1:
                break
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text("[\n" + ",\n".join(json.dumps(v) for v in vectors) + "\n]\n")


if __name__ == "__main__":
    main()
