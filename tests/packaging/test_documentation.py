"""The documentation cannot drift: links lead somewhere, configs load, and everything there is is named."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from reference_page import with_reference

from core.cli.main import build_parser
from core.config.loader import load
from core.config.schema import known_keys
from core.hooks.points import POINTS
from core.plugins.catalog import catalog

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted(
    [*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("plugins/*/*.md"), ROOT / "core/README.md"]
)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
PUBLIC_KEYS = set(known_keys())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert "://" in target or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_configs_load(page: Path, tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text(
        "optimizer = dict(lr=1)\nlr_config = dict(policy='step', step=1)\ntrain_pipeline = []\n"
    )
    (tmp_path / "schedule.yaml").write_text("runner: {type: EpochBasedRunner, max_epochs: 1}\n")
    if "```console" in page.read_text():
        return  # its configs are files of their own names, some of them wrong: the test below repeats the page
    for number, text in enumerate(BLOCK.findall(page.read_text())):
        path = tmp_path / f"block_{number}.py"
        path.write_text(text)
        assert load(path, static=True).data


@pytest.mark.parametrize("name", [page.name for page in PAGES if "```console" in page.read_text()])
def test_commands_answer_as_the_page_says(name: str, tmp_path: Path) -> None:
    copy = tmp_path / name
    shutil.copy(ROOT / "docs" / name, copy)
    script = ROOT / "tests/support/console_page.py"
    subprocess.run([sys.executable, script, copy], check=True)
    assert copy.read_text() == (ROOT / "docs" / name).read_text(), f"python {script} docs/{name} writes it anew"


def test_the_reference_is_what_the_schema_says() -> None:
    page = (ROOT / "docs/config.md").read_text()
    assert with_reference(page) == page, "python tests/support/reference_page.py docs/config.md writes it anew"


def test_every_key_is_described() -> None:
    page = (ROOT / "docs/config.md").read_text()
    assert not [key for key in known_keys() if f"`{key}`" not in page]


def test_every_option_is_named() -> None:
    page = (ROOT / "docs/config.md").read_text()
    actions = build_parser()._subparsers._group_actions[0].choices["run"]._actions
    options = {word for action in actions for word in action.option_strings if word.startswith("--")}
    hidden = {"--help", "--local-rank", "--local_rank"}
    assert not [option for option in options - hidden if option not in page]


def test_every_hook_point_and_group_is_named() -> None:
    hooks, plugins = ((ROOT / f"docs/write-a-{word}.md").read_text() for word in ("hook", "plugin"))
    assert not [point for point in POINTS if f"`{point}" not in hooks]
    groups = {f"hookloom.{offer.registry}" for offer in catalog().offers}
    assert not [group for group in groups if f"`{group}`" not in plugins]


def test_the_readme_names_commands_that_exist() -> None:
    text = (ROOT / "README.md").read_text()
    (setup,) = re.findall(r"^    (python3 -m venv .*)$", text, re.M)
    for part in re.findall(r"\./[\w/]+", setup):
        assert (ROOT / part / "pyproject.toml").is_file()
    assert (ROOT / setup.split()[-1]).is_file()
    assert "    pip install nox && nox\n" in text
    assert "README.md" in (ROOT / ".ci/run").read_text()
