"""Words that stand for classes, and the loss that cosines to them give."""

from __future__ import annotations

import torch
from torch import nn

from hashbench.errors import InvalidInputError


def random_words(n_classes: int, n_bits: int, generator: torch.Generator | None = None) -> torch.Tensor:
    """One random word a class, (n_classes, n_bits) of +-1 float32; one that is taken is drawn again.

    generator: on the CPU; None: torch's own. Raises InvalidInputError where there are fewer words than
    classes.
    """
    if n_bits < 64 and n_classes > 2**n_bits:
        raise InvalidInputError(
            f"n_bits={n_bits} has {2**n_bits} words, too few for {n_classes} classes; raise n_bits"
        )
    words: set[tuple[int, ...]] = set()
    drawn: list[tuple[int, ...]] = []
    while len(drawn) < n_classes:
        word = tuple(torch.randint(0, 2, (n_bits,), generator=generator).tolist())
        if word not in words:
            words.add(word)
            drawn.append(word)
    return torch.tensor(drawn, dtype=torch.float32) * 2 - 1


class Centres(nn.Module):
    """One word a class. words: (C, n_bits) of +-1; an image of several classes gets their majority.

    The bits in which the classes of an image are tied come from one random word (Yuan et al., CVPR 2020).
    It is drawn from torch's own generator.
    """

    words: torch.Tensor
    tie: torch.Tensor

    def __init__(self, words: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("words", words)
        self.register_buffer("tie", random_words(1, words.shape[1])[0])

    def forward(self, members: torch.Tensor) -> torch.Tensor:
        """The centres (b, n_bits), +-1, of images with memberships (b, C) bool."""
        votes = members.to(self.words.dtype) @ self.words
        return torch.where(votes == 0, self.tie, votes.sign())


def mean_of_members(values: torch.Tensor, members: torch.Tensor) -> torch.Tensor:
    """The mean of values (b,) over images that have a class; 0 where none has. members: (b, C) bool."""
    known = members.any(dim=1)
    return (values * known).sum() / known.sum().clamp_min(1)


def cosine_loss(
    similarity: torch.Tensor, members: torch.Tensor, scale: float, margin: float = 0.0
) -> torch.Tensor:
    """Softmax cross-entropy of scale * (similarity - margin at the image's classes), a scalar.

    similarity: (b, C) cosines of images and classes. members: (b, C) bool; the target gives each class of an
    image the same share. The mean over the images that have a class.
    """
    own = members.to(similarity.dtype)
    log_p = torch.log_softmax(scale * (similarity - margin * own), dim=1)
    return mean_of_members(-(own * log_p).sum(dim=1) / own.sum(dim=1).clamp_min(1), members)
