"""Writes vectors/strategy/scaffold.json: SCAFFOLD by the book (Karimireddy et al. 2020, algorithm 1,
option II) in NumPy and double precision, on multinomial logistic regression with whole batches.

    python bench/scaffold_vectors.py     # numpy
"""

import json
import pathlib

import numpy as np

FEATURES, CLASSES, STEPS, RATE, DECAY, SERVER_RATE = 4, 3, 3, 0.2, 0.01, 0.8
COHORTS = [[0, 1], [1, 2], [0, 2], [2, 1], [0, 1, 2], [1, 0]]
rng = np.random.default_rng(11)


def rounded(values):
    """What both sides can hold: f32."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


def gradient(weights, bias, x, y):
    logits = x @ weights.T + bias
    logits -= logits.max(axis=1, keepdims=True)
    p = np.exp(logits)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(y)), y] -= 1.0
    p /= len(y)
    return np.concatenate([(p.T @ x).ravel(), p.sum(axis=0)])


def split(theta):
    return theta[: CLASSES * FEATURES].reshape(CLASSES, FEATURES), theta[CLASSES * FEATURES:]


data = []
for participant, count in enumerate([6, 9, 5]):
    x = rounded(rng.normal(participant - 1.0, 1.0, (count, FEATURES)))
    data.append((x, rng.integers(0, CLASSES, count)))
theta = rounded(rng.normal(0.0, 0.5, CLASSES * FEATURES + CLASSES))
initial = theta.copy()
server = np.zeros_like(theta)
own = [np.zeros_like(theta) for _ in data]
models, variates = [], []
for cohort in COHORTS:
    steps, changes, weights = [], [], []
    for i in cohort:
        x, y = data[i]
        local = theta.copy()
        for _ in range(STEPS):
            g = gradient(*split(local), x, y) + DECAY * local
            local -= RATE * (g - own[i] + server)
        renewed = own[i] - server + (theta - local) / (STEPS * RATE)
        steps.append(local - theta)
        changes.append(renewed - own[i])
        weights.append(len(y))
        own[i] = renewed
    share = np.array(weights) / sum(weights)
    theta = theta + SERVER_RATE * sum(w * s for w, s in zip(share, steps))
    server = server + len(cohort) / len(data) * sum(w * c for w, c in zip(share, changes))
    models.append(theta.tolist())
    variates.append(server.tolist())

out = pathlib.Path(__file__).resolve().parent.parent / "vectors" / "strategy" / "scaffold.json"
out.write_text(json.dumps({
    "features": FEATURES, "classes": CLASSES, "local_epochs": STEPS, "learning_rate": RATE,
    "weight_decay": DECAY, "server_learning_rate": SERVER_RATE, "cohorts": COHORTS,
    "data": [{"x": x.ravel().tolist(), "y": y.tolist()} for x, y in data],
    "initial": initial.tolist(), "models": models, "variates": variates,
}) + "\n")
