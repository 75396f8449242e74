"""The training that every deep method shares: one loop, one recipe, backbones by name."""

from hashbench.training.deep import DeepHashMethod, gradient_norms
from hashbench.training.loop import Batch
from hashbench.training.losses import all_pairs, classification_loss, mean_of_pairs, pair_nll, same_label

__all__ = [
    "Batch",
    "DeepHashMethod",
    "all_pairs",
    "classification_loss",
    "gradient_norms",
    "mean_of_pairs",
    "pair_nll",
    "same_label",
]
