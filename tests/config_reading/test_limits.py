"""A config that would fill the memory, or never end, is refused at once, at its line."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from core.config import limits, static_operations
from core.config.loader import load, read_string
from core.errors import ConfigError

DOUBLING = 60  # 2**60 of anything is more than there is


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = 'a' * 10**9\n", 1),
        ("x = (0,) * 10**9\n", 1),
        ("x = 9 ** 9 ** 9\n", 1),
        ("x = 3 ** 9000\n" + "x = x * x\n" * 40, 8),
        ("x = [0]\n" + "x = x + x\n" * DOUBLING, 21),
        ("x = [0]\n" + "x += x\n" * DOUBLING, 21),
        ("x = [0]\n" + "x.extend(x)\n" * DOUBLING, 21),
        ("x = 'ab'\n" + "x = f'{x}{x}'\n" * DOUBLING, 20),
        ("x = list(range(10**9))\n", 1),
        ("x = 'a' * 10**6\ny = ''.join([x] * 1000)\n", 2),
        ("x = 'a' * 10**6\ny = x.replace('a', x)\n", 2),
        ("x = 'a' * 10**6\ny = '{0}{0}{0}'.format(x)\n", 2),
        ("x = '%1000000000d' % 1\n", 1),
        ("x = '%*d' % (10**9, 1)\n", 1),
        ("a = ['x' * 1000] * 1000\nb = [a] * 1000\nc = str(b)\n", 3),
        ("a = ['x' * 1000] * 1000\nb = [a] * 1000\nc = f'{b}'\n", 3),
        ("a = [[0] * 1000] * 1000\nb = [a] * 1000\nc = [[0] * 1000] * 1000\nd = b == [c] * 1000\n", 4),
        ("x = sum([[0] * 10**5] * 10**5, [])\n", 1),
    ],
)
def test_a_result_too_large_is_not_computed(text: str, line: int) -> None:
    start = time.process_time()
    with pytest.raises(ConfigError, match=rf"config\.py:{line} .*the result would be larger than 1,000,000"):
        read_string(text, ".py")
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    "text",
    ["x = '{:9999999}'.format(1)\n", "x = '{:{w}}'.format(1, w=10**9)\n", "w = 10**9\nx = f'{1:{w}}'\n"],
)
def test_a_format_may_not_pad_to_any_width(text: str) -> None:
    with pytest.raises(ConfigError, match=r"format '.*' is too wide"):
        read_string(text, ".py")


@pytest.mark.parametrize(
    "text",
    [
        "x = [0 for a in range(200) for b in range(200)]\n",
        "for a in range(200):\n    for b in range(200):\n        pass\n",
    ],
)
def test_loops_end(text: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(static_operations, "LARGEST", 10_000)
    with pytest.raises(ConfigError, match=r"loops of more than 10,000 rounds"):
        read_string(text, ".py")


def test_numbers_in_a_text_are_no_widths() -> None:
    text = "a = 'epoch_2021_%d.pth' % 5\nb = '{:04d}_20210101'.format(3)\nc = '%5.2f' % 2\n"
    assert read_string(text, ".py").data == {"a": "epoch_2021_5.pth", "b": "0003_20210101", "c": " 2.00"}


LAUGHS = ["a: &a [x, x, x, x, x, x, x, x, x, x]"] + [
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]" for before, name in zip("abcdefghi", "bcdefghij", strict=True)
]


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("c.py", "x = []\nx.append(x)\n", r"c\.py:1 +x: "),
        ("c.py", "a = dict(b=1)\na['c'] = a\n", r"c\.py:1 +a: "),
        ("c.py", "a = [[0] * 700] * 700\nb = [a, a, a]\n", r"c\.py:2 +b: "),
        ("c.py", "a = 1\nfor i in range(5000):\n    a = [a]\n", ""),
        ("c.yaml", "\n".join(LAUGHS), r"c\.yaml:10 +j: "),
        ("c.yaml", "a: &a [*a]\n", ""),
    ],
)
def test_a_config_is_finite(tmp_path: Path, name: str, text: str, place: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=place + r".*(holds itself|nested too deeply)"):
        load(tmp_path / name)


def test_a_child_of_endless_values_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text("a = dict(b=1)\n")
    (tmp_path / "c.py").write_text("_base_ = 'base.py'\na = dict()\na['b'] = [a]\n")
    with pytest.raises(ConfigError, match="holds itself"):
        load(tmp_path / "c.py")
    (tmp_path / "base.py").write_text("a = []\na.append(a)\n")
    (tmp_path / "c.py").write_text("_base_ = 'base.py'\nb = {{ _base_.a }}\n")
    with pytest.raises(ConfigError, match="holds itself"):
        load(tmp_path / "c.py")


def test_shared_values_count_as_often_as_they_occur() -> None:
    inner = [0] * 10
    assert limits.count([inner, inner]) == 1 + 2 * 11
    assert limits.count({"a": "four"}, text=True) == 1 + 4
    assert limits.count("four") == 1
