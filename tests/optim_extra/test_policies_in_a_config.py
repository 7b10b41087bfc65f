"""The options of the policies are checked before training, each at its place, also inside a sequence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.cli.check import check

CONFIG = """\
model = dict(type='torch.nn.Linear', in_features=1, out_features=1)
data = dict(train=dict(type='torch.utils.data.TensorDataset'))
optimizer = dict(type='SGD', lr=0.1)
runner = dict(type='EpochBasedRunner', max_epochs=12)
lr_config = dict({})
"""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("policy='WSD', decay=0.2, shape='cosine', min_lr=1e-5", ""),
        ("policy='WSD', decay=13", "lr_config.decay: of 13 is longer than the run of 12"),
        ("policy='WSD', decay='0.2'", "lr_config.decay: expected int or float, got str '0.2'; remove the quotes"),
        ("policy='WSD', shape='1sqrt'", "lr_config.shape: must be one of 'linear', 'cosine', '1-sqrt', got '1sqrt'"),
        ("policy='InverseSqrt'", "lr_config: policy 'InverseSqrt' needs 'timescale', which is not given"),
        ("policy='Noam', d_model=0, warmup_steps=2", "lr_config.d_model: must be a positive int, got 0"),
        (
            "policy='LinearToZero', hold=12",
            "lr_config.hold: hold=12 leaves nothing of the run's 12 epochs for the decay",
        ),
        ("policy='LinearToZero', hold=500, by_epoch=False", ""),
        (
            "policy='CosineHold', tail=0.5, hold=6",
            "lr_config.hold: hold=6 + tail=0.5 leaves nothing of the run's 12 epochs for the decay",
        ),
        (
            "policy='CosineHold', tail=12",
            "lr_config.tail: tail=12 leaves nothing of the run's 12 epochs for the decay",
        ),
        (
            "policy='LinearToZero', hold=1.0, by_epoch=False",
            "lr_config.hold: hold=1.0 is the whole run, which leaves nothing for the decay",
        ),
        (
            "policy='Sequential', milestones=[4], policies=[dict(policy='fixed'), dict(policy='step', stp=[3])]",
            "lr_config.policies[1].stp: unknown key; did you mean 'step'?",
        ),
        (
            "policy='Sequential', milestones=[4], policies=[dict(policy='fixed'), dict(policy='expp', gamma=0.9)]",
            "lr_config.policies[1].policy: no LR policy named 'expp'; did you mean 'exp' (hookloom-optim-extra 0.1.0)?",
        ),
        (
            "policy='Sequential', milestones=[4, 12], policies=[dict(policy='fixed')] * 3",
            "lr_config.milestones: [4, 12] leave a policy no time in a run of 12: one begins at 12, the next at 12",
        ),
        (
            "policy='Sequential', milestones=[0.5], policies=[dict(policy='fixed'), dict(policy='WSD', decay=7)]",
            "lr_config.policies: [1] decay: of 7 is longer than the run of 6",
        ),
        (
            "policy='Plateau', monitor='acc'",
            "lr_config.monitor: 'acc' is never measured: there is no evaluation in this run",
        ),
        ("policy='torch', scheduler='StepLR', options=dict(step_size=3)", ""),
        (
            "policy='torch', scheduler='StepLR', options=dict(stepsize=3)",
            "lr_config.options: StepLR takes no 'stepsize'; did you mean 'step_size'?",
        ),
        (
            "policy='torch', scheduler='OneCycleLR', options=dict(max_lr=1, total_steps=9, cycle_momentum=False)",
            "lr_config.options: OneCycleLR has 9 steps and the run 12",
        ),
    ],
)
def test_options(options: str, expected: str, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "net.py"
    path.write_text(CONFIG.format(options))
    code = check(str(path))
    lines = capsys.readouterr().out.splitlines()
    if not expected:
        assert (code, lines) == (0, ["net.py: no problems"])
        return
    assert (code, lines[0]) == (2, "net.py: 1 problem"), lines
    assert lines[1].split(maxsplit=1)[1].startswith(expected)
