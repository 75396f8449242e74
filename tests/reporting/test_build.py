"""Tables against numbers worked out by hand."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.plugins.registry import register_file
from hashbench.records import Record
from hashbench.reporting import build_tables, published
from hashbench.reporting.cells import value_text
from hashbench.reporting.table import Row, Table

Make = Callable[..., Record]


def row(table: Table, method: str, features: str | None = None) -> Row:
    found = [row for row in table.rows if row.method == method and features in (None, row.features)]
    assert len(found) == 1
    return found[0]


def test_mean_and_sample_deviation_over_repetitions(make: Make) -> None:
    records = [make("itq", 12, value, repetition=r) for r, value in enumerate((0.1, 0.2, 0.6))]
    records.append(make("itq", 24, 0.4))
    [table] = build_tables(records)
    assert table.bits == (12, 24)
    at_12, at_24 = row(table, "itq").values
    assert at_12.mean == pytest.approx(0.3)
    assert at_12.sd == pytest.approx(math.sqrt(0.14 / 2))  # squares .04 + .01 + .09, divided by n - 1
    assert at_12.n == 3
    assert (at_24.mean, at_24.sd, at_24.n) == (0.4, None, 1)
    assert "n = 1 to 3 repetitions" in " ".join(table.caption)


def test_the_caption_says_that_one_repetition_has_no_spread(make: Make) -> None:
    [table] = build_tables([make("itq"), make("lsh")])
    assert "n = 1: no spread" in " ".join(table.caption)
    [table] = build_tables([make("itq", repetition=r) for r in range(3)])
    assert "n = 3 repetitions" in " ".join(table.caption)


def test_the_caption_tells_split_metric_hardware_and_digests(make: Make) -> None:
    [table] = build_tables([make("itq")])
    caption = " ".join(table.caption)
    for part in (
        "Here: 1,000 queries, 5,000 training images inside 59,000.",
        "exact expectation over the orders",
        "cpu (Intel Xeon 8481C, float32)",
        "torch 2.9.0",
        "dataset dddddddd, task aaaaaaaa, split 55555555",
    ):
        assert part in caption


def test_best_ignores_controls_and_goes_by_what_is_printed(make: Make) -> None:
    [table] = build_tables(
        [
            make("classifier", value=0.9),
            make("itq", value=0.4),
            make("sdh", value=0.70004),
            make("dpsh", value=0.70012),
            make("itq", 24, 0.3),
        ]
    )
    assert table.bits == (24, 48)
    assert {row.method: [value.best for value in row.values] for row in table.rows} == {
        "classifier": [False, False],
        "itq": [True, False],
        "sdh": [False, True],
        "dpsh": [False, True],
    }


def test_controls_stand_first_then_shallow_then_deep_and_unsupervised_before_supervised(make: Make) -> None:
    names = ("dpsh", "cca_itq", "random", "lsh", "itq", "classifier")
    [table] = build_tables([make(name) for name in names])
    assert [row.method for row in table.rows] == ["random", "classifier", "itq", "lsh", "cca_itq", "dpsh"]
    assert [row.group for row in table.rows] == ["controls"] * 2 + ["shallow"] * 3 + ["deep"]
    assert [row.sees for row in table.rows][:2] == ["none", "5,000 labels"]


def test_a_row_is_method_features_backbone_and_overrides(make: Make) -> None:
    [table] = build_tables(
        [make("itq"), make("itq", features="cnn"), make("itq", params={"n_iter": 5}), make("itq", 24)]
    )
    assert [(row.label, row.reads, row.backbone) for row in table.rows] == [
        ("itq", "pixels", None),
        ("itq (n_iter=5)", "pixels", None),
        ("itq", "cnn (labels)", "vgg6"),
    ]
    assert row(table, "itq", "cnn").values[0].n == 0  # not run at 24 bits: neither done nor failed


def test_a_method_without_codes_repeats_in_every_column(make: Make) -> None:
    [table] = build_tables([make("real_valued", None, 0.7), make("itq", 12), make("itq", 48)])
    assert table.bits == (12, 48)
    assert [value.mean for value in row(table, "real_valued").values] == [0.7, 0.7]
    [alone] = build_tables([make("real_valued", None, 0.7)])
    assert alone.bits == (None,)
    assert [value.mean for value in alone.rows[0].values] == [0.7]


def test_failed_cells_are_marked_and_noted(make: Make) -> None:
    records = [
        make("dsh", 12, 0.6, repetition=0),
        make("dsh", 12, None, repetition=1),
        make("dsh", 24, None),
        make("itq", 24),
    ]
    [table] = build_tables(records, published=False)
    at_12, at_24 = row(table, "dsh").values
    assert (at_12.mean, at_12.n, at_12.failed, at_12.mark) == (0.6, 1, 1, "(a)")
    assert (at_24.mean, at_24.n, at_24.failed, at_24.mark) == (None, 0, 1, "(a)")
    assert row(table, "itq").values[1].mark == ""
    assert [note.line for note in table.notes] == [
        "(a) dsh: 2 of 3 cells failed at 12, 24 bits; RuntimeError: loss is NaN"
    ]


def test_a_method_that_could_not_be_imported_is_a_row(make: Make) -> None:
    [table] = build_tables([make("brokn", value=None), make("itq")])
    assert row(table, "brokn").group == "not loaded"
    assert table.rows[-1].method == "brokn"
    assert table.notes[0].text.startswith("brokn: its one cell failed at 48 bits; ")
    assert table.notes[0].text.endswith("; if it is gone, delete brokn-*.json")
    assert row(table, "itq").values[0].best


def test_the_supervision_column_says_what_was_learned_from(make: Make) -> None:
    records = [
        make("itq"),
        make("itq", features="cnn"),
        make("itq", features="ssl"),
        make("itq", features="clip"),
        make("sdh"),
        make("sdh", features="clip"),
        make("semi", card={"n_pool": 54000}),
        make("dsh", card={"supervision": "unsupervised"}),
    ]
    [table] = build_tables(records)
    assert [(row.method, row.reads, row.sees) for row in table.rows] == [
        ("itq", "pixels", "none"),
        ("itq", "clip (not stated)", "features: not stated"),
        ("itq", "cnn (labels)", "5,000 labels in features"),
        ("itq", "ssl (images)", "none"),
        ("sdh", "pixels", "5,000 labels"),
        ("sdh", "clip (not stated)", "5,000 labels; features: not stated"),
        ("dsh", "images", "5,000 labels in backbone"),
        ("semi", "images", "5,000 labels + 54,000 images"),
    ]


def test_a_task_of_ones_own_has_its_headline_units_direction_and_decimals(make: Make, copies: Path) -> None:
    records = [
        make(method, metrics={"eer": eer, "threshold": 7.0}, task="copies", in_words="200 originals")
        for method, eer in (("itq", 0.125), ("lsh", 0.301), ("random", 0.01))
    ]
    with pytest.raises(InvalidInputError, match=r"'copies'.*--plugin"):
        build_tables(records)
    register_file(copies)
    eers, thresholds = build_tables(records, ["eer", "threshold"])
    assert [table.metric for table in build_tables(records)] == ["eer"]
    assert {row.method: row.values[0].best for row in eers.rows} == {
        "itq": True,
        "lsh": False,
        "random": False,
    }
    assert value_text(row(eers, "lsh").values[0], eers.info.decimals) == "0.30"
    assert "Here: 200 originals." in eers.caption
    assert "lowest of a column" in " ".join(eers.caption)
    assert not any(row.values[0].best for row in thresholds.rows)
    assert not any("quer" in text or "database" in text for text in eers.caption[1:])
    assert not eers.has_published
    both = [*records, make("itq", dataset="mnist")]
    assert [(t.dataset, t.metric) for t in build_tables(both)] == [("cifar10", "eer"), ("mnist", "map")]
    assert [(t.dataset, t.metric) for t in build_tables(both, ["map"])] == [("mnist", "map")]


def test_an_unknown_metric_names_those_there(make: Make) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'map'"):
        build_tables([make("itq")], metrics=["mapp"])
    with pytest.raises(
        InvalidInputError, match=r"'auc' is of the task authentication, these .* of retrieval"
    ):
        build_tables([make("itq")], metrics=["auc"])


def test_a_metric_that_is_only_not_recorded_is_not_called_unknown(make: Make) -> None:
    with pytest.raises(InvalidInputError, match="hashbench rescore") as caught:
        build_tables([make("itq")], metrics=["precision@50"])
    assert not isinstance(caught.value, UnknownNameError)
    assert "map, precision@100" in str(caught.value)
    with pytest.raises(InvalidInputError, match="does not name its denominator"):
        build_tables([make("itq")], metrics=["map@50"])


def test_published_numbers_stand_beside_with_marks_and_notes(make: Make) -> None:
    records = [make(m, b) for m in ("itq", "dpsh", "mu_liu", "classifier") for b in (12, 48)]
    [table] = build_tables(records)
    values = row(table, "dpsh").values
    assert [(v.quote.number.value, v.quote_mark) for v in values if v.quote] == [
        (0.7505, "‡2"),
        (0.7828, "‡2"),
    ]
    assert [v.quote_mark for v in row(table, "itq").values] == ["‡1", "‡1"]
    assert not any(v.quote for name in ("mu_liu", "classifier") for v in row(table, name).values)
    notes = {note.mark: note for note in table.notes}
    assert notes["‡2"].cited == "dpsh: AlexNet, ImageNet-pretrained; ours: vgg6 from scratch [2]."
    assert "0.720 0.767 (VGG-F end-to-end, ImageNet-pretrained)" in notes["‡2"].detail
    assert notes["‡"].text.startswith("mu_liu: published 0.740, bit length not stated, protocol not stated")
    assert table.sources[1].number == 2
    assert table.sources[1].text.startswith("jiangqy/DPSH-pytorch README")
    assert any("ties" in note.text for note in table.notes)
    assert not build_tables(records, published=False)[0].has_published


def test_a_comparable_number_has_no_mark_and_goes_first(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    marked = published.quotes("dpsh", "cifar10", "5k", "map", 48, None, "vgg6")[0].number
    assert marked.rank == 0  # its authors' own, and yet not comparable
    same = replace(marked, protocol=published._5K, metric="mAP@ALL", value=0.66, source="Somebody")
    same = replace(same, features="small CNN trained from scratch")
    monkeypatch.setattr(published, "published_numbers", lambda: (marked, same))
    monkeypatch.setattr(published, "_by_cell", published._by_cell.__wrapped__)  # not kept
    [table] = build_tables([make("dpsh")])
    [value] = row(table, "dpsh").values
    assert value.quote is not None
    assert (value.quote.number.value, value.quote.reasons, value.quote_mark) == (0.66, (), "")
    assert (
        table.notes[0].cited == "dpsh: small CNN trained from scratch: same split, same class of network [1]."
    )


def test_overridden_hyper_parameters_are_not_what_was_published(make: Make) -> None:
    [table] = build_tables([make("itq", params={"n_iter": 5})])
    assert not table.has_published


def test_code_health_is_tabulated_without_a_best(make: Make) -> None:
    records = [
        make("itq", repetition=r, health={"distinct_codes": 48_000.0 + r, "bit_balance": 0.9}) for r in (0, 1)
    ]
    records += [make("lsh", health={"distinct_codes": 9.0, "bit_balance": 0.5}), make("real_valued", None)]
    counts, balances = build_tables(records, ["distinct_codes", "bit_balance"])
    assert [value_text(v, 0) for v in row(counts, "itq").values] == ["48,000 ± 1"]
    assert [value_text(v, 0) for v in row(counts, "lsh").values] == ["9"]
    assert [value_text(v, 3) for v in row(balances, "lsh").values] == ["0.500"]
    assert [v.mean for v in row(counts, "real_valued").values] == [None]
    assert not any(v.best for table in (counts, balances) for r in table.rows for v in r.values)
    text = " ".join(counts.caption)
    assert "number of different codes; computed from the database's codes" in text
    assert "Bold" not in text
    assert "relevant" not in text
