"""Training hooks beyond the default ones."""
