"""Flower's SecAgg+ on one thread: its own client mod and server workflow, without a network.

Prints a line of JSON: seconds of this process' CPU time, and bytes. Clients that the server only
hears are stand-ins which repeat one real client's answers; the work of the server is the same.
"""

import json
import os
import sys
import time
from types import SimpleNamespace

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["FLWR_TELEMETRY_ENABLED"] = "0"

import numpy as np
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.client.mod.secure_aggregation.secaggplus_mod import secaggplus_mod
from flwr.common import Code, FitRes, Status, ndarray_to_bytes, ndarrays_to_parameters
from flwr.common.secure_aggregation.crypto.shamir import combine_shares, create_shares
from flwr.common.secure_aggregation.crypto.symmetric_encryption import (
    encrypt,
    generate_shared_key,
)
from flwr.common.secure_aggregation.secaggplus_constants import (
    RECORD_KEY_CONFIGS,
    Key,
    Stage,
)
from flwr.common.secure_aggregation.secaggplus_utils import share_keys_plaintext_concat
from flwr.compat.common.recorddict_compat import fitres_to_recorddict
from flwr.server.workflow.constant import MAIN_CONFIGS_RECORD
from flwr.server.workflow.constant import Key as WorkflowKey
from flwr.server.workflow.secure_aggregation.secaggplus_workflow import (
    SecAggPlusWorkflow,
    WorkflowState,
)
from flwr.supercore.primitives.asymmetric import (
    bytes_to_public_key,
    generate_key_pairs,
    private_key_to_bytes,
    public_key_to_bytes,
)
from flwr.supercore.task_identity import TaskIdentity

# Messages are stamped with who writes them.
TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 2
VALUES = 1_000_000


def timed(work):
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


class Client:
    """Node 1: the mod of the library around a client app that returns one array."""

    def __init__(self):
        self.context = Context(0, 1, {}, RecordDict(), {})
        self.update = np.random.default_rng(1).normal(0, 0.01, VALUES).astype(np.float32)

    def fit(self, message, _context):
        parameters = ndarrays_to_parameters([self.update])
        result = FitRes(Status(Code.OK, ""), parameters, 100, {})
        return Message(fitres_to_recorddict(result, False), reply_to=message)

    def answer(self, stage, **fields):
        config = ConfigRecord({Key.STAGE: stage, **fields})
        message = Message(RecordDict({RECORD_KEY_CONFIGS: config}), 1, "train")
        seconds, reply = timed(lambda: secaggplus_mod(message, self.context, self.fit))
        return seconds, reply.content.config_records[RECORD_KEY_CONFIGS]


def participant(neighbours, threshold):
    """Stages of a client: seconds, and bytes of its masked vector."""
    client, shares = Client(), neighbours + 1
    setup = {
        Key.SAMPLE_NUMBER: shares,
        Key.SHARE_NUMBER: shares,
        Key.THRESHOLD: threshold,
        Key.CLIPPING_RANGE: 8.0,
        Key.TARGET_RANGE: 1 << 22,
        Key.MOD_RANGE: 1 << 32,
        Key.MAX_WEIGHT: 1000.0,
    }
    _, keys = client.answer(Stage.SETUP, **setup)
    others = {node: (generate_key_pairs(), generate_key_pairs()) for node in range(2, shares + 1)}
    table = {"1": [keys[Key.PUBLIC_KEY_1], keys[Key.PUBLIC_KEY_2]]}
    for node, pairs in others.items():
        table[str(node)] = [public_key_to_bytes(public) for _, public in pairs]
    sharing, _ = client.answer(Stage.SHARE_KEYS, **table)
    own = bytes_to_public_key(keys[Key.PUBLIC_KEY_2])
    mail = []
    for node, (_, (secret, _)) in others.items():
        plain = share_keys_plaintext_concat(node, 1, bytes(36), bytes(36))
        mail.append(encrypt(generate_shared_key(secret, own), plain))
    fields = {Key.CIPHERTEXT_LIST: mail, Key.SOURCE_LIST: list(others)}
    masking, masked = client.answer(Stage.COLLECT_MASKED_VECTORS, **fields)
    return sharing, masking, sum(map(len, masked[Key.MASKED_PARAMETERS])) / VALUES


