"""The contract of a deep cross-view method: the shared training, with a text encoder in the state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hashbench.contracts.cross_view import CrossViewMethod
from hashbench.training.contract import Batch
from hashbench.training.deep import HEAD_SAMPLE, DeepHashMethod
from hashbench.training.images import spread
from hashbench.training.network import Network


@dataclass(eq=False, repr=False, kw_only=True)
class DeepCrossViewMethod(CrossViewMethod, DeepHashMethod):
    """A backbone with a hash layer for images, and a text encoder, trained by one loss in one loop.

    The text encoder is a module of ``make_state``, which finds all training texts (n, V) float32 in
    ``texts_``. The loss gets the texts of a batch by ``batch_texts``.
    """

    def batch_texts(self, batch: Batch) -> torch.Tensor:
        """The texts (views * b, V) float32 of a batch's images, on their device."""
        return self.texts_[batch.index]

    def _project_text(self, T: torch.Tensor) -> torch.Tensor:
        """Real values (n, n_bits) of texts T (n, V): by default the state is the text encoder."""
        assert self.state_ is not None
        return self.state_.eval()(T)

    def _state(self) -> dict[str, Any]:
        """Without the training data, ``texts_`` and, where a method has them there, ``images_``."""
        state = super()._state()
        return {name: value for name, value in state.items() if name not in ("texts_", "images_")}

    def _fit(  # type: ignore[override]  # fit() of CrossViewMethod always gives texts
        self,
        X: torch.Tensor,
        y: torch.Tensor | None,
        generator: torch.Generator,
        texts: torch.Tensor,
        start: Network | None = None,
        checkpoint: Path | None = None,
    ) -> None:
        """Train. texts: (n, V) float32, row i is of image i, on the device of the images."""
        self.texts_ = texts
        super()._fit(X, y, generator, start=start, checkpoint=checkpoint)


def text_tower(hidden: int, n_outputs: int, texts: torch.Tensor) -> nn.Sequential:
    """From texts (n, V) to values (n, n_outputs): one hidden layer of rectified linear units.

    texts: those of the training, on which the fresh outputs have mean 0 and deviation 1.
    """
    n_words = texts.shape[1]
    return standardised([nn.Linear(n_words, hidden), nn.ReLU()], nn.Linear(hidden, n_outputs), texts)


def standardised(layers: Sequence[nn.Module], last: nn.Linear, texts: torch.Tensor) -> nn.Sequential:
    """The layers and a last one, scaled so that outputs have mean 0 and deviation 1 on ``texts`` (n, V).

    The fresh hash layer of images starts so, too (``Network.with_new_head``).
    """
    network = nn.Sequential(*layers, last).to(texts.device)
    with torch.no_grad():
        deviation, mean = torch.std_mean(network(spread(texts, HEAD_SAMPLE)), dim=0)
        scale = 1 / deviation.clamp_min(1e-6)
        last.weight *= scale[:, None]
        last.bias.copy_((last.bias - mean) * scale)
    return network


def cross_similar(labels: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """(b, n) bool: whether item i of one set shares a class with item j of another.

    labels: (b,) int64 class indices or (b, C) multi-hot; others: the same kind, of n items. All are labelled.
    """
    if labels.ndim == 1:
        return labels[:, None] == others[None, :]
    return labels @ others.T > 0
