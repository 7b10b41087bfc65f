"""Optimizers, learning-rate updaters and momentum updaters beyond the everyday ones, one a file."""
