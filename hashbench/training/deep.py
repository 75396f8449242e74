"""The contract of a deep method: it writes a loss; the loop, the recipe and the backbone are shared."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args, get_origin, get_type_hints

import torch

from hashbench.contracts.hooks import require_scalar, require_tensor, unwritten
from hashbench.contracts.method import HashMethod
from hashbench.contracts.recipe import Invariances, Pretraining, Recipe
from hashbench.errors import InvalidInputError
from hashbench.identity.digest import seed_of
from hashbench.system.device import fork_rng
from hashbench.training.contract import Batch, Epoch, TrainingData, is_labelled
from hashbench.training.losses import classification_loss

if TYPE_CHECKING:
    from torch import nn

    from hashbench.training.batches import Batches
    from hashbench.training.network import Network

HEAD_SAMPLE = 512  # images that set the scale of the fresh hash layer


@dataclass(eq=False, repr=False, kw_only=True)
class DeepHashMethod(HashMethod):
    """A backbone and a linear hash layer trained end to end with the method's ``loss``.

    pretraining: what the loss starts from. "softmax": a backbone trained to classify (stage 1), fine-tuned
    with the hash layer; "frozen": the same, but only the hash layer is trained; "none": a fresh backbone;
    "joint": a fresh backbone with a classifier beside the hash layer, trained with the sum of both losses for
    the epochs of both stages. A fresh backbone learns at the rate of stage 1, ``recipe.lr``.
    start_from: the trained feature whose network "softmax" and "frozen" start from. ``fit`` can train "cnn"
    (stage 1) and "ssl" (stage 1 without labels) itself; any other network must be given to it. An
    unsupervised method starts from "ssl", or sets ``pretraining`` to "none".
    budget: for "none": the epochs of "stage2", or the "total" of both stages, as "softmax" trains in all.
    class_balanced: whether each class has equally many images in a batch; if not, its share of the data.

    After ``fit``: ``network_`` (from images to outputs z), ``state_`` (see ``make_state``) and ``history_``,
    the mean "loss" of each epoch, and "pretrain_loss" of stage 1 where there was one.
    """

    recipe: Recipe = field(default_factory=Recipe)
    invariances: Invariances = field(default_factory=Invariances)
    pretraining: Pretraining = "softmax"
    start_from: str = "cnn"
    budget: Literal["stage2", "total"] = "stage2"
    class_balanced: bool = False

    supervision: ClassVar[Literal["unsupervised", "semi-supervised", "supervised"]] = "supervised"
    inputs: ClassVar = "images"
    deep: ClassVar = True
    # Augmented views of each image of a batch. With more views, a batch has as many rows, of fewer images.
    views: ClassVar[int] = 1
    # The first so many are cropped and mirrored only; the others get the whole augmentation of the recipe.
    weak_views: ClassVar[int] = 0
    # Whether its views are changed as those of "ssl" are, for a method that learns from views alone.
    contrasts_views: ClassVar[bool] = False
    # The share of a batch that has labels; only semi-supervised methods state it, and all of them must.
    labelled_share: ClassVar[float | None] = None

    # -- what a method writes ---------------------------------------------------------------------

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The scalar loss of a batch's outputs z (views * b, n_outputs) float32, view by view.

        It must not wait for the device: no ``item()``, ``nonzero()`` or index by a mask.
        """
        raise unwritten(self.name(), "loss(self, z, batch)")

    def n_outputs(self, n_classes: int) -> int:
        """How many outputs the network has: the code length, unless ``readout`` changes it."""
        return self.n_bits

    def make_state(self, data: TrainingData) -> nn.Module | None:
        """What the loss needs beyond the network (centres, a memory bank), as a module or None.

        Its parameters are trained with the hash layer and end as moving averages, as the network's do; its
        buffers are saved, and end as the last step or ``refresh`` left them. The loss finds it in ``state_``.
        """
        return None

    def refresh(self, epoch: Epoch) -> None:
        """Update the buffers of ``state_`` before an epoch, and once after the last; by default, nothing.

        Network and state are in evaluation mode then, and no gradients are recorded.
        """

    def readout(self, z: torch.Tensor) -> torch.Tensor:
        """Real values (b, n_bits) of outputs z (b, n_outputs); bit = value > 0."""
        return z

    # -- what all methods share -------------------------------------------------------------------

    def _fit(
        self,
        X: torch.Tensor,
        y: torch.Tensor | None,
        generator: torch.Generator,
        start: Network | None = None,
        checkpoint: Path | None = None,
    ) -> None:
        """Train. ``start``: the network of stage 1, which is trained here where none is given."""
        from hashbench.training.loop import train

        self._check_choices()
        if len(X) < 2:
            raise InvalidInputError(
                f"{self.name()}: one image is too few to train a network; give two or more"
            )
        recipe, batches = self.recipe, self._batches(X, y)
        classifier = self._prepare(X, batches.labels, self._start(X, y, start), generator)
        # A rate of 0 trains nothing, but keeps the backbone in the checkpoint.
        backbone_lr = {"softmax": recipe.backbone_lr, "frozen": 0.0}.get(self.pretraining, recipe.lr)
        groups = [(self.network_.head, recipe.lr), (self.network_.backbone, backbone_lr)]
        groups += [(module, recipe.lr) for module in (self.state_, classifier) if module is not None]

        def loss(z: torch.Tensor, batch: Batch) -> torch.Tensor:
            value = require_scalar(self.name(), "loss", self.loss(z, batch))
            if classifier is None:
                return value
            return value + classification_loss(classifier(batch.features), batch, recipe.label_smoothing)

        both_stages = self.budget == "total" or self.pretraining == "joint"
        losses = train(
            self.network_,
            batches,
            loss,
            groups=groups,
            epochs=recipe.epochs + (recipe.pretrain_epochs if both_stages else 0),
            seed=self.random_state,
            refresh=self.refresh,
            checkpoint=checkpoint,
        )
        self.history_ = {"loss": losses}
        if self.network_.pretrain_losses:
            self.history_["pretrain_loss"] = list(self.network_.pretrain_losses)

    def _batches(self, X: torch.Tensor, y: torch.Tensor | None) -> Batches:
        """The training images as the loop and the checks take them; without y, labels have no classes."""
        from hashbench.training.batches import Batches
        from hashbench.training.images import DeviceImages
        from hashbench.training.unlabelled import view_images

        images = view_images if self.contrasts_views else DeviceImages
        return Batches(
            images(X, self.recipe, self.invariances),
            X.new_zeros(len(X), 0, dtype=torch.float32) if y is None else y,
            views=self.views,
            weak_views=self.weak_views,
            labelled_share=self.labelled_share,
            class_balanced=self.class_balanced,
        )

    def _start(self, X: torch.Tensor, y: torch.Tensor | None, start: Network | None) -> Network:
        """The network whose backbone the training starts from."""
        from hashbench.training.pretrain import train_backbone, untrained_network
        from hashbench.training.unlabelled import train_unlabelled

        seed = seed_of(self.random_state, "backbone")
        if self.pretraining in ("none", "joint"):
            if start is not None:
                raise InvalidInputError(
                    f"{self.name()}: pretraining='{self.pretraining}' starts from a fresh backbone; leave "
                    "'start' out, or choose 'softmax' or 'frozen'"
                )
            return untrained_network(X, self.recipe, 1, seed, invariances=self.invariances)
        if start is not None:
            return start
        if self.start_from == "ssl":
            return train_unlabelled(X, self.recipe, seed, invariances=self.invariances)
        if self.start_from != "cnn":
            raise InvalidInputError(
                f"{self.name()}: start_from='{self.start_from}' needs the network of that feature; give it "
                "to fit() as 'start'"
            )
        if y is None:
            raise InvalidInputError(
                f"{self.name()} is unsupervised, but pretraining='{self.pretraining}' needs labels; choose "
                "'none', or start_from='ssl', or give fit() a trained network as 'start'"
            )
        known = is_labelled(y)
        return train_backbone(X[known], y[known], self.recipe, seed, invariances=self.invariances)

    def _prepare(
        self, X: torch.Tensor, labels: torch.Tensor, start: Network, generator: torch.Generator
    ) -> nn.Module | None:
        """Build ``network_`` with a fresh hash layer, and ``state_``; returns the classifier of "joint"."""
        from hashbench.training.encoding import network_features

        n_features = start.head.in_features
        self.n_classes_ = labels.shape[1] if labels.ndim == 2 else int(labels.max()) + 1
        features = cache(lambda: network_features(start, X))
        data = TrainingData(labels, self.n_classes_, n_features, features)
        sample = X[torch.randperm(len(X), generator=generator)[:HEAD_SAMPLE].to(X.device)]
        with fork_rng(X.device):
            torch.manual_seed(self.random_state)
            self.network_ = start.with_new_head(self.n_outputs(self.n_classes_), sample)
            state = self.make_state(data)
            joint = self.pretraining == "joint"
            classifier = torch.nn.Linear(n_features, self.n_classes_).to(X.device) if joint else None
        self.state_ = None if state is None else state.to(X.device)
        if self.pretraining == "frozen":
            self.network_.freeze_backbone()
        return classifier

    def _check_choices(self) -> None:
        """Raise InvalidInputError for a parameter whose value its type does not allow."""
        for name, hint in get_type_hints(type(self)).items():
            if get_origin(hint) is Literal and getattr(self, name) not in get_args(hint):
                raise InvalidInputError(
                    f"{self.name()}: {name} must be one of {', '.join(map(repr, get_args(hint)))}, "
                    f"not {getattr(self, name)!r}"
                )
        semi = self.supervision == "semi-supervised"
        if semi != (self.labelled_share is not None) or (semi and not 0 < (self.labelled_share or 0) < 1):
            raise InvalidInputError(
                f"{self.name()}: labelled_share is {self.labelled_share!r}; it must lie between 0 and 1 in a "
                "semi-supervised method, and be None in all others"
            )
        if self.pretraining == "joint" and self.supervision == "unsupervised":
            raise InvalidInputError(
                f"{self.name()} is unsupervised, but pretraining='joint' trains a classifier"
            )
        if self.budget == "total" and self.pretraining in ("softmax", "frozen"):
            raise InvalidInputError(
                f"{self.name()}: budget='total' is the control of pretraining='none'; "
                f"pretraining='{self.pretraining}' has spent the epochs of stage 1 already"
            )

    def _state(self) -> dict[str, Any]:
        """Without the curves, and without the loss's ``state_`` where encoding does not use it."""
        state = {name: value for name, value in super()._state().items() if name != "history_"}
        own = (type(self).readout, type(self)._project)
        if not self.reads_text and own == (DeepHashMethod.readout, DeepHashMethod._project):
            state["state_"] = None
        return state

    def project_batch(self, device: torch.device) -> int:
        """The number of images at which the device encodes fastest."""
        from hashbench.training.encoding import encode_batch

        return encode_batch(device)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return require_tensor(self.name(), "readout", self.readout(self.network_.eval()(X)))
