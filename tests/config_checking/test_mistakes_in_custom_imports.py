from __future__ import annotations

from checked_config import GOOD

CHILD = "_base_ = 'base.py'\ncustom_imports = dict(\n    imports={0})\n"
UNKNOWN = "child.py:4 optimizer.type: no optimizer named 'Zigzag'"


def only(lines: list[str], start: str) -> str:
    (found,) = (line for line in lines if line.startswith(start))
    return found.removeprefix(start)


def test_every_module_that_fails_is_named_with_the_line_that_failed(checked):
    files = {
        "child.py": CHILD.format("['own', 'own.models', 'own.modls', 'broken', 'ended', 'early', 'nowhere']"),
        "base.py": GOOD,
        "own/__init__.py": "",
        "own/models.py": "from own import models_v2\nimport nothing_of_that_name\n",
        "own/models_v2.py": "",
        "broken.py": "import os\nclass Net\n    pass\n",
        "ended.py": "import sys\n\nsys.exit('needs a GPU')\n",
        "early.py": "from core import HOKS\n",
    }
    start, said = "child.py:3 custom_imports.imports", "cannot be imported"
    assert checked(files) == [
        f"{start}[1]: module 'own.models' {said}: ModuleNotFoundError: No module named 'nothing_of_that_name'; "
        "own/models.py:2: import nothing_of_that_name",
        f"{start}[2]: module 'own.modls' {said}: ModuleNotFoundError: No module named 'own.modls'; "
        "did you mean 'own.models'?",
        f"{start}[3]: module 'broken' {said}: SyntaxError: expected ':'; broken.py:2: class Net",
        f"{start}[4]: module 'ended' {said}: SystemExit: needs a GPU; ended.py:3: sys.exit('needs a GPU')",
        f"{start}[5]: module 'early' {said}: ImportError: cannot import name 'HOKS' from 'core' "
        f"({core_file()}); did you mean 'HOOKS'?; early.py:1: from core import HOKS",
        f"{start}[6]: module 'nowhere' {said}: ModuleNotFoundError: No module named 'nowhere'",
    ]


def core_file() -> str:
    import core

    return str(core.__file__)


def test_types_that_the_failing_module_may_register_say_so(checked):
    child = CHILD.format("'nowhere'") + "optimizer = dict(_delete_=True, type='Zigzag', lr=0.1)\n"
    lines = checked({"child.py": child, "base.py": GOOD})
    assert only(lines, UNKNOWN).endswith("; module 'nowhere', which cannot be imported, may register it")


def test_a_failure_that_is_allowed_is_a_warning(checked, recwarn):
    child = "_base_ = 'base.py'\ncustom_imports = dict(imports=['nowhere'], allow_failed_imports=True)\n"
    assert checked({"child.py": child, "base.py": GOOD}) == [
        "child.py:2 warning: custom_imports.imports[0]: module 'nowhere' cannot be imported: ModuleNotFoundError: "
        "No module named 'nowhere'"
    ]
    assert len(recwarn) == 0


def test_modules_are_imported_although_another_key_is_wrong(checked):
    code = "from core import OPTIMIZERS\n\n\n@OPTIMIZERS.register_module()\nclass Zigzag:\n"
    code += "    def __init__(self, params, lr): ...\n"
    child = "_base_ = 'base.py'\ncustom_imports = dict(imports=['zigzags'], allow_faild_imports=True)\n"
    child += "optimizer = dict(_delete_=True, type='Zigzag', lr=0.1)\n"
    assert checked({"child.py": child, "base.py": GOOD, "zigzags.py": code}) == [
        "child.py:2 custom_imports.allow_faild_imports: unknown key; did you mean 'allow_failed_imports'?"
    ]


def test_a_section_that_cannot_be_read_is_named_as_a_reason(checked):
    child = CHILD.format("3") + "optimizer = dict(_delete_=True, type='Zigzag', lr=0.1)\n"
    lines = checked({"child.py": child, "base.py": GOOD})
    assert lines[-1] == "child.py:3 custom_imports.imports: expected str or list of str, got int 3"
    assert only(lines, UNKNOWN).endswith("; a module of custom_imports may register it")
