"""The contract of a deep method: it writes a loss; the loop, the recipe and the backbone are everybody's."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import torch
from numpy.typing import ArrayLike

from hashbench.digest import seed_of
from hashbench.method import HashMethod
from hashbench.recipe import Recipe
from hashbench.training.loop import Batch

if TYPE_CHECKING:
    from torch import nn

    from hashbench.training.network import Network

HEAD_SAMPLE = 512  # images that set the scale of the fresh hash layer


@dataclass(eq=False, repr=False, kw_only=True)
class DeepHashMethod(HashMethod):
    """A backbone and a linear hash layer trained end to end with the method's ``loss``.

    After ``fit``: ``network_`` (from uint8 images to outputs z) and ``state_`` (see ``make_state``).
    """

    recipe: Recipe = field(default_factory=Recipe)

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

        Its parameters are trained with the hash layer, its buffers saved; the loss finds it in ``state_``.
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
        from hashbench.training.pretrain import train_trunk

        assert y is not None
        if trunk is None:
            trunk = train_trunk(X, y, self.recipe, seed_of(self.random_state, "trunk"))
        self._prepare(X, y, trunk, generator)
        modules: list[tuple[nn.Module, float]] = [
            (self.network_.head, self.recipe.lr),
            (self.network_.backbone, self.recipe.trunk_lr),
        ]
        if self.state_ is not None:
            modules.append((self.state_, self.recipe.lr))
        train(
            self.network_,
            DeviceImages(X, self.recipe),
            y,
            self.loss,
            groups=modules,
            epochs=self.recipe.epochs,
            recipe=self.recipe,
            seed=self.random_state,
            checkpoint=checkpoint,
        )

    def _prepare(self, X: torch.Tensor, y: torch.Tensor, trunk: Network, generator: torch.Generator) -> None:
        """Build ``network_`` with a fresh hash layer, and ``state_``."""
        n_classes = y.shape[1] if y.ndim == 2 else int(y.max()) + 1
        self.n_classes_ = n_classes
        sample = X[torch.randperm(len(X), generator=generator)[:HEAD_SAMPLE].to(X.device)]
        cuda = [X.device.index or 0] if X.device.type == "cuda" else []
        with torch.random.fork_rng(cuda):
            torch.manual_seed(self.random_state)
            self.network_ = trunk.with_new_head(self.n_outputs(n_classes), sample)
            state = self.make_state(len(X), n_classes)
        self.state_ = None if state is None else state.to(X.device)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return self.readout(self.network_.eval()(X))


def gradient_norms(method: DeepHashMethod, X: ArrayLike, y: ArrayLike) -> dict[str, float]:
    """The norm of the loss's gradient for every parameter of a fitted method, on one batch.

    X: (b, c, h, w) uint8. y: (b,) classes, or (b, C) multi-hot. A parameter without a gradient has norm 0.
    """
    from torch import nn

    device = method._device()
    images = torch.from_numpy(method._check_inputs(X)).to(device)
    labels = torch.from_numpy(method._check_labels(y, len(images))).to(device)
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
