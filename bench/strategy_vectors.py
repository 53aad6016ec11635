"""Writes vectors/strategy/flower.json: what Flower's strategies make of the same updates.

    pip install flwr
    python bench/strategy_vectors.py

Two settings of Flower are changed, both where it departs from algorithm 2 of Reddi et al. 2021:
its second moments start at 0 (here at tau squared) and its FedAdam corrects bias (here the
correction is divided out of the step size). Everything is computed in double precision.
"""

import importlib.metadata
import json
import pathlib

import numpy as np
from flwr.app import Array, ArrayRecord
from flwr.serverapp.strategy import FedAdagrad, FedAdam, FedAvg, FedAvgM, FedYogi

FILE = pathlib.Path(__file__).parent.parent / "vectors" / "strategy" / "flower.json"
ROUNDS = 6
INITIAL = [0.0, 1.0, -2.5, 0.125, 3.0, 0.0, -1.0, 0.5]
# Sizes of each coordinate's updates; exact in single precision, as are the updates.
SIZES = [0.0, 2.0**-20, 2.0**-12, 2.0**-9, 2.0**-7, 2.0**-3, 1.0, 256.0]


def updates():
    numerators = np.random.default_rng(1).integers(-64, 65, size=(ROUNDS, len(SIZES)))
    return [[n / 64 * size for n, size in zip(row.tolist(), SIZES)] for row in numerators]


def record(values):
    return ArrayRecord({"w": Array(np.asarray(values, dtype=np.float64))})


def models(strategy, arguments, before_round):
    """The model after each round, the mean of the participants' models being given."""
    model, history = np.array(INITIAL), []
    for number, update in enumerate(updates(), start=1):
        # What the base class would have made of the participants' replies.
        mean = record(model + np.array(update))
        FedAvg.aggregate_train = lambda self, round, replies, mean=mean: (mean, None)
        if isinstance(strategy, FedAvgM):
            strategy.current_arrays = record(model)
        else:
            strategy.current_arrays = {"w": model}
        before_round(strategy, arguments, number)
        aggregated, _ = strategy.aggregate_train(number, [])
        model = aggregated["w"].numpy()
        history.append(model.tolist())
    return history


def start_at_tau_squared(strategy, arguments, number):
    if number == 1:
        strategy.v_t = {"w": np.full(len(INITIAL), arguments["tau"] ** 2)}


def without_correction(strategy, arguments, number):
    start_at_tau_squared(strategy, arguments, number)
    beta1, beta2 = arguments["beta1"], arguments["beta2"]
    correction = np.sqrt(1 - beta2 ** (number + 1.0)) / (1 - beta1 ** (number + 1.0))
    strategy.eta = arguments["learning_rate"] / correction


def adaptive(make):
    names = {"learning_rate": "eta", "beta1": "beta_1", "beta2": "beta_2", "tau": "tau"}
    return lambda arguments: make(**{names[k]: v for k, v in arguments.items()})


def momentum(arguments):
    return FedAvgM(server_learning_rate=arguments["learning_rate"],
                   server_momentum=arguments["momentum"])


def nothing(strategy, arguments, number):
    del strategy, arguments, number


CASES = [
    ("fedavg", momentum, nothing, {"learning_rate": 1.0, "momentum": 0.0}),
    ("fedavg", momentum, nothing, {"learning_rate": 0.5, "momentum": 0.9}),
    ("fedprox", lambda _: FedAvg(), nothing, {"mu": 0.01}),
    ("fedadagrad", adaptive(FedAdagrad), start_at_tau_squared,
     {"learning_rate": 0.1, "tau": 1e-3}),
    ("fedadagrad", adaptive(FedAdagrad), start_at_tau_squared, {"learning_rate": 1.0, "tau": 0.5}),
    ("fedadam", adaptive(FedAdam), without_correction,
     {"learning_rate": 0.1, "beta1": 0.9, "beta2": 0.99, "tau": 1e-3}),
    ("fedadam", adaptive(FedAdam), without_correction,
     {"learning_rate": 0.01, "beta1": 0.0, "beta2": 0.5, "tau": 1e-6}),
    ("fedyogi", adaptive(FedYogi), start_at_tau_squared,
     {"learning_rate": 0.1, "beta1": 0.9, "beta2": 0.99, "tau": 1e-3}),
    ("fedyogi", adaptive(FedYogi), start_at_tau_squared,
     {"learning_rate": 0.01, "beta1": 0.5, "beta2": 0.5, "tau": 0.125}),
]


def main():
    cases = [{"rule": rule, "arguments": arguments,
              "models": models(make(arguments), arguments, before)}
             for rule, make, before, arguments in CASES]
    document = {"flwr": importlib.metadata.version("flwr"), "initial": INITIAL,
                "updates": updates(), "cases": cases}
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
