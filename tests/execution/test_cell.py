"""One cell: what its record says is what a reader of the files finds, and a failure is a record too."""

import shutil

import numpy as np
import pytest
import torch

from hashbench.errors import InvalidInputError
from hashbench.evaluation import code_health, evaluate, evaluate_vectors, load_codes
from hashbench.execution.cell import run_cell
from hashbench.execution.context import open_context
from hashbench.identity.digest import seed_of
from hashbench.plugins.registry import find, find_protocol, register_file
from hashbench.records import Record, read_records
from hashbench.training import loop

PARTS = ("query", "database")


def digits(place):
    return open_context("digits", find_protocol("5k").task, place.data)


def rows_of(context, index):
    return context.images.pixels[index].reshape(-1, 64) / np.float32(255)


@pytest.fixture
def run(grid, place):
    def one(method, **given):
        (work,) = grid(method, **given)
        record = run_cell(work, place)
        assert Record.load(place.record(work)) == record
        return record

    return one


def test_the_record_is_of_the_codes_beside_it(run, place, grid):
    (work,) = grid("itq")
    record, path = run("itq"), place.record(work)
    query, database = (load_codes(path.with_suffix(f".{part}.npz")) for part in ("query", "database"))
    again = evaluate(query[0], database[0], query[1], database[1])
    assert record.metrics == again.values
    assert record.curves == again.curves
    assert record.curves["precision"] == again.pr_curve.precision
    assert record.curves["recall_at_rank"] == again.rank_curve.recall
    health = code_health(database[0]).values
    assert record.health == {**health, "quantization_error": record.health["quantization_error"]}
    with (
        np.load(path.with_suffix(".per_unit.npz")) as values,
        np.load(path.with_suffix(".headline.npz")) as headline,
    ):
        assert {name: values[name].mean() for name in values.files} == record.metrics
        assert headline.files == ["map"]
        np.testing.assert_array_equal(headline["map"], values["map"])
    assert record.stored == {"query": 140, "database": 1657}
    assert record.split == {"queries": 140, "train": 720, "database": 1657, "train_in_database": 720}
    assert (len(query[0]), len(database[0]), query[0].n_bits) == (140, 1657, 8)


def test_the_method_is_fitted_as_anybody_would_fit_it(run, place):
    record = run("itq")
    context = digits(place)
    parts = context.split.train, context.split.parts["query"], context.split.parts["database"]
    train, query, database = (rows_of(context, index) for index in parts)
    seed = seed_of("digits", "5k", "itq", 8, 0)
    codes = find("method", "itq")(n_bits=8, random_state=seed, device="cpu").fit(train)
    labels = context.images.labels
    result = evaluate(codes.encode(query), codes.encode(database), labels[parts[1]], labels[parts[2]])
    assert record.metrics == result.values
    assert record.health == code_health(codes.encode(database), codes.project(database)).values
    assert record.seeds == {"method": seed}
    assert record.digests.dataset == context.images.digest
    assert record.digests.split == context.split.digest
    assert record.params == {"n_bits": 8, "random_state": seed, "device": "cpu", "n_iter": 50}


def test_a_method_without_codes_is_ranked_by_cosine(run, place):
    record = run("real_valued")
    context = digits(place)
    labels, query, database = context.images.labels, *context.split.parts.values()
    rows = rows_of(context, slice(None))
    rows -= rows[context.split.train].mean(0)
    result = evaluate_vectors(rows[query], rows[database], labels[query], labels[database])
    assert record.metrics["map"] == pytest.approx(result.values["map"], abs=1e-6)
    assert record.cell.bits is None
    assert record.health == {}
    assert record.stored == {}
    assert {path.name.split(".")[1] for path in place.out.rglob("*.npz")} == {"per_unit", "headline"}


