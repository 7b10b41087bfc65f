"""The JSON Schema of a config, for the components that are installed, and the reference that is written from it."""
