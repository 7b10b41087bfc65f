"""A training script as it was written for MMCV 1.x; the test changes the word `mmcv` in its imports and runs it."""

import argparse
import logging
import os.path as osp

import torch
import torch.nn as nn
from mmcv import Config, DictAction
from mmcv.runner import (
    HOOKS,
    OPTIMIZER_BUILDERS,
    OPTIMIZERS,
    RUNNERS,
    BaseRunner,
    Hook,
    LrUpdaterHook,
    build_optimizer,
    build_runner,
    get_dist_info,
    load_checkpoint,
    set_random_seed,
)
from mmcv.runner.hooks import LoggerHook
from mmcv.utils import Registry, build_from_cfg, get_logger
from torch.utils.data import DataLoader, Dataset

DETECTORS = Registry("detector")


class Points(Dataset):
    """Points on a plane that bends a little."""

    def __init__(self, size, offset=0):
        self.x = torch.arange(offset, offset + 2 * size, dtype=torch.float64).reshape(size, 2).sin()
        self.y = self.x.sum(1, keepdim=True) ** 2

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return dict(img=self.x[index], target=self.y[index])


@DETECTORS.register_module()
class TwoLayers(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.backbone = nn.Linear(2, hidden).double()
        self.head = nn.Linear(hidden, 1).double()

    def forward(self, img, target, return_loss=True):
        errors = (self.head(self.backbone(img).tanh()) - target) ** 2
        return errors.mean() if return_loss else errors

    def train_step(self, data, optimizer):
        loss = self(**data)
        if isinstance(optimizer, dict) and self.training:  # as the models with several optimizers do
            for each in optimizer.values():
                each.zero_grad()
            loss.backward()
            for each in optimizer.values():
                each.step()
        return dict(loss=loss, log_vars=dict(loss=loss.item()), num_samples=len(data["img"]))

    def val_step(self, data, optimizer):
        return self.train_step(data, optimizer)


class DataParallel(nn.Module):
    """What MMDataParallel does on one device."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)

    def train_step(self, *inputs, **kwargs):
        return self.module.train_step(*inputs, **kwargs)

    def val_step(self, *inputs, **kwargs):
        return self.module.val_step(*inputs, **kwargs)


@OPTIMIZERS.register_module()
class Nudge(torch.optim.SGD):
    """SGD under a name of its own."""


@OPTIMIZER_BUILDERS.register_module()
class HeadFaster:
    def __init__(self, optimizer_cfg, paramwise_cfg=None):
        self.optimizer_cfg = optimizer_cfg
        self.factor = (paramwise_cfg or {}).get("head_lr_mult", 1)

    def __call__(self, model):
        if hasattr(model, "module"):
            model = model.module
        cfg = self.optimizer_cfg.copy()
        cfg["params"] = [
            dict(params=list(model.backbone.parameters())),
            dict(params=list(model.head.parameters()), lr=cfg["lr"] * self.factor),
        ]
        return build_from_cfg(cfg, OPTIMIZERS)


@HOOKS.register_module()
class HalvingLrUpdaterHook(LrUpdaterHook):
    def __init__(self, every, **kwargs):
        self.every = every
        super().__init__(**kwargs)

    def get_lr(self, runner, base_lr):
        progress = runner.epoch if self.by_epoch else runner.iter
        return base_lr * 0.5 ** (progress // self.every)


@HOOKS.register_module()
class Records(Hook):
    """A hook with a plain `__init__`, which calls nobody else's."""

    def __init__(self, name):
        self.lines = []
        self.name = name

    def before_run(self, runner):
        self.path = osp.join(runner.work_dir, self.name)

    def after_train_iter(self, runner):
        lr = runner.current_lr()
        lr = lr["backbone"] if isinstance(lr, dict) else lr
        loss = runner.outputs["loss"].item()
        self.lines.append(f"train {runner.epoch} {runner.iter} {runner.inner_iter} {lr!r} {loss!r}")

    def after_val_epoch(self, runner):
        runner.log_buffer.average()
        self.lines.append(f"val {runner.epoch} {runner.log_buffer.output['loss']!r}")

    def after_train_epoch(self, runner):
        if self.every_n_epochs(runner, 2):
            self.lines.append(f"two epochs, last: {self.is_last_epoch(runner)}")

    def before_warm_start(self, runner):
        self.lines.append(f"warm start at {runner.iter}")

    def after_run(self, runner):
        with open(self.path, "a") as f:
            f.write("\n".join(self.lines) + "\n")


class PrintsMean(LoggerHook):
    def log(self, runner):
        runner.logger.info("mean loss %.6f of %s", runner.log_buffer.output["loss"], self.get_mode(runner))


@RUNNERS.register_module()
class WarmStartRunner(BaseRunner):
    """Trains on the first batch alone before it begins, and tells hooks so at a point of its own."""

    def train(self, data_loader, **kwargs):
        self.model.train()
        self.mode = "train"
        self.data_loader = data_loader
        self._max_iters = self._max_epochs * len(data_loader)
        self.call_hook("before_train_epoch")
        for i, data_batch in enumerate(data_loader):
            self._inner_iter = i
            self.call_hook("before_train_iter")
            self.run_iter(data_batch, train_mode=True)
            self.call_hook("after_train_iter")
            self._iter += 1
        self.call_hook("after_train_epoch")
        self._epoch += 1

    @torch.no_grad()
    def val(self, data_loader, **kwargs):
        self.model.eval()
        self.mode = "val"
        self.call_hook("before_val_epoch")
        for i, data_batch in enumerate(data_loader):
            self._inner_iter = i
            self.call_hook("before_val_iter")
            self.run_iter(data_batch, train_mode=False)
            self.call_hook("after_val_iter")
        self.call_hook("after_val_epoch")

    def run_iter(self, data_batch, train_mode, **kwargs):
        step = self.model.train_step if train_mode else self.model.val_step
        self.outputs = step(data_batch, self.optimizer, **kwargs)
        self.log_buffer.update(self.outputs["log_vars"], self.outputs["num_samples"])

    def run(self, data_loaders, workflow, **kwargs):
        self.call_hook("before_run")
        self.call_hook("before_warm_start")
        while self.epoch < self._max_epochs:
            for (mode, epochs), loader in zip(workflow, data_loaders):
                for _ in range(epochs):
                    if mode == "train" and self.epoch >= self._max_epochs:
                        break
                    getattr(self, mode)(loader)
        self.call_hook("after_run")

    def save_checkpoint(self, out_dir, filename_tmpl="epoch_{}.pth", **kwargs):
        torch.save(dict(state_dict=self.model.state_dict()), osp.join(out_dir, filename_tmpl.format(self.epoch + 1)))


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("config")
    parser.add_argument("--work-dir", required=True)
    parser.add_argument("--resume-from")
    parser.add_argument("--parallel", action="store_true")
    parser.add_argument("--cfg-options", nargs="+", action=DictAction)
    return parser.parse_args()


def main():
    args = parse_args()
    cfg = Config.fromfile(args.config)
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    rank, world_size = get_dist_info()
    assert (rank, world_size) == (0, 1)
    set_random_seed(cfg.seed, deterministic=False)
    logger = get_logger("script", log_file=osp.join(args.work_dir, "script.log"), log_level=logging.INFO)

    model = build_from_cfg(cfg.model, DETECTORS)
    if args.parallel:
        model = DataParallel(model)
    if "type" in cfg.optimizer:
        optimizer = build_optimizer(model, cfg.optimizer)
    else:
        parts = getattr(model, "module", model)
        optimizer = {name: build_optimizer(getattr(parts, name), one) for name, one in cfg.optimizer.items()}
    runner = build_runner(
        cfg.runner,
        default_args=dict(
            model=model,
            optimizer=optimizer,
            work_dir=args.work_dir,
            logger=logger,
            meta=dict(seed=cfg.seed, exp_name="script"),
        ),
    )
    runner.register_training_hooks(
        cfg.lr_config,
        cfg.get("optimizer_config", None),
        cfg.get("checkpoint_config", None),
        cfg.get("log_config", None),
    )
    runner.register_hook(build_from_cfg(dict(type="Records", name="records.txt"), HOOKS), priority="VERY_LOW")
    runner.register_hook(PrintsMean(interval=2), priority=95)
    if args.resume_from:
        runner.resume(args.resume_from)
    loaders = [DataLoader(Points(10), batch_size=4), DataLoader(Points(4, offset=50), batch_size=4)]
    runner.run(loaders, [("train", 1), ("val", 1)])

    if cfg.get("checkpoint_config"):
        again = build_from_cfg(cfg.model, DETECTORS)
        load_checkpoint(again, osp.join(args.work_dir, "latest.pth"), map_location="cpu", strict=True)
        ours = model.module if args.parallel else model
        assert all(torch.equal(a, b) for a, b in zip(again.state_dict().values(), ours.state_dict().values()))
    torch.save((model.module if args.parallel else model).state_dict(), osp.join(args.work_dir, "final.pth"))


if __name__ == "__main__":
    main()
