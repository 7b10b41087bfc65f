"""The page of LR policies: every policy there is, with an example that can be run and a curve."""

from __future__ import annotations

from pathlib import Path

import policy_pictures
import pytest

from core.plugins.catalog import catalog

EXAMPLES = policy_pictures.examples(policy_pictures.PAGE.read_text())


def test_every_policy_is_on_the_page() -> None:
    assert set(EXAMPLES) == {offer.name for offer in catalog().of("lr_updaters")}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_can_be_run(name: str) -> None:
    assert EXAMPLES[name]["policy"] == name
    if name != "Plateau":
        assert len(policy_pictures.curve(EXAMPLES[name])) == policy_pictures.ITERS


def test_the_picture_shows_them(tmp_path: Path) -> None:
    drawn = policy_pictures.PAGE.with_suffix(".svg").read_text()
    assert not [name for name in EXAMPLES if f">{name}<" not in drawn and name != "Plateau"]
    policy_pictures.draw(tmp_path / "again.svg")
    assert (tmp_path / "again.svg").stat().st_size > 10_000
