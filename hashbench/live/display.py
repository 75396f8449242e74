"""The display of a run: live on a terminal and in a notebook, elsewhere one line per cell."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.file_proxy import FileProxy
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hashbench.execution.jobs import Made
from hashbench.execution.plan import Plan
from hashbench.live.cost import Costs
from hashbench.live.lines import outcome_line, step_parts, task_line
from hashbench.live.notebook import NotebookLive
from hashbench.records import Record
from hashbench.system.output import Output
from hashbench.system.watching import Step

MOST = 8  # running jobs that are shown
BAR = 20  # columns
REFRESHES = 2  # a second
_one_at_a_time = threading.Lock()  # two displays would draw over each other


@dataclass
class _Running:
    began: float
    at: datetime
    step: Step
    worked: bool = False  # whether it has told anything: what is cached already takes no time


class Display:
    """Shows a run in the block: what runs, how far it is, the last result, the time left.

    ``watcher``: what is told the jobs' steps (``hashbench.execution.watcher.RunWatcher``); None where nothing
    is shown live. On a terminal and in a notebook it is redrawn in place, and gone after the block, in a
    notebook but for its last line. Elsewhere, and while another display is open, each artefact and each cell
    is a line, without any escape sequence.
    """

    def __init__(self, console: Console, plan: Plan) -> None:
        self.console = console
        self.watcher: Display | None = None
        self._tasks = plan.tasks
        self._plan = plan
        self._done = 0
        self._last = ""
        self._live: Live | NotebookLive | None = None

    def __enter__(self) -> Self:
        if self._tasks and is_live(self.console) and _one_at_a_time.acquire(blocking=False):
            try:
                self._open()
            except BaseException:
                self._close()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self.watcher is not None:
            self._close()

    def _open(self) -> None:
        self._lock = threading.Lock()
        self._costs = Costs(self._plan)
        self._waiting = set(range(len(self._tasks)))
        self._running: dict[int, _Running] = {}
        self._began = monotonic()
        self.watcher = self
        if self.console.is_jupyter:
            self._live = NotebookLive(self)
        else:
            self._live = Live(
                self,
                console=self.console,
                refresh_per_second=REFRESHES,
                transient=True,
                # What else is printed goes above the display; into a file, it goes where it belongs.
                redirect_stdout=Output(sys.stdout).isatty(),
                redirect_stderr=Output(sys.stderr).isatty(),
            )
        self._live.start()
        self.console.show_cursor(True)  # a killed process cannot give it back

    def _close(self) -> None:
        self._running = {}
        try:
            for stream in (sys.stdout, sys.stderr):
                if isinstance(stream, FileProxy):
                    stream.flush()  # a line that has no end yet
            if self._live is not None:
                self._live.stop()
        finally:
            self._live = None
            _one_at_a_time.release()

    # -- what the run tells -------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """What else there is to tell, such as the address of a dashboard."""
        self.console.print(f"  {text}", markup=False, soft_wrap=True)

    def ended(self, event: Made | Record) -> None:
        """An artefact or a cell has ended."""
        self._done += 1
        self._last = outcome_line(event)
        if isinstance(event, Record) and event.error is not None:
            self.console.print(self._last, style="red", markup=False, soft_wrap=True)
        elif self._live is None:
            total = str(len(self._tasks))
            count = f"[{self._done:>{len(total)}}/{total}]"
            self.console.print(f"{count} {self._last}", markup=False, soft_wrap=True)

    def started(self, number: int) -> None:
        """A job has begun."""
        with self._lock:
            self._waiting.discard(number)
            self._running[number] = _Running(monotonic(), datetime.now(UTC), Step("starting"))

    def step(self, number: int, step: Step) -> None:
        """Where a job is."""
        with self._lock:
            if number not in self._running:  # told late
                return
            self._running[number].step = step
            self._running[number].worked = True
            if step.rate:
                self._costs.measure_training(number, step)

    def stopped(self, number: int, outcome: Made | Record | None) -> None:
        """What came of a job; None: it comes later."""
        with self._lock:
            state = self._running.pop(number)
            if outcome is None:
                self._waiting.add(number)
            elif (outcome.error if isinstance(outcome, Record) else outcome.failure) is not None:
                self._costs.forget(number)
            elif state.worked and not (isinstance(outcome, Record) and outcome.created < state.at):
                self._costs.measure(number, monotonic() - state.began)

    # -- what is drawn ------------------------------------------------------------------------------

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """A line for each running job, one for the last result, one for the whole; none wraps."""
        with self._lock:
            running, now = sorted(self._running.items()), monotonic()
            states = {number: (now - state.began, state.step) for number, state in running}
            left = str(self._costs.left(self._waiting, states)) if self._waiting or states else ""
        width = options.max_width
        for number, state in running[:MOST]:
            yield fitted(task_line(self._tasks[number]), step_parts(state.step), width)
        if len(running) > MOST:
            yield Text(f"and {len(running) - MOST} more")
        if self._last:
            yield Text(f"last: {self._last}", style="dim", no_wrap=True, overflow="ellipsis")
        total = len(self._tasks)
        whole = Table.grid(padding=(0, 1))
        whole.add_column(no_wrap=True)
        said = ", ".join(part for part in (clock(now - self._began), left) if part)
        count = f"{self._done}/{total}"
        bar = [ProgressBar(total=total, completed=self._done, width=BAR)]
        fits = width >= len(count) + len(said) + BAR + 3
        whole.add_row(count, *(bar if fits else []), Text(said, no_wrap=True, overflow="ellipsis"))
        yield whole


def error_console() -> Console:
    """Standard error, or the output of a notebook's cell; where it cannot be written, the work goes on."""
    return Console(file=Output(sys.stderr).unescaped(), highlight=False)  # type: ignore[arg-type]


def is_live(console: Console) -> bool:
    """Whether a display can be redrawn in place there; not in a file, whatever $FORCE_COLOR says."""
    on_screen = console.is_terminal and console.file.isatty() and not console.is_dumb_terminal
    return console.is_jupyter or on_screen


def fitted(name: str, parts: list[str], width: int) -> Text:
    """The name and those parts, the first ones, that leave it half of the line; the name cut if need be.

    What is cut from a long name is its middle: it begins with the data set and ends with the code length.
    """
    said = ""
    for part in parts:
        room = max(width // 2, width - len(name) - 2)
        if said and len(said) + 2 + len(part) > room:
            break
        said = f"{said}  {part}" if said else part
    room = max(8, width - len(said) - 2)
    if len(name) > room:
        kept = room - 1
        name = f"{name[: kept // 2]}…{name[len(name) - (kept - kept // 2) :]}"
    return Text(f"{name}  {said}", no_wrap=True, overflow="ellipsis")


def clock(seconds: float) -> str:
    """Hours, minutes and seconds: ``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
