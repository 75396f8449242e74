"""Softmax classifier, its predicted class written as a codeword (control).

Sablayrolles, Douze, Usunier & Jegou, "How should we evaluate supervised hashing?", ICASSP 2017: such a
trivial code beats many supervised hashes where all classes are known. The codeword of a class is its row of a
Hadamard matrix of order n_bits, so that wrong classes are all equally far away.

Formula: ours.
Departures from the paper: Hadamard rows instead of a short class number, so that the code length matches; the
network is pre-trained, then trained for the same budget as every deep method, with softmax cross-entropy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from hashbench.numerics import codewords
from hashbench.training import Batch, DeepHashMethod, classification_loss


@dataclass(eq=False, repr=False, kw_only=True)
class Classifier(DeepHashMethod):
    """Class prediction as a hash. On multi-label images, the codeword of the most probable class."""

    control: ClassVar = True

    def n_outputs(self, n_classes: int) -> int:
        """One logit a class. Raises InvalidInputError where there are fewer codewords than classes."""
        codewords(n_classes, self.n_bits)  # raises before the training, not after it
        return n_classes

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy."""
        return classification_loss(z, batch)

    def readout(self, z: torch.Tensor) -> torch.Tensor:
        """The codeword (b, n_bits), +-1, of each image's predicted class."""
        return codewords(z.shape[1], self.n_bits).to(z)[z.argmax(dim=1)]
