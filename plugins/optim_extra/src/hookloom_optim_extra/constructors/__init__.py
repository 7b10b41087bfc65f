"""Optimizer constructors: which parameters learn how fast, decay how much, or not at all."""
