"""Fitted encoders that one can keep: one file of tensors and a JSON header, loaded without training data."""

from hashbench.encoders.encoder import Encoder
from hashbench.encoders.file import SUFFIX, load_encoder, save_encoder

__all__ = ["SUFFIX", "Encoder", "load_encoder", "save_encoder"]
