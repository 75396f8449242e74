"""``docs/reproduction.py``: the page says what small hand-made records hold, and names what is not there."""

import numpy as np
import pytest
import reproduction
from sections import gallery

from hashbench.contracts.codes import Codes
from hashbench.evaluation import save_codes
from hashbench.records import write_record

N = 200
NOISE = np.random.default_rng(0).normal(0, 0.05, N)
NOISE -= NOISE.mean()
SPLIT = {"queries": N, "train": 5000, "database": 59000, "train_in_database": 5000}
CURVES = {
    "rank": [1, 10],
    "precision_at_rank": [1.0, 0.5],
    "recall_at_rank": [0.1, 0.5],
    "loss": [2.0, 1.25],
    "pretrain_loss": [2.3, 0.5],
}


@pytest.fixture
def write(make, tmp_path):
    """Write a record whose queries score about ``value`` in mAP."""
    folder = tmp_path / "results"
    folder.mkdir()

    def written(method, bits=12, value=0.7, per_query=True, noise=NOISE, **given):
        path = folder / f"{len(list(folder.glob('*.json')))}.json"
        score = None if value is None else float(np.mean(value + noise))
        write_record(path, make(method, bits, score, split=SPLIT, **{"curves": CURVES, **given}))
        if per_query and value is not None:
            np.savez(path.with_suffix(".per_unit.npz"), map=value + noise)
        return path

    return written


@pytest.fixture
def page(tmp_path):
    def made():
        return reproduction.page(reproduction.read([tmp_path / "results"]), tmp_path)

    return made


def line_of(text, *parts):
    [line] = [line for line in text.splitlines() if all(part in line for part in parts)]
    return line


def test_a_claim_is_reached_or_not_by_the_mean_and_open_where_the_interval_holds_it(write, page):
    for repetition, value in enumerate((0.62, 0.64, 0.66)):
        write("mu_liu", 12, value, repetition=repetition)
        write("mu_liu", 48, value + 0.09, repetition=repetition)
    text = page()
    short = line_of(text, "CIFAR-10 `5k`", "| 12 | abstract: 0.74 |")
    assert "| 5,000 | vgg6 |" in short
    assert "| 0.640 | 0.590 to 0.690 (repetitions) | 3 | **not reached**, 0.100 below |" in short
    near = line_of(text, "| 48 | abstract: 0.74")
    assert "**not reached**, 0.010 below; the interval holds the claim |" in near
    assert "| reached, 0.030 above; the interval holds the claim |" in line_of(text, "our goal: 0.70")
    assert "| reached, 0.150 above |" in line_of(text, "best of others, deep: 0.58")
    assert line_of(text, "pre-training is effective").endswith("| not tested |")
    assert "--datasets mnist --protocols full" in line_of(text, "- MNIST `full`")


def test_the_page_says_who_wins(write, page):
    write("mu_liu", value=0.70)
    write("dpsh", value=0.72, noise=NOISE[::-1])
    write("dsh", value=0.65, noise=NOISE[::-1])
    write("classifier", value=0.7001, noise=NOISE[::-1])
    text = page()
    assert "separably better in 1 of 3 comparisons, separably worse in 1, not separable in 1." in text
    assert "**not reached**: separably better in 1 of 3" in line_of(text, "better than all others")
    cells = line_of(text, "| CIFAR-10 `5k` | 12 | ", "[").split(" | ")
    assert [cell.split()[0] for cell in cells[2:]] == ["**-0.020", "**+0.050", "-0.000"]
    assert "- `dtsh`: unknown row 'dtsh'" in text
    for repetition in (1, 2):
        write("mu_liu", value=0.9, repetition=repetition)
    assert "| reached: separably better in 3 of 3" in line_of(page(), "better than all others")


def test_pre_training_is_tested_against_both_random_starts_and_missing_rows_are_named(write, page):
    write("mu_liu", value=0.70)
    write("mu_liu", value=0.60, params={"pretraining": "none"})
    write("mu_liu", value=0.71, params={"pretraining": "none", "budget": "total"})
    write("mu_liu", 48, value=0.75)
    text = page()
    assert "| reached: separably better in 1 of 1" in line_of(text, "pre-training is effective")
    assert "| **not reached**: separably better in 0 of 1" in line_of(text, "were it a claim at equal cost")
    assert "| CIFAR-10 `5k` | 12 | **+0.100 [+0.100, +0.100]** | **-0.010 [-0.010, -0.010]** |" in text
    section = text.split("## The ablation")[1].split("\n## ")[0]
    assert "| R0 random start: mu_liu (pretraining=none) |" in section
    assert "| R3 the method: mu_liu |" in section
    assert "48 bits" not in section, "no variant has them"
    assert "Rows not there yet: R2 hash layer alone; R4 both losses at once" in section


