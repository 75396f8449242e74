"""Directives of ``docs/pages`` one by one: what they write, and the figures that they ask for."""

from argparse import Namespace

import numpy as np
import pytest
from directives.page import rows_of
from neighbours import neighbours, one_a_class

from hashbench.contracts.codes import Codes
from hashbench.errors import InvalidInputError, MissingDataError
from hashbench.evaluation import save_codes

RANKED = {"rank": [1, 10], "precision_at_rank": [1.0, 0.5], "recall_at_rank": [0.1, 0.5]}


def line_of(text, *parts):
    [line] = [line for line in text.splitlines() if all(part in line for part in parts)]
    return line


def test_a_claim_is_reached_or_not_by_the_mean_and_open_where_the_interval_holds_it(make, body):
    records = [
        make("mu_liu", bits, value + 0.09 * (bits == 48), repetition=r)
        for r, value in enumerate((0.62, 0.64, 0.66))
        for bits in (12, 48)
    ]
    text, _ = body(records, "claims", "--row", "mu_liu", "--claims", "our goal = 0.70 @ cifar10 5k 48")
    short = line_of(text, "| 12 | published: 0.74 |")
    assert "| 5,000 | vgg6 |" in short
    assert "| 0.640 | 0.590 to 0.690 (repetitions) | 3 | **not reached**, 0.100 below |" in short
    near = line_of(text, "| 48 | published: 0.74 |")
    assert near.endswith("**not reached**, 0.010 below; the interval holds the claim |")
    assert line_of(text, "our goal: 0.70").endswith("| reached, 0.030 above; the interval holds the claim |")


def test_a_curve_has_a_line_a_row_and_a_panel_for_the_enlarged(make, body):
    values = {"mu_liu": 0.7, "itq": 0.2}
    records = [make(name, bits, value) for name, value in values.items() for bits in (12, 48)]
    words = ("--rows", "itq:pixels", "mu_liu", "--enlarged", "mu_liu", "--levels", "0.74", "0.3")
    _, figures = body([*records, make("dsh", dataset="mnist")], "curve", *words)
    [[[panel, enlarged]]] = figures.values()
    assert [(line.name, line.style.dashes, line.y) for line in panel.lines] == [
        ("itq:pixels", ":", [0.2, 0.2]),
        ("mu_liu", "-", [0.7, 0.7]),
    ]
    assert [line.name for line in enlarged.lines] == ["mu_liu"]
    assert (list(panel.levels), list(enlarged.levels)) == (["0.74", "0.3"], ["0.74"])
    text, figures = body(records[:1], "curve")
    assert "cifar10 `5k`" in text
    assert figures == {}


def test_more_rows_than_styles_are_refused(make, body):
    records = [make("ksh", bits, params={"n": i}) for i in range(10) for bits in (12, 48)]
    with pytest.raises(InvalidInputError, match="10 rows"):
        body(records, "curve")


def test_rankings_are_means_at_the_shortest_and_longest_codes(make, body):
    other = {**RANKED, "precision_at_rank": [0.8, 0.3]}
    records = [make("mu_liu", 12, curves=RANKED), make("mu_liu", 12, repetition=1, curves=other)]
    records += [make("mu_liu", bits, curves=RANKED) for bits in (24, 48)]
    text, figures = body([*records, make("dsh", 12, curves={"rank": [1, 10]})], "ranking")
    [[[by_rank, by_recall], [longest, _]]] = figures.values()
    [line] = by_rank.lines
    assert (line.name, line.x, line.y) == ("mu_liu", [1, 10], pytest.approx([0.9, 0.4]))
    assert (by_rank.log_x, by_recall.log_x) == (True, False)
    assert by_recall.lines[0].x == RANKED["recall_at_rank"]
    assert longest.title.endswith("48 bits")
    assert "without these curves: dsh." in text


def test_losses_are_shown_where_there_are_any(make, body):
    curves = {"loss": [4.0, 2.0], "pretrain_loss": [2.0, 1.0]}
    records = [
        make("mu_liu", curves=curves),
        make("mu_liu", 12, curves={}),
        make("itq"),
        make("dsh", curves={}),
    ]
    text, figures = body(records, "training")
    [[[before, losses]]] = figures.values()
    assert [(line.name, line.y) for line in losses.lines] == [("mu_liu", [1.0, 0.5])]
    assert before.lines[0].y == [2.0, 1.0]
    assert "mu_liu 2.000" in text
    text, figures = body(records[2:], "training")
    assert "no curve 'loss'" in text
    assert figures == {}


