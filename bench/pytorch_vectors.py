"""Writes vectors/train/: what PyTorch makes of the built-in trainers' models.

    pip install torch safetensors numpy
    python bench/pytorch_vectors.py

Everything random comes from SplitMix64, so that the test rebuilds weights and examples and the
files hold only results. Every step uses all examples, so that their order does not matter. The
reference is computed in double precision.
"""

import json
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn

HERE = pathlib.Path(__file__).parent.parent / "vectors" / "train"
MASK = (1 << 64) - 1


def splitmix(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def uniform(stream, count):
    """`count` numbers in [-1, 1) that single precision holds exactly."""
    start = stream << 32
    return [(splitmix(start + i) >> 40) / (1 << 23) - 1.0 for i in range(count)]


def logistic(features, classes, hidden):
    del hidden
    return nn.Sequential(nn.Flatten(), nn.Linear(features, classes)), ["", "linear"]


def two_nn(features, classes, hidden):
    layers = [nn.Flatten(), nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, hidden),
              nn.ReLU(), nn.Linear(hidden, classes)]
    return nn.Sequential(*layers), ["", "fc1", "", "fc2", "", "fc3"]


def cnn(shape, classes):
    channels, height, width = shape
    layers = [nn.Conv2d(channels, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
              nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
              nn.Linear(64 * (height // 4) * (width // 4), 512), nn.ReLU(),
              nn.Linear(512, classes)]
    return nn.Sequential(*layers), ["conv1", "", "", "conv2", "", "", "", "fc1", "", "fc2"]


def case(trainer, shape, classes, examples, order, hidden=0, samples=60):
    width = 1
    for side in shape:
        width *= side
    make = {"logistic-regression": logistic, "2nn": two_nn}
    if trainer == "cnn":
        model, names = cnn(shape, classes)
    else:
        model, names = make[trainer](width, classes, hidden)
    model = model.double()
    named = [(f"{names[int(n.split('.')[0])]}.{n.split('.')[1]}", p)
             for n, p in model.named_parameters()]
    with torch.no_grad():
        for i, (name, p) in enumerate(named):
            fan_in = dict(named)[name.split(".")[0] + ".weight"][0].numel()
            values = torch.tensor(uniform(i, p.numel()), dtype=torch.float64) / fan_in ** 0.5
            p.copy_(values.float().double().reshape(p.shape))
    start = [p.detach().clone() for _, p in named]
    x = torch.tensor(uniform(100, examples * width), dtype=torch.float64)
    x = x.reshape(examples, *shape)
    y = torch.tensor([splitmix((101 << 32) + i) % classes for i in range(examples)])
    optimiser = torch.optim.SGD(model.parameters(), lr=order["learning_rate"],
                                momentum=order["momentum"], weight_decay=order["weight_decay"])
    losses = []
    for _ in range(order["steps"]):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        losses.append(loss.item())
        for (_, p), s in zip(named, start):
            loss = loss + order["proximal_mu"] / 2 * ((p - s) ** 2).sum()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        logits = model(x)
    tensors = []
    for (name, p), s in zip(named, start):
        update = (p.detach() - s).flatten()
        stride = max(1, update.numel() // samples)
        tensors.append({"name": name, "shape": list(p.shape), "norm": update.norm().item(),
                        "largest": update.abs().max().item(), "stride": stride,
                        "update": [float(f"{v:.9g}") for v in update[::stride].tolist()]})
    return {"trainer": trainer, "hidden": hidden, "shape": list(shape), "classes": classes,
            "examples": examples, "order": order, "losses": losses,
            "final_loss": nn.functional.cross_entropy(logits, y).item(),
            "final_correct": int((logits.argmax(1) == y).sum()), "tensors": tensors}


def order(steps, learning_rate, momentum=0.0, weight_decay=0.0, proximal_mu=0.0):
    return {"steps": steps, "learning_rate": learning_rate, "momentum": momentum,
            "weight_decay": weight_decay, "proximal_mu": proximal_mu}


def main():
    HERE.mkdir(parents=True, exist_ok=True)
    plain, full = order(3, 0.1), order(4, 0.05, 0.9, 0.01, 0.1)
    cases = [
        case("logistic-regression", [7], 3, 11, plain),
        case("logistic-regression", [40], 5, 150, full),
        case("2nn", [9], 4, 10, plain, hidden=8),
        case("2nn", [2, 5, 5], 3, 33, full, hidden=21),
        case("2nn", [12], 3, 200, order(4, 0.1, 0.0, 0.02, 0.3), hidden=33),
        case("cnn", [1, 8, 8], 3, 5, plain),
        case("cnn", [1, 12, 16], 10, 6, full),
        case("cnn", [2, 9, 11], 4, 7, full),
    ]
    text = {"torch": torch.__version__.split("+")[0], "cases": cases}
    (HERE / "pytorch.json").write_text(json.dumps(text, indent=1) + "\n")
    tensor = torch.tensor(uniform(7, 12)).reshape(3, 4)
    good = {"fc.weight": tensor, "fc.bias": torch.tensor([0.5, -1.0, 2.0])}
    save_file(good, HERE / "pytorch-f32.safetensors", metadata={"format": "pt"})
    save_file({"fc.weight": tensor.half()}, HERE / "pytorch-f16.safetensors")
    bad = tensor.clone()
    bad[1, 2] = float("nan")
    save_file({"fc.weight": bad}, HERE / "pytorch-nan.safetensors")


if __name__ == "__main__":
    main()
