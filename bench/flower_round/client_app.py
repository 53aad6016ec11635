"""Returns the model plus a constant."""

import numpy as np
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    (model,) = message.content["arrays"].to_numpy_ndarrays()
    content = RecordDict({
        "arrays": ArrayRecord([model + np.float32(1 / 1024)]),
        "metrics": MetricRecord({"num-examples": 1}),
    })
    return Message(content=content, reply_to=message)