def test_what_the_records_lack_is_named(write, page):
    write("mu_liu", value=0.70, curves={"recall": [0.1, 1.0], "precision": [0.9, 0.1], "radius": [0, 1]})
    write("mu_liu", value=0.90, digests={"task": "bbbb"}, minute=-10)
    write("dsh", value=0.65, per_query=False)
    write("dpsh", value=None)
    text = page()
    assert "| 0.700 |" in line_of(text, "| 12 | abstract: 0.74 |")
    assert "1 records of these settings have other digests" in text
    assert "- `dsh`: values of single queries of dsh are missing" in text
    assert "- `dpsh`, CIFAR-10 `5k`, 12 bits, repetition 0: RuntimeError: loss is NaN" in text
    assert "Without curves by rank, as older records are: mu_liu." in text
    assert "The records of CIFAR-10 `5k` have no losses" in text
    assert "No records of it yet; it is made by `hashbench run --suite mu-liu-ablation" in text
    assert "No codes beside the records" in text


def test_no_path_of_the_makers_machine_is_on_the_page(write, page):
    for number, folder in enumerate(("/root/work/out", "/home/me/out")):
        write("mu_liu", value=0.70, repetition=number, command=f"hashbench run --out {folder} -m mu_liu")
    text = page()
    assert "| `hashbench run --out out -m mu_liu` | 2 | 0, 1 |" in text
    assert "/root/" not in text


def test_records_of_another_recipe_are_left_out(write, page):
    write("mu_liu", value=0.70)
    write("mu_liu", value=0.90, digests={"recipe": "bbbb"}, minute=-10)
    write("ksh", value=0.20)
    text = page()
    assert "| 0.700 |" in line_of(text, "| 12 | abstract: 0.74 |")
    assert "1 records of these settings have other digests" in text
    assert "minus ksh:pixels" in text


def test_there_is_a_page_before_the_first_run(write, page):
    write("mu_liu", dataset="digits")
    text = page()
    assert text.count("hashbench run --methods mu_liu") == 4
    assert "not tested" in line_of(text, "better than all others")


def test_every_figure_of_the_page_is_drawn_and_the_page_is_the_same_each_time(write, page, tmp_path):
    for bits in (12, 48):
        write("mu_liu", bits, value=0.70)
        write("dsh", bits, value=0.65)
    first = page()
    named = [part.split(")")[0] for part in first.split("](figures/")[1:]]
    assert named == [f"{kind}-cifar10-5k.svg" for kind in ("map", "rankings", "training")]
    drawn = {name: (tmp_path / "figures" / name).read_bytes() for name in named}
    assert page() == first
    assert drawn == {name: (tmp_path / "figures" / name).read_bytes() for name in named}


def test_neighbours_are_nearest_first_and_ties_are_counted(tmp_path):
    bits = np.array([[1, 1, 1, 1]] * 6 + [[1, 1, 1, -1]] * 8 + [[-1, -1, -1, -1]] * 5)
    labels = np.array([0] * 6 + [1] * 8 + [0] * 5)
    save_codes(tmp_path / "a.query.npz", Codes.from_real(np.array([[1, 1, 1, 1]])), np.array([0]))
    save_codes(tmp_path / "a.database.npz", Codes.from_real(bits), labels)
    found = gallery.neighbours(tmp_path / "a.json", np.array([0]), seed=0)
    assert found.right.tolist() == [[True] * 6 + [False] * 4]
    assert set(found.items[0, :6]) == set(range(6))
    assert set(found.items[0, 6:]) < set(range(6, 14))
    assert found.tied.tolist() == [14]


def test_one_query_of_each_class_is_drawn():
    labels = np.repeat([3, 5, 7], 20)
    chosen = gallery.one_a_class(labels, seed=1)
    assert labels[chosen].tolist() == [3, 5, 7]
