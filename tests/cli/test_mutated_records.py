"""A record in which any one value is another: tables and comparisons stand, or say in one line why not."""

import copy
import json
import random

import pytest

VALUES = (None, True, -1, 10**30, 1e308, "", "x", "\x1b[2J\n", [], {}, [[]], {"name": 3}, {"map": "x"})
COMMANDS = (
    *(("table", "--format", form) for form in ("rich", "md", "csv", "latex")),
    ("table", "--metric", "precision@100", "distinct_codes"),
    ("compare", "itq", "sh"),
    ("compare", "itq", "sh", "--json"),
    ("rescore", "runs"),
    ("run", "-m", "itq", "sh", "--features", "pixels", "-b", "8", "--device", "cpu", "--dry-run"),
)


def places(value, at=()):
    """Where a value can be changed: keys and indices, from the whole inwards; of long lists the start."""
    yield at
    inner = (
        value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    )
    for key, content in inner:
        yield from places(content, (*at, key))


def changed(record, at, value):
    if not at:
        return value
    other = copy.deepcopy(record)
    inner = other
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = value
    return other


def faults(call, folder, seeds):
    """The changes that end in anything but a table or one line: (place, value, command, answer)."""
    (path,) = folder.glob("runs/digits/5k/itq-*.json")
    before = path.read_text()
    record = json.loads(before)
    everywhere = list(places(record))
    found = []
    for seed in seeds:
        draw = random.Random(seed)
        at, value, command = draw.choice(everywhere), draw.choice(VALUES), draw.choice(COMMANDS)
        path.write_text(json.dumps(changed(record, at, value)))
        try:
            called = call(*command)
            answer = called.code, called.err[:300]
            kinds = [line.partition(": ")[0] for line in called.err.splitlines()]
            is_right = kinds.count("error") == (called.code in {2, 3}) and set(kinds) <= {"left out", "error"}
            is_right &= len(kinds) <= 2 and "\x1b" not in called.out + called.err
        except Exception as error:  # a traceback, were it not caught here
            answer, is_right = repr(error)[:300], False
        if not is_right:
            found.append((at, value, command, answer))
    path.write_text(before)
    return found


@pytest.fixture
def two_rows(small):
    small("itq", "sh")


def test_any_value_of_a_record_may_be_another(call, two_rows, tmp_path):
    found = faults(call, tmp_path, range(150))
    assert not found, "\n".join(map(str, found))


@pytest.mark.long
def test_thousands_of_changed_records(call, two_rows, tmp_path):
    found = faults(call, tmp_path, range(1000, 2500))
    assert not found, "\n".join(map(str, found))
