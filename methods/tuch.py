"""Turning cross-view hashing into single-view hashing with generative adversarial nets (TUCH).

Zhao, Ding, Guo, Han & Gao, "TUCH: Turning cross-view hashing into single-view hashing via generative
adversarial nets", IJCAI 2017.

Its abstract and first page fix: a language model T (text to embedding t), a generator G (noise and t to an
image), a conditional discriminator D, an image network H whose discrete layer gives bits, through which the
loss is computed; triples of a text with a real image x of its kind, a generated one x~ and a real one x^ of
another kind; all parts trained jointly. A text's code is that of the image generated from it: cross-view
search becomes search among images.

Reconstructed here. D is trained with the matching-aware loss of Reed et al., ICML 2016
(``discriminator_loss``). With bits b in {-1, 1}^K of real and generated images, where a generated image has
the labels of its text, and D(i, j) = (K - <b_i, b_j>) / 2 their Hamming distance,
L_H = mean over pairs of [softplus(Theta_ij) - S_ij Theta_ij], Theta = <b_i, b_j> / 2,
L_T = mean over texts of max(0, K / 2 + D(x~, x) - D(x~, x^));
H is trained with L_H of real images + quantization mean (|u| - 1)^2 of its outputs u;
G and T with BCE(D(x~, t), 1) + mu (L_H + (ranking / K) L_T + quantization mean (|u| - 1)^2) +
reconstruction |x~ - x|, where x is the text's own image and |.| the mean over pixels in [-1, 1] (Isola, Zhu,
Zhou & Efros, "Image-to-image translation with conditional adversarial networks", CVPR 2017; the weight 100 is
theirs). Without this last term G ignored its texts within the suite's budget: on digits all images looked
alike, and text->image was at chance. The gradient of a bit is passed to the output u where |u| <= 1 (straight
through). Until ``warm_up`` of the training is done, the weight mu is 0.

Formula: in the paper's text (abstract and first page; the rest is reconstructed).
Departures from the paper: unknown beyond what is said above. Ours are all formulas, layers and weights, and:
- The draw of |u| to 1. Without it H was lost on CIFAR-10, with no generated image in play: outputs shrank to
  about 0.2, where a step turns bits over. On 1,000 images held out of the training part, image->image of 12
  bits was 0.13 (H, 8 epochs) or 0.21 (hash layer alone), with weight 1 0.55 (6 epochs) or 0.58; weights 0.1,
  0.5 and 3 gave 0.42, 0.58, 0.58 (hash layer alone).
- All parts take their step together, by the suite's AdamW. G and T get no gradient from D's loss, D none
  from G's, where its parameters are held fixed. Layers of T, G and D are scaled so that one rate suits them,
  and learn ``speed`` times faster than the recipe's (``hashbench.training.generation``).
- D and G see the real images as they are; H sees them augmented.
- Generated images pass H with the batch normalisation of real ones, as at test; a step with both would
  otherwise mix their statistics. H does not learn from them. It starts from the suite's pre-trained backbone,
  in place of 20 epochs on real images.
- The wrong text of an image stands for the irrelevant image of a text: D sees the same kinds of pairs.
- After the training, batch normalisation of T and G gets the statistics of the averaged weights anew.
- ``mu`` and ``speed``, chosen on the same held-out images, with H fixed: text->image of 12 bits after 200
  steps of 32 texts is 0.33, and 0.43 with six times the rate; with mu = 1 to 30 and a pixel weight of 10, so
  that D's gradient weighs more, 0.14 to 0.19 (six times: 0.18). Without D: 0.38, and 0.50 (tanh for bits).
- The other weights and the un-augmented images were chosen by query scores on digits.
- At test the noise is 0, or a text's bits are the majority over images of ``votes`` fixed noises.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn
from torch.optim.swa_utils import update_bn

from hashbench.contracts.method import batches_on
from hashbench.errors import InvalidInputError
from hashbench.training import (
    Batch,
    DeepCrossViewMethod,
    Epoch,
    TrainingData,
    all_pairs,
    mean_of_pairs,
    pair_nll,
    same_label,
    standardised,
)
from hashbench.training.generation import (
    Discriminator,
    Generator,
    discriminator_loss,
    frozen,
    generator_loss,
    text_embedding,
    to_pixels,
    to_unit,
)

HIDDEN, N_TEXT, N_NOISE = 256, 128, 100


class Parts(nn.Module):
    """What TUCH trains beside its image network: T, G and D. noises: (votes, N_NOISE), those of the test."""

    noises: torch.Tensor

    def __init__(self, n_words: int, shape: tuple[int, int, int], noises: torch.Tensor, speed: float) -> None:
        super().__init__()
        self.text = text_embedding(n_words, HIDDEN, N_TEXT, speed)
        self.generator = Generator(N_NOISE, N_TEXT, shape, speed)
        self.discriminator = Discriminator(N_TEXT, shape, speed)
        self.register_buffer("noises", noises)

    def forward(self, texts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Images (n, c, h, w) in (-1, 1) of texts (n, V) and random noise, and the texts' embeddings."""
        embedded = self.text(texts)
        noise = torch.randn(len(texts), N_NOISE, device=texts.device)
        return self.generator(noise, embedded), embedded


