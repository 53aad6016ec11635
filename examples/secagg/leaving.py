#!/usr/bin/env python3
"""Fifty participants under secure aggregation, of whom three in ten are killed at random moments.

    examples/secagg/leaving.py [--tacit PATH] [--participants 50] [--leaving 0.3] [--seed 1]

Every participant is a process of its own, which joins the coordinator over mutual TLS on loopback.
Updates are rotated and rounded to 8 bits, with shares of discrete Gaussian noise, and the server's
rule is FedAdam. Checked at the end:

- the rounds are released although participants vanish, and the accuracy is near that of the same
  plan in plain view, of which as many participants are killed;
- `tacit audit verify` finds nothing;
- neither the coordinator's memory (read through /proc while a round is open) nor its disk holds any
  participant's update. For that a second federation trains with a program whose updates are known:
  each is one number, repeated, which is searched for as float, as integer and as packed integer;
- no line that any of them logs at its most talkative has that number either.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent

PLAN = """\
name = "leaving"
num_rounds = {rounds}
participants = {count}
{protection}
{noise}
strategy = {{ rule = "fedadam", learning_rate = 0.05 }}

[training]
local_epochs = 2
learning_rate = 0.3
clip_norm = 1.0

[cohort]
minimum = {minimum}
weights = "equal"
collect_timeout_s = {timeout}
distribute_timeout_s = {timeout}
max_failed_rounds = 1000

[adversary]
colluding = 0.1
dropping = {dropping}

[privacy]
delta = 1e-5
"""

# Rotated and rounded to 8 bits, of which the sum of fifty takes 14.
NOISE = 'mechanism = { rule = "discrete-gaussian", noise_multiplier = 1.0, bits = 14 }\n' \
        'accountant = "zcdp"'

KNOWN = """\
name = "known"
num_rounds = 12
participants = {count}
protection = {protection}
trainer = {{ rule = "command", command = ["{python}", "known.py"] }}

[training]
clip_norm = 8.0

[cohort]
minimum = {minimum}
weights = "equal"

[adversary]
colluding = 0.1
dropping = {dropping}
"""

TRAINER = """\
import os
source = open({contract!r}).read()
scope = {{}}
exec(source[: source.rindex("main()")], scope)
name = os.environ.get("TACIT_KNOWN", "p00")
def known(job, weight, bias, rows):
    value = 0.0123457 + int(name[1:]) * 0.0011003
    weight[:] = [w + value for w in weight]
    bias[:] = [b + value for b in bias]
    return 1.0
scope["fit"] = known
scope["main"]()
"""


def number(name):
    """What the participant adds to every value of the model: a number of its own."""
    return 0.0123457 + int(name[1:]) * 0.0011003


class Town:
    """A coordinator and its participants, each with a folder of its own."""

    def __init__(self, tacit, folder, plan, count, log="warn"):
        self.tacit, self.folder, self.count = tacit, folder, count
        self.names = [f"p{i:0{len(str(count - 1))}d}" for i in range(count)]
        folder.mkdir(parents=True)
        (folder / "plan.toml").write_text(plan)
        self.call("pki", "init")
        self.call("pki", "issue", "coordinator", "--coordinator", "127.0.0.1")
        for name in self.names:
            self.call("pki", "issue", name)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = open(folder / "coordinator.log", "w")
        self.coordinator = self.start(
            "serve", "plan.toml", "--listen", f"127.0.0.1:{self.port}", "--out", "run",
            output=self.log, TACIT_LOG=log)
        self.members, self.level = {}, log

    def call(self, *words):
        subprocess.run([self.tacit, *words], cwd=self.folder, check=True,
                       stdout=subprocess.DEVNULL)

    def start(self, *words, output, **environment):
        return subprocess.Popen([self.tacit, *words], cwd=self.folder, stdout=output,
                                stderr=subprocess.STDOUT, env={**os.environ, **environment})

    def join(self, *more):
        for i, name in enumerate(self.names):
            output = open(self.folder / f"{name}.log", "w")
            self.members[name] = self.start(
                "join", "--coordinator", f"https://127.0.0.1:{self.port}", "--name", name,
                "--plan", "plan.toml", "--data", "digits", "--part", f"{i}/{self.count}", *more,
                output=output, TACIT_KNOWN=name, TACIT_LOG=self.level)

    def wait_for_all(self):
        """Everybody is enrolled: a private round waits for nobody else."""
        while True:
            texts = [(self.folder / f"{name}.log").read_text() for name in self.names]
            if all("joined" in text for text in texts):
                return
            time.sleep(0.2)

    def history(self):
        path = self.folder / "run" / "history.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    def end(self, within):
        try:
            self.coordinator.wait(within)
        finally:
            for process in self.members.values():
                process.kill()
            self.coordinator.kill()
        return self.coordinator.returncode


def simulate(tacit, folder, plan):
    """Accuracy after each round of the undisturbed plan."""
    folder.mkdir(parents=True)
    (folder / "plan.toml").write_text(plan)
    subprocess.run([tacit, "simulate", "plan.toml", "--out", "run"], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return accuracies([json.loads(line) for line in
                       (folder / "run" / "history.jsonl").read_text().splitlines()])


def accuracies(history):
    return [r["evaluation"]["correct"] / r["evaluation"]["examples"]
            for r in history if r["aborted"] is None]


def leave(town, options):
    """Kills participants at random moments of the first rounds."""
    draw = random.Random(options.seed)
    leaving = draw.sample(town.names, int(options.leaving * len(town.names)))
    for name in leaving:
        time.sleep(4 * draw.random())
        if town.coordinator.poll() is not None:
            break
        town.members[name].send_signal(signal.SIGKILL)
        print(f"  {name} is killed in round {len(town.history()) + 1}")
    return leaving


def storm(options, folder, name, protection):
    """Trains while participants are killed; accuracy of the last rounds."""
    count = options.participants
    plan = PLAN.format(
        protection=protection, noise=NOISE, count=count, rounds=options.rounds,
        dropping=options.leaving, minimum=int(count * (1 - options.leaving)) // 2 + 1 + count // 5,
        timeout=options.timeout)
    calm = simulate(options.tacit, folder / f"calm-{name}", plan)
    town = Town(options.tacit, folder / name, plan, count)
    town.join()
    town.wait_for_all()
    leaving = leave(town, options)
    code = town.end(3600)
    history = town.history()
    aborted = [r["round"] for r in history if r["aborted"]]
    found = accuracies(history)
    mean = lambda xs: sum(xs[-3:]) / len(xs[-3:])
    print(f"{name}: {len(found)} rounds released, {len(aborted)} aborted, {len(leaving)} of {count} "
          f"killed; accuracy of the last three {mean(found):.4f}, undisturbed {mean(calm):.4f}")
    town.call("audit", "verify", "run")
    assert code == 0, code
    assert len(found) >= options.rounds - len(leaving), aborted
    return mean(found)


def storms(options, folder):
    secagg = f'protection = {{ rule = "secagg", stage_timeout_s = {options.timeout} }}'
    hidden = storm(options, folder, "secagg", secagg)
    plain = storm(options, folder, "plain", 'protection = "plain"')
    print("the audit logs verify")
    assert abs(hidden - plain) < 0.1, "it does not learn as in plain view"


def patterns(value, clip, resolution, count):
    """What an update of one repeated number looks like: floats, integers, packed integers."""
    level = round(value / (clip / (2 ** (resolution - 1) - 1)))
    bits = (count * (2 ** resolution - 4)).bit_length()
    shapes = {"floats": struct.pack("<f", value) * 8}
    for at in (level - 1, level, level + 1):
        shapes[f"words of {at}"] = struct.pack("<I", at) * 8
        shapes[f"long words of {at}"] = struct.pack("<Q", at) * 8
        packed = sum(at << (i * bits) for i in range(16))
        shapes[f"{at} packed to {bits} bits"] = packed.to_bytes(2 * bits, "little")
    return shapes


def words(value):
    """How a log line would spell an update."""
    single = struct.pack("<f", value)
    exact = struct.unpack("<f", single)[0]
    return [repr(exact), f"{exact:.8g}", single.hex(), single[::-1].hex()]


def memory(pid):
    """Readable private memory of a process, region by region."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            span, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            start, end = (int(x, 16) for x in span.split("-"))
            try:
                mem.seek(start)
                yield mem.read(end - start)
            except (OSError, ValueError):
                continue


