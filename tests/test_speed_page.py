"""``docs/speed.py``: the page says what the benchmarks' JSON holds, worked out by hand here."""

import pytest
import speed

INT8, FLOAT32 = (f"numpy argsort for each query, {name} labels" for name in ("int8", "float32"))


def report(load=0.1, slow=1.0):
    def timed(what, codes, seconds, size=speed.MAIN, part=1):
        facts = {"what": what, "codes": codes, "size": size, "part": part}
        return {"extra_info": facts, "stats": {"min": seconds / part}}

    benchmarks = [
        *(timed(speed.OURS, codes, 0.05 * slow) for codes in ("uniform 64", "clustered 64", "collapsed 64")),
        *(timed(speed.ALL, codes, 0.2) for codes in ("uniform 64", "clustered 64", "collapsed 64")),
        timed(speed.BARE, "uniform 64", 0.02),
        timed(INT8, "uniform 64", 10.0, part=50),
        timed(FLOAT32, "uniform 64", 4.0, part=50),
        timed(speed.OURS, "uniform 64", 0.5, "1,000 x 1,000,000"),
        timed(speed.BARE, "uniform 64", 0.1, "1,000 x 1,000,000"),
        timed(speed.OURS, "uniform 64", 5.5, "1,000 x 10,000,000"),
        timed(speed.ALL, "uniform 48, 21 labels", 0.7),
        {"extra_info": {"what": "peak memory", "size": speed.MAIN, "mib": 123.4}, "stats": {"min": 9.0}},
        {"extra_info": {"what": "copy", "bytes": 10**9}, "stats": {"min": 0.1}},
    ]
    machine = {
        "cpu": {"brand_raw": "A processor"},
        "cores": 2,
        "openmp_threads": 2,
        "load": load,
        "python_version": "3.13.0",
        "versions": {"numpy": "2.4", "faiss-cpu": "not installed"},
    }
    commit = {"id": "0123456789abcdef", "dirty": False}
    return {
        "benchmarks": benchmarks,
        "machine_info": machine,
        "commit_info": commit,
        "datetime": "2026-11-21T08:00:00",
    }


def row(page, start, at=0):
    """The cells of a row that starts so; at: which of several."""
    rows = [line for line in page.splitlines() if line.startswith(f"| {start} |")]
    return [cell.strip() for cell in rows[at].strip("|").split("|")][1:]


def test_seconds_and_ratios():
    page = speed.page(report())
    assert row(page, INT8) == ["10", "", ""]  # seconds: a fiftieth was timed
    assert row(page, INT8, 1) == ["200", "", ""]  # over ours
    assert row(page, INT8, 2) == ["500", "", ""]  # over the bare work
    assert row(page, speed.OURS, 2)[0] == "2.5"
    assert row(page, speed.OURS, 3) == ["uniform 64", "1,000 x 1,000,000", "0.5", "1", "5"]
    assert row(page, speed.ALL, 3) == ["uniform 48, 21 labels", speed.MAIN, "0.7", "", ""]
    assert f"{INT8}, one query in 50; {FLOAT32}, one query in 50." in page
    assert "123 MiB" in page
    assert "10.0 GB/s" in page


def test_promises():
    page = speed.page(report())
    assert row(page, "mAP and both bounds, collapsed codes") == ["at most 0.1 s", "0.05 s", "yes"]
    linear = row(page, "mAP and both bounds, 1,000 x 10,000,000 over that")
    assert linear == ["at most 12 times", "11 times", "yes"]
    assert row(page, f"{INT8}, over ours") == ["at least 100 times", "200 times", "yes"]
    assert row(page, f"{FLOAT32}, over ours") == ["at least 100 times", "80 times", "**no**"]
    page = speed.page(report(slow=3))
    assert row(page, "mAP and both bounds, collapsed codes") == ["at most 0.1 s", "0.15 s", "**no**"]
    assert row(page, f"{INT8}, over ours")[1:] == ["66.7 times", "**no**"]


@pytest.mark.parametrize(("load", "word"), [(0.1, "otherwise idle"), (3.0, "a shared machine")])
def test_the_machine(load, word):
    page = speed.page(report(load))
    for part in ("A processor, 2 cores", word, "faiss-cpu not installed", "2026-11-21, commit 0123456789."):
        assert part in page


@pytest.mark.parametrize(
    ("value", "text"), [(12.345, "12.3"), (1234, "1230"), (4.812e-5, "0.0000481"), (2, "2")]
)
def test_numbers(value, text):
    assert speed.number(value) == text
