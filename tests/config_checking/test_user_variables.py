from __future__ import annotations

import golden
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
    loaded = from_dict(own)
    report = Report(loaded)
    assert Context(loaded.data, report, Components(report)).misspelt() == {}


def test_a_misspelt_total_is_the_missing_runner(report):
    text = GOOD.replace("runner = dict(type='EpochBasedRunner', max_epochs=6)", "total_epoch = 6")
    assert report(text) == (
        "lenet.py: 1 problem\n"
        "  lenet.py:10   total_epoch: unknown key, which nothing reads; did you mean 'total_epochs'?"
    )