def search(shapes_of, regions):
    """Whose update is there, in which shape."""
    for region in regions:
        for name, shapes in shapes_of.items():
            for shape, bytes_ in shapes.items():
                if bytes_ in region:
                    return f"the update of {name}, as {shape}"
    return None


def known(options, folder, protection):
    """Looks again and again for updates that it knows; what was found where, if anything."""
    count = 12
    plan = KNOWN.format(protection=protection, count=count, minimum=9, dropping=0.2,
                        python=sys.executable)
    town = Town(options.tacit, folder, plan, count, log="trace")
    contract = str(HERE.parent / "pytorch_trainer" / "train_plain.py")
    (town.folder / "known.py").write_text(TRAINER.format(contract=contract))
    shapes = {name: patterns(number(name), 8.0, 24, count) for name in town.names}
    town.join()
    looked, found = 0, None
    while town.coordinator.poll() is None and not found:
        found = search(shapes, memory(town.coordinator.pid))
        found = found and f"memory: {found}"
        files = [p for p in (town.folder / "run").rglob("*") if p.is_file()]
        on_disk = search(shapes, (p.read_bytes() for p in files if p.exists()))
        found = found or (on_disk and f"disk: {on_disk}")
        looked += 1
    assert found or town.end(60) == 0
    town.end(600)
    lines = 0
    for path in town.folder.glob("*.log"):
        text = path.read_text()
        lines += text.count("\n")
        for name in town.names:
            for word in words(number(name)):
                assert word not in text, f"{path.name} tells the update of {name}: {word}"
    print(f"none of {lines} lines of log tells an update")
    return looked, found


def look(options, folder):
    looked, found = known(options, folder / "seen", '"plain"')
    assert found, "the search finds nothing even in plain view: it proves nothing"
    print(f"in plain view the coordinator's {found}, found at look {looked}")
    looked, found = known(options, folder / "hidden", '{ rule = "secagg", stage_timeout_s = 10 }')
    assert not found, f"under secure aggregation the coordinator's {found}"
    print(f"looked {looked} times: neither memory nor disk of the coordinator holds an update")


def main():
    parse = argparse.ArgumentParser(description=__doc__,
                                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--tacit", default=str(HERE.parents[1] / "target" / "release" / "tacit"))
    parse.add_argument("--participants", type=int, default=50)
    parse.add_argument("--leaving", type=float, default=0.3)
    parse.add_argument("--rounds", type=int, default=14)
    parse.add_argument("--timeout", type=int, default=10)
    parse.add_argument("--seed", type=int, default=1)
    options = parse.parse_args()
    options.tacit = str(pathlib.Path(options.tacit).resolve())
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tacit-leaving-"))
    try:
        look(options, folder)
        storms(options, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
