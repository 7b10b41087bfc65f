"""Datasets and loaders from configs."""
