"""What the cells of a (data set, task) share: images and split, trained networks, the rows of features."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from hashbench.contracts.dataset import Images
from hashbench.contracts.feature import Feature, TrainedFeature
from hashbench.contracts.task import Split, Task
from hashbench.errors import BrokenPluginError, InvalidInputError
from hashbench.execution.cache import remove_abandoned
from hashbench.execution.undisturbed import undisturbed
from hashbench.execution.work import Artefact, Setting, digest_of_feature
from hashbench.identity.digest import differing, digest_of, seed_of
from hashbench.identity.rooms import ROOMS
from hashbench.images.store import cache_root, dataset_from, load_images
from hashbench.system.atomic import atomic_file
from hashbench.system.integrity import array_is_sound, check_members, is_of_the_machine, note_use, save_array
from hashbench.system.lease import lease
from hashbench.system.text import text_of
from hashbench.system.watching import Step, tell
from hashbench.training.checkpoints import save_atomically, seconds_before
from hashbench.training.encoding import network_features
from hashbench.training.network import Network, build_network, gains_from_bf16
from hashbench.training.quality import quality_of

T = TypeVar("T")
HASH_STAGE_ONLY = ("epochs", "backbone_lr")  # recipe fields that the training of a feature does not read
ROWS_AT_A_TIME = 8192  # images per call of a feature that is not a network


@dataclass(frozen=True)
class Backbone:
    """A trained network, the digest of all it depends on, its seed, and what its training took.

    quality: of the rows of a network that saw no labels, ``hashbench.training.quality``; else empty.
    """

    network: Network
    digest: str
    seed: int
    seconds: float
    quality: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Context:
    """One data set and its split for one task."""

    name: str  # of the data set, without its argument
    images: Images
    split: Split

    @cached_property
    def train_labels(self) -> NDArray:
        """Labels of the training images: (n,) indices among the classes learned on, or (n, C) float32."""
        labels = self.images.labels[self.split.train]
        if self.images.multi_label:
            return labels.astype(np.float32)
        return np.unique(labels, return_inverse=True)[1].astype(np.int64)

    def backbone(self, setting: Setting, feature: TrainedFeature, device: torch.device) -> Backbone:
        """The network of a trained feature: from the cache if it was trained before, else trained and kept.

        All methods and code lengths share it. On a CPU the weights depend on the number of threads.
        """
        recipe = setting.protocol.recipe
        seed = seed_of(self.name, setting.protocol.name, feature.name(), setting.repetition)
        digest = digest_of(
            {
                "images": self.images.digest,
                "split": self.split.digest,
                "feature": [feature.name(), feature.version, digest_of_feature(feature)],
                "recipe": {k: v for k, v in differing(recipe).items() if k not in HASH_STAGE_ONLY},
                "invariances": asdict(setting.invariances),
                "seed": seed,
                "rooms": [ROOMS["training"], ROOMS["images"]],
                "torch": torch.__version__,
                "device": device.type,
                "threads": torch.get_num_threads() if device.type == "cpu" else None,
                "bf16": gains_from_bf16(device),
            }
        )
        return _backbone(self, setting, feature, digest, seed, device)

    def rows(self, feature: Feature, trained: Backbone | None, device: torch.device) -> tuple[NDArray, float]:
        """Rows (n_images, d) float32 of a cached feature, memory-mapped, and the seconds they took.

        They are computed once. trained: the network, where the feature trains one.
        """
        path = self._rows_path(feature, trained, device)
        timing = path.with_suffix(".json")

        def compute() -> None:
            tell(Step("features"))
            start = perf_counter()
            if trained is not None:
                rows = network_features(trained.network, self.images.pixels).cpu().numpy()
            else:
                index = np.arange(len(self.images))
                parts = np.array_split(index, -(-len(index) // ROWS_AT_A_TIME))
                rows = np.concatenate([feature.rows(self.images, part, device) for part in parts])
            rows = checked_rows(feature, rows, len(self.images))
            with atomic_file(timing) as file:
                file.write(json.dumps({"seconds": perf_counter() - start}).encode())
            with atomic_file(path) as file:
                save_array(file, Path(file.name), rows)

        def read() -> tuple[NDArray, float]:
            if array_is_sound(path) is False:
                raise ValueError("its bytes have changed")
            note_use(path)
            return np.load(path, mmap_mode="r"), json.loads(timing.read_text())["seconds"]

        return _cached(path, read, compute)

    def _rows_path(self, feature: Feature, trained: Backbone | None, device: torch.device) -> Path:
        if trained is not None:
            return _backbone_path(trained.digest).with_suffix(".rows.npy")
        own = digest_of_feature(feature)
        images = self.images.digest_without_texts
        key = [images, feature.name(), feature.version, own, device.type]
        return cache_root() / "features" / f"{feature.name()}-{digest_of(key)[:16]}.npy"


def checked_rows(feature: Feature, rows: NDArray, n: int) -> NDArray:
    """The rows, one for each of ``n`` images. Raises InvalidInputError if some are absent or not finite."""
    if rows.ndim != 2 or len(rows) != n or not np.isfinite(rows).all():
        raise InvalidInputError(
            f"feature '{feature.name()}' gives rows {rows.shape} of {n:,} images; ({n}, d) finite numbers "
            "are needed"
        )
    return rows


def make_artefact(artefact: Artefact, root: Path, device: torch.device) -> None:
    """Train the network, compute the rows; what the cache already holds is kept.

    Raises BrokenPluginError where the feature's code ends the process, as by ``sys.exit()``; LeasedError
    where another process makes it.
    """
    setting, feature = artefact.setting, artefact.feature
    context = context_of(setting, root)
    trained = None
    try:
        with undisturbed():
            if isinstance(feature, TrainedFeature):
                trained = context.backbone(setting, feature, device)
            if artefact.rows:
                context.rows(feature, trained, device)
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise BrokenPluginError(
            f"feature '{feature.name()}' is broken: {type(error).__name__}: {text_of(error)}"
        ) from error


@lru_cache(maxsize=2)
def _backbone(
    context: Context,
    setting: Setting,
    feature: TrainedFeature,
    digest: str,
    seed: int,
    device: torch.device,
) -> Backbone:
    path = _backbone_path(digest)
    recipe, invariances = setting.protocol.recipe, setting.invariances
    images = torch.from_numpy(context.images.pixels[context.split.train]).to(device)
    labels = None
    if feature.learned_from == "labels":
        labels = torch.from_numpy(context.train_labels).to(device)

    def compute() -> None:
        checkpoint = path.with_suffix(".checkpoint")
        start = perf_counter() - seconds_before(checkpoint)
        network = feature.train(images, labels, recipe, seed, invariances=invariances, checkpoint=checkpoint)
        assert isinstance(network, Network), f"{feature.name()}.train() must give a Network"
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        state = {
            "network": network.state_dict(),
            "losses": network.pretrain_losses,
            "seconds": perf_counter() - start,
        }
        if feature.learned_from == "images":  # the network is trained: what labels say of it changes nothing
            known = torch.from_numpy(context.train_labels).to(device)
            state["quality"] = quality_of(network_features(network, images), known, seed)
        save_atomically(state, path)
        checkpoint.unlink(missing_ok=True)

    def read() -> dict[str, Any]:
        check_members(path)
        note_use(path)
        return torch.load(path, map_location=device, weights_only=True)

    state = _cached(path, read, compute)
    n_outputs = len(state["network"]["head.bias"])
    network = build_network(images, recipe, n_outputs, invariances)
    network.load_state_dict(state["network"])
    network.pretrain_losses = state["losses"]
    return Backbone(network.eval(), digest, seed, state["seconds"], state.get("quality", {}))


def forget_contexts() -> None:
    """Forget the images in memory: when next used, they are those of the files as they are then."""
    open_context.cache_clear()


def forget_networks() -> None:
    """Forget the networks in memory: when next used, they are read from the cache, or trained."""
    _backbone.cache_clear()


def _cached(path: Path, read: Callable[[], T], compute: Callable[[], None]) -> T:
    """The file's content; computed where the file is missing or, with a warning, damaged.

    A file that cannot be read now, for want of memory or of rights, is no damaged file: it is left as it is,
    and the error is raised. Raises LeasedError where another process computes it.
    """
    content = _read(path, read)
    if content is None:
        with lease(path):
            content = _read(path, read)  # another process may have written it in the meantime
            if content is None:
                compute()
                remove_abandoned()
                content = read()
    return content


def _read(path: Path, read: Callable[[], T]) -> T | None:
    """The file's content; None where the file is missing or, with a warning, damaged."""
    try:
        return read()
    except FileNotFoundError:
        return None
    except Exception as error:
        if is_of_the_machine(error):
            raise
        text = f"'{path}' is damaged ({type(error).__name__}) and is computed again"
        warnings.warn(text, stacklevel=3)
        return None


def _backbone_path(digest: str) -> Path:
    return cache_root() / "backbones" / f"{digest[:16]}.pt"


class _SplitError(InvalidInputError):
    """The images cannot be split as a task asks for."""


def context_of(setting: Setting, root: Path) -> Context:
    """The context of a setting. Raises MissingDataError; InvalidInputError.

    The error names the protocol where the images cannot be split for it.
    """
    try:
        return open_context(setting.spec, setting.protocol.task, root)
    except _SplitError as error:
        raise InvalidInputError(f"protocol '{setting.protocol.name}': {error}") from error


@lru_cache(maxsize=2)
def open_context(spec: str, task: Task, root: Path) -> Context:
    """Load the images and split them. Raises MissingDataError, InvalidInputError."""
    dataset = dataset_from(spec)
    with undisturbed():
        images = load_images(dataset, root)
    if task.text_view is not None:
        images = replace(images, texts=dataset.texts(images, task.text_view))
    name = dataset.name()
    try:
        return Context(name, images, task.split(images, name))
    except InvalidInputError as error:
        raise _SplitError(str(error)) from error
