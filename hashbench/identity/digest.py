"""Names and values to digests, and digests to seeds.

Randomness in hashbench is a pure function of names (data set, protocol, method, bits, repetition), so
adding a method to a run moves nobody's numbers.
"""

import hashlib
import json
from typing import Any


def digest_of(value: Any) -> str:
    """SHA-256, in hex, of a JSON-serialisable value written canonically (keys sorted, no spaces)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def seed_of(*names: str | int) -> int:
    """A seed in [0, 2**31) that depends on the names, their types aside, and on nothing else."""
    return int(digest_of([str(name) for name in names])[:8], 16) >> 1
