"""Names and values to digests, and digests to seeds.

Randomness in hashbench is a pure function of names (data set, protocol, method, bits, repetition), so
adding a method to a run changes no other method's numbers.
"""

import hashlib
import json
from dataclasses import MISSING, asdict, fields
from typing import Any


def digest_of(value: Any) -> str:
    """SHA-256, in hex, of a JSON-serialisable value written canonically (keys sorted, no spaces)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def differing(value: Any) -> dict[str, Any]:
    """The fields of a dataclass object that differ from their defaults.

    Digests use only these, so that a new field with a default changes none. A change of a default itself
    shows in the number of its room (``hashbench.identity.rooms``).
    """
    changed = {}
    for field in fields(value):
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if getattr(value, field.name) != default:
            changed[field.name] = asdict(value)[field.name]
    return changed


def seed_of(*names: str | int) -> int:
    """A seed in [0, 2**31) that depends only on the names, not on their types."""
    return int(digest_of([str(name) for name in names])[:8], 16) >> 1
