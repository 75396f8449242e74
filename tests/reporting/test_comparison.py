"""Rows against each other, query by query, from files beside records."""

import io
import re

import numpy as np
import pytest
from rich.console import Console

from hashbench.errors import InvalidInputError, MixedProtocolsError, UnknownNameError
from hashbench.plugins.registry import register_file
from hashbench.records import read_record_files, write_record
from hashbench.reporting import UnitValues, build_tables, compare_rows, render

N = 400
NOISE = np.random.default_rng(0).normal(0, 0.1, N)
SPLIT = {"queries": N, "train": 100, "database": 1000}


@pytest.fixture
def written(make, tmp_path):
    """Write a record whose queries score ``values`` in mAP; the files so far."""

    def write(method, values, name=None, per_unit=True, **given):
        record = make(method, value=float(np.mean(values)), split=SPLIT, **given)
        path = tmp_path / f"{name or len(list(tmp_path.iterdir()))}.json"
        write_record(path, record)
        if per_unit:
            np.savez(path.with_suffix(".per_unit.npz"), map=np.asarray(values, float))
        return read_record_files(tmp_path)

    return write


def test_the_difference_is_of_the_same_queries_and_repetitions_are_averaged(written):
    written("itq", 0.5 + NOISE, repetition=0)
    written("itq", 0.7 + NOISE, repetition=1)
    files = written("lsh", 0.58 + NOISE)
    [found] = compare_rows(files, "itq", "lsh")
    assert (found.bits, found.dataset, found.protocol, found.metric) == (48, "cifar10", "5k", "map")
    assert (found.first, found.second) == ("itq:pixels", "lsh:pixels")
    assert found.difference == pytest.approx(0.02)
    assert found.mean_first == pytest.approx(0.6 + NOISE.mean())
    assert (found.low, found.high) == pytest.approx((0.02, 0.02)), "query by query they differ by the same"
    assert (found.wins, found.ties, found.losses) == (N, 0, 0)
    assert found.p == found.p_holm == 1e-4
    assert (found.n_units, found.repetitions) == (N, (2, 1))


def test_p_is_corrected_for_all_code_lengths(written):
    for bits in (12, 24):
        written("itq", 0.5 + NOISE, bits=bits)
        files = written("lsh", 0.5 + 0.99 * NOISE[::-1], bits=bits)
    found = compare_rows(files, "itq", "lsh")
    assert [comparison.bits for comparison in found] == [12, 24]
    assert all(comparison.p_holm == pytest.approx(min(1, 2 * comparison.p)) for comparison in found)


def test_rows_on_other_features_are_compared_only_when_named(written):
    for features in ("pixels", "cnn"):
        written("itq", 0.5 + NOISE, features=features)
        files = written("lsh", 0.4 + NOISE, features=features)
    pairs = [(found.first, found.second) for found in compare_rows(files, "itq", "lsh")]
    assert pairs == [("itq:cnn", "lsh:cnn"), ("itq:pixels", "lsh:pixels")]
    [found] = compare_rows(files, "itq:cnn", "lsh:pixels")
    assert (found.first, found.second) == ("itq:cnn", "lsh:pixels")
    with pytest.raises(UnknownNameError, match=r"unknown row of these records 'itqq'; did you mean 'itq'\?"):
        compare_rows(files, "itqq", "lsh")
    with pytest.raises(UnknownNameError, match="metric 'mpa'; did you mean 'map'"):
        compare_rows(files, "itq", "lsh", ["mpa"])


def test_a_method_without_codes_meets_every_code_length(written):
    written("real_valued", 0.6 + NOISE, bits=None)
    written("itq", 0.5 + NOISE, bits=12)
    files = written("itq", 0.5 + NOISE, bits=24)
    assert [found.bits for found in compare_rows(files, "real_valued", "itq")] == [12, 24]


def test_what_cannot_be_compared_says_why(written):
    written("itq", 0.5 + NOISE, bits=12)
    files = written("lsh", 0.5 + NOISE, bits=24)
    with pytest.raises(InvalidInputError, match="share no data set, protocol, code length and features"):
        compare_rows(files, "itq", "lsh")
    files = written("lsh", 0.5 + NOISE, bits=12, per_unit=False)
    with pytest.raises(
        InvalidInputError, match="lsh:pixels are missing beside its records; hashbench rescore"
    ):
        compare_rows(files, "itq", "lsh")
    files = written("lsh", 0.5 + NOISE, bits=24, repetition=1, digests={"split": "other"})
    with pytest.raises(MixedProtocolsError, match="2 split digests"):
        compare_rows(files, "itq", "lsh")


