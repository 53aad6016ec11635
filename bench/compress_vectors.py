"""Known answers for the compressors, computed with NumPy straight from the papers' formulas:

    python bench/compress_vectors.py            # writes vectors/compress/rules.json
    python bench/compress_vectors.py --levels   # prints the levels of lloyd_max.rs

Needs numpy. Nothing here is shared with the Rust code: top-k sorts all values, the Hadamard
matrix is built by Kronecker products, the Lloyd-Max levels are found by Newton's method.
"""

import json
import math
import pathlib
import sys
from statistics import NormalDist

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE.parent / "vectors" / "compress" / "rules.json"


def lloyd_max(bits):
    """Positive levels of the Lloyd-Max quantiser of N(0, 1): each is its cell's mean."""
    n = 2 ** (bits - 1)

    def means(levels):
        bounds = np.concatenate(([0.0], (levels[1:] + levels[:-1]) / 2, [np.inf]))
        density = np.exp(-bounds**2 / 2) / math.sqrt(2 * math.pi)
        tail = np.array([0.5 * math.erfc(x / math.sqrt(2)) for x in bounds])
        return (density[:-1] - density[1:]) / (tail[:-1] - tail[1:])

    quantiles = [0.5 + 0.5 * (i + 0.5) / n for i in range(n)]
    levels = np.array([math.sqrt(3) * NormalDist().inv_cdf(q) for q in quantiles])
    for _ in range(2000 if n < 4 else 60):
        off = means(levels) - levels
        if np.abs(off).max() < 1e-14:
            break
        if n < 4:
            levels = levels + off
            continue
        slope = np.zeros((n, n))
        for j in range(n):
            moved = levels.copy()
            moved[j] += 1e-6
            slope[:, j] = (means(moved) - moved - off) / 1e-6
        step = np.linalg.solve(slope, -off)
        size = 1.0
        while size > 1e-4:
            new = levels + size * step
            if (np.diff(new) > 0).all() and new[0] > 0:
                if np.abs(means(new) - new).max() < np.abs(off).max():
                    break
            size /= 2
        levels = new if size > 1e-4 else means(levels)
    return levels


def floats(values):
    return [float(np.float32(x)) for x in values]


def top_k(values, k):
    order = sorted(range(len(values)), key=lambda i: (-abs(values[i]), i))
    return sorted(order[:k])


def uniform(values, bits):
    """Nearest levels and what comes back; one bit at the scale of least error."""
    x = np.asarray(values, dtype=np.float64)
    if bits == 1:
        scale = np.abs(x).sum() / len(x)
        levels = (x >= 0).astype(int)
        return scale, levels, (2 * levels - 1) * scale
    top = 2 ** (bits - 1) - 1
    scale = np.abs(x).max()
    levels = np.rint(x / scale * top).astype(int)
    return scale, levels + top, levels / top * scale


def normal(values, bits, unbiased):
    """DRIVE (one bit) and EDEN on values that are already rotated."""
    x = np.asarray(values, dtype=np.float64)
    positive = lloyd_max(bits)
    levels = np.concatenate((-positive[::-1], positive))
    unit = x * math.sqrt(len(x)) / np.linalg.norm(x)
    index = np.abs(unit[:, None] - levels[None, :]).argmin(axis=1)
    q = levels[index]
    scale = (x @ x) / (x @ q) if unbiased else (x @ q) / (q @ q)
    return scale, index, scale * q


def hadamard(n):
    matrix = np.array([[1.0]])
    while len(matrix) < n:
        matrix = np.kron(np.array([[1.0, 1.0], [1.0, -1.0]]), matrix)
    return matrix / math.sqrt(n)


def main():
    rng = np.random.default_rng(20)
    cases = {"top_k": [], "uniform": [], "normal": [], "hadamard": []}
    for n, k in [(1, 1), (7, 3), (40, 5), (40, 40)]:
        values = floats(rng.normal(size=n) ** 3)
        cases["top_k"].append({"values": values, "k": k, "positions": top_k(values, k)})
    ties = [1.0, -2.0, 2.0, 0.0, -1.0, 2.0, 1.0]
    for k in (1, 2, 4, 5, 7):
        cases["top_k"].append({"values": ties, "k": k, "positions": top_k(ties, k)})
    for bits in (1, 2, 4, 8, 12, 16):
        values = floats(rng.normal(size=24))
        scale, levels, found = uniform(values, bits)
        cases["uniform"].append({
            "values": values,
            "bits": bits,
            "scale": float(scale),
            "levels": [int(level) for level in levels],
            "decoded": [float(x) for x in found],
        })
    for bits in (1, 2, 3, 4, 6, 8):
        for unbiased in (False, True):
            values = floats(rng.normal(size=32) * 0.01)
            scale, levels, found = normal(values, bits, unbiased)
            cases["normal"].append({
                "values": values,
                "bits": bits,
                "unbiased": unbiased,
                "scale": float(scale),
                "levels": [int(level) for level in levels],
                "decoded": [float(x) for x in found],
            })
    # DRIVE by its own formulas (sections 3 and 4): signs, times the mean magnitude for least
    # error, or times the square of the norm over the sum of magnitudes for no bias.
    for case in cases["normal"][:2]:
        x = np.asarray(case["values"])
        mean, total = np.abs(x).mean(), np.abs(x).sum()
        size = (x @ x) / total if case["unbiased"] else mean
        assert np.allclose(case["decoded"], np.sign(x) * size)
    for n in (1, 2, 8, 32, 64):
        values = floats(rng.normal(size=n))
        found = hadamard(n) @ np.asarray(values)
        cases["hadamard"].append({"values": values, "transformed": [float(x) for x in found]})
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    if "--levels" in sys.argv:
        for bits in range(1, 9):
            print(bits, ", ".join(str(np.float32(x)) for x in lloyd_max(bits)))
    else:
        main()
