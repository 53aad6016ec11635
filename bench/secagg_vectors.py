"""Known answers of secure aggregation: ciphers by OpenSSL, graphs by exact arithmetic.

Run from the repository's root: python3 bench/secagg_vectors.py (cryptography 48); writes
vectors/secagg/mask.json, graph.json and keys.json.
"""

import json
import math
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, aead, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

HERE = Path("vectors/secagg")


def keystream(prg, seed, offset, length):
    """`length` bytes of the keystream from 32-bit word `offset` on."""
    start = 4 * offset
    if prg == "aes-128-ctr":
        block, skip = divmod(start, 16)
        cipher = Cipher(algorithms.AES(seed[:16]), modes.CTR(block.to_bytes(16, "big")))
    else:
        # OpenSSL takes the counter and the nonce in one: here 64 bits of each.
        block, skip = divmod(start, 64)
        nonce = block.to_bytes(8, "little") + bytes(8)
        cipher = Cipher(algorithms.ChaCha20(seed, nonce), mode=None)
    return cipher.encryptor().update(bytes(skip + length))[skip:]


def masks():
    seeds = [bytes(32), sha256(b"one").digest(), sha256(b"two").digest()]
    # The last offsets are beyond 2^32 blocks of 16 and of 64 bytes.
    offsets = [0, 2, 126, 4096, 2**34 - 4, 2**36 - 16]
    for prg in ("aes-128-ctr", "chacha20"):
        for seed in seeds:
            for offset in offsets:
                yield {
                    "prg": prg,
                    "seed": seed.hex(),
                    "offset": offset,
                    "keystream": keystream(prg, seed, offset, 192).hex(),
                }


SALT = b"tacit/v1/secagg"
AGREEMENT = b"tacit/v1/secagg/agreement"


def hkdf(salt, secret, info):
    return HKDF(SHA256(), 32, salt, info).derive(secret)


def derive(secret, label, info=b""):
    return hkdf(SALT, secret, len(label).to_bytes(8, "little") + label.encode() + info)


def of_parts(label, *parts):
    every = b"".join(len(part).to_bytes(8, "little") + part for part in (label, *parts))
    return sha256(every).digest()


def derivations():
    for label, info in (("x25519", b""), ("", b"x25519"), ("a long label " * 9, bytes(300))):
        secret = sha256(label.encode()).digest()
        found = derive(secret, label, info)
        yield {"secret": secret.hex(), "label": label, "info": info.hex(), "found": found.hex()}


class Member:
    def __init__(self, seed, hybrid):
        self.x25519 = x25519.X25519PrivateKey.from_private_bytes(derive(seed, "x25519"))
        self.public = self.x25519.public_key().public_bytes_raw()
        if hybrid:
            seeds = derive(seed, "ml-kem-768 d") + derive(seed, "ml-kem-768 z")
            self.kem = mlkem.MLKEM768PrivateKey.from_seed_bytes(seeds)
            self.public += self.kem.public_key().public_bytes_raw()


def agreements():
    """The answer of the side that responds, which needs no randomness of ours."""
    for number, hybrid in ((1, False), (2, False), (3, True), (4, True)):
        seeds = [sha256(f"{number} {side}".encode()).digest() for side in "ab"]
        first, second = (Member(seed, hybrid) for seed in seeds)
        peer = x25519.X25519PublicKey.from_public_bytes(first.public[:32])
        shared, ciphertext, info = second.x25519.exchange(peer), b"", b"info" * number
        if hybrid:
            secret, ciphertext = second.kem.public_key().encapsulate()
            assert second.kem.decapsulate(ciphertext) == secret
            shared += secret
        of = of_parts(AGREEMENT, first.public, second.public, ciphertext, info)
        yield {
            "initiator": seeds[0].hex(),
            "responder": seeds[1].hex(),
            "initiator_public": sha256(first.public).hexdigest(),
            "responder_public": sha256(second.public).hexdigest(),
            "info": info.hex(),
            "ciphertext": ciphertext.hex(),
            "found": hkdf(AGREEMENT, shared, of).hex(),
        }


def seals():
    for length in (0, 1, 80, 1000):
        key, context = sha256(b"key").digest(), b"context"
        message = (b"message " * length)[:length]
        nonce = derive(key, "nonce", of_parts(b"tacit/v1/secagg/nonce", context, message))[:12]
        cipher = aead.ChaCha20Poly1305(derive(key, "seal"))
        yield {
            "key": key.hex(),
            "context": context.hex(),
            "message": message.hex(),
            "found": (nonce + cipher.encrypt(nonce, message, context)).hex(),
        }