def test_a_deep_cell_says_where_it_comes_from(run, place):
    record = run("dsh")
    assert record.card.family == "deep"
    assert record.card.n_labelled == 720
    assert set(record.timings) == {"pretrain", "fit", "encode", "evaluate"}
    assert all(seconds > 0 for seconds in record.timings.values())
    assert record.digests.backbone
    assert set(record.seeds) == {"method", "backbone"}
    assert record.recipe["epochs"] == 1
    assert record.invariances == {"mirror": False, "occlude": False}
    assert record.rooms.keys() >= {"training", "feature cnn", "execution"}
    assert not [path for path in place.out.rglob("*") if path.suffix in {".checkpoint", ".tmp"}]


def test_a_stopped_training_goes_on_and_its_record_has_all_its_seconds(run, grid, place, monkeypatch):
    settings = {"set": {"recipe.epochs": 3}}
    unbroken = run("dsh", **settings)
    save = loop.save_atomically

    def save_then_stop(state, path):
        save({**state, "seconds": state["seconds"] + 100}, path)
        raise KeyboardInterrupt

    (work,) = grid("dsh", **settings)
    place.record(work).unlink()
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_atomically", save_then_stop)
        with pytest.raises(KeyboardInterrupt):
            run_cell(work, place)
    resumed = run_cell(work, place)
    assert resumed.metrics == unbroken.metrics
    assert 100 < resumed.timings["fit"] < 200


def test_learned_features_count_as_labels_seen(run):
    plain, learned = run("lsh"), run("lsh", features=["cnn"])
    assert (plain.card.n_labelled, learned.card.n_labelled) == (0, 720)
    assert (plain.digests.backbone, plain.seeds.keys()) == (None, {"method"})
    assert learned.digests.backbone
    assert set(learned.timings) == {"pretrain", "features", "fit", "encode", "evaluate"}
    assert learned.timings["features"] > 0
    assert learned.metrics["map"] != plain.metrics["map"]


def test_a_cell_has_a_trained_backbone_where_its_pretraining_wants_one(run):
    tuned = run("dsh", set={"recipe.pretrain_epochs": 2, "recipe.epochs": 3})
    assert {name: len(tuned.curves[name]) for name in ("loss", "pretrain_loss")} == {
        "loss": 3,
        "pretrain_loss": 2,
    }
    assert tuned.curves["precision"]
    fresh = run("dsh", set={"dsh.pretraining": "none"})
    assert fresh.status == "done"
    assert fresh.digests.backbone is None
    assert "training" in fresh.rooms
    assert "feature cnn" not in fresh.rooms
    assert set(fresh.timings) == {"fit", "encode", "evaluate"}
    assert fresh.card.n_labelled == 720


UNSUPERVISED = """
from typing import ClassVar
from hashbench.training import DeepHashMethod
class Own(DeepHashMethod):
    supervision: ClassVar = "unsupervised"
    def loss(self, z, batch):
        return (z - z.sign()).square().mean()
"""


def test_an_unsupervised_method_does_not_start_from_a_backbone_that_saw_labels(run, tmp_path):
    path = tmp_path / "unsupervised.py"
    path.write_text(f'"""A method (test)."""\n{UNSUPERVISED}')
    register_file(path)
    with pytest.raises(
        InvalidInputError, match=r"unsupervised is unsupervised.*unsupervised.pretraining=none"
    ):
        run("unsupervised")
    assert run("unsupervised", set={"unsupervised.pretraining": "none"}).card.n_labelled == 0


def test_a_cell_run_again_has_the_same_codes_bit_for_bit(grid, place, own_cache, new_process):
    (work,) = grid("mu_liu", set={"recipe.epochs": 2})
    outcomes = []
    for seed in (0, 1):
        new_process()
        shutil.rmtree(own_cache, ignore_errors=True)  # the backbone is trained anew too
        torch.manual_seed(seed)
        record = run_cell(work, place)
        codes = [load_codes(place.record(work).with_suffix(f".{part}.npz"))[0].packed for part in PARTS]
        outcomes.append((codes, record.metrics, record.curves, record.digests))
    (first, *rest), (again, *rest_again) = outcomes
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert rest == rest_again


