"""Logger hooks, one module for each tracker."""
