"""What a start costs: the command line without torch, and a run up to its first iteration against a bare script.

CPU seconds and peak memory of whole processes, in turns, medians over the rounds. The run has the text logger
only and is timed inside the process, at the first `after_train_iter`; the bare script trains the same model on
the same data.

    python benchmarks/cold_start.py [--rounds 7]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

JOB = """
import torch

class Data(torch.utils.data.Dataset):
    def __len__(self):
        return 64

    def __getitem__(self, index):
        return torch.ones(8) * index, torch.ones(1)

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(8, 1)

    def forward(self, x, y):
        return torch.nn.functional.mse_loss(self.fc(x), y)
"""
SAY = """
def say():
    import json, resource, time
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([time.process_time(), peak]), flush=True)
"""
BARE = """
import torch
from job import Data, Model
from say import say

model = Model()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for x, y in torch.utils.data.DataLoader(Data(), batch_size=8, shuffle=True):
    loss = model(x, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    say()
    break
"""
HOOK = """
from say import say

class Stop:
    def after_train_iter(self, runner):
        say()
        import os
        os._exit(0)
"""
CONFIG = """
model = dict(type='job.Model')
data = dict(samples_per_gpu=8, train=dict(type='job.Data'))
optimizer = dict(type='SGD', lr=0.01)
optimizer_config = dict(grad_clip=None)
lr_config = dict(policy='step', step=[1])
runner = dict(type='EpochBasedRunner', max_epochs=1)
log_config = dict(interval=1, hooks=[dict(type='TextLoggerHook')])
custom_hooks = [dict(type='hook.Stop', priority='LOWEST')]
"""


def measure(folder: str, *arguments: str) -> list[float]:
    """Run a process that says its CPU seconds and peak memory; return both."""
    # Installed packages have their bytecode beside them; an environment that forbids it would measure the compiler.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    seconds, megabytes = json.loads(done.stdout.splitlines()[-1])
    return [seconds, megabytes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    after = "; import json, resource, time; print(); print(json.dumps([time.process_time(), 0]))"
    call = "import sys; from core.cli.main import main; main({})" + after
    commands = {
        "import core": ("-c", "import core" + after),
        "--help": ("-c", call.format(["--help"])),
        "plugins list": ("-c", call.format(["plugins", "list"])),
        "bare script, first iteration": ("bare.py",),
        "run, first iteration": ("-m", "core.run", "config.py", "--work-dir", "run"),
    }
    texts = {"job.py": JOB, "say.py": SAY, "bare.py": BARE, "hook.py": HOOK, "config.py": CONFIG}
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            Path(folder, name).write_text(text)
        for arguments in commands.values():
            measure(folder, *arguments)  # compiles the modules
        found = {name: [] for name in commands}
        for _ in range(rounds):
            for name, arguments in commands.items():
                found[name].append(measure(folder, *arguments))
    print(f"CPU seconds from process start, median [least, most] of {rounds} rounds in turns; peak memory in MB")
    for name, values in found.items():
        seconds = [value[0] for value in values]
        peak = statistics.median(value[1] for value in values)
        spread = f"{statistics.median(seconds):6.3f}  [{min(seconds):.3f}, {max(seconds):.3f}]"
        print(f"  {name:30} {spread}" + (f"  {peak:7.1f} MB" if peak else "   to reach: at most 0.35"))
    bare, run = found["bare script, first iteration"], found["run, first iteration"]
    more = statistics.median(one[0] - other[0] for one, other in zip(run, bare, strict=True))
    memory = statistics.median(one[1] - other[1] for one, other in zip(run, bare, strict=True))
    print(f"  run over bare script           {more:6.3f} s, to reach: at most 0.3; {memory:.1f} MB, at most 20")


if __name__ == "__main__":
    main()
