"""What a Python config means: read, run by us and run by Python, it is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.config import static_reader
from core.config.failure import NeedsExecution
from core.config.loader import load, read_string
from core.errors import ConfigError

SNIPPETS = {
    "displays": """
a = {'x': 1, 2: [3, (4,), ()], **dict(y=5)}
b = [*a, *a.values()]
c = (*range(2), {1, 2})
""",
    "dict calls": """
a = dict(x=1)
b = dict(a, y=2, **dict(z=3))
c = dict([('k', 1)], l=2)
d = dict(zip('ab', [1, 2]))
""",
    "variables keep their objects": """
a = [1]
b = dict(x=a, y=a)
a.append(2)
b['x'].append(3)
c = a
c += [4]
""",
    "changes in place": """
a = dict(k=[1])
b = a['k']
a['k'] += [2]
a |= dict(l=3)
n = 1
n += 2
t = (1,)
t += (2,)
""",
    "items": """
d = dict(a=[0, 1])
d['a'][1] = 5
d['b'] = d['a'][0]
del d['a'][0]
x, (y, z) = 1, (2, 3)
""",
    "numbers": """
a = 7 // 2 + 7 % 4 - 2 ** 3 / 4
b = -a, +a, not a, ~3
c = str(), set(), int(), float('inf')
d = round(2.5), abs(-1), min(1, 2), max([1, 2]), sum([1, 2])
""",
    "comparisons": """
a = 1 < 2 <= 2 != 3
b = 1 in [1], 2 not in [1], None is None
c = 0 or 5
d = 0 and 5
e = 1 if c else 2
""",
    "texts": """
a = 'x' 'y' + 'z' * 2
b = f'{a!r:>8}|{len(a):03d}|{a}'
c = '{}-{k}'.format(1, k=2)
d = '%s_%04d' % ('a', 7)
e = ','.join(['a', 'b']).upper().replace('A', 'c').split(',')
f = 'abc'[1:], 'abc'[-1], 'ab'.startswith('a')
""",
    "slices": """
a = list(range(10))
b = a[2:8:3], a[:-1][0], a[::-1]
c = (1, 2, 3)[1:]
""",
    "comprehensions": """
k = 9
a = [k * 2 for k in range(3) if k]
b = {k: v for k, v in dict(x=1).items()}
c = [(i, j) for i in range(2) for j in range(i)]
d = [i for i, x in enumerate('ab')]
""",
    "statements": """
a = 1
if a > 1:
    b = 1
elif a == 1:
    b = 2
else:
    b = 3
for i in range(3):
    b += i
'text'
pass
c: int = 4
""",
    "methods": """
a = dict(x=1)
b = a.copy()
b.update(y=2, **dict(z=3))
b.update([('w', 4)])
c = b.pop('x'), b.get('q', 0), b.setdefault('r', 5)
l = [3, 1]
l.insert(0, 2)
l.extend([4])
d = l.pop(), l.index(1), l.count(3), sorted(l), list(reversed(l))
""",
    "the system": """
