"""What a participant does: local training of the CNN of McMahan et al. 2017 in PyTorch.

A module of its own, so that Ray's workers can import it.
"""

import functools
import gzip
import pathlib

import numpy as np
import torch
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from torch import nn

DATA = pathlib.Path(__file__).resolve().parent.parent / "data" / "fashion-mnist"
EXAMPLES, BATCH, RATE = 50, 10, 0.1


def idx(name, header):
    with gzip.open(DATA / name) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


@functools.cache
def pictures():
    torch.set_num_threads(1)
    images = torch.from_numpy(idx("train-images-idx3-ubyte.gz", 16).copy())
    labels = torch.from_numpy(idx("train-labels-idx1-ubyte.gz", 8).copy()).long()
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))
    return images.reshape(-1, 1, 28, 28)[order].float() / 255, labels[order]


@functools.cache
def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, 10),
    )


app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    (images, labels), model, loss = pictures(), cnn(), nn.CrossEntropyLoss()
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    first = int(context.node_config["partition-id"]) * EXAMPLES
    optimiser, total = torch.optim.SGD(model.parameters(), lr=RATE), 0.0
    for rows in torch.randperm(EXAMPLES).split(BATCH):
        optimiser.zero_grad()
        value = loss(model(images[first + rows]), labels[first + rows])
        value.backward()
        optimiser.step()
        total += value.item() * len(rows)
    content = RecordDict({
        "arrays": ArrayRecord(model.state_dict()),
        "metrics": MetricRecord({"num-examples": EXAMPLES, "loss": total / EXAMPLES}),
    })
    return Message(content=content, reply_to=message)
