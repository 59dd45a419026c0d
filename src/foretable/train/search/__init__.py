"""Hyperparameters: folds, trials, and the studies that keep them."""