import os
import os.path as osp
a = osp.join('a', 'b.py')
b = os.path.basename(a)
c = os.getenv('NO_SUCH_NAME', 'd')
""",
}


def by_python(text: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(text, names)
    return {name: value for name, value in names.items() if name[:2] != "__" and name not in ("os", "osp")}


@pytest.mark.parametrize("text", SNIPPETS.values(), ids=SNIPPETS)
def test_reading_and_running_give_what_python_gives(text: str, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "c.py").write_text(text)
    expected = by_python(text)
    read = load(tmp_path / "c.py", static=True)
    assert read.data == expected
    assert repr(read.data) == repr(expected)

    def refuse(*arguments: Any) -> Any:
        raise NeedsExecution("nothing is read", 1)

    monkeypatch.setattr(static_reader, "read_static", refuse)
    assert repr(load(tmp_path / "c.py").data) == repr(expected)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a = 1\nfrom math import pi\n", 2, "from math import pi"),
        ("def f():\n    return 1\n", 1, "a function is defined"),
        ("class A:\n    b = 1\n", 1, "a class is defined"),
        ("a = lambda: 1\n", 1, "lambda"),
        ("a = [1, 2]\na[0:1] = [3]\n", 2, "a slice is assigned"),
        ("a = 1\nb = a.real\n", 2, "attribute 'real' is used"),
        ("a = [1]\na *= 2\n", 2, "a container is changed in place"),
        ("a = 'b'.encode()\n", 1, r"\.encode\(\) is called"),
        ("a = dict(type=bytes)\n", 1, "bytes is used as a value"),
        ("a = 1 << 2\n", 1, "operator LShift"),
        ("while False:\n    a = 1\n", 1, "a while loop"),
    ],
)
def test_what_only_running_can_tell_is_run_or_refused(tmp_path: Path, text: str, line: int, what: str) -> None:
    (tmp_path / "c.py").write_text(text)
    load(tmp_path / "c.py")
    with pytest.raises(ConfigError, match=rf"c\.py:{line} .*{what}.*which --static refuses"):
        load(tmp_path / "c.py", static=True)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a = dict(x=1, **dict(x=2))\n", 1, "keyword 'x' is repeated"),
        ("a = dict(**{1: 2})\n", 1, "a keyword must be text, got 1"),
        ("a = dict(**[1])\n", 1, r"'\*\*' takes a dict, got \[1\]"),
        ("b = 1\nif not b:\n    a = dict(x=1,\n             x=2)\n", 3, "keyword 'x' is repeated"),
        ("a = [\n    *5]\n", 1, "TypeError: .* not iterable"),
        ("b = 1\na = [i for i in b]\n", 2, "TypeError: 'int' object is not iterable"),
        ("a, b = 1, 2, 3\n", 1, "2 names for 3 values"),
        ("a = {[1]: 2}\n", 1, "a key cannot be a"),
        ("a = {{ fileDirnam }}\n", 1, "did you mean 'fileDirname'"),
    ],
)
def test_a_mistake_is_no_crash(text: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"config\.py:{line} .*{said}"):
        read_string(text, ".py")


def test_a_repeated_keyword_is_refused_where_a_config_is_run_too() -> None:
    with pytest.raises(ConfigError, match=r"config\.py:2 .*multiple values for keyword argument 'x'"):
        read_string("import math\na = dict(x=1, **dict(x=2))\n", ".py")


def test_plain_dicts_of_a_config_that_is_run_are_merged(tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text('import json\nmodel = json.loads(\'{"a": 1, "l": [{"b": 2}]}\')\n')
    (tmp_path / "c.py").write_text(
        "import json\n_base_ = 'base.py'\nmodel = json.loads('{\"c\": 3}')\nextra = json.loads('{}')\n"
    )
    assert load(tmp_path / "c.py").data == {"model": {"a": 1, "l": [{"b": 2}], "c": 3}, "extra": {}}
    loaded = load(tmp_path / "c.py", overrides={"model.l.0.b": 5})
    assert loaded.data["model"]["l"] == [{"b": 5}]


@pytest.mark.parametrize("value", ["True", "1", "'yes'"])
def test_whatever_is_true_deletes(tmp_path: Path, value: str) -> None:
    (tmp_path / "base.py").write_text("model = dict(a=1)\n")
    (tmp_path / "c.py").write_text(f"_base_ = 'base.py'\nmodel = dict(_delete_={value}, b=2)\n")
    assert load(tmp_path / "c.py").data == {"model": {"b": 2}}


def test_a_delete_that_two_keys_share_works_for_both(tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text("train = dict(a=1)\nval = dict(a=1)\n")
    (tmp_path / "c.py").write_text("_base_ = 'base.py'\nshared = dict(_delete_=True, b=2)\ntrain = val = shared\n")
    loaded = load(tmp_path / "c.py")
    assert loaded.data == {"train": {"b": 2}, "val": {"b": 2}, "shared": {"b": 2}}
    assert [problem.path for problem in loaded.findings] == [("shared", "_delete_")]
