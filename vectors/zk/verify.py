#!/usr/bin/env python3
"""A third opinion on a ceremony over BN254 and a proof under its key, slow and short.

    pip install py_ecc==8.0.0
    verify.py FOLDER [final|theirs]

Reads circuit.r1cs, NAME.ptau, NAME.zkey and a proof, and derives everything else by itself: powers,
keys of contributions, beacons, the circuit's key in Lagrange's basis, delta, the pairing equation.
"""
import hashlib, json, os, secrets, struct, sys
from py_ecc.optimized_bn128 import (
    FQ, FQ2, G1, G2, Z1, Z2, add, b, b2, curve_order as R, eq, field_modulus as P, is_inf,
    is_on_curve, multiply, neg, normalize, pairing)

MONT = pow(2, 256, P)
UNMONT = pow(MONT, -1, P)
COFACTOR = 2 * P - R


def demand(holds, what):
    if not holds:
        sys.exit(f"refused: {what}")


# Files

def sections(path, magic):
    data = open(path, "rb").read()
    demand(data[:4] == magic, f"{path} is no {magic} file")
    found, place = {}, 12
    for _ in range(struct.unpack("<I", data[8:12])[0]):
        number, size = struct.unpack("<IQ", data[place:place + 12])
        demand(number not in found and place + 12 + size <= len(data), "sections")
        found[number] = Reader(data[place + 12:place + 12 + size])
        place += 12 + size
    demand(place == len(data), "end of file")
    return found


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        self.at += count
        demand(self.at <= len(self.data), "a longer section")
        return self.data[self.at - count:self.at]

    def u32(self):
        return struct.unpack("<I", self.take(4))[0]

    def number(self, size=32):
        return int.from_bytes(self.take(size), "little")

    def coordinate(self):
        value = self.number()
        demand(value < P, "a coordinate below the modulus")
        return value * UNMONT % P

    def g1(self):
        x, y = self.coordinate(), self.coordinate()
        point = Z1 if x == y == 0 else (FQ(x), FQ(y), FQ(1))
        demand(is_on_curve(point, b), "a point on the curve")
        return point

    def g2(self):
        x, y = [FQ2([self.coordinate(), self.coordinate()]) for _ in range(2)]
        point = Z2 if x == y == FQ2.zero() else (x, y, FQ2.one())
        demand(is_on_curve(point, b2), "a point on the twist")
        demand(is_inf(multiply(point, R)), "a point of the subgroup")
        return point

    def all(self, read):
        points = []
        while self.at < len(self.data):
            points.append(read())
        return points

    def share(self):
        kind, body = self.u32(), Reader(self.take(self.u32()))
        share = {}
        while body.at < len(body.data):
            tag = body.take(1)[0]
            share[tag] = body.take(1)[0] if tag == 2 else body.take(body.take(1)[0])
        demand(kind == int(3 in share), "a kind that fits")
        return share


# Bytes of points in hashes

def parts(coordinate):
    coefficients = coordinate.coeffs if isinstance(coordinate, FQ2) else [coordinate]
    return [int(c) for c in coefficients]


def big_endian(coordinate):
    return b"".join(part.to_bytes(32, "big") for part in reversed(parts(coordinate)))


def size(point):
    return 64 * len(parts(point[0]))


def uncompressed(*points):
    out = b""
    for point in points:
        out += bytes(size(point)) if is_inf(point) else b"".join(map(big_endian, normalize(point)))
    return out


def compressed(points):
    out = b""
    for point in points:
        x, y = normalize(point)
        bytes_ = bytearray(big_endian(x))
        if big_endian(y) > big_endian(-y):
            bytes_[0] |= 0x80
        out += bytes(bytes_)
    return out


def blake(data):
    return hashlib.blake2b(data).digest()


# What follows from bytes