@dataclass(eq=False, repr=False, kw_only=True)
class TUCH(DeepCrossViewMethod):
    """TUCH.

    generator: whether a text's code is that of a generated image; if not, a linear layer on the embedded text
    gives the bits, under the same L_H and L_T for the whole training: the control for what generation adds.
    warm_up: the share of the training before generated images join.
    ranking: K times the weight of L_T.
    quantization: weight of the mean of (|u| - 1)^2 of outputs u, beside L_H.
    mu: weight of L_H and L_T for the generator, after the warm-up.
    reconstruction: weight of the difference between an image and the one generated from its text.
    speed: how many times faster T, G and D learn than at the recipe's rate (T alone without G).
    votes: 1: a text's code is that of its image at noise 0; an odd number: the majority over as many noises.
    """

    generator: bool = True
    warm_up: float = 3 / 7
    ranking: float = 1.0
    quantization: float = 1.0
    mu: float = 100.0
    reconstruction: float = 100.0
    speed: float = 6.0
    votes: int = 1

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, *args: Any, **options: Any) -> None:
        self.images_ = X  # D and G see them as they are, H augmented
        super()._fit(X, y, *args, **options)

    def make_state(self, data: TrainingData) -> nn.Module:
        """T, G and D, or T and its hash layer."""
        if not self.generator:
            embedding = text_embedding(self.n_words_, HIDDEN, N_TEXT, self.speed)
            return standardised([embedding], nn.Linear(N_TEXT, self.n_bits), self.texts_)
        channels, height, width = self._input_shape_
        noises = torch.zeros(1, N_NOISE)
        if self.votes > 1:
            noises = torch.randn(
                self.votes, N_NOISE, generator=torch.Generator().manual_seed(self.random_state)
            )
        return Parts(self.n_words_, (channels, height, width), noises, self.speed)

    def refresh(self, epoch: Epoch) -> None:
        """After the last step: statistics of the batch normalisation anew, those of the averaged weights."""
        if epoch.progress == 1:
            assert self.state_ is not None
            update_bn(self.texts_.split(self.recipe.batch_size), self.state_)

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The losses of H, D, and G with T, each with a gradient for its own part."""
        assert self.state_ is not None
        texts = self.batch_texts(batch)
        other, found = irrelevant(batch.labels)
        if not self.generator:
            u = self.state_(texts)
            value = self.hash_loss(bits(z), bits(u), batch.labels, other, found)
            return value + self.quantization * (off_bits(z) + off_bits(u)) / 2
        real = self.images_[batch.index].float()
        adversarial, fakes = self.adversarial_losses(real, texts, other, found)
        of_hash = pair_loss(bits(z), batch.labels) + self.quantization * off_bits(z)
        value = adversarial.sum() + of_hash
        if batch.progress < self.warm_up:
            return value
        u = self.outputs_of_fakes(fakes)
        of_texts = self.hash_loss(bits(z.detach()), bits(u), batch.labels, other, found)
        return value + self.mu * (of_texts + self.quantization * off_bits(u))

    def adversarial_losses(
        self, images: torch.Tensor, texts: torch.Tensor, other: torch.Tensor, found: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The losses (2,) of D and of G, and the generated images (b, c, h, w) in (-1, 1).

        images: (b, c, h, w) in [0, 255]. texts: (b, V). other, found: see ``irrelevant``.
        """
        parts = self.parts
        fakes, embedded = parts(texts)
        fixed = embedded.detach()
        matching, mismatching = parts.discriminator(to_unit(images), torch.stack([fixed, fixed[other]]))
        rejected = parts.discriminator(fakes.detach(), fixed[None])[0]
        of_discriminator = discriminator_loss(matching, mismatching, rejected, found)
        of_generator = generator_loss(frozen(parts.discriminator, fakes, embedded[None])[0])
        of_generator = of_generator + self.reconstruction * (fakes - to_unit(images)).abs().mean()
        return torch.stack([of_discriminator, of_generator]), fakes

    def outputs_of_fakes(self, fakes: torch.Tensor) -> torch.Tensor:
        """Outputs (b, n_bits) of images in (-1, 1), with a gradient for them alone.

        They are normalised by the statistics of real images.
        """
        training = self.network_.training
        self.network_.backbone.eval()
        values = frozen(self.network_, to_pixels(fakes))
        self.network_.train(training)
        return values

    def hash_loss(
        self,
        real: torch.Tensor,
        fake: torch.Tensor,
        labels: torch.Tensor,
        other: torch.Tensor,
        found: torch.Tensor,
    ) -> torch.Tensor:
        """L_H + (ranking / K) L_T of the codes (b, n_bits) of images and of the texts of the same items."""
        likelihood = pair_loss(torch.cat([real, fake]), torch.cat([labels, labels]))
        return likelihood + self.ranking / self.n_bits * ranking_loss(real, fake, other, found)

    @property
    def parts(self) -> Parts:
        """The state, by its type."""
        assert isinstance(self.state_, Parts)
        return self.state_

    def generate(self, T: ArrayLike, z: ArrayLike | None = None) -> NDArray[np.uint8]:
        """The images (n, c, h, w) that the fitted generator makes of texts (n, V).

        z: noise (n, 100), usually N(0, 1); 0 by default. Raises InvalidInputError for generator=False.
        """
        if not self.generator:
            raise InvalidInputError(f"{self.name()} has no generator; set generator=True")
        if not hasattr(self, "n_words_"):
            raise InvalidInputError(f"{self.name()} is not fitted; call fit() first")
        texts = self._check_texts(T)
        noise = np.zeros((len(texts), N_NOISE), np.float32) if z is None else np.asarray(z, np.float32)
        if texts.shape[1] != self.n_words_ or noise.shape != (len(texts), N_NOISE):
            raise InvalidInputError(
                f"{self.name()} makes images of texts (n, {self.n_words_}) and noise (n, {N_NOISE}), got "
                f"{texts.shape} and {noise.shape}"
            )
        device, parts = self._device(), self.parts.eval()
        size = self.project_batch(device)
        with torch.inference_mode():
            images = [
                to_pixels(parts.generator(b, parts.text(a))).round().to(torch.uint8).cpu()
                for a, b in zip(batches_on(device, texts, size), batches_on(device, noise, size), strict=True)
            ]
        return torch.cat(images).numpy()

    def _project_text(self, T: torch.Tensor) -> torch.Tensor:
        if not self.generator:
            return super()._project_text(T)
        values = torch.stack(list(self._values_of_each_noise(T)))
        return values[0] if self.votes == 1 else torch.where(values > 0, 1.0, -1.0).sum(dim=0)

    def _values_of_each_noise(self, T: torch.Tensor) -> Iterator[torch.Tensor]:
        parts = self.parts.eval()
        embedded = parts.text(T)
        for noise in parts.noises:
            yield self._project(to_pixels(parts.generator(noise.expand(len(T), -1), embedded)))

    def _check_choices(self) -> None:
        super()._check_choices()
        if self.votes < 1 or self.votes % 2 == 0:
            raise InvalidInputError(f"{self.name()}: votes must be odd, to decide each bit, not {self.votes}")
        if not 0 <= self.warm_up <= 1:
            raise InvalidInputError(f"{self.name()}: warm_up must be in [0, 1], not {self.warm_up}")
        if not self.speed > 0:
            raise InvalidInputError(f"{self.name()}: speed must be above 0, not {self.speed}")


