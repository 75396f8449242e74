"""``hashbench compare`` and ``hashbench rescore`` as a user meets them."""

import json

import pytest

import hashbench
from hashbench.evaluation import load_codes, load_per_query, save_codes
from hashbench.records import Record, read_record_files


@pytest.fixture
def files(small):
    assert small("lsh", "itq", "real_valued").code == 0
    return {record.cell.method: path for path, record in read_record_files("runs").items()}


def test_compare_prints_the_difference_of_the_stored_values(call, files):
    a, b = (load_per_query(files[name].with_suffix(".per_unit.npz"))["map"] for name in ("itq", "lsh"))
    called = call("compare", "itq", "lsh")
    assert (called.code, called.err) == (0, "")
    assert "digits · 5k · map: A = itq:pixels, B = lsh:pixels" in called.out
    assert f"{(a - b).mean():+.4f}" in called.out
    assert f"{(a > b).sum()}/{(a == b).sum()}/{(a < b).sum()}" in called.out
    [found] = json.loads(call("compare", "itq", "lsh", "runs", "--json").out)
    assert found["difference"] == pytest.approx((a - b).mean())
    assert found["low"] < found["difference"] < found["high"]
    frame = hashbench.compare("itq", "lsh", metrics=["map", "recall@r2"])
    assert {"difference", "low"} <= {*frame.columns[:10], *frame.columns[-10:]}  # what pandas shows
    assert frame["metric"].tolist() == ["map", "recall@r2"]
    assert frame.loc[0, "p"] == found["p"]
    assert max(map(len, called.out.partition("95 % intervals and")[0].splitlines())) <= 80


def test_a_change_of_recipe_does_not_touch_what_trains_no_network(call, files, small):
    before = call("compare", "itq", "lsh").out
    small("itq", "lsh", more=["--set", "recipe.epochs=2"])
    assert call("compare", "itq", "lsh").out == before


def test_compare_of_some_records(call, files):
    digest = Record.load(files["itq"]).digests.task[:8]
    chosen = call("compare", "itq", "lsh", "--digest", digest, "--dataset", "digits", "--protocol", "5k")
    assert chosen.code == 0
    assert chosen.out == call("compare", "itq", "lsh", "--bits", 8, "--features", "pixels").out
    assert "did you mean 'digits'" in call("compare", "itq", "lsh", "-d", "digit").refused(2)
    assert "unknown bits" in call("compare", "itq", "lsh", "-b", 9).refused(2)


def test_compare_refuses_what_is_not_there(call, files):
    assert "did you mean 'itq'" in call("compare", "itqq", "lsh").refused(2)
    assert "does not exist" in call("compare", "itq", "lsh", "nowhere").refused(2)
    files["lsh"].with_suffix(".per_unit.npz").unlink()
    assert call("compare", "itq", "lsh").code == 0, "the headline's values have a file of their own"
    assert "hashbench rescore" in call("compare", "itq", "lsh", "--metric", "recall@r2").refused(2)
    assert "not recorded; hashbench rescore" in call("compare", "itq", "lsh", "--metric", "recall@9").refused(
        2
    )


def test_rescore_makes_up_what_is_missing_and_names_what_it_cannot(call, files):
    files["lsh"].with_suffix(".per_unit.npz").unlink()
    called = call("rescore", "runs", "--metric", "precision@20")
    assert called.code == 0
    assert "2 of 3 records rescored in runs" in called.out
    assert "1 left as they are: real_valued makes no codes" in called.out
    assert call("compare", "itq", "lsh", "--metric", "precision@20").code == 0
    files["itq"].with_suffix(".query.npz").unlink()
    called = call("rescore", "runs")
    assert called.code == 1
    assert "1 without their codes; copy the codes there, or delete the record" in called.out
    assert called.out.endswith(f"  {files['itq']}\n")


def test_rescore_names_the_values_that_are_others_now(call, files):
    assert "others now" not in call("rescore", "runs").out
    path = files["lsh"].with_suffix(".query.npz")
    codes, labels = load_codes(path)
    save_codes(path, codes, (labels + 1) % 10)  # of other labels than the record's
    before = Record.load(files["lsh"]).metrics["map"]
    said = call("rescore", "runs").out
    assert (
        f"{path.name.split('.')[0]}: map {before:.6f}, now {Record.load(files['lsh']).metrics['map']:.6f}"
        in said
    )
    assert "itq" not in said


def test_an_option_given_twice_counts_twice(call, files):
    said = call(
        "compare", "itq", "lsh", "--metric", "map", "--metric", "recall@r2", "precision@r2", "--json"
    ).out
    assert [found["metric"] for found in json.loads(said)] == ["map", "recall@r2", "precision@r2"]


def test_rescore_refuses_a_metric_before_it_touches_anything(call, files):
    before = files["lsh"].read_bytes()
    assert "did you mean 'precision@" in call("rescore", "runs", "--metric", "precisoin@20").refused(2)
    assert files["lsh"].read_bytes() == before
