"""The runners: how a training run proceeds."""
