"""What the cells of a (data set, protocol) share: images, split, the trained backbone, its features."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from time import perf_counter, time
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from hashbench.contracts.dataset import Images
from hashbench.identity.digest import digest_of, seed_of
from hashbench.identity.source import training_digest
from hashbench.images.protocol import Protocol
from hashbench.images.split import Split, make_split
from hashbench.images.store import cache_root, dataset_from, load_images
from hashbench.system.atomic import atomic_file
from hashbench.training.loop import save_atomically, seconds_before
from hashbench.training.network import Network, build_network, gains_from_bf16
from hashbench.training.pretrain import train_trunk

T = TypeVar("T")
FORWARD_BATCH = 500  # images through the backbone at a time
HASH_STAGE_ONLY = ("epochs", "trunk_lr")  # recipe fields that stage 1 does not read


@dataclass(frozen=True)
class Trunk:
    """The network of stage 1, the digest of all it depends on, and what its training took."""

    network: Network
    digest: str
    seconds: float


@dataclass(frozen=True, eq=False)
class Context:
    """One data set under one protocol."""

    name: str  # of the data set, without its argument
    images: Images
    protocol: Protocol
    split: Split

    @cached_property
    def _train_labels(self) -> NDArray:
        """Labels of the training images: (n,) indices among the classes learned on, or (n, C) float32."""
        labels = self.images.labels[self.split.train]
        if self.images.multi_label:
            return labels.astype(np.float32)
        return np.unique(labels, return_inverse=True)[1].astype(np.int64)

    @cached_property
    def used(self) -> NDArray[np.int64]:
        """All images that the split touches, sorted."""
        return np.union1d(np.union1d(self.split.train, self.split.query), self.split.database)

    def cnn_features(self, trunk: Trunk, device: torch.device) -> tuple[NDArray[np.float32], float]:
        """Activations (len(used), d) of the backbone, and the seconds they took.

        They are computed once, then memory-mapped from the cache.
        """
        path = _trunk_path(trunk.digest).with_suffix(".features.npy")
        timing = path.with_suffix(".json")

        def compute() -> None:
            start = perf_counter()
            with torch.inference_mode():
                parts = [
                    trunk.network.features(torch.from_numpy(self.images.pixels[index]).to(device)).cpu()
                    for index in np.array_split(self.used, -(-len(self.used) // FORWARD_BATCH))
                ]
            rows = torch.cat(parts).numpy()
            with atomic_file(timing) as file:
                file.write(json.dumps({"seconds": perf_counter() - start}).encode())
            with atomic_file(path) as file:
                np.save(file, rows)

        return _cached(
            path, lambda: (np.load(path, mmap_mode="r"), json.loads(timing.read_text())["seconds"]), compute
        )

    def trunk_seed(self, repetition: int) -> int:
        """The seed of stage 1, which all methods and bit lengths share."""
        return seed_of(self.name, self.protocol.name, "trunk", repetition)

    def trunk(self, repetition: int, device: torch.device) -> Trunk:
        """The pre-trained backbone: from the cache if it was trained before, else trained and kept there.

        The number of threads moves the weights, but is left out of the digest: a run that is resumed with
        other --jobs, or a method added later, must stand on the same backbone as the rows beside it.
        """
        recipe, seed = self.protocol.recipe, self.trunk_seed(repetition)
        digest = digest_of(
            {
                "images": self.images.digest,
                "split": self.split.digest,
                "recipe": {k: v for k, v in asdict(recipe).items() if k not in HASH_STAGE_ONLY},
                "seed": seed,
                "code": training_digest(recipe.backbone, deep=False),
                "torch": torch.__version__,
                "device": device.type,
                "bf16": gains_from_bf16(device),
            }
        )
        return _trunk(self, digest, seed, device)


@lru_cache(maxsize=2)
def _trunk(context: Context, digest: str, seed: int, device: torch.device) -> Trunk:
    path = _trunk_path(digest)
    images = torch.from_numpy(context.images.pixels[context.split.train]).to(device)
    labels = torch.from_numpy(context._train_labels).to(device)

    def compute() -> None:
        checkpoint = path.with_suffix(".checkpoint")
        start = perf_counter() - seconds_before(checkpoint)
        network = train_trunk(images, labels, context.protocol.recipe, seed, checkpoint)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        state = {
            "network": network.state_dict(),
            "losses": network.pretrain_losses,
            "seconds": perf_counter() - start,
        }
        save_atomically(state, path)
        checkpoint.unlink(missing_ok=True)
        _remove_abandoned(path.parent)

    state = _cached(path, lambda: torch.load(path, map_location=device, weights_only=True), compute)
    n_outputs = len(state["network"]["head.bias"])
    network = build_network(images, context.protocol.recipe, n_outputs)
    network.load_state_dict(state["network"])
    network.pretrain_losses = state["losses"]
    return Trunk(network.eval(), digest, state["seconds"])


def _cached(path: Path, read: Callable[[], T], compute: Callable[[], None]) -> T:
    """What the file holds; it is computed where it is not there or, with a warning, where it is damaged."""
    try:
        return read()
    except FileNotFoundError:
        pass
    except Exception as error:
        text = f"'{path}' is damaged ({type(error).__name__}) and is computed again"
        warnings.warn(text, stacklevel=2)
    compute()
    return read()


def _remove_abandoned(folder: Path) -> None:
    """Remove temporary files of processes that were killed: no write takes an hour."""
    for file in folder.glob("*.tmp"):
        with suppress(OSError):  # another process has removed it
            if time() - file.stat().st_mtime > 3600:
                file.unlink()


def _trunk_path(digest: str) -> Path:
    return cache_root() / "trunks" / f"{digest[:16]}.pt"


@lru_cache(maxsize=2)
def open_context(spec: str, protocol: Protocol, root: Path) -> Context:
    """Load the images and split them. Raises MissingDataError, InvalidInputError."""
    dataset = dataset_from(spec)
    images = load_images(dataset, root)
    name = dataset.name()
    return Context(name, images, protocol, make_split(images, protocol, name))
