"""How every deep method of a protocol is trained: one value, so that the terms are the same for all."""

import math
from dataclasses import dataclass, fields, replace
from typing import Literal

from hashbench.errors import InvalidInputError

# What DeepHashMethod can start from.
Pretraining = Literal["softmax", "none", "frozen", "joint"]


@dataclass(frozen=True, kw_only=True)
class Invariances:
    """What may be done to an image without changing its class: a rule of the data set, not of the recipe.

    mirror: a mirrored image is still of its class; a mirrored digit is not.
    occlude: an image with a hidden part is still of its class; an 8 without a stroke is a 3.
    """

    mirror: bool = False
    occlude: bool = True


UNMIRRORED = Invariances()  # where a data set says nothing


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Backbone, budget and optimisation, shared by all deep methods of a protocol.

    Stage 1 (``pretrain_epochs``) trains the backbone as a softmax classifier on the labelled training
    images; stage 2 (``epochs``) trains backbone and hash layer with the method's loss. One epoch shows as
    many images as the method has for training; where only some are labelled, as many as have labels. Each
    view of an image counts.
    ``crop`` is the largest shift of the random crop as a fraction of the side; ``training.augmentation``
    says what ``warp``, ``jitter`` and ``erase`` do, each off at 0. Images are mirrored at random, and parts
    of them erased, only where the data set's ``Invariances`` allow it.
    ``averaging``: the final network is a moving average of its weights, where each step counts this much less
    than the next one (Polyak & Juditsky 1992; here exponential); 0: the weights of the last step.
    ``flip_at_test``: outputs of the fitted network are the mean over an image and its mirror image.
    """

    backbone: str = "vgg7"
    pretrain_epochs: int = 120
    epochs: int = 10
    batch_size: int = 125
    schedule: Literal["onecycle", "cosine"] = "onecycle"
    lr: float = 5e-3  # peak, stage 1 and the hash layer of stage 2
    backbone_lr: float = 3e-4  # peak, the backbone in stage 2
    weight_decay: float = 0.05
    label_smoothing: float = 0.1  # stage 1
    averaging: float = 0.99
    crop: float = 0.125
    warp: float = 0.25
    jitter: float = 0.3
    erase: float = 0.0
    flip_at_test: bool = True  # only where images may be mirrored
    clip: float | None = None  # largest norm of the gradient; None: no clipping

    def __post_init__(self) -> None:
        least = {
            "pretrain_epochs": 0,
            "epochs": 0,
            "batch_size": 2,
            "backbone_lr": 0,
            "weight_decay": 0,
        }
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not math.isfinite(value):
                raise InvalidInputError(f"recipe.{field.name} = {value}: must be a finite number")
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                raise InvalidInputError(f"recipe.{name} = {getattr(self, name)}: must be at least {smallest}")
        if self.lr <= 0:
            raise InvalidInputError(f"recipe.lr = {self.lr}: must be positive")
        for name in ("label_smoothing", "averaging", "crop", "warp", "jitter", "erase"):
            if not 0 <= getattr(self, name) < 1:
                raise InvalidInputError(f"recipe.{name} = {getattr(self, name)}: must be in [0, 1)")
        if self.clip is not None and self.clip <= 0:
            raise InvalidInputError(f"recipe.clip = {self.clip}: must be positive, or None for no clipping")


OF_FEW_LABELS = Recipe(erase=0.3)  # the recipe of protocols with some thousands of labelled images
STAGE_1_IMAGES, STAGE_2_IMAGES = 150_000, 100_000  # that a network sees under ``short_recipe``


def short_recipe(n_labels: int) -> Recipe:
    """A recipe that shows equally many images however many have labels: the more labels, the fewer epochs.

    At 5,000 labels it has 30 and 20 epochs, ``OF_FEW_LABELS`` 120 and 10: a quarter of stage 1, which cells
    share, twice stage 2, and 38 % of both, so that a protocol with many cells ends on two cores.
    """
    return replace(
        OF_FEW_LABELS, pretrain_epochs=STAGE_1_IMAGES // n_labels, epochs=STAGE_2_IMAGES // n_labels
    )
