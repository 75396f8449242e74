"""Tables against numbers worked out by hand."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hashbench.errors import InvalidInputError, MixedProtocolsError, UnknownNameError
from hashbench.plugins.registry import register_file
from hashbench.records import Failure, Record, Rescoring
from hashbench.reporting import build_tables, only, published
from hashbench.reporting.cells import value_text
from hashbench.reporting.provenance import without_folders
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
        "Split: 1,000 queries, 5,000 training images inside 59,000.",
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


def test_one_table_for_each_dataset_protocol_and_metric(make: Make) -> None:
    records = [
        make("itq", dataset=dataset, protocol=protocol, digests={"task": protocol, "dataset": dataset})
        for dataset in ("mnist", "cifar10")
        for protocol in ("full", "5k")
    ]
    tables = build_tables(records, metrics=["map", "precision@100"])
    assert [(t.dataset, t.protocol, t.metric) for t in tables] == [
        (dataset, protocol, metric)
        for dataset in ("cifar10", "mnist")
        for protocol in ("5k", "full")
        for metric in ("map", "precision@100")
    ]
    assert [tables[0].rows[0].values[0].mean, tables[1].rows[0].values[0].mean] == [0.5, 0.25]
    assert not tables[1].has_published


@pytest.mark.parametrize("what", ["task", "dataset", "split"])
def test_digests_never_mix(make: Make, what: str) -> None:
    records = [
        make("itq", value=0.9, digests={what: "fedcba9876"}),
        make("itq", value=0.1, digests={what: "0123456789"}, minute=1),
        make("lsh", value=0.9, digests={what: "fedcba9876"}),
    ]
    with pytest.raises(MixedProtocolsError) as caught:
        build_tables(records)
    message = str(caught.value)
    assert f"2 {what} digests" in message
    assert "01234567 (1 records), fedcba98 (2 records)" in message
    assert "keep the newest records with --digest 01234567" in message
    assert "differ in" not in message
    files = {Path(str(i)): record for i, record in enumerate(records)}
    [table] = build_tables(only(files, digest="01234567").values())  # the remedy that the message names
    assert [(row.method, row.values[0].mean) for row in table.rows] == [("itq", 0.1)]
    with pytest.raises(InvalidInputError, match="none of 3 records has a digest that starts with 'beef'"):
        only(files, digest="beef")


def test_what_mixed_tasks_differ_in_is_told(make: Make) -> None:
    def record(digest: str, queries: int) -> Record:
        made = make("dsh", digests={"task": digest})
        task = {**made.protocol["task"], "queries": queries}
        return made.model_copy(update={"protocol": {**made.protocol, "task": task}})

    with pytest.raises(MixedProtocolsError, match=r"\(1 records\); they differ in queries; keep"):
        build_tables([record("aa", 1000), record("bb", 500)])


def test_each_recipe_has_a_table_and_rows_without_a_network_stand_in_each(make: Make) -> None:
    long, short = {"backbone": "vgg6", "epochs": 10}, {"backbone": "vgg6", "epochs": 2}
    records = [
        make("dsh", value=0.6, recipe=long),
        make("dsh", value=0.4, recipe=short, digests={"recipe": "ffffffff44"}, minute=1),
        make("lsh", value=0.1),
    ]
    tables = build_tables(records)
    means = [{row.method: row.values[0].mean for row in table.rows} for table in tables]
    assert means == [{"lsh": 0.1, "dsh": 0.6}, {"lsh": 0.1, "dsh": 0.4}]
    assert [table.recipe for table in tables] == ["epochs=10", "epochs=2"]
    assert [table.title for table in tables] == [f"cifar10 · 5k · epochs={n} · map" for n in (10, 2)]
    assert "the one with epochs=2" in " ".join(tables[1].caption)
    assert [table.digests["recipe"] for table in tables] == ["eeeeeeee33", "ffffffff44"]
    [alone] = build_tables([record for record in records if record.cell.method == "lsh"])
    assert (alone.recipe, alone.title) == ("", "cifar10 · 5k · map")
    files = {Path(str(i)): record for i, record in enumerate(records)}
    [chosen] = build_tables(only(files, digest="ffff").values())
    assert [row.method for row in chosen.rows] == ["lsh", "dsh"]


def test_only_keeps_what_is_named(make: Make) -> None:
    records = [make("itq", 12), make("itq", 24, features="cnn"), make("dsh", 12), make("real_valued", None)]
    files = {Path(str(i)): record for i, record in enumerate(records)}

    def kept(**selected: Any) -> list[int]:
        return [int(path.name) for path in only(files, **selected)]

    assert kept(methods=["itq"]) == [0, 1]
    assert kept(features=["cnn"]) == [1, 2], "dsh reads images"
    assert kept(bits=[12]) == [0, 2, 3], "real_valued has no bits"
    assert kept(methods=["itq"], bits=[24]) == [1]
    assert kept(datasets=["cifar10"], protocols=["5k"]) == [0, 1, 2, 3]
    with pytest.raises(UnknownNameError, match="did you mean 'itq'"):
        kept(methods=["itqq"])
    with pytest.raises(UnknownNameError, match="unknown bits of these records '13'"):
        kept(bits=[13])
    with pytest.raises(InvalidInputError, match="none of 4 records"):
        kept(methods=["dsh"], bits=[24])


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
    assert "Split: 200 originals." in eers.caption
    assert "lowest of a column" in " ".join(eers.caption)
    assert not any(row.values[0].best for row in thresholds.rows)
    assert not any("quer" in text or "database" in text for text in eers.caption[1:])
    assert not eers.has_published
    both = [*records, make("itq", dataset="mnist")]
    assert [(t.dataset, t.metric) for t in build_tables(both)] == [("cifar10", "eer"), ("mnist", "map")]
    assert [(t.dataset, t.metric) for t in build_tables(both, ["map"])] == [("mnist", "map")]


def test_threads_are_told_where_they_differ(make: Make) -> None:
    first = make("itq")
    other = first.environment.model_copy(update={"threads": 8})
    [table] = build_tables([first, make("lsh", environment=other)])
    assert "with 1 or 8 threads" in " ".join(table.caption)
    [table] = build_tables([first, make("lsh")])
    assert "threads" not in " ".join(table.caption)


def test_paths_of_the_machine_are_not_in_a_table(make: Make) -> None:
    error = Failure(type="OSError", message="/home/me/runs/x.npy is gone", traceback="")
    [table] = build_tables([make("dsh", value=None, error=error)])
    assert table.notes[0].text.endswith("OSError: x.npy is gone")
    said = "hashbench run --out /root/work/out --features clip=~/f/a.npy -d folder:/data/photos -b 12"
    assert without_folders(said) == "hashbench run --out out --features clip=a.npy -d folder:photos -b 12"
    for text in ("see https://a.org/b/c", "train/test or 1/2", "../up/x.py", "methods/itq.py"):
        assert without_folders(text) == text


def test_a_cell_counts_once(make: Make) -> None:
    records = [
        make("itq", value=0.3, minute=2),
        make("itq", value=0.2, minute=1),
        make("itq", value=None, minute=3),
    ]
    [table] = build_tables(records)
    assert (table.rows[0].values[0].mean, table.rows[0].values[0].n) == (0.3, 1)
    assert "2 older or failed records" in " ".join(table.caption)


def test_a_method_edited_in_between_is_told(make: Make) -> None:
    def records(second: str) -> list[Record]:
        digests = ({"method_source": "aa"}, {"method_source": second})
        return [make("itq", bits, digests=digest) for bits, digest in zip((12, 24), digests, strict=True)]

    [table] = build_tables(records("bb"))
    assert "The method's code changed between repetitions or code lengths of: itq." in table.caption
    [table] = build_tables(records("aa"))
    assert "changed" not in " ".join(table.caption)


def test_rows_on_several_trainings_of_one_backbone_are_told(make: Make) -> None:
    def caption(*backbones: str, **second: Any) -> str:
        given = [{}, second]
        records = [
            make(method, digests={"backbone": digest}, **more)
            for method, digest, more in zip(("dsh", "dpsh"), backbones, given, strict=True)
        ]
        return " ".join(build_tables([*records, make("itq")])[0].caption)

    told = "The rows do not all stand on the same trained vgg6"
    assert told in caption("aa", "bb")
    assert told not in caption("aa", "aa")
    assert told not in caption("aa", "bb", repetition=1)


def test_features_of_several_files_under_one_name_are_told(make: Make) -> None:
    def caption(*files: str) -> str:
        records = [
            make(method, features="clip", digests={"features": file})
            for method, file in zip(("itq", "lsh"), files, strict=True)
        ]
        return " ".join(build_tables(records)[0].caption)

    assert "Not all rows on clip read the same file" in caption("aa", "bb")
    assert "same file" not in caption("aa", "aa")


def test_shared_code_that_changed_between_records_is_told(make: Make) -> None:
    def caption(*rooms: dict[str, int]) -> str:
        methods = ("itq", "lsh", "real_valued")
        records = [make(method, rooms=numbers) for method, numbers in zip(methods, rooms, strict=True)]
        return " ".join(build_tables(records)[0].caption)

    one = {"evaluation": 1, "numerics": 1}
    said = caption(one, {"evaluation": 2, "numerics": 1}, one)
    assert "not all evaluated by the same code; hashbench rescore does that, but for real_valued" in said
    assert "Shared code has changed between records: numerics" in caption(one, {**one, "numerics": 2}, one)
    assert "code" not in caption(one, one, {"evaluation": 1}).replace("codes", "").partition("Bold")[2]


def test_what_was_evaluated_anew_is_told(make: Make) -> None:
    before = make("lsh")
    environment = before.environment.model_copy(update={"versions": {"hashbench": "9.9"}})
    anew = Rescoring(created=before.created, environment=environment, command="hashbench rescore runs")
    [table] = build_tables([make("itq"), make("lsh", rescored=anew)])
    told = "1 of 2 records evaluated anew, without training, by hashbench 9.9 on 2025-11-21."
    assert told in " ".join(table.caption)


def test_an_unknown_metric_names_those_there(make: Make) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'map'"):
        build_tables([make("itq")], metrics=["mapp"])


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
