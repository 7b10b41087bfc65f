"""The LR updaters of this package; a config names them by policy."""
