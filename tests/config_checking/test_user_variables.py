from __future__ import annotations

import golden
import pytest
from checked_config import GOOD

from core.config.components import Components
from core.config.loader import from_dict
from core.config.report import Report
from core.config.schema import known_keys
from core.config.sections.context import Context


def test_names_of_the_user_are_no_problem(run_config):
    own = "dataset_type = 'Digits'\ndata_root = 'data'\ntrain_pipeline = []\ncheckpoint = 'x'\nlr = 0.1\n"
    config = run_config(GOOD + own)
    assert dict(config.variables) == {
        "dataset_type": "Digits",
        "data_root": "data",
        "train_pipeline": [],
        "checkpoint": "x",
        "lr": 0.1,
    }


def test_a_near_name_that_the_file_reads_is_the_users_own(run_config):
    config = run_config(GOOD + "seeds = 3\ncustom = dict(count=seeds)\n")
    assert config.variables["seeds"] == 3


def test_a_near_name_that_nothing_reads_is_a_slip(report):
    assert report(GOOD + "seeds = 3\n") == (
        "lenet.py: 1 problem\n  lenet.py:16   seeds: unknown key, which nothing reads; did you mean 'seed'?"
    )


def test_a_near_name_is_the_users_own_where_the_known_one_is_there_too(run_config):
    assert run_config(GOOD + "seed = 1\nseeds = 3\n").seed == 1


def test_real_configs_use_no_top_level_name_that_would_pass_for_a_slip():
    names = golden.load("config_frequency")["total"]["top_level_key"]
    own = {name: 1 for name in names if name not in known_keys()}
    assert len(own) > 50
    assert misspelt(from_dict(own)) == {}


def test_a_misspelt_total_is_the_missing_runner(report):
    text = GOOD.replace("runner = dict(type='EpochBasedRunner', max_epochs=6)", "total_epoch = 6")
    assert report(text) == (
        "lenet.py: 1 problem\n"
        "  lenet.py:10   total_epoch: unknown key, which nothing reads; did you mean 'total_epochs'?"
    )


def test_a_slip_beside_the_inherited_section_it_was_meant_for(checked):
    child = "_base_ = 'base.py'\nevaluatoin = dict(interval=3)\nlr_cofnig = dict(policy='poly')\nlog_configs = 3\n"
    assert checked({"child.py": child, "base.py": GOOD}) == [
        "child.py:2 evaluatoin: unknown key, which nothing reads; did you mean 'evaluation'?",
        "child.py:3 lr_cofnig: unknown key, which nothing reads; did you mean 'lr_config'?",
        "child.py:4 log_configs: unknown key, which nothing reads; did you mean 'log_config'?",
    ]


def test_a_slip_in_the_file_that_holds_the_section_too(checked):
    assert checked(GOOD + "lr_cofnig = dict(step=[4])\nmodels = 3\n") == [
        "lenet.py:16 lr_cofnig: unknown key, which nothing reads; did you mean 'lr_config'?"
    ]


def test_a_file_that_holds_both_knows_them_apart_whoever_overrides_one(checked):
    files = {"child.py": "_base_ = 'base.py'\nseed = 3\n", "base.py": GOOD + "seed = 1\nseeds = [1, 2]\n"}
    assert checked(files) == []


def test_a_slip_on_the_command_line(checked):
    assert checked(GOOD, "--cfg-options", "optimzer.lr=0.2", "workflw=[]", "note=x") == [
        "--cfg-options optimzer: unknown key, which nothing reads; did you mean 'optimizer'?",
        "--cfg-options workflw: unknown key, which nothing reads; did you mean 'workflow'?",
    ]


def test_a_name_that_another_file_reads_is_the_users_own(checked):
    child = "_base_ = 'base.py'\nnote = {{ _base_.seeds }}\n"
    assert checked({"child.py": child, "base.py": GOOD + "seeds = [1]\n"}) == []


@pytest.mark.parametrize("key", [key for key in known_keys() if key not in ("model", "data", "optimizer", "runner")])
def test_a_letter_too_few_or_two_that_changed_places_are_slips(key):
    loaded = from_dict({key[:3] + key[4:]: 1})
    assert set(misspelt(loaded)) == set(loaded.data)
    loaded = from_dict({key[:2] + key[3] + key[2] + key[4:]: 1})
    assert set(misspelt(loaded)) == (set(loaded.data) if key[2] != key[3] else set())


def misspelt(loaded):
    report = Report(loaded)
    return Context(loaded.data, report, Components(report)).misspelt()
