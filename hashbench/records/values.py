"""The values of each unit beside a record: ``RECORD.per_unit.npz`` and, small enough to keep, the headline's.

Paired tests need them. All metrics together are large; the headline metric alone is committed with reference
results, in ``RECORD.headline.npz``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hashbench.system.atomic import atomic_file

ALL, HEADLINE = ".per_unit.npz", ".headline.npz"


def save_values(record: Path, per_unit: Mapping[str, NDArray[np.float64]], headline: str) -> None:
    """Write the values of each unit, (n_units,) by metric, beside a record; a reader sees whole files."""
    for suffix, names in ((ALL, list(per_unit)), (HEADLINE, [headline] if headline in per_unit else [])):
        if names:
            with atomic_file(record.with_suffix(suffix)) as file:
                np.savez_compressed(file, **{name: per_unit[name] for name in names})  # type: ignore[arg-type]
