# The same training counted in iterations: 23 of them are an epoch.
_base_ = "lenet.py"

runner = dict(_delete_=True, type="IterBasedRunner", max_iters=690)
evaluation = dict(interval=23)
checkpoint_config = dict(interval=115)
