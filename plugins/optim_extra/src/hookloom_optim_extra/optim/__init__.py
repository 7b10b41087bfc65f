"""The optimizers of this package; none of them needs core."""
