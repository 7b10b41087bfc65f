"""The sections of a config, each with what it holds and how its table is read."""
