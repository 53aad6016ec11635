#!/usr/bin/env python3
"""Range and norm proofs by an independent, slow implementation: plain integers, no library but
hashlib, every scalar multiplication by itself, bases folded in every round as the paper has it
(Chung, Han, Ju, Kim and Seo 2022, figures 1 and 3; docs/proofs/zk.md for weights and squares).

    python3 vectors/zk/range.py make > vectors/zk/range_slow.json
    python3 vectors/zk/range.py check

`make` proves, and says what it thinks of proofs by liars and of changed bytes. `check` verifies
range.json (made by tari_bulletproofs_plus) and range_slow.json.
"""

import hashlib
import json
import pathlib
import random
import sys

# --- ristretto255 (RFC 9496) -------------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)  # of −1


def negative(x):
    return x % P % 2 == 1


def sqrt_ratio(u, v):
    r = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * r * r % P
    if check in (-u % P, -u * ROOT % P):
        r = r * ROOT % P
    square = check in (u % P, -u % P)
    return square, P - r if negative(r) else r


INVSQRT_A_D = sqrt_ratio(1, -1 - D)[1]
SQRT_AD_1 = P - sqrt_ratio(-D - 1, 1)[1]  # the odd one


class Point:
    """Extended coordinates of a representative."""

    def __init__(self, x, y, z, t):
        self.c = (x % P, y % P, z % P, t % P)

    def __add__(self, other):
        x1, y1, z1, t1 = self.c
        x2, y2, z2, t2 = other.c
        a, b = (y1 - x1) * (y2 - x2), (y1 + x1) * (y2 + x2)
        c, d = 2 * t1 * D * t2, 2 * z1 * z2
        e, f, g, h = b - a, d - c, d + c, b + a
        return Point(e * f, g * h, f * g, e * h)

    def __neg__(self):
        x, y, z, t = self.c
        return Point(-x, y, z, -t)

    def __rmul__(self, scalar):
        total, power = NEUTRAL, self
        scalar %= ORDER
        while scalar:
            if scalar & 1:
                total = total + power
            power, scalar = power + power, scalar >> 1
        return total

    def __eq__(self, other):
        x1, y1, _, _ = self.c
        x2, y2, _, _ = other.c
        return (x1 * y2 - y1 * x2) % P == 0 or (y1 * y2 - x1 * x2) % P == 0

    def encode(self):
        x0, y0, z0, t0 = self.c
        u1, u2 = (z0 + y0) * (z0 - y0), x0 * y0
        invsqrt = sqrt_ratio(1, u1 * u2 * u2 % P)[1]
        den1, den2 = invsqrt * u1 % P, invsqrt * u2 % P
        z_inv = den1 * den2 * t0 % P
        if negative(t0 * z_inv):
            x, y, den = y0 * ROOT, x0 * ROOT, den1 * INVSQRT_A_D
        else:
            x, y, den = x0, y0, den2
        if negative(x * z_inv):
            y = -y
        s = den * (z0 - y) % P
        return (P - s if negative(s) else s).to_bytes(32, "little")


NEUTRAL = Point(0, 1, 1, 0)


def decode(data):
    s = int.from_bytes(data, "little")
    if s >= P or negative(s):
        raise ValueError("no canonical encoding")
    u1, u2 = 1 - s * s, 1 + s * s
    v = (-D * u1 * u1 - u2 * u2) % P
    square, invsqrt = sqrt_ratio(1, v * u2 * u2 % P)
    x, y = 2 * s * invsqrt * u2 % P, u1 * invsqrt * invsqrt * u2 * v % P
    x = P - x if negative(x) else x
    if not square or negative(x * y) or y == 0:
        raise ValueError("no point")
    return Point(x, y, 1, x * y)


def elligator(t):
    r = ROOT * t * t % P
    u = (r + 1) * (1 - D * D) % P
    v = (-1 - r * D) * (r + D) % P
    square, s = sqrt_ratio(u, v)
    c = -1
    if not square:
        s = s * t % P
        s, c = P - s if not negative(s) and s else s, r
    n = (c * (r - 1) * (D - 1) ** 2 - v) % P
    w0, w1 = 2 * s * v, n * SQRT_AD_1
    w2, w3 = 1 - s * s, 1 + s * s
    return Point(w0 * w3, w2 * w1, w1 * w3, w0 * w2)


