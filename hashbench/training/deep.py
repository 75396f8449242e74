"""The contract of a deep method: it writes a loss; the loop, the recipe and the backbone are everybody's."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, get_args, get_origin, get_type_hints

import torch
from numpy.typing import ArrayLike

from hashbench.contracts.method import HashMethod
from hashbench.contracts.recipe import Pretraining, Recipe
from hashbench.errors import InvalidInputError
from hashbench.identity.digest import seed_of
from hashbench.system.device import fork_rng
from hashbench.training.loop import Batch
from hashbench.training.losses import classification_loss

if TYPE_CHECKING:
    from torch import nn

    from hashbench.training.network import Network

HEAD_SAMPLE = 512  # images that set the scale of the fresh hash layer


@dataclass(eq=False, repr=False, kw_only=True)
class DeepHashMethod(HashMethod):
    """A backbone and a linear hash layer trained end to end with the method's ``loss``.

    pretraining: what the loss starts from. "softmax": a backbone trained to classify (stage 1), fine-tuned
    with the hash layer; "frozen": the same, but only the hash layer is trained; "none": a fresh backbone;
    "joint": a fresh backbone, trained with the sum of the loss and of a classifier's beside the hash layer,
    for the epochs of both stages. A fresh backbone learns at the rate of stage 1, ``recipe.lr``. An
    unsupervised method must set "none", unless ``fit`` is given a trunk.
    budget: of "none", the epochs of "stage2", or the "total" of both stages: what "softmax" takes in all.
    class_balanced: batches with equally many images of each class, else in the classes' proportions.

    After ``fit``: ``network_`` (from uint8 images to outputs z), ``state_`` (see ``make_state``) and
    ``history_``, the mean "loss" of each epoch, and "pretrain_loss" of stage 1 where there was one.
    """

    recipe: Recipe = field(default_factory=Recipe)
    pretraining: Pretraining = "softmax"
    budget: Literal["stage2", "total"] = "stage2"
    class_balanced: bool = False

    supervision: ClassVar = "supervised"
    inputs: ClassVar = "images"
    deep: ClassVar = True
    project_batch: ClassVar = 500

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The scalar loss of a batch's outputs z (b, n_outputs) float32."""
        raise NotImplementedError

    def n_outputs(self, n_classes: int) -> int:
        """How many outputs the network has; the code length, unless the method decodes otherwise."""
        return self.n_bits

    def make_state(self, n_train: int, n_classes: int) -> nn.Module | None:
        """What the loss needs beyond the network (centres, a memory bank), as a module or None.

        Its parameters are trained with the hash layer, its buffers saved; both end as moving averages, as
        the network does, but for integers. The loss finds it in ``state_``.
        """
        return None

    def readout(self, z: torch.Tensor) -> torch.Tensor:
        """Real values (b, n_bits) of outputs z (b, n_outputs); bit = value > 0."""
        return z

    def _fit(
        self,
        X: torch.Tensor,
        y: torch.Tensor | None,
        generator: torch.Generator,
        trunk: Network | None = None,
        checkpoint: Path | None = None,
    ) -> None:
        """Train. ``trunk``: the network of stage 1, which is trained here where none is given."""
        from hashbench.training.images import DeviceImages
        from hashbench.training.loop import train

        self._check_choices()
        recipe = self.recipe
        labels = _no_classes(X) if y is None else y
        self._prepare(X, labels, self._start(X, y, trunk), generator)
        # A rate of 0 trains nothing, but keeps the backbone in the checkpoint.
        trunk_lr = {"softmax": recipe.trunk_lr, "frozen": 0.0}.get(self.pretraining, recipe.lr)
        groups: list[tuple[nn.Module, float]] = [
            (self.network_.head, recipe.lr),
            (self.network_.backbone, trunk_lr),
        ]
        if self.state_ is not None:
            groups.append((self.state_, recipe.lr))
        both_stages = self.budget == "total" or self.pretraining == "joint"
        losses = train(
            self.network_,
            DeviceImages(X, recipe),
            labels,
            self._joint_loss if self.pretraining == "joint" else self.loss,
            groups=groups,
            epochs=recipe.epochs + (recipe.pretrain_epochs if both_stages else 0),
            recipe=recipe,
            seed=self.random_state,
            class_balanced=self.class_balanced,
            checkpoint=checkpoint,
        )
        if self.pretraining == "joint":
            self.network_.keep_outputs(self.n_outputs(self.n_classes_))
        self.history_ = {"loss": losses}
        if self.network_.pretrain_losses:
            self.history_["pretrain_loss"] = list(self.network_.pretrain_losses)

    def _start(self, X: torch.Tensor, y: torch.Tensor | None, trunk: Network | None) -> Network:
        """The network whose backbone the training starts from."""
        from hashbench.training.pretrain import train_trunk, untrained_network

        seed = seed_of(self.random_state, "trunk")
        if self.pretraining in ("none", "joint"):
            if trunk is not None:
                raise InvalidInputError(
                    f"{self.name()}: pretraining='{self.pretraining}' starts from a fresh backbone; leave "
                    "the trunk out, or choose 'softmax' or 'frozen'"
                )
            return untrained_network(X, self.recipe, 1, seed)
        if trunk is not None:
            return trunk
        if y is None:
            raise InvalidInputError(
                f"{self.name()} is unsupervised, but pretraining='{self.pretraining}' needs labels; choose "
                "'none', or give fit() a trunk that is trained"
            )
        return train_trunk(X, y, self.recipe, seed)

    def _prepare(self, X: torch.Tensor, y: torch.Tensor, start: Network, generator: torch.Generator) -> None:
        """Build ``network_`` with a fresh hash layer, and ``state_``."""
        n_classes = y.shape[1] if y.ndim == 2 else int(y.max()) + 1
        self.n_classes_ = n_classes
        n_outputs = self.n_outputs(n_classes) + (n_classes if self.pretraining == "joint" else 0)
        sample = X[torch.randperm(len(X), generator=generator)[:HEAD_SAMPLE].to(X.device)]
        with fork_rng(X.device):
            torch.manual_seed(self.random_state)
            self.network_ = start.with_new_head(n_outputs, sample)
            state = self.make_state(len(X), n_classes)
        self.state_ = None if state is None else state.to(X.device)
        if self.pretraining == "frozen":
            self.network_.freeze_backbone()

    def _joint_loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The loss of the hash layer's outputs plus that of the classifier beside it."""
        outputs, logits = z.tensor_split((self.n_outputs(self.n_classes_),), dim=1)
        return self.loss(outputs, batch) + classification_loss(logits, batch, self.recipe.label_smoothing)

    def _check_choices(self) -> None:
        """Raise InvalidInputError for a parameter that is none of the values of its type."""
        for name, hint in get_type_hints(type(self)).items():
            if get_origin(hint) is Literal and getattr(self, name) not in get_args(hint):
                raise InvalidInputError(
                    f"{self.name()}: {name} must be one of {', '.join(map(repr, get_args(hint)))}, "
                    f"not {getattr(self, name)!r}"
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

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return self.readout(self.network_.eval()(X))


def _no_classes(images: torch.Tensor) -> torch.Tensor:
    """What the losses of unsupervised methods see for labels: multi-hot (n, 0)."""
    return images.new_zeros(len(images), 0, dtype=torch.float32)


def gradient_norms(method: DeepHashMethod, X: ArrayLike, y: ArrayLike | None) -> dict[str, float]:
    """The norm of the loss's gradient for every parameter of a fitted method, on one batch.

    X: (b, c, h, w) uint8. y: (b,) classes, or (b, C) multi-hot; None where the method is unsupervised. A
    parameter without a gradient has norm 0; one that is frozen is left out.
    """
    from torch import nn

    device = method._device()
    images = torch.from_numpy(method._check_inputs(X)).to(device)
    given = method._check_labels(y, len(images))
    labels = _no_classes(images) if given is None else torch.from_numpy(given).to(device)
    modules = nn.ModuleDict({"network": method.network_})
    if method.state_ is not None:
        modules["state"] = method.state_
    modules.zero_grad(set_to_none=True)
    method.network_.train()
    index = torch.arange(len(images), device=device)
    method.loss(method.network_(images), Batch(labels, index, 0.5)).backward()
    method.network_.eval()
    return {
        name: 0.0 if p.grad is None else p.grad.norm().item()
        for name, p in modules.named_parameters()
        if p.requires_grad
    }
