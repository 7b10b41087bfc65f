from __future__ import annotations

from typing import Any

import pytest
from checked_config import GOOD, Digits, Net

from core.config.converter import check
from core.config.loader import from_dict
from core.errors import ConfigError
from core.hooks.base import Hook
from core.registries import HOOKS, OPTIMIZER_BUILDERS, PIPELINES

ITER = GOOD.replace("type='EpochBasedRunner', max_epochs=6", "type='IterBasedRunner', max_iters=60")


def without(*keys: str) -> str:
    """Return the good config without some one-line sections."""
    return "\n".join(line for line in GOOD.splitlines() if line.partition(" = ")[0] not in keys) + "\n"


class Notes(Hook):
    def __init__(self, text: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = text


@pytest.fixture(autouse=True)
def notes() -> None:
    HOOKS.register_module(module=Notes)


def test_sections_become_recipes_and_nothing_is_built(run_config):
    config = run_config(GOOD)
    assert config.model.component.target is Net
    assert [recipe.component.target for recipe in config.data.train] == [Digits]
    assert config.data.val[0].arguments == {"train": False}
    assert config.data.loader("train") == {"samples_per_gpu": 4, "workers_per_gpu": 0}
    assert config.optimizer.recipe.arguments == {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4}
    assert config.optimizer.constructor.component.name == "DefaultOptimizerConstructor"
    assert config.lr_config.priority == "VERY_HIGH"
    assert config.optimizer_config.priority == "ABOVE_NORMAL"
    assert config.checkpoint_config.arguments == {"interval": 1}
    assert [hook.arguments for hook in config.log_config.hooks] == [{"interval": 10}]
    assert config.evaluation.arguments == {"interval": 1, "metric": "accuracy", "save_best": "accuracy"}
    assert (config.runner.kind, config.runner.length) == ("epoch", 6)
    assert config.workflow == [("train", 1)]


def test_sections_of_an_iteration_runner_count_iterations(run_config):
    config = run_config(ITER)
    assert (config.runner.kind, config.runner.length) == ("iter", 60)
    sections = [config.lr_config, config.checkpoint_config, config.evaluation, *config.log_config.hooks]
    assert [section.arguments["by_epoch"] for section in sections] == [False] * 4


def test_what_a_section_says_itself_wins(loaded):
    text = ITER.replace("checkpoint_config = dict(", "checkpoint_config = dict(by_epoch=True, ")
    config, warnings = check(loaded(text))
    assert config.checkpoint_config.arguments == {"interval": 1, "by_epoch": True}
    assert [(warning.path, warning.severity, warning.message) for warning in warnings] == [
        (
            ("checkpoint_config", "by_epoch"),
            "warning",
            "CheckpointHook goes by epochs, which an iteration runner does not count",
        )
    ]


@pytest.mark.parametrize(
    ("key", "type_", "length"),
    [("total_epochs", "EpochBasedRunner", "max_epochs"), ("total_iters", "IterBasedRunner", "max_iters")],
)
def test_a_total_stands_for_the_runner(run_config, key, type_, length):
    config = run_config(without("runner") + f"{key} = 12\n")
    assert config.runner.recipe.component.name == type_
    assert config.runner.recipe.arguments == {length: 12}


def test_a_total_may_repeat_what_the_runner_says(run_config):
    assert run_config(GOOD + "total_epochs = 6\n").runner.max_epochs == 6


def test_optimizers_is_another_name_of_optimizer(run_config):
    text = GOOD.replace("optimizer = dict(", "optimizers = dict(")
    assert run_config(text).optimizer.recipe.arguments["lr"] == 0.1


def test_several_optimizers_have_names_and_the_model_steps_them(run_config):
    text = (
        without("optimizer", "optimizer_config", "lr_config")
        + "optimizer = dict(\n"
        + "    generator=dict(type='Adam', lr=1e-4, betas=[0.5, 0.999]),\n"
        + "    discriminator=dict(type='SGD', lr=1))\n"
    )
    config = run_config(text)
    assert config.optimizer.several
    assert {name: one.arguments for name, one in config.optimizer.recipe.items()} == {
        "generator": {"lr": 1e-4, "betas": [0.5, 0.999]},
        "discriminator": {"lr": 1},
    }
    assert config.optimizer_config is None


def test_the_plain_hook_steps_a_single_optimizer_where_nothing_is_said(run_config):
    assert run_config(without("optimizer_config")).optimizer_config.component.name == "OptimizerHook"
    assert run_config(without("optimizer_config") + "optimizer_config = None\n").optimizer_config is None


@pytest.mark.parametrize("table", ["dict()", "{}"])
def test_fp16_makes_the_optimizer_hook_a_mixed_one(run_config, table):
    config = run_config(GOOD + f"fp16 = {table}\n")
    assert config.optimizer_config.component.name == "Fp16OptimizerHook"
    assert config.optimizer_config.arguments["grad_clip"].max_norm == 35.0
    assert config.fp16 == {}


def test_fp16_goes_with_accumulation(run_config):
    text = GOOD.replace("grad_clip=dict(max_norm=35)", "type='GradientCumulativeOptimizerHook', cumulative_iters=4")
    config = run_config(text + "fp16 = dict(loss_scale=512)\n")
    assert config.optimizer_config.component.name == "GradientCumulativeFp16OptimizerHook"
    assert config.optimizer_config.arguments == {"cumulative_iters": 4, "loss_scale": 512.0}


@pytest.mark.parametrize("hooks", ["dict(type='Notes', text='x')", "[dict(type='Notes', text='x')]"])
def test_custom_hooks_are_a_list_or_one(run_config, hooks):
    config = run_config(GOOD + f"custom_hooks = {hooks}\n")
    assert [(hook.component.target, hook.arguments, hook.priority) for hook in config.custom_hooks] == [
        (Notes, {"text": "x"}, "NORMAL")
    ]


def test_a_custom_hook_has_its_own_priority(run_config):
    config = run_config(GOOD + "custom_hooks = [dict(type='Notes', priority=48)]\n")
    assert (config.custom_hooks[0].priority, dict(config.custom_hooks[0].arguments)) == (48, {})


def test_a_recipe_builds_once_the_run_asks_for_it(run_config):
    built = run_config(GOOD + "custom_hooks = [dict(type='Notes', text='x')]\n").custom_hooks[0].build()
    assert isinstance(built, Notes)
    assert built.text == "x"


def test_what_a_recipe_builds_may_change_what_it_was_given(run_config):
    @HOOKS.register_module()
    class Greedy(Hook):
        def __init__(self, words: list[list[str]]) -> None:
            words[0].clear()

    recipe = run_config(GOOD + "custom_hooks = [dict(type='Greedy', words=[['a']])]\n").custom_hooks[0]
    recipe.build()
    assert recipe.arguments == {"words": [["a"]]}


def test_a_failure_to_build_says_of_what(run_config):
    recipe = run_config(GOOD + "custom_hooks = [dict(type='Notes', text='x')]\n").custom_hooks[0]
    with pytest.raises(TypeError) as caught:
        recipe.build(colour="red")
    assert caught.value.__notes__ == [f"while building 'Notes' ({__name__})"]
    assert recipe.having(text="y", colour="red").arguments == {"text": "x", "colour": "red"}


def test_another_constructor_owns_paramwise_cfg_and_takes_any_key(run_config):
    @OPTIMIZER_BUILDERS.register_module()
    class LayerDecay:
        def __init__(self, optimizer_cfg: dict[str, Any], paramwise_cfg: dict[str, Any] | None = None) -> None:
            raise SystemExit("a constructor was built")

    extra = "constructor='LayerDecay', layer_decay=0.9, paramwise_cfg=dict(num_layers=12, decay_rate=0.9), "
    config = run_config(GOOD.replace("type='SGD', ", f"type='SGD', {extra}"))
    assert config.optimizer.constructor.component.target is LayerDecay
    assert config.optimizer.raw["paramwise_cfg"] == {"num_layers": 12, "decay_rate": 0.9}


def test_a_constructor_registered_in_place_of_the_default_one_owns_them_too(run_config):
    @OPTIMIZER_BUILDERS.register_module(force=True)
    class DefaultOptimizerConstructor:
        def __init__(self, optimizer_cfg: dict[str, Any], paramwise_cfg: dict[str, Any] | None = None) -> None:
            raise SystemExit("a constructor was built")

    extra = r"paramwise_options={'\\Ahead.': dict(lr_mult=10)}, paramwise_cfg=dict(num_layers=12), "
    config = run_config(GOOD.replace("type='SGD', ", f"type='SGD', {extra}"))
    assert config.optimizer.constructor.component.target is DefaultOptimizerConstructor
    assert config.optimizer.raw["paramwise_options"] == {"\\Ahead.": {"lr_mult": 10}}


def test_a_list_of_training_sets_is_kept_as_one(run_config):
    text = GOOD.replace("train=dict(type='Digits')", "train=[dict(type='Digits'), dict(type='Digits', root='b')]")
    assert [recipe.arguments for recipe in run_config(text).data.train] == [{}, {"root": "b"}]


def test_loader_options_of_a_split_go_before_those_of_all(run_config):
    text = GOOD.replace("workers_per_gpu=0,", "workers_per_gpu=0, val_dataloader=dict(samples_per_gpu=9),")
    data = run_config(text).data
    assert data.loader("val") == {"samples_per_gpu": 9, "workers_per_gpu": 0}
    assert (data.samples_per_gpu, data.workers_per_gpu) == (4, 0)


def test_data_val_is_evaluated_where_no_section_says_so(run_config):
    config = run_config(without("evaluation"))
    assert config.evaluation.component.name == "EvalHook"
    assert dict(config.evaluation.arguments) == {}
    assert run_config(without("evaluation") + "evaluation = None\n").evaluation is None


def test_options_of_the_distributed_hook_are_kept_from_the_other(run_config):
    config = run_config(GOOD.replace("metric='accuracy'", "metric='accuracy', gpu_collect=True"))
    assert "gpu_collect" not in config.evaluation.arguments
    assert config.dist_evaluation.component.name == "DistEvalHook"
    assert config.dist_evaluation.arguments["gpu_collect"] is True


def test_checkpoint_options_for_the_runner_pass_through(run_config):
    text = GOOD.replace("checkpoint_config = dict(", "checkpoint_config = dict(filename_tmpl='e{}.pth', ")
    assert run_config(text).checkpoint_config.arguments["filename_tmpl"] == "e{}.pth"


def test_nested_tables_are_checked_where_the_key_says_what_they_are(report):
    @PIPELINES.register_module()
    class Collect:
        def __init__(self, keys: list[str]) -> None:
            raise SystemExit("a pipeline step was built")

    steps = "pipeline=[dict(type='Collect', keys=['img']), dict(type='Colletct')]"
    text = GOOD.replace("train=dict(type='Digits')", f"train=dict(type='Digits', {steps})")
    assert report(text) == (
        "lenet.py: 1 problem\n  lenet.py:5   data.train.pipeline[1].type: no pipeline step named 'Colletct'; "
        f"did you mean 'Collect' ({__name__})?"
    )


def test_steps_that_nobody_has_registered_are_built_in_a_way_of_their_own(run_config):
    text = GOOD.replace("train=dict(type='Digits')", "train=dict(type='Digits', pipeline=[dict(type='Mine')])")
    assert run_config(text).data.train[0].arguments == {"pipeline": [{"type": "Mine"}]}


def test_a_hook_with_a_misspelt_point_is_refused(report):
    @HOOKS.register_module()
    class Early:
        def before_trian_iter(self, runner: Any) -> None:
            raise SystemExit("a hook ran")

    assert report(GOOD + "custom_hooks = [dict(type='Early')]\n") == (
        "lenet.py: 1 problem\n  lenet.py:16   custom_hooks[0].type: Early.before_trian_iter is no hook point "
        "and would never run; did you mean 'before_train_iter'?"
    )


def test_a_test_needs_neither_optimizer_nor_runner(loaded):
    text = "model = dict(type='Net')\ndata = dict(test=dict(type='Digits'))\n"
    config, _ = check(loaded(text), training=False)
    assert config.data.test[0].component.target is Digits
    with pytest.raises(ConfigError) as caught:
        check(loaded(text.replace("test=", "val=")), training=False)
    assert [problem.message for problem in caught.value.problems] == [
        "there is nothing to test on: data.test is not given"
    ]


def test_an_empty_config_names_everything_that_is_missing():
    with pytest.raises(ConfigError) as caught:
        check(from_dict({}))
    assert str(caught.value) == (
        "config: 4 problems\n"
        "  required key 'runner' is missing: the length of the run is not known\n"
        "  required key 'data' is missing\n"
        "  required key 'model' is missing\n"
        "  required key 'optimizer' is missing"
    )


def test_strict_raises_warnings_to_errors(loaded):
    config = loaded(GOOD.replace("step=[3, 5]", "step=[3, 6]"))
    assert len(check(config)[1]) == 1
    with pytest.raises(ConfigError) as caught:
        check(config, strict=True)
    assert caught.value.exit_code == 2
    assert str(caught.value) == (
        "lenet.py: 1 problem\n  lenet.py:9   lr_config.step[1]: step 6 is never reached: the run ends after 6 epochs"
    )


def test_switched_off_plugins_are_not_used(report):
    text = GOOD.replace("type='TextLoggerHook'", "type='TensorboardLoggerHook'") + "plugins = dict(allow=[])\n"
    assert "hookloom-loggers" in report(text)
    assert "which the plugin switches leave out" in report(text)


def test_yaml_reads_a_number_without_a_point_as_text(report):
    text = (
        "model: {type: Net}\n"
        "data: {train: {type: Digits}}\n"
        "optimizer:\n"
        "  type: SGD\n"
        "  lr: 1e-3\n"
        "runner: {type: EpochBasedRunner, max_epochs: 2}\n"
    )
    assert report({"lenet.yaml": text}) == (
        "lenet.yaml: 1 problem\n  lenet.yaml:5   optimizer.lr: expected float, got str '1e-3'; "
        "YAML reads 1e-3 as text, write 1.0e-3"
    )


def test_momentum_of_an_optimizer_without_any(report):
    text = without("optimizer") + "optimizer = dict(type='Adagrad', lr=0.1)\n"
    text += "momentum_config = dict(policy='cyclic', target_ratio=(0.9, 1))\n"
    assert "momentum_config: Adagrad has neither momentum nor betas to update" in report(text)


def test_a_hook_that_is_built_already_is_taken_as_it_is():
    hook = Notes("x")
    config, _ = check(
        from_dict(
            {
                "model": {"type": Net},
                "data": {"train": {"type": Digits}},
                "optimizer": {"type": "SGD", "lr": 0.1},
                "runner": {"type": "EpochBasedRunner", "max_epochs": 1},
                "custom_hooks": [hook],
            }
        )
    )
    assert config.custom_hooks[0].build() is hook
    assert config.custom_hooks[0].name == "Notes"


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("samples_per_gpu=0", "data.train_dataloader.samples_per_gpu: must be at least 1, got 0"),
        ("workers_per_gpu=-1", "data.train_dataloader.workers_per_gpu: must be at least 0, got -1"),
        ("bucket=1", "warning: data.train_dataloader.bucket: unknown key, handed on to the loader"),
    ],
)
def test_options_of_a_loader_are_checked(report, option, expected):
    text = report(GOOD.replace("samples_per_gpu=4,", f"train_dataloader=dict({option}),"))
    assert text.splitlines()[1] == f"  lenet.py:3   {expected}"
