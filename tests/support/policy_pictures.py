"""Draws docs/lr-policies.svg, the curves of the examples in docs/lr-policies.md, when it is run as a script."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from curves import BATCHES, CurveRecorder
from golden_models import Dummy
from runs import make_runner

ITERS = 60
PAGE = Path(__file__).parent.parent.parent / "docs/lr-policies.md"
ROW = re.compile(r"^\| `(\w+)` \|.*\| `(dict\(.*\))` \|$", re.M)


def examples(page: str) -> dict[str, dict[str, Any]]:
    """Return the example of every policy in the tables of the page."""
    return {name: eval(example, {"dict": dict}) for name, example in ROW.findall(page)}


def curve(config: dict[str, Any]) -> list[float]:
    """Return the lr of a run of 60 iterations with the base lr 1; `by_epoch` counts six epochs."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9)
    runner = make_runner({"type": "EpochBasedRunner", "max_epochs": 6}, Dummy(), optimizer)
    recorder = CurveRecorder()
    runner.register_lr_hook(config)
    runner.register_hook(recorder, "LOWEST")
    runner.run([BATCHES[:1] * (ITERS // 6)], [("train", 1)])
    return [row[0] for row in recorder.lr]


def draw(path: Path) -> None:
    import matplotlib
    from matplotlib.figure import Figure

    shown = examples(PAGE.read_text())
    shown.pop("Plateau")  # its curve is that of a metric
    rows = -(-len(shown) // 5)
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "hookloom", "font.size": 9}):
        figure = Figure(figsize=(10, 1.3 * rows), layout="constrained")
        for axis in figure.subplots(rows, 5).flat:
            axis.set_axis_off()
        for axis, (name, config) in zip(figure.axes, shown.items(), strict=False):
            values = curve(config)
            axis.plot([round(value, 5) for value in values], linewidth=1.2)
            axis.set_title(name, fontsize=9, pad=2)
            axis.set_ylim(-0.05 * max(values), 1.1 * max(values))
        figure.savefig(path, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    draw(PAGE.with_suffix(".svg"))
