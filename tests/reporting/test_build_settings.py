"""Records of several settings: which share a table, and what is told of those that differ in part."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hashbench.errors import InvalidInputError, MixedProtocolsError, UnknownNameError
from hashbench.records import Failure, Record, Rescoring
from hashbench.reporting import build_tables, only
from hashbench.reporting.provenance import without_folders

Make = Callable[..., Record]


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
    assert kept(features=["cnn"]) == [1]
    assert kept(features=["cnn", "images"]) == [1, 2], "dsh reads images"
    assert kept(methods=["deep", "real_valued"]) == [2, 3]
    assert kept(methods=["all"]) == [0, 1, 2, 3]
    assert kept(bits=[12]) == [0, 2, 3], "real_valued has no bits"
    assert kept(methods=["itq"], bits=[24]) == [1]
    assert kept(datasets=["cifar10"], protocols=["5k"]) == [0, 1, 2, 3]
    with pytest.raises(UnknownNameError, match="did you mean 'itq'"):
        kept(methods=["itqq"])
    with pytest.raises(UnknownNameError, match="unknown bits of these records '13'"):
        kept(bits=[13])
    with pytest.raises(InvalidInputError, match="none of 4 records"):
        kept(methods=["dsh"], bits=[24])


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
    assert told not in caption(
        "aa", "bb", seeds={"backbone": 7}
    )  # of another feature: not meant to be the same


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


def test_what_perfect_codes_would_reach_stands_below_the_table_of_the_direction_that_it_bounds(
    make: Make,
) -> None:
    values = {"map[text->image]": 0.6, "map[image->text]": 0.5, "map[meaning->class]": 0.8412}
    records = [make("itq", task="cross_view", metrics=values)]
    bounded, other = build_tables(records, metrics=["map[text->image]", "map[image->text]"])
    assert [note.text for note in bounded.notes if "oracle" in note.text] == [
        "Class-word oracle (perfect codes of images): 0.841, map[meaning->class]."
    ]
    assert not [note for note in other.notes if "oracle" in note.text]
    [unknown] = build_tables(
        [make("itq", task="cross_view", metrics={"map[text->image]": 0.6})], metrics=["map[text->image]"]
    )
    assert not [note for note in unknown.notes if "oracle" in note.text]