def test_a_number_does_not_depend_on_what_else_is_run(run, place, grid):
    alone = {name: run(name).metrics for name in ("lsh", "sh", "dsh")}
    for work in grid("all"):
        if work.cell.method in {"random", "itq", "dpsh", *alone}:
            torch.manual_seed(7), np.random.seed(7)  # noqa: NPY002  whatever others draw is not ours
            record = run_cell(work, place)
            assert record.metrics == alone.get(work.cell.method, record.metrics)


def test_code_lengths_methods_and_repetitions_draw_apart(grid, place):
    seeds = [
        run_cell(work, place).seeds["method"] for work in grid("lsh", "pcah", bits=[8, 12], repetitions=2)
    ]
    assert len(set(seeds)) == 8


SPY = """
def _fit(self, X, y, generator):
    assert y is {}, "labels"
    assert len(X) == 720, "only the training images"
"""


def test_a_method_is_given_what_it_declares(run, plugin):
    plugin("unsupervised_spy", SPY.format("None"))
    assert run("unsupervised_spy").error is None
    plugin("supervised_spy", "supervision = 'supervised'\n" + SPY.format("not None"))
    assert run("supervised_spy").error is None


def test_the_card_counts_the_labels_that_were_used(run):
    assert run("ksh", set={"ksh.n_labelled": 100}).card.n_labelled == 100
    assert run("ksh", set={"ksh.n_labelled": 100}, features=["cnn"]).card.n_labelled == 720, "by the features"


LABEL_FREE = """
from dataclasses import dataclass
from typing import ClassVar
from hashbench.contracts.feature import TrainedFeature
from hashbench.training.pretrain import untrained_network
@dataclass(frozen=True, kw_only=True)
class LabelFree(TrainedFeature):
    learned_from: ClassVar = "images"
    def train(self, pixels, labels, recipe, seed, *, invariances, checkpoint=None):
        assert labels is None
        return untrained_network(pixels, recipe, 4, seed, invariances=invariances)
"""


def test_a_label_free_network_is_shared_by_shallow_and_deep_methods_and_counts_no_labels(run, tmp_path):
    for name, text in (("label_free", LABEL_FREE), ("unsupervised_deep", UNSUPERVISED)):
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        register_file(path)
    deep = run("unsupervised_deep", set={"unsupervised_deep.start_from": "label_free"})
    shallow = run("itq", features=["label_free"])
    assert (deep.error, shallow.error) == (None, None)
    assert deep.digests.backbone == shallow.digests.backbone is not None
    assert (deep.card.n_labelled, shallow.card.n_labelled, shallow.card.learned_from) == (0, 0, "images")
    assert deep.rooms["feature label_free"] == shallow.rooms["feature label_free"] == 1
    with pytest.raises(InvalidInputError, match="'pixels' trains no network"):
        run("dsh", set={"dsh.start_from": "pixels"})


def test_a_failure_is_a_record_with_all_that_was_known(run, place, plugin):
    plugin("failing", "def _fit(self, X, y, generator):\n    raise ValueError('no rotation\\nfound')")
    record = run("failing")
    assert record.status == "failed"
    assert (record.error.type, record.error.message) == ("ValueError", "no rotation\nfound")
    assert "in _fit" in record.error.traceback
    assert "failing.py" in record.error.traceback
    assert (record.card.title, record.card.family) == ("A method (test)", "shallow")
    assert record.params["n_bits"] == 8
    assert record.digests.split
    assert record.metrics == {}
    assert [found.status for found in read_records(place.out)] == ["failed"]


def test_a_method_that_cannot_be_imported_fails_in_its_cell(run, plugin):
    plugin("broken", "", imports="import no_such_package")
    record = run("broken", features=["pixels", "cnn"])
    assert record.error.type == "BrokenPluginError"
    assert "no_such_package" in record.error.message
    assert "ModuleNotFoundError" in record.error.traceback
    assert record.card is None


def test_ctrl_c_is_no_failure_of_the_cell(grid, place, plugin):
    plugin("stopped", "def _fit(self, X, y, generator): raise KeyboardInterrupt")
    (work,) = grid("stopped")
    with pytest.raises(KeyboardInterrupt):
        run_cell(work, place)
    assert not [path for path in place.out.rglob("*") if path.is_file()]
