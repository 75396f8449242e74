"""A protocol: a task with its numbers, and the recipe by which every network is trained. A frozen value."""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from hashbench.contracts.recipe import Recipe
from hashbench.contracts.task import Task
from hashbench.identity.digest import differing, digest_of


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """The training images, the query images and the training budget.

    It has two digests. Every cell depends on ``task_digest``, that of the task and its numbers. Only cells
    with a network depend on ``recipe_digest``, that of the recipe. Name and description change no number and
    are in neither.
    """

    name: str
    description: str
    task: Task
    recipe: Recipe = field(default_factory=Recipe)

    @cached_property
    def task_digest(self) -> str:
        """SHA-256 of the task's name and of its fields that differ from their defaults."""
        return digest_of([self.task.name(), differing(self.task)])

    @cached_property
    def recipe_digest(self) -> str:
        """SHA-256 of the recipe's fields that differ from their defaults."""
        return digest_of(differing(self.recipe))

    def facts(self) -> dict[str, Any]:
        """What a record stores of the protocol, with all fields; the recipe is stored separately."""
        task = {"name": self.task.name(), **asdict(self.task)}
        return {"name": self.name, "description": self.description, "task": task}