# The first two records of asymmetric/MLKEM/kat_MLKEM_768.rsp of cryptography_vectors 48.0.0; long
# values are hashed with SHA-256.
KEM = [
    (
        "6dbbc4375136df3b07f7c70e639e223e177e7fd53b161b3f4d57791794f12624",
        "f696484048ec21f96cf50a56d0759c448f3779752f0383d37449690694cf7a68",
        "20a7b7e10f70496cc38220b944def699bf14d14e55cf4c90a12c1b33fc80ffff",
        "4bec4730f26273c6319ef7387dd4758315240a9394cd89264b148b9113060b61",
        "4191f5596ebe7ff14461854e6c2885763c439b881166e4337ca5084ee6cf2c6e",
        "b408d5d115713f0a93047dbbea832e4340787686d59a9a2d106bd662ba0aa035",
    ),
    (
        "d69cfc64f84d4f33e4c54e166b7ff9283a394986a539b23987a10f39d2d9689b",
        "6de62e3465a55c9c78a07d265be8540b3e58b0801a124d07ff12b438d5202ea0",
        "0121cb32acd1871135cb34e29c1a0e26ccc001b939eafaacc28f13f1938dbf91",
        "9c8ac777dde8448cb0e9ccc82dcc286401aa50007731c1e96bcb0c40564d9079",
        "e130db01fe7e7bf996324b271776155293830e7387f7fc4a545807ad8e5330e1",
        "8c970242406111e26368ad8760c4d02a8b28d17d138210adc127197b50968140",
    ),
]


def kem():
    for d, z, m, public, ciphertext, secret in KEM:
        key = mlkem.MLKEM768PrivateKey.from_seed_bytes(bytes.fromhex(d + z))
        assert sha256(key.public_key().public_bytes_raw()).hexdigest() == public
        yield {
            "d": d,
            "z": z,
            "m": m,
            "public": public,
            "ciphertext": ciphertext,
            "secret": secret,
        }


# Degrees and thresholds that the authors of Bell et al. 2020 expect of their own program, for 40
# bits of security and 20 of liveness: google-parfait/federated-compute, commit e7157f0,
# fcp/secagg/server/graph_parameter_finder_test.cc. Colluding, dropping, malicious; then per cohort.
PUBLISHED = [
    (0.45, 0.45, False, {100: (92, 46), 1000: (822, 417), 10000: (3494, 1771)}),
    (0.33, 0.33, False, {10: (8, 4), 100: (68, 34), 1000: (286, 150), 10000: (422, 221)}),
    (0.33, 0.33, False, {100000: (480, 251)}),
    (0.3, 0.3, True, {100: (92, 62), 1000: (872, 584), 10000: (4822, 3230)}),
    (0.05, 0.33, False, {10: (4, 2), 100: (28, 6), 1000: (72, 24), 10000: (86, 29)}),
    (0.05, 0.33, False, {100000: (96, 32)}),
    (0.05, 0.33, True, {10: (8, 5), 100: (72, 39), 1000: (398, 223), 10000: (746, 420)}),
    (0.33, 0.05, False, {10: (4, 4), 100: (34, 29), 1000: (78, 60), 10000: (92, 70)}),
    (0.33, 0.05, False, {100000: (102, 77)}),
    (0.33, 0.05, True, {100: (42, 37), 1000: (132, 109), 10000: (178, 146)}),
    (0.05, 0.05, False, {10: (2, 2), 100: (12, 6), 1000: (30, 17), 10000: (34, 20)}),
    (0.05, 0.05, False, {100000: (36, 21)}),
    (0.05, 0.05, True, {100: (16, 11), 1000: (52, 37), 10000: (62, 44), 100000: (68, 48)}),
    (0.33, 0.0, False, {100: (26, 25), 1000: (38, 36), 10000: (42, 40), 100000: (46, 44)}),
    (0.0, 0.33, True, {100: (68, 35), 1000: (228, 115), 10000: (326, 164)}),
]


def published():
    for colluding, dropping, malicious, cohorts in PUBLISHED:
        for members, (degree, threshold) in cohorts.items():
            yield {
                "members": members,
                "colluding": colluding,
                "dropping": dropping,
                "malicious": malicious,
                "degree": degree,
                "threshold": threshold,
            }


def tail(population, marked, drawn, count):
    """P[at least `count` marked among `drawn` of `population`], exactly."""
    ways = sum(
        math.comb(marked, i) * math.comb(population - marked, drawn - i)
        for i in range(max(count, 0), min(marked, drawn) + 1)
    )
    return Fraction(ways, math.comb(population, drawn))


