from __future__ import annotations

from checked_config import GOOD

from core.config.schema import known_keys


def test_a_good_config_has_no_problems(report):
    assert report(GOOD) == "lenet.py: no problems"


def test_every_key_of_a_config_is_known():
    assert sorted(known_keys()) == sorted(
        [
            "model",
            "data",
            "optimizer",
            "optimizers",
            "optimizer_config",
            "lr_config",
            "momentum_config",
            "runner",
            "total_epochs",
            "total_iters",
            "workflow",
            "checkpoint_config",
            "log_config",
            "evaluation",
            "custom_hooks",
            "custom_imports",
            "fp16",
            "work_dir",
            "resume_from",
            "load_from",
            "auto_resume",
            "resume",
            "seed",
            "deterministic",
            "log_level",
            "dist_params",
            "find_unused_parameters",
            "cudnn_benchmark",
            "opencv_num_threads",
            "mp_start_method",
            "gpu_ids",
            "exp_name",
            "auto_scale_lr",
            "device",
            "plugins",
        ]
    )


def test_what_shipped_configs_say_is_legal(run_config):
    text = GOOD + (
        "dist_params = dict(backend='nccl', port=29515)\n"
        "log_level = 'INFO'\n"
        "resume_from = None\n"
        "cudnn_benchmark = True\n"
        "opencv_num_threads = 0\n"
        "mp_start_method = 'fork'\n"
        "find_unused_parameters = True\n"
        "gpu_ids = range(0, 1)\n"
        "auto_scale_lr = dict(enable=False, base_batch_size=16)\n"
        "momentum_config = None\n"
        "auto_resume = False\n"
        "work_dir = './work_dirs/xxx'\n"
        "fp16 = dict(loss_scale=dict(init_scale=512))\n"
        "seed = 1\n"
    )
    config = run_config(text)
    assert config.gpu_ids == [0]
    assert config.dist_params == {"backend": "nccl", "port": 29515}
    assert config.auto_scale_lr.base_batch_size == 16
    assert (config.mp_start_method, config.opencv_num_threads) == ("fork", 0)
    assert config.optimizer_config.arguments["loss_scale"] == {"init_scale": 512}