class Stream:
    def __init__(self, seed):
        self.key, self.counter, self.words = struct.unpack(">8I", seed[:32]), 0, []

    def word(self):
        if not self.words:
            state = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *self.key]
            state += [self.counter & 0xFFFFFFFF, self.counter >> 32, 0, 0]
            self.counter += 1
            self.words = chacha(state)
        return self.words.pop(0)

    def field(self, modulus):
        while True:
            value = sum((self.word() << 32 | self.word()) << 64 * limb for limb in range(4))
            value &= (1 << modulus.bit_length()) - 1
            if value < modulus:
                return value * pow(2, -256, modulus) % modulus

    def g1(self):
        while True:
            x, greatest = self.field(P), self.word() & 1
            square = (pow(x, 3, P) + 3) % P
            y = pow(square, (P + 1) // 4, P)
            if y * y % P == square:
                y = y if (y > P - y) == bool(greatest) else P - y
                return (FQ(x), FQ(y), FQ(1))

    def g2(self):
        while True:
            x = FQ2([self.field(P), self.field(P)])
            greatest = self.word() & 1
            y = root(x * x * x + b2)
            if y is not None:
                y = y if (big_endian(y) > big_endian(-y)) == bool(greatest) else -y
                return multiply((x, y, FQ2.one()), COFACTOR)


def chacha(state):
    def rotate(v, n):
        return (v << n | v >> 32 - n) & 0xFFFFFFFF

    s = list(state)
    for _ in range(10):
        for a, b_, c, d in [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                            (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]:
            for x, y, z, n in [(a, b_, d, 16), (c, d, b_, 12), (a, b_, d, 8), (c, d, b_, 7)]:
                s[x] = (s[x] + s[y]) & 0xFFFFFFFF
                s[z] = rotate(s[z] ^ s[x], n)
    return [(one + two) & 0xFFFFFFFF for one, two in zip(s, state)]


def root(square):
    """A root in the quadratic extension, by the norm; None if there is none."""
    c0, c1 = parts(square)
    norm = (c0 * c0 + c1 * c1) % P
    s = pow(norm, (P + 1) // 4, P)
    for sign in (s, -s):
        half = (c0 + sign) * pow(2, -1, P) % P
        x0 = pow(half, (P + 1) // 4, P)
        if x0 and x0 * x0 % P == half:
            candidate = FQ2([x0, c1 * pow(2 * x0, -1, P) % P])
            if candidate * candidate == square:
                return candidate
    return None


def beacon(share):
    value = share[3]
    for _ in range(1 << share[2]):
        value = hashlib.sha256(value).digest()
    return Stream(value)


# Pairings

def same_ratio(one, two):
    """one[1] / one[0] == two[1] / two[0], none of them the identity."""
    if any(map(is_inf, one + two)):
        return False
    return pairing(two[1], one[0]) == pairing(two[0], one[1])


def combination(points, coins):
    total = Z1 if len(points[0][0].coeffs if hasattr(points[0][0], "coeffs") else [0]) == 1 else Z2
    for point, coin in zip(points, coins):
        total = add(total, multiply(point, coin))
    return total


def coins(count):
    return [secrets.randbelow(1 << 128) for _ in range(count)]


def shifted(points):
    c = coins(len(points) - 1)
    return combination(points[:-1], c), combination(points[1:], c)


# First phase

def check_powers(path):
    found = sections(path, b"ptau")
    header = found[1]
    demand(header.u32() == 32 and header.number() == P, "BN254")
    power = header.u32()
    count = 1 << power
    tau1, tau2 = found[2].all(found[2].g1), found[3].all(found[3].g2)
    alpha, beta = found[4].all(found[4].g1), found[5].all(found[5].g1)
    beta2 = found[6].g2()
    lengths = [len(tau1), len(tau2), len(alpha), len(beta)]
    demand(lengths == [2 * count - 1, count, count, count], "as many powers as it says")
    everything = uncompressed(*tau1, *tau2, *alpha, *beta, beta2)
    ones = uncompressed(*[G1] * (2 * count - 1), *[G2] * count, *[G1] * (2 * count), G2)
    challenge, last = blake(blake(b"") + ones), (G1, G2, G1, G1, G2)
    reader = found[7]
    for number in range(reader.u32()):
        after = (reader.g1(), reader.g2(), reader.g1(), reader.g1(), reader.g2())
        pairs = [(reader.g1(), reader.g1()) for _ in range(3)]
        spx = [reader.g2() for _ in range(3)]
        reader.take(216)
        following, share = reader.take(64), reader.share()
        sp = [Stream(blake(bytes([i]) + challenge + uncompressed(*pairs[i]))).g2() for i in range(3)]
        for i in range(3):
            demand(same_ratio(pairs[i], (sp[i], spx[i])), f"key {i} of contribution {number + 1}")
        for place, i in ((0, 0), (2, 1), (3, 2)):
            demand(same_ratio((last[place], after[place]), (sp[i], spx[i])), "what follows in G1")
        for place, i in ((1, 0), (4, 2)):
            demand(same_ratio(pairs[i], (last[place], after[place])), "what follows in G2")
        if 3 in share:
            stream = beacon(share)
            keys = [stream.field(R) for _ in range(3)]
            for key, (s, sx) in zip(keys, pairs):
                point = stream.g1()
                demand(eq(point, s) and eq(multiply(point, key), sx), "the beacon's key")
        points = compressed([*tau1, *tau2, *alpha, *beta, beta2])
        key = uncompressed(*[p for pair in pairs for p in pair], *spx)
        response = blake(challenge + points + key)
        last, answered, challenge = after, response, following
        print(f"powers: contribution {number + 1} {share.get(1, b'').decode()}")
    demand(challenge == blake(answered + everything), "the last response")
    demand(all(map(eq, (tau1[1], tau2[1], alpha[0], beta[0], beta2), last)), "the last powers")
    demand(eq(tau1[0], G1) and eq(tau2[0], G2), "generators")
    for points in (tau1, alpha, beta):
        demand(same_ratio(shifted(points), (G2, tau2[1])), "powers in G1")
    demand(same_ratio((G1, tau1[1]), shifted(tau2)), "powers in G2")
    demand(same_ratio((G1, beta[0]), (G2, beta2)), "beta in both groups")
    return tau1, tau2, alpha, beta, beta2


# Second phase

def lagrange(points, count):
    """The basis at the powers of circom's root of unity, by an inverse transform."""
    w = pow(pow(5, (R - 1) >> 28, R), (1 << 28) // count, R)

    def transform(values, w):
        if len(values) == 1:
            return values
        even, odd = transform(values[::2], w * w % R), transform(values[1::2], w * w % R)
        factors, at = [], 1
        for _ in odd:
            factors.append(at)
            at = at * w % R
        odd = [multiply(point, factor) for point, factor in zip(odd, factors)]
        minus = [add(e, neg(o)) for e, o in zip(even, odd)]
        return [add(e, o) for e, o in zip(even, odd)] + minus

    zero = Z1 if len(parts(points[0][0])) == 1 else Z2
    values = (points[:count] + [zero] * count)[:count]
    inverse = pow(count, -1, R)
    return [multiply(point, inverse) for point in transform(values, pow(w, -1, R))]


def circuit(path):
    found = sections(path, b"r1cs")
    header, body = found[1], found[2]
    demand(header.u32() == 32 and header.number() == R, "BN254's scalars")
    wires, public = header.u32(), header.u32() + header.u32()
    header.take(12)
    rows = []
    for _ in range(header.u32()):
        rows.append([[(body.u32(), body.number()) for _ in range(body.u32())] for _ in range(3)])
    return wires, public, rows


def begin(wires, public, rows, powers):
    tau1, tau2, alpha, beta, beta2 = powers
    count = 1 << (len(rows) + public).bit_length()
    basis = [lagrange(points, count) for points in (tau1, alpha, beta, tau2)]
    h = lagrange(tau1, 2 * count)[1::2]
    columns = [[[] for _ in range(wires)] for _ in range(3)]
    for row, sides in enumerate(rows):
        for side, terms in enumerate(sides):
            for wire, factor in terms:
                columns[side][wire].append((row, factor))
    for wire in range(public + 1):
        columns[0][wire].append((len(rows) + wire, 1))

    def query(side, points, zero):
        total = []
        for column in columns[side]:
            at = zero
            for row, factor in column:
                at = add(at, multiply(points[row], factor))
            total.append(at)
        return total

    a, b1, c = (query(side, basis[0], Z1) for side in range(3))
    b2_ = query(1, basis[3], Z2)
    mixed = zip(query(0, basis[2], Z1), query(1, basis[1], Z1), c)
    combined = [add(add(u, v), w) for u, v, w in mixed]
    ic, l = combined[:public + 1], combined[public + 1:]
    differences = [add(tau1[i + count], neg(tau1[i])) for i in range(count - 1)]
    data = uncompressed(alpha[0], beta[0], beta2, G2, G1, G2)
    for points in (ic, differences, l, a, b1, b2_):
        data += struct.pack(">I", len(points)) + uncompressed(*points)
    return {"ic": ic, "a": a, "b1": b1, "b2": b2_, "l": l, "h": h, "hash": blake(data)}


def check_key(path, first, powers):
    found = sections(path, b"zkey")
    header = found[2]
    demand(header.u32() == 32 and header.number() == P, "BN254")
    demand(header.u32() == 32 and header.number() == R, "BN254")
    header.take(12)
    alpha, beta, beta2 = header.g1(), header.g1(), header.g2()
    gamma, delta1, delta2 = header.g2(), header.g1(), header.g2()
    demand(eq(alpha, powers[2][0]) and eq(beta, powers[3][0]) and eq(beta2, powers[4]), "powers")
    demand(eq(gamma, G2) and not eq(delta2, G2), "a delta other than gamma")
    for number, name, kind in ((3, "ic", "g1"), (5, "a", "g1"), (6, "b1", "g1"), (7, "b2", "g2")):
        points = found[number].all(getattr(found[number], kind))
        demand(len(points) == len(first[name]) and all(map(eq, points, first[name])), name)
    reader, last = found[10], G1
    demand(reader.take(64) == first["hash"], "the circuit's hash")
    transcript = first["hash"]
    for number in range(reader.u32()):
        after, s, sx, spx = reader.g1(), reader.g1(), reader.g1(), reader.g2()
        said, share = reader.take(64), reader.share()
        demand(said == blake(transcript + uncompressed(s, sx)), "the transcript")
        sp = Stream(said).g2()
        demand(same_ratio((s, sx), (sp, spx)), f"the key of contribution {number + 1}")
        demand(same_ratio((last, after), (sp, spx)), f"delta of contribution {number + 1}")
        if 3 in share:
            stream = beacon(share)
            key, point = stream.field(R), stream.g1()
            demand(eq(point, s) and eq(multiply(point, key), sx), "the beacon's key")
        transcript += uncompressed(after, s, sx, spx) + said
        last = after
        print(f"key: contribution {number + 1} {share.get(1, b'').decode()}")
    demand(eq(last, delta1) and same_ratio((G1, delta1), (G2, delta2)), "delta")
    for number, name in ((8, "l"), (9, "h")):
        points = found[number].all(found[number].g1)
        demand(len(points) == len(first[name]), name)
        c = coins(len(points))
        ratio = combination(points, c), combination(first[name], c)
        demand(same_ratio(ratio, (G2, delta2)), name)
    return alpha, beta2, gamma, delta2


def check_proof(folder, name, key, ic):
    prefix = "" if name == "final" else "theirs_"
    load = lambda file: json.load(open(os.path.join(folder, prefix + file)))
    proof, public = load("proof.json"), [int(value) for value in load("public.json")]
    one = lambda p: (FQ(int(p[0])), FQ(int(p[1])), FQ(1))
    two = lambda p: tuple(FQ2([int(c) for c in p[i]]) for i in range(2)) + (FQ2.one(),)
    a, b_, c = one(proof["pi_a"]), two(proof["pi_b"]), one(proof["pi_c"])
    demand(is_on_curve(a, b) and is_on_curve(c, b) and is_on_curve(b_, b2), "points")
    demand(is_inf(multiply(b_, R)) and len(public) + 1 == len(ic), "points")
    alpha, beta2, gamma, delta2 = key
    inputs = ic[0]
    for value, point in zip(public, ic[1:]):
        demand(value < R, "inputs below the modulus")
        inputs = add(inputs, multiply(point, value))
    right = pairing(beta2, alpha) * pairing(gamma, inputs) * pairing(delta2, c)
    demand(pairing(b_, a) == right, "the proof")
    print(f"proof: holds for {public}")


def main():
    folder = sys.argv[1]
    name = sys.argv[2] if len(sys.argv) > 2 else "final"
    powers = check_powers(os.path.join(folder, f"{name}.ptau"))
    first = begin(*circuit(os.path.join(folder, "circuit.r1cs")), powers)
    key = check_key(os.path.join(folder, f"{name}.zkey"), first, powers)
    check_proof(folder, name, key, first["ic"])


main()