def bits(chance):
    """-log2 of a probability; none where it is zero."""
    if chance == 0:
        return None
    shift = chance.denominator.bit_length() - chance.numerator.bit_length()
    return max(0.0, shift - math.log2(chance * Fraction(2) ** shift))


def privacy(n, colluding, fewest, degree, threshold):
    honest, side = n - colluding, degree // 2
    if degree == n - 1:
        signed = next(q for q in range(n + 2) if 2 * q > n + colluding) - colluding
        return Fraction(not (threshold > colluding and threshold + signed > degree))
    views = honest * tail(n - 1, colluding, degree, 2 * threshold - degree)
    end = tail(n - 2, colluding, side, threshold - side)
    cut = tail(n - 2, colluding, 2 * side, 2 * side - (n - fewest))
    return views + honest * (honest - 1) * min(end**2, cut)


def designed(n, colluding, dropping, security, liveness, fewest):
    def private(degree, threshold):
        return privacy(n, colluding, fewest, degree, threshold) <= Fraction(1, 2**security)

    def failing(degree, threshold):
        return n * tail(n - 1, dropping, degree, degree + 1 - threshold)

    left = n - dropping
    quorum = next(q for q in range(n + 2) if 2 * q > n + colluding)
    if quorum > left:
        return None
    quorum = max(quorum, min(left, 2 * n // 3 + 1))
    for degree in [*range(2, n - 1, 2), n - 1]:
        live = [t for t in range(degree, 0, -1)
                if degree - t >= min(dropping, degree * dropping // n)]
        largest = next((t for t in live if failing(degree, t) <= Fraction(1, 2**liveness)), None)
        if largest is None or not private(degree, largest):
            continue
        usual = 2 * degree // 3 + 1
        if usual > largest or not private(degree, usual):
            # Larger thresholds are more private: halve.
            low, high = 1, largest
            while low < high:
                middle = (low + high) // 2
                low, high = (low, middle) if private(degree, middle) else (middle + 1, high)
            usual = low
        return {
            "degree": degree,
            "threshold": usual,
            "quorum": quorum,
            "achieved_security": bits(privacy(n, colluding, fewest, degree, usual)),
            "achieved_liveness": bits(failing(degree, usual)),
        }
    return None


def exact():
    cases = [(n, c, d, s, l) for n in (2, 3, 10, 30, 100, 300)
             for c, d in ((0.0, 0.1), (0.1, 0.1), (0.3, 0.05), (0.05, 0.3), (0.3, 0.3))
             for s, l in ((40, 20), (80, 30))]
    cases += [(1000, 0.05, 0.05, 40, 30), (1000, 0.1, 0.1, 80, 30), (1000, 0.1, 0.3, 80, 30),
              (1000, 0.33, 0.05, 40, 30),
              (3000, 0.05, 0.1, 80, 30), (10, 0.2, 0.45, 40, 20), (50, 0.0, 0.4, 40, 20)]
    for n, colluding, dropping, security, liveness in cases:
        counts = [int(f * n + 1e-9) for f in (colluding, dropping)]
        if counts[0] + 2 > n:
            continue
        # As few as have an honest member in common, and as many as stay.
        majority = next(q for q in range(n + 2) if 2 * q > n + counts[0])
        for fewest in sorted({min(majority, n), max(majority, n - counts[1])}):
            if fewest <= n:
                yield case(n, colluding, dropping, security, liveness, fewest, counts)


def case(n, colluding, dropping, security, liveness, fewest, counts):
    found = designed(n, *counts, security, liveness, fewest) or {"degree": None}
    return {
        "members": n,
        "fewest": fewest,
        "colluding": colluding,
        "dropping": dropping,
        "security_bits": security,
        "liveness_bits": liveness,
        **found,
    }


def rows(vectors):
    return "[\n" + ",\n".join(json.dumps(vector) for vector in vectors) + "\n]"


def write(name, vectors):
    (HERE / name).write_text(rows(vectors) + "\n")


write("mask.json", masks())
graphs = f'{{"published": {rows(published())},\n"exact": {rows(exact())}}}\n'
(HERE / "graph.json").write_text(graphs)
names = {"derive": derivations, "agreement": agreements, "seal": seals, "kem": kem}
keys = ",\n".join(f'"{name}": {rows(make())}' for name, make in names.items())
(HERE / "keys.json").write_text(f"{{{keys}}}\n")
