"""Predicted classes of images and texts, written as codewords (control).

The trivial code of Sablayrolles, Douze, Usunier & Jegou, "How should we evaluate supervised hashing?", ICASSP
2017, for two views: a text gets the codeword of the class that naive Bayes reads from its words, an image
that of the class that a linear classifier reads from its features. A method that is no better than this has
learned to name classes. Naive Bayes: Bernoulli features, a model of McCallum & Nigam, "A comparison of
event models for naive Bayes text classification", AAAI workshop 1998, with add-one smoothing. The classifier
is ridge regression of the classes. The codeword of a class is its row of a Hadamard matrix.
Formula: ours.
Departures from the paper: Hadamard rows instead of a short class number; two views; the classifiers are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from hashbench.contracts.cross_view import CrossViewMethod
from hashbench.numerics import cholesky, codewords, gram, one_hot


@dataclass(eq=False, repr=False, kw_only=True)
class ClassWords(CrossViewMethod):
    """Class prediction as a hash of both views. With several labels, the codeword of the likeliest class.

    ridge: of the image classifier, in units of the features' mean variance.
    """

    supervision: ClassVar = "supervised"
    control: ClassVar = True
    ridge: float = 1.0

    def _fit(
        self,
        X: torch.Tensor,
        y: torch.Tensor | None,
        generator: torch.Generator,
        texts: torch.Tensor | None = None,
    ) -> None:
        assert texts is not None
        assert y is not None
        labels = one_hot(y)
        self.codewords_ = codewords(labels.shape[1], self.n_bits).to(X)
        self.mean_ = X.mean(0)
        centred = X - self.mean_
        root = cholesky(gram(centred, centred), self.ridge, relative=True)
        self.weights_ = torch.cholesky_solve(gram(centred, labels), root).to(X)
        self.bias_ = labels.mean(0)
        sizes = labels.sum(0, keepdim=True)
        chance = (gram(texts, labels).to(X) + 1) / (sizes + 2)  # of each word in each class
        self.word_weights_ = chance.log() - (-chance).log1p()
        self.word_bias_ = (-chance).log1p().sum(0) + ((sizes[0] + 1) / (len(X) + labels.shape[1])).log()

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return self.codewords_[((X - self.mean_) @ self.weights_ + self.bias_).argmax(1)]

    def _project_text(self, T: torch.Tensor) -> torch.Tensor:
        return self.codewords_[(T @ self.word_weights_ + self.word_bias_).argmax(1)]
