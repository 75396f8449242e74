"""Mean ranks against a naive count and published values; commands that make a record's cell again."""

import shlex
from dataclasses import asdict

import pytest

from hashbench.api import prepare
from hashbench.cli.parser import make_parser
from hashbench.cli.running import _setting
from hashbench.reporting.report.commands import command_of, usual_recipe
from hashbench.reporting.report.ranks import chosen, critical_difference, mean_ranks

VALUES = {  # by block
    "itq": [0.5, 0.6, 0.7, 0.4, 0.9],
    "ksh": [0.6, 0.5, 0.8, 0.5, 0.9],
    "sdh": [0.1, 0.2, 0.3, 0.1, 0.2],
}


def records_of(make, values, **given):
    return [
        make(method, 8 * (block + 1), value, **given)
        for method, of_method in values.items()
        for block, value in enumerate(of_method)
    ]


def naive_ranks(values):
    """Mean over blocks of 1 + how many are better + half of how many others are equal."""
    n_blocks = len(next(iter(values.values())))
    return {
        method: sum(
            1
            + sum(other[b] > own[b] for other in values.values())
            + sum(other[b] == own[b] for name, other in values.items() if name != method) / 2
            for b in range(n_blocks)
        )
        / n_blocks
        for method, own in values.items()
    }


def test_ranks_are_those_of_a_naive_count(make):
    (ranks,) = mean_ranks(records_of(make, VALUES))
    expected = naive_ranks(VALUES)
    assert dict(zip(ranks.methods, ranks.means, strict=True)) == pytest.approx(expected)
    assert list(ranks.means) == sorted(ranks.means)
    assert len(ranks.blocks) == 5
    assert 0 < ranks.p < 0.05
    assert (ranks.left_out, ranks.n_unused) == ({}, 0)


def test_a_newer_run_of_one_method_under_another_recipe_takes_no_block_away(make):
    records = records_of(make, VALUES, features="cnn")
    before = mean_ranks(records)
    assert before[0].methods
    given = {"features": "cnn", "digests": {"recipe": "ffffffff44"}, "minute": 9}
    newer = [make("itq", 8 * (block + 1), 0.1, **given) for block in range(5)]
    [after] = mean_ranks([*records, *newer])
    assert (after.means, after.blocks) == (before[0].means, before[0].blocks)
    assert after.n_unused == 5


@pytest.mark.parametrize(
    ("methods", "blocks", "distance"),
    [(4, 14, 1.25), (5, 14, 2.728 * (5 * 6 / (6 * 14)) ** 0.5)],  # Demsar 2006, section 3.2.4 and table 5
)
def test_the_critical_difference_is_demsars(methods, blocks, distance):
    assert critical_difference(methods, blocks) == pytest.approx(distance, abs=5e-3)


def test_controls_variants_failures_and_other_features_are_no_rivals(make):
    records = records_of(make, VALUES)
    records += records_of(make, {"random": [0.9] * 5})
    records += records_of(make, {"itq": [0.99] * 5}, params={"n_iter": 5})
    records += [make("lsh", 8 * (block + 1), None) for block in range(5)]
    records += records_of(make, {"cca_itq": [0.99] * 5}, card={"made_for": ("authentication",)})
    deep = records_of(make, {"mu_liu": [0.9] * 5, "dsh": [0.8] * 5})
    features, images = mean_ranks([*records, *deep])
    assert set(features.methods) == set(VALUES)
    assert images.methods == ()
    assert images.left_out == {"mu_liu": 5, "dsh": 5}


def test_methods_with_the_fewest_blocks_are_left_out_first():
    blocks = [str(n) for n in range(7)]
    values = {name: dict.fromkeys(blocks, 0.5) for name in "abc"}
    values["d"] = dict.fromkeys(blocks[:3], 0.5)
    values["e"] = dict.fromkeys(blocks[1:6], 0.5)
    assert chosen(values) == (["a", "b", "c", "e"], blocks[1:6])
    assert chosen({"a": values["a"], "b": values["b"], "d": values["d"]}) == ([], [])


def test_fewer_blocks_are_ranked_only_where_that_is_asked_for(make):
    records = [record for record in records_of(make, VALUES) if record.cell.bits <= 16]
    assert mean_ranks(records)[0].methods == ()
    (two,) = mean_ranks(records, min_blocks=2)
    assert two.methods == ("itq", "ksh", "sdh")
    assert two.p is not None
    (one,) = mean_ranks([record for record in records if record.cell.bits == 16], min_blocks=1)
    assert (one.methods, one.p) == (("itq", "ksh", "sdh"), None)
    assert one.distance > two.distance


def on_gpu(record):
    return record.model_copy(
        update={"environment": record.environment.model_copy(update={"device": "NVIDIA H200"})}
    )


@pytest.mark.parametrize(
    "other",
    [
        lambda make: make("mu_liu", 8, 0.3, backbone="vgg7"),
        lambda make: make("mu_liu", 8, 0.3, digests={"recipe": "ffffffff44"}),
        lambda make: on_gpu(make("mu_liu", 8, 0.3)),
    ],
    ids=["backbone", "recipe", "device"],
)
def test_networks_of_another_recipe_backbone_or_device_share_no_block(make, other):
    records = [make(method, 8, value) for method, value in (("dsh", 0.1), ("dpsh", 0.2), ("mu_liu", 0.3))]
    assert len(mean_ranks(records, min_blocks=1)[0].methods) == 3
    apart = [*records[:2], other(make)]
    assert mean_ranks(apart, min_blocks=1)[0].methods == ()


def test_features_that_no_network_makes_are_the_same_on_every_device(make):
    records = records_of(make, VALUES)
    moved = [on_gpu(record) if record.cell.method == "itq" else record for record in records]
    assert mean_ranks(moved) == mean_ranks(records)


def test_equal_values_have_no_p(make):
    (ranks,) = mean_ranks(records_of(make, dict.fromkeys(VALUES, [0.5] * 5)))
    assert ranks.p is None
    assert ranks.means == (2.0, 2.0, 2.0)


def test_a_command_makes_the_very_cell_again(make, tmp_path, monkeypatch):
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path))
    monkeypatch.delenv("HASHBENCH_DATA", raising=False)
    asked = {"recipe.epochs": 3, "recipe.lr": 0.05, "ksh.n_anchors": 50, "mu_liu.pretraining": "none"}
    grid = prepare(
        ["ksh", "mu_liu", "real_valued"], "digits", features=["pixels", "cnn"], bits=[12, 16], repetitions=2,
        set=asked, out=tmp_path / "runs",
    ).grid  # fmt: skip
    assert len(grid.works) > 10
    for work in grid.works[::3]:
        cell, protocol = work.cell, work.setting.protocol
        trains = cell.backbone is not None
        record = make("itq").model_copy(
            update={"cell": cell, "recipe": asdict(protocol.recipe) if trains else None}
        )
        words = shlex.split(command_of(record, usual_recipe(cell.protocol)))
        options = vars(make_parser().parse_args(words[1:]))
        settings = dict(map(_setting, options.pop("settings")))
        for name in ("call", "dry_run", "data_dir"):
            options.pop(name)
        again = prepare(**options, set=settings).grid.works
        found = [one for one in again if one.cell == cell]
        assert len(found) == 1
        assert not trains or found[0].setting.protocol.recipe_digest == protocol.recipe_digest
        assert len(again) == cell.repetition + 1