def test_one_digest_a_setting_that_of_the_newest_record_of_the_pages_method(make, body):
    records = [
        make("mu_liu", 12, 0.7),
        make("mu_liu", 12, 0.9, digests={"task": "bbbb"}, minute=-10),
        make("mu_liu", 48, 0.8, digests={"recipe": "bbbb"}, minute=-10),
        make("dsh", 12, 0.6, digests={"split": "bbbb"}, minute=10),
        make("itq", 12, 0.2),
    ]
    text, _ = body(records, "table")
    assert "0.700" in line_of(text, "| mu_liu |")
    assert "| itq |" in text
    assert "| dsh |" not in text
    assert line_of(body(records, "commands")[0], "3 records with other digests")
    assert "| dsh |" in body(records, "table", about="dsh")[0]


def test_commands_are_counted_failures_named_and_no_path_of_a_machine_stands_there(make, body):
    records = [
        make("mu_liu", repetition=i, command=f"hashbench run --out {folder} -m mu_liu")
        for i, folder in enumerate(("/root/work/out", "/home/me/out"))
    ]
    text, _ = body([*records, make("dpsh", 12, None)], "commands")
    assert "| `hashbench run --out out -m mu_liu` | 2 | 0, 1 | 2025-11-21 |" in text
    assert "/root/" not in text
    assert "- `dpsh`, cifar10 `5k`, 12 bits, repetition 0: RuntimeError: loss is NaN" in text
    assert body([], "commands")[0].startswith("No records")


def test_provenance_tells_split_parameters_seconds_machine_and_digests(make, body):
    records = [make("mu_liu"), make("mu_liu", 12, timings={"fit": 1.0}), make("mu_liu", dataset="mnist")]
    text, _ = body(records, "provenance", "--datasets", "mnist", "cifar10")
    assert line_of(text, "| | mnist `5k` | cifar10 `5k` |")
    assert line_of(text, "| images: database | 59,000 | 59,000 |")
    assert line_of(text, "| `mu_liu`: n iter | 50 | 50 |")
    assert line_of(text, "| seconds: fit | 1.2 to 1.2 | 1.0 to 1.2 |")
    assert line_of(text, "| digest: split | 55555555 |")
    assert line_of(text, "cifar10 `5k`: ", "Intel Xeon 8481C", "torch 2.9.0")


def test_a_picture_is_shown_where_it_is_committed(tmp_path, body):
    words = ["--caption", "digits", "--made-by", "python make.py", "--file"]
    assert "`python make.py`" in body([], "picture", *words, "figures/a.png")[0]
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "a.png").touch()
    assert body([], "picture", *words, "figures/a.png")[0] == "![digits](../figures/a.png)"
    text, _ = body([], "picture", *words, "pictures/a.png")
    assert "![" not in text
    assert "`docs/pictures/a.png`" in text


def test_rows_come_in_the_order_that_is_asked_for(make, tmp_path):
    names = ("itq", "mu_liu", "dsh")
    files = {tmp_path / name: make(name) for name in names}
    options = Namespace(rows=["dsh", "itq"])
    assert [*rows_of(files, options)] == ["dsh", "itq:pixels", "mu_liu"]


def test_neighbours_are_nearest_first_and_ties_are_counted(tmp_path):
    bits = np.array([[1, 1, 1, 1]] * 6 + [[1, 1, 1, -1]] * 8 + [[-1, -1, -1, -1]] * 5)
    labels = np.array([0] * 6 + [1] * 8 + [0] * 5)
    save_codes(tmp_path / "a.query.npz", Codes.from_real(np.array([[1, 1, 1, 1]])), np.array([0]))
    save_codes(tmp_path / "a.database.npz", Codes.from_real(bits), labels)
    found = neighbours(tmp_path / "a.json", np.array([0]), seed=0)
    assert found.right.tolist() == [[True] * 6 + [False] * 4]
    assert set(found.items[0, :6]) == set(range(6))
    assert set(found.items[0, 6:]) < set(range(6, 14))
    assert found.tied.tolist() == [14]
    with pytest.raises(MissingDataError, match="hashbench run"):
        neighbours(tmp_path / "b.json", np.array([0]), seed=0)


def test_one_query_of_each_class_is_drawn():
    labels = np.repeat([3, 5, 7], 20)
    assert labels[one_a_class(labels, seed=1)].tolist() == [3, 5, 7]


def test_published_numbers_stand_in_tables_only_if_asked_for(make, body):
    records = [make("dpsh", 48, 0.75)]
    assert "published 48" in body(records, "table", "--published")[0]
    assert "published" not in body(records, "table")[0]
