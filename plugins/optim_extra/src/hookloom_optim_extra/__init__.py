"""Optimizers, learning-rate updaters and momentum updaters beyond the everyday ones, each in a file of its own."""
