# One epoch with what core alone brings, to see that an installation works.
_base_ = "lenet.py"

runner = dict(max_epochs=1)
log_config = dict(hooks=[dict(type="TextLoggerHook")])
