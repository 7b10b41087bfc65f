from __future__ import annotations

from checked_config import GOOD


def test_a_good_config_has_no_problems(report):
    assert report(GOOD) == "lenet.py: no problems"
