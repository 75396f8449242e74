"""Binary codes, packed: the one place where real values become bits."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench.errors import InvalidInputError
from hashbench.system.shown import Shown

MAX_BITS = 4096  # of a code that is evaluated


@dataclass(frozen=True, eq=False, repr=False)
class Codes(Shown):
    """n binary codes of n_bits bits.

    ``packed`` is (n, ceil(n_bits / 8)) uint8 in the bit order of ``numpy.packbits``: bit k of a code is
    bit 7 - k % 8 of byte k // 8; the padding bits are zero. There are no ternary codes.
    """

    packed: NDArray[np.uint8]
    n_bits: int

    def __post_init__(self) -> None:
        width = -(-self.n_bits // 8)
        if self.n_bits < 1 or self.packed.dtype != np.uint8 or self.packed.shape[1:] != (width,):
            raise InvalidInputError(
                f"packed codes of {self.n_bits} bits are (n, {width}) uint8, not "
                f"{self.packed.shape} {self.packed.dtype}"
            )
        padding = 8 * width - self.n_bits
        if padding and np.any(self.packed[:, -1] & ((1 << padding) - 1)):
            raise InvalidInputError(
                f"packed codes of {self.n_bits} bits have ones beyond the last bit; n_bits is wrong, or the "
                "bits were packed in another order than numpy.packbits"
            )

    @classmethod
    def from_real(cls, values: ArrayLike) -> Self:
        """Codes of real values (n, n_bits): bit = value > 0. Zero gives bit 0; NaN is an error."""
        array = np.asarray(values)
        if array.ndim != 2 or array.shape[1] == 0:
            raise InvalidInputError(f"values to binarise must be (n, n_bits), not {array.shape}")
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise InvalidInputError("values to binarise contain NaN; the encoder diverged or its input did")
        return cls(np.packbits(array > 0, axis=1), array.shape[1])

    def unpack(self) -> NDArray[np.uint8]:
        """The bits as (n, n_bits) uint8 zeros and ones."""
        return np.unpackbits(self.packed, axis=1, count=self.n_bits)

    def words(self) -> NDArray[np.uint64]:
        """The codes as (n, ceil(n_bits / 64)) uint64 words, zero padded, for XOR and population count."""
        width = -(-self.n_bits // 64) * 8
        padded = np.zeros((len(self), width), np.uint8)
        padded[:, : self.packed.shape[1]] = self.packed
        return padded.view(np.uint64)

    def __len__(self) -> int:
        return len(self.packed)

    def __getitem__(self, items: Any) -> Self:
        """The codes at a slice, an index array or a mask."""
        return type(self)(np.atleast_2d(self.packed[items]), self.n_bits)

    def _shown(self) -> dict[str, str]:
        return {"n": f"{len(self):,}", "n_bits": str(self.n_bits)}