def bits(z: torch.Tensor) -> torch.Tensor:
    """Bits in {-1, 1} of outputs z; the gradient is passed on where |z| <= 1."""
    inside = z.clamp(-1, 1)
    return inside + (torch.where(z > 0, 1.0, -1.0) - inside).detach()


def off_bits(z: torch.Tensor) -> torch.Tensor:
    """How far outputs z are from bits: the mean of (|z| - 1)^2."""
    return (z.abs() - 1).square().mean()


def irrelevant(labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """For each item the place (b,) of a random item of the batch that shares no class with it.

    The second is (b,) float32: 1 where there is such an item; 0, and any place, where there is none.
    """
    different = ~same_label(labels) & all_pairs(len(labels), labels.device)
    draws = torch.rand(different.shape, device=labels.device)
    return draws.masked_fill(~different, -1).argmax(dim=1), different.any(dim=1).float()


def pair_loss(codes: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """L_H: the mean negative log-likelihood of the pairs of codes (n, n_bits) in {-1, 1}."""
    return mean_of_pairs(pair_nll(codes @ codes.T / 2, same_label(labels)))


def ranking_loss(
    real: torch.Tensor, fake: torch.Tensor, other: torch.Tensor, found: torch.Tensor
) -> torch.Tensor:
    """L_T: the mean of max(0, K/2 + D(x~, x) - D(x~, x^)) over the items for which an x^ is ``found``.

    real, fake: codes (b, n_bits) of images, and of their texts. other: (b,), the places of x^ among ``real``.
    """
    gap = (fake * (real[other] - real)).sum(dim=1) / 2  # D(x~, x) - D(x~, x^)
    return (found * (real.shape[1] / 2 + gap).clamp_min(0)).sum() / found.sum().clamp_min(1)
