# A LeNet on handwritten digits: python -m core.run examples/digits/lenet.py
custom_imports = dict(imports=["examples.digits.digits"])

model = dict(type="LeNet", num_classes=10, width=16)
data = dict(
    samples_per_gpu=64,
    workers_per_gpu=0,
    train=dict(type="Digits", split="train", shift=1),
    val=dict(type="Digits", split="test"),
    test=dict(type="Digits", split="test"),
)

optimizer = dict(type="SGD", lr=0.1, momentum=0.9, weight_decay=1e-4)
optimizer_config = dict(grad_clip=dict(max_norm=5))
lr_config = dict(policy="CosineAnnealing", min_lr=0, warmup="linear", warmup_iters=46, warmup_ratio=0.1)
runner = dict(type="EpochBasedRunner", max_epochs=30)

evaluation = dict(interval=1, metric="accuracy", save_best="auto")
checkpoint_config = dict(interval=5, max_keep_ckpts=2)
log_config = dict(interval=10, hooks=[dict(type="TextLoggerHook"), dict(type="TensorboardLoggerHook")])
seed = 0