def test_a_damaged_file_is_named(written, tmp_path):
    written("itq", 0.5 + NOISE, name="a")
    files = written("lsh", 0.5 + NOISE, name="b")
    (tmp_path / "b.per_unit.npz").write_bytes(b"PK no archive")
    with pytest.raises(InvalidInputError, match=r"b\.per_unit\.npz' is damaged; hashbench rescore"):
        compare_rows(files, "itq", "lsh")


def test_the_headline_alone_is_enough_for_its_own_tests(written, tmp_path):
    written("itq", 0.5 + NOISE, name="a")
    files = written("lsh", 0.4 + NOISE, name="b")
    expected = compare_rows(files, "itq", "lsh")
    for name in ("a", "b"):
        (tmp_path / f"{name}.per_unit.npz").rename(tmp_path / f"{name}.headline.npz")
    assert compare_rows(files, "itq", "lsh") == expected
    assert marked(files)[0]["lsh"] == [True]
    with pytest.raises(InvalidInputError, match="itq:pixels are missing"):
        compare_rows(files, "itq", "lsh", ["precision@100"])


def test_where_lower_is_better_the_lowest_wins(written, make, copies, tmp_path):
    register_file(copies)
    for method, shift in (("itq", 0.3), ("lsh", 0.5), ("dsh", 0.301)):
        values = shift + (NOISE if method == "itq" else NOISE[::-1])
        metrics = {"eer": float(values.mean()), "threshold": 3.0}
        write_record(tmp_path / f"{method}.json", make(method, task="copies", metrics=metrics))
        np.savez(tmp_path / f"{method}.headline.npz", eer=values)
    files = read_record_files(tmp_path)
    [found] = compare_rows(files, "itq:pixels", "lsh:pixels")
    assert (found.metric, found.unit, found.n_units, found.task) == ("eer", "originals", N, "copies")
    assert found.difference == pytest.approx(-0.2)
    assert found.wins > 0.9 * N
    separable, table = marked(files)
    assert separable == {"itq": [None], "lsh": [True], "dsh": [False]}
    assert "bootstrap over the originals" in " ".join(table.caption)
    with pytest.raises(InvalidInputError, match="'threshold' has no values of single originals"):
        compare_rows(files, "itq:pixels", "lsh:pixels", ["threshold"])


def test_recipes_are_compared_apart(written):
    for digest, shift in (("aa", 0.1), ("bb", 0.2)):
        recipe = {"epochs": 10 if digest == "aa" else 2}
        given = {"digests": {"recipe": digest}, "recipe": recipe, "minute": int(shift * 10)}
        written("dsh", 0.4 + shift + NOISE, **given)
    files = written("itq", 0.4 + NOISE)
    found = compare_rows(files, "dsh", "itq")
    assert [(c.recipe, round(c.difference, 9)) for c in found] == [("epochs=10", 0.1), ("epochs=2", 0.2)]


def test_a_pair_without_a_network_is_compared_once_whatever_recipes_there_are(written):
    written("itq", 0.5 + NOISE)
    alone = compare_rows(written("lsh", 0.5 + NOISE[::-1]), "itq", "lsh")
    for digest in ("aa", "bb"):
        given = {"features": "cnn", "digests": {"recipe": digest}, "recipe": {"epochs": ord(digest[0])}}
        written("itq", 0.6 + NOISE, **given)
        files = written("lsh", 0.4 + NOISE, **given)
    found = compare_rows(files, "itq", "lsh")
    assert [(c.first, c.recipe) for c in found] == [
        ("itq:cnn", "epochs=97"),
        ("itq:pixels", ""),
        ("itq:cnn", "epochs=98"),
    ]
    assert found[1].p == alone[0].p
    assert [c.p_holm for c in found if c.first == "itq:cnn"] == pytest.approx([3e-4, 3e-4])


