"""The display of a run: on terminals of any width, in a notebook, in a file; and how it goes away."""

import io
import sys
import types

import pytest
from rich.console import Console

from hashbench.execution.jobs import Made
from hashbench.execution.runner import run_plan
from hashbench.live import Display
from hashbench.live.display import fitted
from hashbench.records import Record
from hashbench.system.watching import Step

HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"


class Screen(io.StringIO):
    def isatty(self):
        return True


def terminal(width=100):
    return Console(file=Screen(), width=width, highlight=False)


def drawn(display, width):
    """The lines of a display, as a terminal of that width has them."""
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(display)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_wraps(planned, width):
    at = planned("dpsh", "lsh", "itq", bits=[8, 12, 16, 24, 32])
    with Display(terminal(width), at.plan) as display:
        for number in range(10):
            display.started(number)
            display.step(number, Step("train", number, 100, 12.3456, 720, 54_321.0))
        display.ended(Made(at.plan.artefacts[0]))
        lines = drawn(display, width)
    assert len(lines) == 8 + 1 + 1 + 1  # of ten running jobs eight, how many more, the last result, the whole
    assert max(map(len, lines)) <= width
    assert all("epoch" in line for line in lines[:8])
    assert ("images/s" in lines[0]) == (width > 40)
    assert lines[-1].startswith("1/16 ")


def test_a_long_name_keeps_its_ends():
    line = str(fitted("cifar10 5k a_method_with (parameters=1) 48 bits r0", ["epoch 3/10", "loss 1"], 60))
    assert len(line) <= 60
    assert line.startswith("cifar10 5k")
    assert "48 bits r0  epoch 3/10" in line


def test_it_shows_what_runs_and_how_far_it_is(planned):
    at = planned("dpsh")
    cell = at.number("dpsh")
    with Display(terminal(), at.plan) as display:
        display.started(cell)
        assert "dpsh 8 bits r0  starting" in drawn(display, 100)[0]
        display.step(cell, Step("train", 1, 2, 0.25, 720, 1000.0))
        assert "dpsh 8 bits r0  epoch 1/2  loss 0.25  1,000 images/s" in drawn(display, 100)[0]
        display.stopped(cell, None)  # another run is at it
        display.step(cell, Step("evaluate"))  # told late
        assert len(drawn(display, 100)) == 1


def test_a_run_shows_itself_and_is_measured(planned, place):
    at, console = planned("lsh", bits=[8, 12]), terminal()
    with Display(console, at.plan) as display:
        shown = []
        for event in run_plan(at.plan, place, watcher=display.watcher):
            display.ended(event)
            shown.append(drawn(display, 100))
        assert all(display._costs.seconds(number) > 0 for number in (0, 1))
    assert shown[0][-2].startswith("last: digits 5k lsh pixels 8 bits r0 map 0.")
    assert "1/2" in shown[0][-1]
    assert "2/2" in shown[1][-1]
    text = console.file.getvalue()
    assert text.count(SHOWN) >= text.count(HIDDEN) > 0
    assert text.endswith(("\x1b[2K", SHOWN))  # its lines are gone


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_stop_takes_it_away(planned, error):
    at, console = planned("lsh"), terminal()

    def stopped():
        with Display(console, at.plan) as display:
            display.started(0)
            raise error

    with pytest.raises(error):
        stopped()
    assert console.file.getvalue().endswith(("\x1b[2K", SHOWN))
    with Display(terminal(), at.plan) as again:
        assert again.watcher is again


def test_a_stop_while_it_starts_takes_it_away(planned, monkeypatch):
    at, console, show = planned("lsh"), terminal(), Console.show_cursor
    stops = [KeyboardInterrupt()]

    def stopped(self, shown=True):
        if shown and stops:
            raise stops.pop()
        return show(self, shown)

    monkeypatch.setattr(Console, "show_cursor", stopped)
    with pytest.raises(KeyboardInterrupt), Display(console, at.plan):
        pass
    assert console.file.getvalue().endswith(("\x1b[2K", SHOWN))
    with Display(terminal(), at.plan) as again:
        assert again.watcher is again


@pytest.mark.parametrize("screen", [True, False])
def test_what_a_program_prints_goes_above_it_or_into_its_file(planned, monkeypatch, screen):
    out, at, console = Screen() if screen else io.StringIO(), planned("lsh"), terminal()
    monkeypatch.setattr(sys, "stdout", out)
    with Display(console, at.plan):
        print("a line")
        print("no end", end="")
    assert out.getvalue() == ("" if screen else "a line\nno end")
    assert [text in console.file.getvalue() for text in ("a line", "no end")] == [screen, screen]


@pytest.mark.parametrize("forced", [False, True])
def test_a_file_gets_a_line_for_each_cell_and_no_escapes(planned, place, monkeypatch, forced):
    if forced:
        monkeypatch.setenv("FORCE_COLOR", "1")
    at, console = planned("lsh", "random"), Console(file=io.StringIO(), width=100, highlight=False)
    with Display(console, at.plan) as display:
        assert display.watcher is None
        for event in run_plan(at.plan, place):
            display.ended(event)
    lines = console.file.getvalue().splitlines()
    assert [line.split("]")[0] for line in lines] == ["[1/2", "[2/2"]
    assert "\x1b" not in console.file.getvalue()


def test_a_second_display_does_not_draw_over_the_first(planned):
    at = planned("lsh")
    with Display(terminal(), at.plan) as first, Display(terminal(), at.plan) as second:
        assert first.watcher is first
        assert second.watcher is None


def test_a_failed_cell_is_told_and_measures_nothing(planned, place):
    at, console = planned("lsh"), terminal()
    (record,) = run_plan(at.plan, place)
    error = {"type": "ValueError", "message": "no\nrotation \x1b[2J", "traceback": ""}
    failed = Record.model_validate({**record.model_dump(), "status": "failed", "error": error})
    with Display(console, at.plan) as display:
        display.started(0)
        display.step(0, Step("fit"))
        display.stopped(0, failed)
        display.ended(failed)
        assert display._costs.seconds(0) is None
    assert "r0: ValueError: no rotation \\x1b[2J" in console.file.getvalue()


class Handle:
    def __init__(self, pages):
        self.pages = pages

    def update(self, page):
        self.pages.append(page)


def test_a_notebook_keeps_the_last_line(planned, place, monkeypatch):
    pages = []

    def display(*things, display_id=None, **options):
        pages.extend(things)
        return Handle(pages)

    module = types.ModuleType("IPython.display")
    module.display, module.HTML = display, str
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    at, console = planned("lsh"), Console(file=io.StringIO(), force_jupyter=True)
    with Display(console, at.plan) as shown:
        for event in run_plan(at.plan, place, watcher=shown.watcher):
            shown.ended(event)
    assert "0/1" in pages[0]
    assert "1/1" in pages[-1]
    assert all(page.startswith("<pre") and "\x1b" not in page for page in pages)
    assert console.file.getvalue() == ""
