"""The jobs of a run: what one process does at a time, and what it leaves to others that share the folder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hashbench.errors import InvalidInputError, LeasedError
from hashbench.execution.cell import run_cell
from hashbench.execution.context import make_artefact
from hashbench.execution.place import Place
from hashbench.execution.plan import why_stale
from hashbench.execution.work import Artefact, Work
from hashbench.records import Failure, Record
from hashbench.system.lease import lease


@dataclass(frozen=True)
class Made:
    """An artefact is ready for the cells that need it, unless making it failed."""

    artefact: Artefact
    failure: Failure | None = None


@dataclass(frozen=True)
class Job:
    """An artefact to make or a cell to run.

    before: when the cell's record that is to be replaced was written. unmade: why it cannot be done, where
    that is known.
    """

    task: Artefact | Work
    place: Place
    before: datetime | None = None
    unmade: Failure | None = None

    @property
    def needs(self) -> list[Artefact]:
        """What must be made before it."""
        return self.task.artefacts if isinstance(self.task, Work) else []

    @property
    def title(self) -> str:
        """Its name on a dashboard."""
        task = self.task
        return task.cell.method if isinstance(task, Work) else task.feature.name()

    def do(self) -> Made | Record | None:
        """What comes of it, a failure included; None where another process is at it."""
        try:
            if isinstance(self.task, Work):
                return self._cell(self.task)
            return self._artefact(self.task)
        except LeasedError:
            return None

    def _artefact(self, artefact: Artefact) -> Made:
        try:
            if self.unmade is None:
                make_artefact(artefact, self.place.data, self.place.enter(artefact.setting))
        except LeasedError:
            raise
        except Exception as error:
            return Made(artefact, Failure.of(error))
        return Made(artefact, self.unmade)

    def _cell(self, work: Work) -> Record:
        with lease(self.place.record(work)):
            return self._written_since(work) or run_cell(work, self.place, self.unmade)

    def _written_since(self, work: Work) -> Record | None:
        """The cell's record, where another process has written it since this run was planned."""
        try:
            record = Record.load(self.place.record(work))
        except (InvalidInputError, OSError):
            return None
        if record.created == self.before:
            return None
        self.place.enter(work.setting)
        return record if record.status == "failed" or why_stale(record, work, self.place) is None else None
