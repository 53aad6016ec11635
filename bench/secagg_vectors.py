"""Known answers of secure aggregation's keystreams and keys, from OpenSSL.

Run from the repository's root: python3 bench/secagg_vectors.py (cryptography 48); writes
vectors/secagg/mask.json.
"""

import json
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

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


def write(name, vectors):
    lines = ",\n".join(json.dumps(vector) for vector in vectors)
    (HERE / name).write_text(f"[\n{lines}\n]\n")


write("mask.json", masks())
