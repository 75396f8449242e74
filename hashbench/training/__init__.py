"""The training that every deep method shares: one loop, one recipe, backbones by name."""

from hashbench.training.contract import Batch, Epoch, TrainingData
from hashbench.training.cross_view import DeepCrossViewMethod, cross_similar, standardised, text_tower
from hashbench.training.deep import DeepHashMethod
from hashbench.training.gradients import gradient_norms
from hashbench.training.losses import (
    all_pairs,
    balanced_mean,
    classification_loss,
    cosines,
    log_cosh,
    mean_of_pairs,
    pair_nll,
    same_label,
    straight_through,
)

__all__ = [
    "Batch",
    "DeepCrossViewMethod",
    "DeepHashMethod",
    "Epoch",
    "TrainingData",
    "all_pairs",
    "balanced_mean",
    "classification_loss",
    "cosines",
    "cross_similar",
    "gradient_norms",
    "log_cosh",
    "mean_of_pairs",
    "pair_nll",
    "same_label",
    "standardised",
    "straight_through",
    "text_tower",
]
