"""A trainer of tacit in PyTorch. Called as `train.py JOB.json`; the job says what to do:

    action       "initialise": write a first model; "fit": train one; "evaluate": measure one
    model_in     safetensors file to start from            (fit, evaluate)
    model_out    where to write the model, all f32          (initialise, fit)
    metrics_out  where to write examples, loss, correct     (fit, evaluate)
    data         your data, or one safetensors file with `features` and `labels`
    seed, round, local_epochs, batch_size, learning_rate, momentum, weight_decay, proximal_mu
"""

import json
import sys

import torch
from safetensors.torch import load_file, save_file
from torch import nn

job = json.load(open(sys.argv[1]))
torch.set_num_threads(1)
torch.manual_seed(job.get("seed", 0))
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))

if job["action"] == "initialise":
    save_file(model.state_dict(), job["model_out"])
    sys.exit()

start = load_file(job["model_in"])
model.load_state_dict(start)
data = load_file(job["data"][0])
features, labels = data["features"], data["labels"]

if job["action"] == "fit":
    optimiser = torch.optim.SGD(
        model.parameters(), job["learning_rate"], job["momentum"],
        weight_decay=job["weight_decay"],
    )
    for _ in range(job["local_epochs"]):
        total = 0.0
        for batch in torch.randperm(len(labels)).split(job["batch_size"] or len(labels)):
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(model(features[batch]), labels[batch])
            pull = sum(((p - start[n]) ** 2).sum() for n, p in model.named_parameters())
            (loss + job["proximal_mu"] / 2 * pull).backward()
            optimiser.step()
            total += loss.item() * len(batch)
    save_file(model.state_dict(), job["model_out"])
    metrics = {"examples": len(labels), "loss": total / len(labels)}
else:
    with torch.no_grad():
        logits = model(features)
    metrics = {
        "examples": len(labels),
        "loss": nn.functional.cross_entropy(logits, labels).item(),
        "correct": (logits.argmax(1) == labels).sum().item(),
    }

json.dump(metrics, open(job["metrics_out"], "w"))
