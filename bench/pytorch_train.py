"""Images per second of local SGD in PyTorch on one thread: the rival of

    cargo bench -p tacit-learn --bench train

Same models, batch sizes and kind of data; rates per second of this process's CPU time, median of
several runs. The data lies in one tensor and batches are taken by index, which is the fast way.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import statistics
import time

import torch
from torch import nn

RUNS = 7


def two_nn():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 200), nn.ReLU(),
        nn.Linear(200, 10),
    )


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, 10),
    )


def rate(model, count, batch):
    images, labels = torch.rand(count, 1, 28, 28), torch.randint(0, 10, (count,))
    optimiser, loss = torch.optim.SGD(model.parameters(), lr=0.01), nn.CrossEntropyLoss()
    rates = []
    for _ in range(RUNS + 1):
        start = time.process_time()
        for rows in torch.randperm(count).split(batch):
            optimiser.zero_grad()
            loss(model(images[rows]), labels[rows]).backward()
            optimiser.step()
        rates.append(count / (time.process_time() - start))
    return statistics.median(rates[1:])


if __name__ == "__main__":
    torch.manual_seed(1)
    torch.set_num_threads(1)
    for name, make, count in [("2nn", two_nn, 6000), ("cnn", cnn, 600)]:
        for batch in (10, 64):
            print(f"torch {torch.__version__} {name} batch {batch}: "
                  f"{rate(make(), count, batch):.0f} images/s", flush=True)