def from_uniform(data):
    halves = [int.from_bytes(half, "little") % 2**255 % P for half in (data[:32], data[32:])]
    return elligator(halves[0]) + elligator(halves[1])


BASE = decode(bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"))
BLINDING = from_uniform(hashlib.sha3_512(b"RISTRETTO_MASKING_BASEPOINT_1").digest())


def commit(value, blinding):
    return value * BASE + blinding * BLINDING


def bases(letter, digits, places):
    """Digit k of value j: the k-th point of the chain of party j."""
    points = []
    for party in range(-(-places // digits)):
        name = b"GeneratorsChain" + letter + party.to_bytes(4, "little")
        stream = hashlib.shake_256(name).digest(64 * digits)
        points += [from_uniform(stream[64 * k : 64 * k + 64]) for k in range(digits)]
    return points[:places]


# --- Merlin (STROBE-128 over Keccak) -----------------------------------------------------------

ROTATIONS = [1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44]
LANES = [10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1]


def round_constants():
    state = 1
    for _ in range(24):
        constant = 0
        for j in range(7):
            if state & 1:
                constant |= 1 << (2**j - 1)
            state = (state << 1) ^ (0x171 if state & 0x80 else 0)
        yield constant


CONSTANTS = list(round_constants())


def keccak(data):
    mask = 2**64 - 1
    a = [int.from_bytes(data[8 * i : 8 * i + 8], "little") for i in range(25)]
    rotate = lambda x, n: (x << n | x >> (64 - n)) & mask
    for constant in CONSTANTS:
        c = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
        for x in range(5):
            d = c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1)
            for y in range(0, 25, 5):
                a[x + y] ^= d
        last = a[1]
        for lane, rotation in zip(LANES, ROTATIONS):
            a[lane], last = rotate(last, rotation), a[lane]
        for y in range(0, 25, 5):
            row = a[y : y + 5]
            for x in range(5):
                a[x + y] = row[x] ^ (~row[(x + 1) % 5] & mask & row[(x + 2) % 5])
        a[0] ^= constant
    return bytearray(b"".join(x.to_bytes(8, "little") for x in a))


class Transcript:
    RATE = 166

    def __init__(self, label):
        head = bytes([1, self.RATE + 2, 1, 0, 1, 96]) + b"STROBEv1.0.2"
        self.state, self.pos, self.begin = keccak(head + bytes(200 - len(head))), 0, 0
        self.operate(0x12, b"Merlin v1.0")
        self.say(b"dom-sep", label)

    def run(self):
        self.state[self.pos] ^= self.begin
        self.state[self.pos + 1] ^= 4
        self.state[self.RATE + 1] ^= 0x80
        self.state, self.pos, self.begin = keccak(self.state), 0, 0

    def absorb(self, data):
        for byte in data:
            self.state[self.pos] ^= byte
            self.pos += 1
            if self.pos == self.RATE:
                self.run()

    def operate(self, flags, data, more=False):
        if not more:
            old, self.begin = self.begin, self.pos + 1
            self.absorb([old, flags])
            if flags & 0x24 and self.pos:
                self.run()
        self.absorb(data)

    def say(self, label, message):
        self.operate(0x12, label)
        self.operate(0x12, len(message).to_bytes(4, "little"), more=True)
        self.operate(0x02, message)

    def number(self, label, value):
        self.say(label, value.to_bytes(8, "little"))

    def point(self, label, encoding):
        if encoding == bytes(32):
            raise ValueError("a neutral point")
        self.say(label, encoding)

    def challenge(self, label):
        self.operate(0x12, label)
        self.operate(0x12, (64).to_bytes(4, "little"), more=True)
        self.operate(0x07, b"")
        out = bytearray()
        for _ in range(64):
            out.append(self.state[self.pos])
            self.state[self.pos] = 0
            self.pos += 1
            if self.pos == self.RATE:
                self.run()
        return int.from_bytes(out, "little") % ORDER


# --- the argument of a weighted inner product (figure 1) ---------------------------------------


def inverse(x):
    return pow(x, -1, ORDER)


def total(scalars, points):
    result = NEUTRAL
    for scalar, point in zip(scalars, points):
        result = result + scalar % ORDER * point
    return result


def weighted(a, b, y):
    return sum(x * z * pow(y, i + 1, ORDER) for i, (x, z) in enumerate(zip(a, b))) % ORDER


def fold_bases(g, h, e, y, n):
    g = [inverse(e) * low + e * inverse(pow(y, n, ORDER)) * high for low, high in zip(g[:n], g[n:])]
    h = [e * low + inverse(e) * high for low, high in zip(h[:n], h[n:])]
    return g, h


def argue(transcript, rng, g, h, y, a, b, alpha):
    draw = lambda: rng.randrange(1, ORDER)
    rounds = []
    while len(a) > 1:
        n = len(a) // 2
        up = pow(y, n, ORDER)
        d_left, d_right = draw(), draw()
        left = total(a[:n], [inverse(up) * point for point in g[n:]]) + total(b[n:], h[:n])
        left = left + commit(weighted(a[:n], b[n:], y), d_left)
        right = total([up * x for x in a[n:]], g[:n]) + total(b[:n], h[n:])
        right = right + commit(up * weighted(a[n:], b[:n], y), d_right)
        rounds += [left.encode(), right.encode()]
        transcript.point(b"L", rounds[-2])
        transcript.point(b"R", rounds[-1])
        e = transcript.challenge(b"e")
        g, h = fold_bases(g, h, e, y, n)
        a = [(low * e + high * up * inverse(e)) % ORDER for low, high in zip(a[:n], a[n:])]
        b = [(low * inverse(e) + high * e) % ORDER for low, high in zip(b[:n], b[n:])]
        alpha += d_left * e * e + d_right * inverse(e) * inverse(e)
    r, s, delta, eta = draw(), draw(), draw(), draw()
    first = r * g[0] + s * h[0] + commit(y * (r * b[0] + s * a[0]), delta)
    second = commit(r * y * s, eta)
    transcript.point(b"A1", first.encode())
    transcript.point(b"B", second.encode())
    e = transcript.challenge(b"e")
    r1, s1, d1 = r + a[0] * e, s + b[0] * e, eta + delta * e + alpha * e * e
    r1, s1, d1 = [(x % ORDER).to_bytes(32, "little") for x in (r1, s1, d1)]
    return d1, first.encode() + second.encode() + r1 + s1 + b"".join(rounds)


def argued(transcript, g, h, y, point, proof):
    """Whether the argument, in the order d1, A, A1, B, r1, s1, rounds, is about this point."""
    parts = [proof[i : i + 32] for i in range(0, len(proof), 32)]
    d1, r1, s1 = [int.from_bytes(parts[i], "little") for i in (0, 4, 5)]
    rounds = parts[6:]
    if max(d1, r1, s1) >= ORDER or len(rounds) != 2 * (len(g).bit_length() - 1):
        return False
    for left, right in zip(rounds[::2], rounds[1::2]):
        transcript.point(b"L", left)
        transcript.point(b"R", right)
        e = transcript.challenge(b"e")
        g, h = fold_bases(g, h, e, y, len(g) // 2)
        point = e * e * decode(left) + point + inverse(e) * inverse(e) * decode(right)
    transcript.point(b"A1", parts[2])
    transcript.point(b"B", parts[3])
    e = transcript.challenge(b"e")
    mine = e * e * point + e * decode(parts[2]) + decode(parts[3])
    return mine == r1 * e * g[0] + s1 * e * h[0] + commit(r1 * y * s1, d1)


# --- digits of any weights (figure 3) ----------------------------------------------------------


def weights(width):
    last = width.bit_length() - 1
    return [2**k for k in range(last)] + [width - 2**last + 1]


def cut(value, width):
    """Digits of 0 to width."""
    *low, last = weights(width)
    carry = int(value >= 2 ** len(low))
    rest = value - carry * last
    return [rest >> k & 1 for k in range(len(low))] + [carry]


def places_of(count):
    return 1 << (count - 1).bit_length()


def open_digits(transcript, digits, commitments):
    transcript.say(b"dom-sep", b"Bulletproofs+ Range Proof")
    transcript.say(b"H", BASE.encode())
    transcript.say(b"G", BLINDING.encode())
    for label, value in [(b"N", digits), (b"T", 1), (b"M", len(commitments))]:
        transcript.number(label, value)
    for commitment in commitments:
        transcript.say(b"Ci", commitment)
    for _ in commitments:
        transcript.number(b"vi - minimum_value", 0)


def digits_point(a, commitments, span, y, z, g, h):
    """P of figure 3."""
    minimum, width = span
    weight, m = weights(width), len(commitments)
    n = len(weight) * m
    t = [pow(z, 2 * (j + 1), ORDER) * w for j in range(m) for w in weight]
    point = decode(a) + total([-z] * n, g)
    point = point + total([z + t[i] * pow(y, n - i, ORDER) for i in range(n)], h)
    top = pow(y, n + 1, ORDER)
    for j, commitment in enumerate(commitments):
        shifted = decode(commitment) + -minimum % ORDER * BASE
        point = point + top * pow(z, 2 * (j + 1), ORDER) * shifted
    value = (z - z * z) * sum(pow(y, i + 1, ORDER) for i in range(n)) - z * top * sum(t)
    return point + value % ORDER * BASE


def prove_digits(rng, span, commitments, blindings, digits, lacking=None):
    """For digits of the values, or what somebody says are digits, and what these lack of 1."""
    weight, n = weights(span[1]), len(digits)
    lacking = [d - 1 for d in digits] if lacking is None else lacking
    places = places_of(n)
    g, h = [bases(letter, len(weight), places) for letter in (b"G", b"H")]
    transcript = Transcript(b"test")
    open_digits(transcript, len(weight), commitments)
    alpha = rng.randrange(1, ORDER)
    a = (total(digits, g) + total(lacking, h) + alpha * BLINDING).encode()
    transcript.point(b"A", a)
    y, z = transcript.challenge(b"y"), transcript.challenge(b"z")
    t = [pow(z, 2 * (j + 1), ORDER) * w for j in range(len(commitments)) for w in weight]
    left = [d - z for d in digits] + [0] * (places - n)
    right = [d + z + t[i] * pow(y, n - i, ORDER) for i, d in enumerate(lacking)]
    top = pow(y, n + 1, ORDER)
    for j, blinding in enumerate(blindings):
        alpha += top * pow(z, 2 * (j + 1), ORDER) * blinding
    d1, rest = argue(transcript, rng, g, h, y, left, right + [0] * (places - n), alpha)
    return d1 + a + rest


def digits_hold(span, commitments, proof):
    digits = span[1].bit_length()
    places = places_of(digits * len(commitments))
    if len(proof) != 32 * (6 + 2 * (places.bit_length() - 1)):
        return False
    g, h = [bases(letter, digits, places) for letter in (b"G", b"H")]
    try:
        transcript = Transcript(b"test")
        open_digits(transcript, digits, commitments)
        transcript.point(b"A", proof[32:64])
        y, z = transcript.challenge(b"y"), transcript.challenge(b"z")
        point = digits_point(proof[32:64], commitments, span, y, z, g, h)
        return argued(transcript, g, h, y, point, proof)
    except ValueError:
        return False


# --- sums of squares ---------------------------------------------------------------------------


def open_squares(transcript, count, total_commitment, a):
    transcript.say(b"dom-sep", b"tacit sum of squares")
    transcript.number(b"count", count)
    transcript.point(b"S", total_commitment)
    transcript.point(b"A", a)
    return transcript.challenge(b"y"), transcript.challenge(b"z")


def prove_squares(rng, digits, blindings, left, right, claimed, beside=0, more=None):
    """Of a liar, A has `beside` of B, and S has `more` of H."""
    count, places = len(blindings), places_of(len(blindings))
    g, h = [bases(letter, digits, places) for letter in (b"G", b"H")]
    left, right = left + [0] * (places - len(left)), right + [0] * (places - len(right))
    blinding, alpha = rng.randrange(1, ORDER), rng.randrange(1, ORDER)
    more = (more or []) + [0] * (places - len(more or []))
    s = (commit(claimed, blinding) + total(more, h)).encode()
    a = (total(left, g) + total(right, h) + commit(beside, alpha)).encode()
    transcript = Transcript(b"test")
    y, z = open_squares(transcript, count, s, a)
    lots = [pow(y, j + 1, ORDER) for j in range(places)]
    u = [z * x + z**3 * lot for x, lot in zip(left, lots)]
    w = [z * x + z**2 * m + z**5 * lot for x, m, lot in zip(right, more, lots)]
    summed = sum(lot * r for lot, r in zip(lots, blindings))
    alpha = z * alpha + z**2 * blinding + (z**4 + z**6) * summed
    d1, rest = argue(transcript, rng, g, h, 1, u, w, alpha)
    return s + d1 + a + rest


def squares_hold(digits, commitments, proof):
    places = places_of(len(commitments))
    if len(proof) != 32 * (7 + 2 * (places.bit_length() - 1)):
        return False
    g, h = [bases(letter, digits, places) for letter in (b"G", b"H")]
    s, proof = proof[:32], proof[32:]
    try:
        transcript = Transcript(b"test")
        y, z = open_squares(transcript, len(commitments), s, proof[32:64])
        lots = [pow(y, j + 1, ORDER) for j in range(places)]
        point = z * decode(proof[32:64]) + z**2 % ORDER * decode(s)
        point = point + total([z**3 * lot % ORDER for lot in lots], g)
        point = point + total([z**5 * lot % ORDER for lot in lots], h)
        for commitment, lot in zip(commitments, lots):
            point = point + (z**4 + z**6) * lot % ORDER * decode(commitment)
        point = point + z**8 * sum(lot * lot for lot in lots) % ORDER * BASE
        return argued(transcript, g, h, 1, point, proof)
    except ValueError:
        return False


# --- vectors -----------------------------------------------------------------------------------


def changed(rng, proof):
    """One proof with an element of its own changed, for each element, and other lengths."""
    for start in range(0, len(proof), 32):
        element = int.from_bytes(proof[start : start + 32], "little")
        other = rng.choice([element ^ 2, element + 2, ORDER + element, 0, 2**256 - 1])
        other = (other % 2**256).to_bytes(32, "little")
        yield f"element {start // 32} changed", proof[:start] + other + proof[start + 32 :]
    yield "a byte more", proof + b"\0"
    yield "an element less", proof[:-32]


def committed(rng, values):
    blindings = [rng.randrange(1, ORDER) for _ in values]
    return [commit(v % ORDER, r).encode() for v, r in zip(values, blindings)], blindings


def digit_vectors(rng):
    for minimum, maximum, values in [
        (-3, 3, [-3, 3]),
        (0, 1, [1]),
        (-10_000, 10_000, [-10_000]),
        (0, 15, [0, 15, 8, 7]),
        (-1, 4, [4, 0, -1]),
    ]:
        span = (minimum, maximum - minimum)
        commitments, blindings = committed(rng, values)
        digits = sum((cut(v - minimum, span[1]) for v in values), [])
        honest = prove_digits(rng, span, commitments, blindings, digits)
        base = {"min": minimum, "max": maximum, "commitments": commitments}
        yield base | {"what": "honest", "proof": honest}
        yield base | {"what": "another honest one", "proof": prove_digits(rng, span, commitments, blindings, digits)}
        if len(values) == 2:
            for what, proof in changed(rng, honest):
                yield base | {"what": what, "proof": proof}
            yield base | {"what": "swapped commitments", "commitments": commitments[::-1], "proof": honest}
        yield base | {"what": "one wider", "max": maximum + 1, "proof": honest}
        yield base | {"what": "one on", "min": minimum + 1, "max": maximum + 1, "proof": honest}
        # values one beyond either bound, half a unit, the order less one: with the digits of a
        # value within, of the value beyond, or a digit that makes up for it
        for beyond in [maximum + 1, minimum - 1, inverse(2), ORDER + minimum - 1]:
            liars, blindings = committed(rng, [beyond] + values[1:])
            own = cut(values[0] - minimum, span[1])
            for first in [own, [(own[0] + beyond - values[0]) % ORDER] + own[1:]]:
                lie = first + digits[len(own) :]
                proof = prove_digits(rng, span, liars, blindings, lie)
                yield base | {"what": "a value beyond", "commitments": liars, "proof": proof}
                lacking = [d - 1 for d in own + digits[len(own) :]]
                proof = prove_digits(rng, span, liars, blindings, lie, lacking)
                yield base | {"what": "a value beyond, crooked", "commitments": liars, "proof": proof}


def square_vectors(rng):
    for values in [[3, -4, 5], [7], [0, 0], [-1, 2**20, -(2**20), 5, 1]]:
        commitments, blindings = committed(rng, values)
        claimed = sum(v * v for v in values)
        base = {"commitments": commitments}
        honest = prove_squares(rng, 3, blindings, values, values, claimed)
        yield base | {"what": "honest", "proof": honest}
        if len(values) == 3:
            for what, proof in changed(rng, honest):
                yield base | {"what": what, "proof": proof}
            yield base | {"what": "swapped commitments", "commitments": commitments[::-1], "proof": honest}
        others = [abs(v) + 1 for v in values]
        for what, left, right, total_claimed in [
            ("a sum one too small", values, values, claimed - 1),
            ("a sum that wraps", values, values, claimed - ORDER - 1),
            ("squares of others", others, others, sum(v * v for v in others)),
            ("one vector of others", others, values, sum(a * b for a, b in zip(others, values))),
            ("nothing", [0] * len(values), [0] * len(values), 0),
        ]:
            if (left, total_claimed) == (values, claimed):
                continue
            proof = prove_squares(rng, 3, blindings, left, right, total_claimed)
            yield base | {"what": what, "proof": proof}
        proof = prove_squares(rng, 3, blindings, values, values, 1, beside=(claimed - 1) % ORDER)
        yield base | {"what": "the sum beside the values", "proof": proof}
        less = [v - m for v, m in zip(values, [1] * len(values))]
        product = sum(v * v for v in less)
        proof = prove_squares(rng, 3, blindings, less, less, product, more=[1] * len(values))
        yield base | {"what": "values in both messages", "proof": proof}


def text(vector, holds):
    out = {"what": vector["what"]}
    out |= {key: vector[key] for key in ("min", "max") if key in vector}
    out["commitments"] = [commitment.hex() for commitment in vector["commitments"]]
    return out | {"proof": vector["proof"].hex(), "holds": holds}


def make():
    rng = random.Random(1)
    ranges = []
    for vector in digit_vectors(rng):
        span = (vector["min"], vector["max"] - vector["min"])
        ranges.append(text(vector, digits_hold(span, vector["commitments"], vector["proof"])))
    squares = []
    for vector in square_vectors(rng):
        squares.append(text(vector, squares_hold(3, vector["commitments"], vector["proof"])))
    for vector in ranges + squares:
        assert vector["holds"] == ("honest" in vector["what"]), vector["what"]
    lines = lambda all: ",\n".join("    " + json.dumps(vector) for vector in all)
    print(f'{{\n  "ranges": [\n{lines(ranges)}\n  ],\n  "squares": [\n{lines(squares)}\n  ]\n}}')


def check():
    here = pathlib.Path(__file__).parent
    for vector in json.loads((here / "range.json").read_text()):
        commitments = [bytes.fromhex(commitment) for commitment in vector["commitments"]]
        span = (0, 2 ** vector["digits"] - 1)
        if vector["digits"] * len(commitments) <= 128:
            holds = digits_hold(span, commitments, bytes.fromhex(vector["proof"]))
            assert holds == vector["holds"], vector["what"]
            print(f"{vector['what']}: {holds}")
    slow = json.loads((here / "range_slow.json").read_text())
    for kind in ("ranges", "squares"):
        for vector in slow[kind]:
            commitments = [bytes.fromhex(commitment) for commitment in vector["commitments"]]
            proof = bytes.fromhex(vector["proof"])
            if kind == "ranges":
                holds = digits_hold((vector["min"], vector["max"] - vector["min"]), commitments, proof)
            else:
                holds = squares_hold(3, commitments, proof)
            assert holds == vector["holds"], vector["what"]
        print(f"{kind}: {len(slow[kind])} verdicts agree")


if __name__ == "__main__":
    if sys.argv[1:] == ["make"]:
        make()
    elif sys.argv[1:] == ["check"]:
        check()
    else:
        sys.exit(__doc__)
