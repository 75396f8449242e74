"""The training that every deep method shares: one loop, one recipe, backbones by name."""

from hashbench.training.contract import Batch, Epoch, TrainingData
from hashbench.training.cross_view import DeepCrossViewMethod, cross_similar, standardised, text_tower
from hashbench.training.deep import DeepHashMethod
from hashbench.training.gradients import gradient_norms
from hashbench.training.losses import all_pairs, classification_loss, mean_of_pairs, pair_nll, same_label

__all__ = [
    "Batch",
    "DeepCrossViewMethod",
    "DeepHashMethod",
    "Epoch",
    "TrainingData",
    "all_pairs",
    "classification_loss",
    "cross_similar",
    "gradient_norms",
    "mean_of_pairs",
    "pair_nll",
    "same_label",
    "standardised",
    "text_tower",
]