class Grid:
    """Answers the last two stages with what is given, and counts no time of its own."""

    def __init__(self, dropped, content):
        self.dropped, self.content, self.seconds = dropped, content, 0.0

    def send_and_receive(self, messages, timeout=None):
        start, replies = time.process_time(), []
        for message in messages:
            node = message.metadata.dst_node_id
            if node in self.dropped:
                continue
            metadata = SimpleNamespace(src_node_id=node)
            content = self.content(message)
            reply = SimpleNamespace(metadata=metadata, content=content, has_error=lambda: False)
            replies.append(reply)
        self.seconds += time.process_time() - start
        return replies


def coordinator(clients, dropped, neighbours, threshold):
    """Summing the masked vectors and removing the masks: seconds."""
    rng, nodes = np.random.default_rng(2), list(range(1, clients + 1))
    shares = neighbours + 1
    vector = [rng.integers(0, 1 << 32, size, dtype=np.int64) for size in (1, VALUES)]
    packed = [ndarray_to_bytes(array) for array in vector]
    secret, _ = generate_key_pairs()
    key_shares = create_shares(private_key_to_bytes(secret), threshold, shares)
    seed_shares = create_shares(bytes(range(32)), threshold, shares)
    gone, half = set(nodes[:: clients // dropped]), neighbours // 2

    def contents(message):
        record = message.content.config_records[RECORD_KEY_CONFIGS]
        if record[Key.STAGE] == Stage.COLLECT_MASKED_VECTORS:
            result = FitRes(Status(Code.OK, ""), ndarrays_to_parameters([]), 100, {})
            content = fitres_to_recorddict(result, False)
            answer = {Key.MASKED_PARAMETERS: packed}
        else:
            content, me = RecordDict(), message.metadata.dst_node_id
            active, dead = record[Key.ACTIVE_NODE_ID_LIST], record[Key.DEAD_NODE_ID_LIST]
            answer = {Key.NODE_ID_LIST: active + dead}
            place = {owner: (me - owner + half) % clients for owner in active + dead}
            answer[Key.SHARE_LIST] = [seed_shares[place[owner]] for owner in active]
            answer[Key.SHARE_LIST] += [key_shares[place[owner]] for owner in dead]
        content.config_records[RECORD_KEY_CONFIGS] = ConfigRecord(answer)
        return content

    state = WorkflowState()
    state.sampled_node_ids, state.active_node_ids = set(nodes), set(nodes)
    state.num_shares, state.threshold = shares, threshold
    state.clipping_range, state.quantization_range, state.mod_range = 8.0, 1 << 22, 1 << 32
    state.nid_to_neighbours = {
        node: set(nodes)
        if shares == clients
        else {(node - 1 + step) % clients + 1 for step in range(-half, half + 1)}
        for node in nodes
    }
    for node in nodes:
        pair = [public_key_to_bytes(generate_key_pairs()[1]) for _ in range(2)]
        state.nid_to_publickeys[node] = pair
    state.forward_srcs = {node: [] for node in nodes}
    state.forward_ciphertexts = {node: [] for node in nodes}
    state.nid_to_fitins = {node: RecordDict() for node in nodes}
    state.nid_to_proxies = {node: None for node in nodes}

    round_ = {MAIN_CONFIGS_RECORD: {WorkflowKey.CURRENT_ROUND: 1}}
    context = SimpleNamespace(
        state=SimpleNamespace(config_records=round_),
        strategy=SimpleNamespace(aggregate_fit=lambda *_: (None, {})),
    )
    grid, workflow = Grid(gone, contents), SecAggPlusWorkflow(shares, threshold)

    def both():
        assert workflow.collect_masked_vectors_stage(grid, context, state)
        assert workflow.unmask_stage(grid, context, state)

    seconds, _ = timed(both)
    return seconds - grid.seconds


def shamir(holders, threshold):
    secret = os.urandom(32)
    sharing, shares = timed(lambda: create_shares(secret, threshold, holders))
    combining, found = timed(lambda: combine_shares(shares[:threshold]))
    assert found == secret
    return sharing, combining


def main():
    found = {}
    sharing, masking, found["bytes per value"] = participant(99, 67)
    found["participant"], found["masks"] = sharing + masking, masking
    sharing, masking, _ = participant(32, 22)
    found["participant of 32"] = sharing + masking
    found["coordinator of 32"] = coordinator(100, 10, 32, 22)
    if "--quick" not in sys.argv:
        found["coordinator of 99"] = coordinator(100, 10, 99, 67)
        found["share"], found["combine"] = shamir(1000, 667)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
