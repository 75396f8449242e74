"""How long the jobs of a run may still take: by what their training sees, and what this run has measured.

Nothing is guessed before it is measured. A job costs what others of its kind took in this run: the same
method, features and code length; else the same method and features; else any of the same sort on the same
images, per image that the training sees. Where none has been measured, the time is not known.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from statistics import median

from hashbench.contracts.feature import TrainedFeature
from hashbench.errors import BrokenPluginError, UnknownNameError
from hashbench.execution.plan import Plan
from hashbench.execution.work import Artefact, Setting, Work
from hashbench.plugins.registry import find
from hashbench.system.watching import Step

# With one of these values a deep method trains as long as both stages of the recipe.
BOTH_STAGES = {"pretraining": "joint", "budget": "total"}


@dataclass(frozen=True)
class Cost:
    """What is known of a job before it runs.

    kinds: those it is of, the narrowest first. images: that its training sees, each as often as it is seen.
    """

    kinds: tuple[Hashable, ...]
    images: int


@dataclass(frozen=True)
class Left:
    """The seconds that jobs may still take, and how many jobs are not in them since nothing is known."""

    seconds: float
    unknown: int

    def __str__(self) -> str:
        if self.unknown and not self.seconds:
            return "time left unknown"
        return f"{'over' if self.unknown else 'about'} {_span(self.seconds)} left"


class Costs:
    """What jobs cost, in seconds per image, as far as it has been measured."""

    def __init__(self, plan: Plan) -> None:
        images = {_place(work.setting): n for work, n in zip(plan.pending, plan.images, strict=True)}
        methods = _classes(plan)
        costs = [cost_of(task, images[_place(task.setting)], methods) for task in plan.tasks]
        # A number for each kind: looked up so often, what they are would take long to hash.
        numbers = {
            kind: number for number, kind in enumerate({kind for cost in costs for kind in cost.kinds})
        }
        self._costs = [Cost(tuple(numbers[kind] for kind in cost.kinds), cost.images) for cost in costs]
        self._measured: dict[Hashable, dict[int, float]] = {}
        self._medians: dict[Hashable, float] = {}  # of those kinds that nothing was measured of since

    def measure(self, number: int, seconds: float) -> None:
        """A job has taken so many seconds, or will by what is known of it so far."""
        cost = self._costs[number]
        for kind in cost.kinds:
            self._measured.setdefault(kind, {})[number] = seconds / cost.images
            self._medians.pop(kind, None)

    def measure_training(self, number: int, step: Step) -> None:
        """The training of a job has reached this step."""
        self.measure(number, self._costs[number].images / step.rate)

    def forget(self, number: int) -> None:
        """A job has failed: what it took says nothing of others."""
        for kind in self._costs[number].kinds:
            self._measured.get(kind, {}).pop(number, None)
            self._medians.pop(kind, None)

    def seconds(self, number: int) -> float | None:
        """What a job takes in all; None where that is not known."""
        cost = self._costs[number]
        for kind in cost.kinds:
            if self._measured.get(kind):
                return self._median(kind) * cost.images
        return None

    def _median(self, kind: Hashable) -> float:
        """Seconds per image; kept, as it is needed for each job that waits, at each redraw."""
        if kind not in self._medians:
            self._medians[kind] = median(self._measured[kind].values())
        return self._medians[kind]

    def left(self, waiting: Iterable[int], running: Mapping[int, tuple[float, Step]]) -> Left:
        """What these jobs still take, those that wait as many at a time as run now.

        running: the seconds since each began, and its last step.
        """
        now = [self._rest(number, *state) for number, state in running.items()]
        later = [self.seconds(number) for number in waiting]
        known = [seconds for seconds in (*now, *later) if seconds is not None]
        unknown = len(now) + len(later) - len(known)
        longest = max((seconds for seconds in now if seconds is not None), default=0.0)
        return Left(max(longest, sum(known) / max(1, len(running))), unknown)

    def _rest(self, number: int, elapsed: float, step: Step) -> float | None:
        if step.rate:
            return (step.epochs - step.epoch) * step.images / step.rate
        whole = self.seconds(number)
        return None if whole is None else max(0.0, whole - elapsed)


def cost_of(task: Artefact | Work, n_images: int, methods: Mapping[str, type]) -> Cost:
    """The cost of a job in a setting with so many training images.

    methods: the classes by name, which have the defaults of parameters that a cell does not set.
    """
    setting, feature = task.setting, task.feature
    place, recipe = _place(setting), setting.protocol.recipe
    if isinstance(task, Artefact):
        if not isinstance(feature, TrainedFeature):  # its rows are the same for all protocols
            return Cost((("rows", setting.spec, feature),), 1)
        images = max(1, round(feature.times() * recipe.pretrain_epochs * n_images))
        return Cost((("network", place, feature), ("network", place)), images)
    cell = task.cell
    deep = feature is None and cell.backbone is not None
    method = ("cell", place, cell.label, cell.features)
    kinds: tuple[Hashable, ...] = ((*method, cell.bits), method, ("cell", place, deep))
    if not deep:
        return Cost(kinds, max(1, n_images))
    cls = methods.get(cell.method)
    both_stages = any(
        cell.params.get(name, getattr(cls, name, None)) == value for name, value in BOTH_STAGES.items()
    )
    epochs = recipe.epochs + recipe.pretrain_epochs * both_stages
    return Cost((*kinds, ("network", place)), max(1, epochs * n_images))


def _classes(plan: Plan) -> dict[str, type]:
    """The methods of a plan's cells by name, without those that are broken: their cells fail at once."""
    found = {}
    for name in {task.cell.method for task in plan.tasks if isinstance(task, Work)}:
        with suppress(BrokenPluginError, UnknownNameError):
            found[name] = find("method", name)
    return found


def _place(setting: Setting) -> tuple[str, Hashable]:
    """What has equally many and equally large images: a data set under a protocol."""
    return setting.spec, setting.protocol


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return "1 min" if seconds >= 30 else f"{max(1, round(seconds))} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