def marked(files, **given):
    [table] = build_tables(files.values(), published=False, values=UnitValues(files), **given)
    return {row.method: [value.separable for value in row.values] for row in table.rows}, table


def test_a_dagger_stands_at_what_the_queries_cannot_tell_from_the_best(written):
    written("random", 0.9 + NOISE)  # a control is neither the best nor marked
    written("itq", 0.600 + NOISE)
    written("lsh", 0.599 + NOISE[::-1])
    files = written("dsh", 0.55 + NOISE)
    found, table = marked(files)
    assert found == {"random": [None], "itq": [None], "lsh": [False], "dsh": [True]}
    text = render([table], "md")
    assert f"| {0.599 + NOISE.mean():.3f}† |" in text
    assert "†: not separable from the best of its column" in text
    assert rf"{0.599 + NOISE.mean():.3f}\dag{{}}" in render([table], "latex")


def test_digits_stand_below_each_other_whether_marked_or_not(written):
    written("itq", 0.600 + NOISE)
    written("lsh", 0.599 + NOISE[::-1])
    files = written("dsh", 0.4 + NOISE)
    console = Console(width=100, file=io.StringIO(), color_system=None)
    console.print(render([marked(files)[1]]))
    lines = console.file.getvalue().splitlines()
    [places] = {
        tuple(m.start() for m in re.finditer(r"0\.\d{3}", line)) for line in lines if "pixels" in line
    }
    assert len(places) == 1


def test_values_of_another_evaluation_are_not_taken(written, tmp_path):
    written("itq", 0.6 + NOISE, name="a")
    files = written("lsh", 0.5 + NOISE, name="b")
    for other in (0.4 + NOISE, (0.5 + NOISE)[: N // 2]):
        np.savez(tmp_path / "b.per_unit.npz", map=other)
        with pytest.raises(InvalidInputError, match="lsh:pixels are missing"):
            compare_rows(files, "itq", "lsh")
    assert "missing or damaged; hashbench rescore" in " ".join(marked(files)[1].caption)


def test_columns_have_tests_of_their_own(written):
    for bits in (12, 24):
        written("itq", 0.6 + NOISE, bits=bits)
    written("lsh", 0.6 - 1e-4 + NOISE[::-1], bits=12)
    files = written("lsh", 0.1 + NOISE[::-1], bits=24)
    assert marked(files)[0] == {"itq": [None, None], "lsh": [False, True]}


def test_the_caption_says_what_was_not_tested_and_the_cure(written):
    written("itq", 0.6 + NOISE)
    files = written("lsh", 0.5 + NOISE, per_unit=False)
    found, table = marked(files)
    assert found == {"itq": [None], "lsh": [None]}
    assert (
        "Nothing is marked †: values of single queries are missing or damaged; hashbench rescore"
        in " ".join(table.caption)
    )
    files = written("dsh", 0.4 + NOISE)
    caption = " ".join(marked(files)[1].caption)
    assert "All that were tested are separable from the best (paired bootstrap" in caption
    assert (
        "Not tested, as values of single queries are missing or damaged: lsh pixels; hashbench rescore"
        in caption
    )


def test_where_the_best_lacks_its_values_the_caption_names_the_column(written, tmp_path):
    for bits in (12, 24):
        written("itq", 0.6 + NOISE, bits=bits, name=f"itq{bits}")
        files = written("lsh", 0.3 + NOISE, bits=bits)
    (tmp_path / "itq24.per_unit.npz").write_bytes(b"PK no archive")
    found, table = marked(files)
    assert found == {"itq": [None, None], "lsh": [True, None]}
    caption = " ".join(table.caption)
    assert "All that were tested are separable" in caption
    assert "missing or damaged: itq pixels, and so nothing at 24 bits; hashbench rescore" in caption


def test_the_interval_over_repetitions(written):
    for repetition, shift in enumerate((0.70, 0.71, 0.735)):
        files = written("itq", shift + 0 * NOISE, repetition=repetition)
    [value] = marked(files)[1].rows[0].values
    assert value.half_width == pytest.approx(4.302653 * value.sd / 3**0.5)
    assert "n = 3 repetitions (95 % interval of the mean: ± 2.48 of it)" in " ".join(marked(files)[1].caption)
