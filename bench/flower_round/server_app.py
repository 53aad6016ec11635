"""FedAvg over one array; notes in a file when each round ends."""

import os
import time

import numpy as np
from flwr.app import ArrayRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

app = ServerApp()


def note(line):
    with open(os.environ["FLOWER_ROUND_NOTES"], "a") as notes:
        print(line, file=notes)


class Timed(FedAvg):
    def aggregate_train(self, server_round, replies):
        result = super().aggregate_train(server_round, replies)
        note(f"{server_round} {time.time():.4f}")
        return result


@app.main()
def main(grid: Grid, context: Context) -> None:
    config = context.run_config
    clients, rounds = config["clients"], config["rounds"]
    model = ArrayRecord([np.zeros(config["values"], np.float32)])
    strategy = Timed(fraction_evaluate=0.0, min_train_nodes=clients, min_available_nodes=clients)
    result = strategy.start(grid=grid, initial_arrays=model, num_rounds=rounds)
    (final,) = result.arrays.to_numpy_ndarrays()
    # Every round added the constant once: the arithmetic really happened.
    assert np.all(final == np.float32(rounds / 1024)), final[:4]
    note("done")
