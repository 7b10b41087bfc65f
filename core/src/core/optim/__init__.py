"""Optimizers from configs: torch's own by reflection, parameter groups by rule."""
