"""The same contract as train.py without any library: softmax regression in plain Python.

It shows all there is to know of the files, so that a trainer can be written in any language."""

import json
import math
import random
import struct
import sys

FEATURES, CLASSES = 64, 10


def read(path):
    """Tensors of a safetensors file by name, flat: a length, a JSON header, then the values."""
    raw = open(path, "rb").read()
    (length,) = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8 : 8 + length])
    kinds = {"F32": ("f", 4), "I64": ("q", 8)}
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            kind, size = kinds[entry["dtype"]]
            count = (end - begin) // size
            tensors[name] = list(struct.unpack_from(f"<{count}{kind}", raw, 8 + length + begin))
    return tensors


def write(path, weight, bias):
    """The model: `weight`, CLASSES x FEATURES, and `bias`, CLASSES."""
    def entry(shape, begin, end):
        return {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}

    split, end = 4 * len(weight), 4 * (len(weight) + len(bias))
    header = json.dumps({
        "weight": entry([CLASSES, FEATURES], 0, split), "bias": entry([CLASSES], split, end),
    }).encode()
    header += b" " * (-len(header) % 8)
    values = struct.pack(f"<{end // 4}f", *weight, *bias)
    open(path, "wb").write(struct.pack("<Q", len(header)) + header + values)


def softmax(weight, bias, x):
    logits = [
        bias[c] + sum(map(float.__mul__, weight[c * FEATURES : (c + 1) * FEATURES], x))
        for c in range(CLASSES)
    ]
    top = max(logits)
    powers = [math.exp(z - top) for z in logits]
    total = sum(powers)
    return [p / total for p in powers]


def fit(job, weight, bias, rows):
    """Plain gradient descent, one step per batch; returns the mean loss of the last epoch."""
    order = random.Random(job["seed"])
    size = job["batch_size"] or len(rows)
    for _ in range(job["local_epochs"]):
        order.shuffle(rows)
        loss = 0.0
        for start in range(0, len(rows), size):
            batch = rows[start : start + size]
            step = job["learning_rate"] / len(batch)
            errors = []
            for x, y in batch:
                p = softmax(weight, bias, x)
                loss -= math.log(max(p[y], 1e-30))
                p[y] -= 1.0
                errors.append((x, p))
            for x, error in errors:
                for c in range(CLASSES):
                    bias[c] -= step * error[c]
                    at = c * FEATURES
                    for i, value in enumerate(x):
                        if value:
                            weight[at + i] -= step * error[c] * value
    return loss / len(rows)


def main():
    job = json.load(open(sys.argv[1]))
    if job["action"] == "initialise":
        return write(job["model_out"], [0.0] * (CLASSES * FEATURES), [0.0] * CLASSES)
    model = read(job["model_in"])
    weight, bias = model["weight"], model["bias"]
    data = read(job["data"][0])
    values, labels = data["features"], data["labels"]
    rows = [(values[i * FEATURES : (i + 1) * FEATURES], y) for i, y in enumerate(labels)]
    if job["action"] == "fit":
        metrics = {"examples": len(rows), "loss": fit(job, weight, bias, rows)}
        write(job["model_out"], weight, bias)
    else:
        answers = [(softmax(weight, bias, x), y) for x, y in rows]
        metrics = {
            "examples": len(rows),
            "loss": -sum(math.log(max(p[y], 1e-30)) for p, y in answers) / len(rows),
            "correct": sum(p.index(max(p)) == y for p, y in answers),
        }
    json.dump(metrics, open(job["metrics_out"], "w"))


main()
