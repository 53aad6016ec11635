"""Writes shares of secrets, and what sets of shares give back, into vectors/secagg/shamir.v1.json:

    python3 bench/shamir_vectors.py

Nothing but Python's big integers: every share is its polynomial's value by definition, and every
secret the value at 0 of the polynomial through the shares, by Lagrange's formula. Half of the
combinations hold too few shares or a forged one; `secret` is null where what comes out is no
secret of 32 bytes.
"""

import hashlib
import json
import pathlib
import random

P = 2**64 - 2**32 + 1
OUT = pathlib.Path(__file__).parent.parent / "vectors" / "secagg" / "shamir.v1.json"
LIMBS = [(0, 7), (7, 14), (14, 21), (21, 28), (28, 32)]


class Entropy:
    """Blocks of SHA-256(number, counter), both as 8 bytes, least significant first."""

    def __init__(self, number):
        self.number, self.counter = number, 0

    def fill(self, count):
        out = b""
        while len(out) < count:
            text = self.number.to_bytes(8, "little") + self.counter.to_bytes(8, "little")
            out += hashlib.sha256(text).digest()
            self.counter += 1
        return out[:count]

    def elements(self, count):
        found, missing = [], count
        while missing:
            raw = self.fill(8 * missing)
            words = [int.from_bytes(raw[i:i + 8], "little") for i in range(0, len(raw), 8)]
            found += [w for w in words if w < P]
            missing = count - len(found)
        return found


def point(holder, holders):
    order = 1
    while order < holders:
        order *= 2
    return pow(pow(7, (P - 1) // order, P), holder, P)


def share(secret, threshold, holders, entropy):
    shares = [b""] * holders
    for start, end in LIMBS:
        rest = entropy.elements(threshold - 1)
        polynomial = [int.from_bytes(secret[start:end], "little")] + rest
        for i in range(holders):
            x = point(i, holders)
            value = sum(c * pow(x, k, P) for k, c in enumerate(polynomial)) % P
            shares[i] += value.to_bytes(8, "little")
    return shares


def combine(indices, shares, holders):
    secret = b""
    points = [point(i, holders) for i in indices]
    for limb, (start, end) in enumerate(LIMBS):
        total = 0
        for i, x in zip(indices, points):
            y = int.from_bytes(shares[i][8 * limb:8 * limb + 8], "little")
            weight = 1
            for other in points:
                if other != x:
                    weight = weight * -other * pow(x - other, -1, P) % P
            total += weight * y
        total %= P
        if total >> 8 * (end - start):
            return None
        secret += total.to_bytes(end - start, "little")
    return secret.hex()


def main():
    rng, vectors = random.Random(5), []
    sizes = [(1, 1), (2, 2), (2, 3), (3, 5), (5, 8), (5, 9), (11, 16), (20, 33)]
    for number, (threshold, holders) in enumerate(sizes):
        secret = [bytes(32), b"\xff" * 32, rng.randbytes(32)][min(number, 2)]
        shares = share(secret, threshold, holders, Entropy(number))
        combined = []
        for count in [threshold, holders, (threshold + holders) // 2]:
            indices = rng.sample(range(holders), count)
            found = combine(indices, shares, holders)
            assert found == secret.hex()
            combined.append({"indices": indices, "forged": None, "secret": found})
        for last in [1, 2**60]:
            indices = rng.sample(range(holders), threshold)
            forged = bytearray(shares[indices[0]])
            limb = rng.randrange(5)
            value = (int.from_bytes(forged[8 * limb:8 * limb + 8], "little") + last) % P
            forged[8 * limb:8 * limb + 8] = value.to_bytes(8, "little")
            changed = list(shares)
            changed[indices[0]] = bytes(forged)
            combined.append({"indices": indices, "forged": [indices[0], forged.hex()],
                             "secret": combine(indices, changed, holders)})
        if threshold > 1:
            indices = rng.sample(range(holders), threshold - 1)
            combined.append({"indices": indices, "forged": None,
                             "secret": combine(indices, shares, holders)})
        vectors.append({"secret": secret.hex(), "seed": number, "threshold": threshold,
                        "holders": holders, "shares": [s.hex() for s in shares],
                        "combined": combined})
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text("[\n" + ",\n".join(json.dumps(v) for v in vectors) + "\n]\n")


if __name__ == "__main__":
    main()
