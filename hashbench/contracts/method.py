"""The contract of a hashing method: a file in ``methods/`` with one subclass of ``HashMethod``.

A method is a scikit-learn estimator whose hyper-parameters are dataclass fields. It writes two hooks,
``_fit`` and ``_project``; the base class owns validation, the device, batching and the step from real values
to bits. Deep methods subclass ``hashbench.training.DeepHashMethod`` instead and write a loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from hashbench.contracts.codes import Codes
from hashbench.contracts.hooks import require_tensor, unwritten
from hashbench.errors import InvalidInputError

if TYPE_CHECKING:
    import torch


@dataclass(eq=False, repr=False, kw_only=True)
class HashMethod(TransformerMixin, BaseEstimator):
    """Maps features or images to codes.

    n_bits: length of the codes.
    random_state: seed of all randomness of ``fit``.
    device: "auto" (CUDA, then MPS, then the CPU) or any torch device, such as "cuda:1".

    A method that can learn from fewer labels than it is given has a parameter ``n_labelled``, which tables
    then show.
    """

    n_bits: int = 32
    random_state: int = 0
    device: str = "auto"

    # What fit() is given: "unsupervised" methods get y=None, whatever the caller passes; "semi-supervised"
    # ones get labels of some images, -1 for the others.
    supervision: ClassVar[Literal["unsupervised", "semi-supervised", "supervised"]] = "unsupervised"
    # What X is: (n, d) float32 "features", or (n, c, h, w) uint8 "images".
    inputs: ClassVar[Literal["features", "images"]] = "features"
    # "vectors": project() is an embedding of any length, ranked by cosine; it makes no codes.
    output: ClassVar[Literal["codes", "vectors"]] = "codes"
    # A control helps to interpret the numbers; it does not compete.
    control: ClassVar[bool] = False
    # The tasks that the method is made for. Other tasks leave it out of groups such as "all"; where it is
    # named it runs, if the task accepts it, and tables mark its row.
    made_for: ClassVar[tuple[str, ...]] = ("retrieval",)
    # Packages of an optional extra that it imports; the extra has the name of the first.
    needs: ClassVar[tuple[str, ...]] = ()
    # Whether it also encodes texts (CrossViewMethod does).
    reads_text: ClassVar[bool] = False
    # Whether the method trains a backbone (DeepHashMethod does).
    deep: ClassVar[bool] = False
    # Why a fitted method cannot be kept in a file; "" where it can (hashbench.encoders).
    not_saved: ClassVar[str] = ""

    @classmethod
    def name(cls) -> str:
        """The registry name: the stem of the file that defines the class."""
        return cls.__module__.rpartition(".")[2]

    @classmethod
    def family(cls) -> Literal["control", "shallow", "deep"]:
        """The group of table rows that the method belongs to."""
        return "control" if cls.control else "deep" if cls.deep else "shallow"

    @classmethod
    def accepts_bits(cls, n_bits: int) -> str | None:
        """Why the method cannot make codes of this length, which ``fit`` then refuses; None where it can."""
        return None

    @classmethod
    def lacks(cls) -> str | None:
        """Which package is not installed that the method needs; None where all are there."""
        missing = [package for package in cls.needs if find_spec(package) is None]
        if not missing:
            return None
        return (
            f"{cls.name()} needs the package {' and '.join(missing)}, which is not installed; "
            f"pip install 'hashbench[{cls.needs[0]}]'"
        )

    # -- what a method writes ---------------------------------------------------------------------

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        """Learn from X, already validated and on the device; keep what was learned in ``name_`` attributes.

        X: (n, d) float32, or (n, c, h, w) uint8. y: None for unsupervised methods, else (n,) int64 class
        indices 0..C-1, or (n, C) float32 multi-hot; for semi-supervised methods -1, or a row of -1, where an
        item has no label. generator: on the CPU, seeded with ``random_state``.
        """
        raise unwritten(self.name(), "_fit(self, X, y, generator)")

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        """Real values (n, n_bits) of X; bit = value > 0."""
        raise unwritten(self.name(), "_project(self, X)")

    def project_batch(self, device: torch.device) -> int:
        """How many items ``project`` puts on the device at a time."""
        return 8192

    def _state(self) -> dict[str, Any]:
        """What was learned and encoding needs, by attribute; it is kept in a file.

        By default all attributes whose names end in ``_``. Values: None, numbers, texts, bytes, tensors,
        numpy arrays, modules of torch, of the suite or of the method's file; tuples, lists, dicts of such.
        """
        return {name: value for name, value in vars(self).items() if name.endswith("_")}

    def _restore(self, state: dict[str, Any]) -> None:
        """Take over what ``_state`` gave in another process."""
        self.__dict__.update(state)

    # -- what a user calls ------------------------------------------------------------------------

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, **options: Any) -> Self:
        """Learn from training data only. ``options`` are those of the method's ``_fit``. Returns self."""
        import torch

        lacking = self.lacks()
        if lacking is not None:
            raise InvalidInputError(lacking)
        items, labels = self._tensors(X, y)
        self._input_shape_ = tuple(items.shape[1:])
        self.n_features_in_ = int(np.prod(self._input_shape_))
        self._fit(items, labels, torch.Generator().manual_seed(self.random_state), **options)
        return self

    def project(self, X: ArrayLike) -> NDArray[np.float32]:
        """Real values (n, n_bits) float32 whose signs are the bits."""
        import torch

        if not hasattr(self, "_input_shape_"):
            raise InvalidInputError(f"{self.name()} is not fitted; call fit() first")
        data = self._check_inputs(X)
        if data.shape[1:] != self._input_shape_:
            raise InvalidInputError(
                f"{self.name()} was fitted on items of shape {self._input_shape_}, got {data.shape[1:]}"
            )
        device = self._device()
        with torch.inference_mode():
            parts = [
                require_tensor(self.name(), "_project", self._project(part)).float()
                for part in batches_on(device, data, self.project_batch(device))
            ]
            return torch.cat(parts).cpu().numpy()  # one copy for all: each copy waits for the device

    def encode(self, X: ArrayLike) -> Codes:
        """Codes of X."""
        if self.output == "vectors":
            raise InvalidInputError(f"{self.name()} makes no codes; rank its project() by cosine")
        return Codes.from_real(self.project(X))

    def transform(self, X: ArrayLike) -> NDArray[np.uint8]:
        """Bits of X, (n, n_bits) uint8: ``encode`` as scikit-learn pipelines expect it."""
        return self.encode(X).unpack()

    # -- validation -------------------------------------------------------------------------------

    def _device(self) -> torch.device:
        from hashbench.system.device import resolve_device

        return resolve_device(self.device)

    def _tensors(self, X: ArrayLike, y: ArrayLike | None) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Training data as ``_fit`` takes them."""
        import torch

        data = self._check_inputs(X)
        labels = self._check_labels(y, len(data))
        device = self._device()
        return (
            torch.from_numpy(data).to(device),
            None if labels is None else torch.from_numpy(labels).to(device),
        )

    def _check_inputs(self, X: ArrayLike) -> NDArray:
        if not isinstance(self.n_bits, int | np.integer) or self.n_bits < 1:
            raise InvalidInputError(f"{self.name()}: n_bits must be a positive integer, not {self.n_bits!r}")
        fault = type(self).accepts_bits(self.n_bits)
        if fault is not None:
            raise InvalidInputError(fault)
        array = np.asarray(X)
        if self.inputs == "images":
            if array.ndim != 4 or array.dtype != np.uint8:
                raise InvalidInputError(
                    f"{self.name()} reads images (n, c, h, w) uint8, not {array.shape} {array.dtype}"
                )
        else:
            if array.ndim != 2 or array.dtype.kind not in "fiub":
                raise InvalidInputError(
                    f"{self.name()} reads features (n, d) of numbers, not {array.shape} {array.dtype}; "
                    "flatten images to rows first"
                )
            array = array.astype(np.float32, copy=False)
            if not np.isfinite(array).all():
                raise InvalidInputError(f"{self.name()}: features contain NaN or infinity; clean them first")
        if not len(array):
            raise InvalidInputError(f"{self.name()}: there are no items; at least one is needed")
        if not array.flags.c_contiguous or not array.flags.writeable:  # torch shares memory, and warns
            array = array.copy()
        return array

    def _check_labels(self, y: ArrayLike | None, n: int) -> NDArray | None:
        if self.supervision == "unsupervised":
            return None
        if y is None:
            raise InvalidInputError(f"{self.name()} is {self.supervision}; call fit(X, y) with labels y")
        labels = np.asarray(y)
        if labels.ndim not in (1, 2) or len(labels) != n:
            raise InvalidInputError(
                f"{self.name()}: labels must be ({n},) classes or ({n}, C) multi-hot, not {labels.shape}"
            )
        if labels.ndim == 1 and labels.dtype.kind not in "iubUS":
            raise InvalidInputError(f"{self.name()}: labels must be classes, not {labels.dtype} values")
        known = ~_is_unlabelled(labels)
        if self.supervision == "supervised" and not known.all():
            raise InvalidInputError(
                f"-1 means unlabelled; {self.name()} is supervised, and {(~known).sum()} of {n} items have "
                "no label; leave them out, or choose a semi-supervised method"
            )
        if labels.ndim == 2:
            if not np.isin(labels[known], (0, 1)).all():
                raise InvalidInputError(
                    f"{self.name()}: multi-hot labels must be zeros and ones, or a row of -1 for an item "
                    "without labels"
                )
            named = np.flatnonzero(labels[known].any(axis=0))
            indices = labels.astype(np.float32)
        else:
            named, places = np.unique(labels[known], return_inverse=True)
            self.classes_ = named
            indices = np.full(n, -1, np.int64)
            indices[known] = places
        if len(named) < 2:
            number = "one class" if len(named) else "no class"
            raise InvalidInputError(f"{self.name()}: labels name {number} only; at least two are needed")
        return indices


def _is_unlabelled(labels: NDArray) -> NDArray[np.bool_]:
    """(n,): which of the labels are -1, or rows of -1."""
    if labels.dtype.kind in "US":  # numpy turns numbers among strings into strings
        labels = np.where(labels.astype(str) == "-1", -1, 0)
    missing = labels == -1
    return missing if labels.ndim == 1 else missing.all(axis=1) & (labels.shape[1] > 0)


def batches_on(
    device: torch.device, items: NDArray | torch.Tensor, size: int, index: NDArray[np.integer] | None = None
) -> Iterator[torch.Tensor]:
    """The items on a device, at most ``size`` at a time; on CUDA one batch is copied while another computes.

    index: the positions of the wanted items, in their order; all by default.
    """
    import torch

    for start in range(0, len(items) if index is None else len(index), size):
        chosen = slice(start, start + size)
        part = items[chosen] if index is None else items[index[chosen]]
        if not isinstance(part, torch.Tensor):
            part = torch.from_numpy(part if part.flags.writeable else part.copy())
        if device.type == "cuda" and not part.is_cuda:
            part = part.pin_memory()  # from other memory, the copy would wait for the device
        yield part.to(device, non_blocking=True)
