"""The part of a grid that one of several independent runs computes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hashbench.errors import InvalidInputError
from hashbench.execution.work import Work

MOST = 100_000


@dataclass(frozen=True)
class Shard:
    """Number ``index`` of ``count``, from 1 on."""

    index: int
    count: int

    @classmethod
    def of(cls, text: str) -> Shard:
        """From ``2/4``. Raises InvalidInputError."""
        found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        index, count = (int(found[1]), int(found[2])) if found else (0, 0)
        if not 1 <= index <= count <= MOST:
            raise InvalidInputError(
                f"--shard {text[:40]}: write I/N, from 1/N to N/N, such as 2/4; N is at most {MOST:,}"
            )
        return cls(index, count)

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def of_grid(self, works: Sequence[Work]) -> tuple[list[Work], int]:
        """Its cells, in their order, and how many of the artefacts that they need other shards need too.

        The shards of a grid are disjoint and together complete; they depend on nothing but the grid. None has
        more than its share of the cells, rounded up. Cells that need the same artefact are in one shard, if
        they fit into its share; else they are dealt out.
        """
        groups: dict[object, list[int]] = {}
        for number, work in enumerate(works):
            keys = [artefact.key for artefact in work.artefacts]
            groups.setdefault(keys[0] if keys else number, []).append(number)
        share = -(-len(works) // self.count)
        load = [0] * self.count
        mine: list[int] = []
        shared = 0
        for group in sorted(groups.values(), key=len, reverse=True):  # the order of equal ones stays
            whole = min(load) + len(group) <= share
            least = load.index(min(load))
            taken = 0
            for number in group:
                shard = least if whole else load.index(min(load))
                load[shard] += 1
                if shard == self.index - 1:
                    mine.append(number)
                    taken += 1
            shared += 0 < taken < len(group)
        return [works[number] for number in sorted(mine)], shared
