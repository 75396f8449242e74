"""``docs/build.py``: what stands between the marks is what small hand-made records say."""

from pathlib import Path

import build
import numpy as np
import pytest

from hashbench.errors import InvalidInputError
from hashbench.plugins.registry import register_file
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
    """Write a record whose units score about ``value`` in mAP."""
    folder = tmp_path / "results"
    folder.mkdir()

    def written(method, bits=12, value=0.7, per_unit=True, noise=NOISE, metric="map", **given):
        path = folder / f"{len(list(folder.glob('*.json')))}.json"
        score = None if value is None else float(np.mean(value + noise))
        of_task = {"metrics": {metric: score}} if score is not None and metric != "map" else {}
        write_record(
            path, make(method, bits, score, **{"split": SPLIT, "curves": CURVES, **of_task, **given})
        )
        if per_unit and value is not None:
            np.savez(path.with_suffix(".per_unit.npz"), **{metric: value + noise})
        return path

    return written


@pytest.fixture
def page(tmp_path):
    """What the directives write, of a page about mu_liu."""
    path = tmp_path / "docs" / "pages" / "mu_liu.md"
    path.parent.mkdir(parents=True)

    def made(*directives):
        blocks = (f"<!-- hashbench {directive} -->\n<!-- end -->\n" for directive in directives)
        path.write_text("# By hand\n\n" + "\nby hand\n\n".join(blocks), encoding="utf-8")
        build.build(tmp_path / "results", folder=tmp_path / "docs")
        return path.read_text(encoding="utf-8")

    return made


def line_of(text, *parts):
    [line] = [line for line in text.splitlines() if all(part in line for part in parts)]
    return line


def test_a_table_has_the_rows_bits_and_metrics_that_are_asked_for(write, page):
    for bits in (12, 24, 48):
        write("mu_liu", bits, 0.7)
        write("dsh", bits, 0.6)
    write("itq", 12, 0.5)
    write("itq", 12, 0.4, dataset="mnist")
    text = page("table --rows mu_liu itq:pixels --dataset cifar10 --bits 12 48 --metrics map precision@100")
    assert text.count("### cifar10 · 5k") == 2
    assert "12 bits | 48 bits |" in text
    assert "24 bits" not in text
    assert "mnist" not in text
    assert "| dsh |" not in text
    assert "**0.350** | **0.350** |" in line_of(text.split("precision@100", 2)[2], "| mu_liu |")


def test_the_readme_is_a_page_whose_figures_and_bare_tables_lie_in_docs(write, page, tmp_path):
    write("mu_liu")
    write("itq", value=0.5)
    page()
    readme = tmp_path / "README.md"
    readme.write_text(
        "<!-- hashbench table --bare --rows itq -->\n<!-- end -->\n<!-- hashbench ranking -->\n<!-- end -->\n"
    )
    assert build.build(tmp_path / "results", ["README"], folder=tmp_path / "docs") == [readme]
    table, ranking = readme.read_text().split("<!-- end -->")[:2]
    assert "| itq |" in table
    assert all(line.startswith("|") for line in table.splitlines()[1:] if line)
    link = ranking.split("](")[1].split(")")[0]
    assert link.startswith("docs/figures/README/")
    assert (tmp_path / link).exists()


def test_hand_written_text_stays_and_a_second_build_changes_nothing(write, page, tmp_path):
    write("mu_liu")
    text = page("table", "ranking --bits 12")
    assert text.startswith("# By hand\n")
    assert "\nby hand\n" in text
    figure = tmp_path / "docs" / "figures" / "mu_liu" / "precision_at_rank-cifar10-5k.svg"
    assert f"](../figures/mu_liu/{figure.name})" in text
    drawn = figure.read_bytes()
    check = {"check": True, "folder": tmp_path / "docs"}
    assert build.build(tmp_path / "results", **check) == []
    assert build.build(tmp_path / "results", folder=tmp_path / "docs") == []
    assert (tmp_path / "docs" / "pages" / "mu_liu.md").read_text() == text
    assert figure.read_bytes() == drawn
    figure.unlink()
    assert len(build.build(tmp_path / "results", **check)) == 1
    assert not figure.exists(), "a check writes nothing"


def test_a_page_behind_its_records_fails_the_check_and_is_left_alone(write, page, tmp_path, capsys):
    write("mu_liu")
    text = page("table")
    write("dsh", value=0.65)
    results, docs = str(tmp_path / "results"), tmp_path / "docs"
    assert build.main(["--check", results], docs) == 1
    assert "mu_liu.md" in capsys.readouterr().out
    assert (tmp_path / "docs" / "pages" / "mu_liu.md").read_text() == text
    assert build.main([results, "mu_liu"], docs) == 0
    assert build.main(["--check", results], docs) == 0
    assert build.main([results, "other"], docs) == 2
    assert "other" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ("tabel", r"tabel.*did you mean 'table'"),
        ("", "directive"),
        ("table --colour red", "--colour"),
        ("table --bits many", "--bits"),
        ("picture --file figures/a.png", "--caption"),
        ("picture --file a.png --caption c --made-by m", "pictures/"),
        ("compare --rows mu_liu", "--rows"),
        ("claims --row mu_liu --claims 0.9", "LABEL = VALUE"),
        ("ranking --curves rank", "X:Y"),
        ("table --metric nonsense", "nonsense"),
        ("table --rows 'dsh (eta=1)'", "--suite"),
        ("table --rows 'dsh", "dsh"),
    ],
)
def test_a_wrong_directive_is_named_with_page_and_line(write, page, mark, message):
    write("mu_liu")
    with pytest.raises(InvalidInputError, match=rf"mu_liu\.md:8: .*{message}"):
        page("table", mark)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n<!-- end -->\n", 2),
        ("<!-- hashbench table -->\n", 1),
        ("<!-- hashbench table -->\n\n<!-- hashbench table -->\n<!-- end -->\n", 1),
        ("<!-- hashbench table -->\n<!-- end -->\n<!-- end -->\n", 3),
    ],
)
def test_marks_that_do_not_pair_are_named(write, tmp_path, text, line):
    write("mu_liu")
    path = tmp_path / "docs" / "pages" / "any.md"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(InvalidInputError, match=rf"any\.md:{line}: "):
        build.build(tmp_path / "results", folder=tmp_path / "docs")
    assert path.read_text() == text


def test_what_is_not_there_is_named_with_the_command_that_makes_it(write, page):
    write("mu_liu")
    write("mu_liu", dataset="mnist")
    write("dsh", 48)
    text = page(
        "table --rows mu_liu dpsh itq:cnn --datasets cifar10 mnist",
        "curve --methods dsh --protocol full --bits 12 48",
        "training --row dsh --dataset cifar10 --bits 12 48",
        "table --row mu_liu --datasets cifar10 mnist svhn",
    )
    first = line_of(text, "dpsh; itq:cnn.")
    assert (
        "`hashbench run --methods mu_liu dpsh itq --features cnn --datasets cifar10 mnist --out results`"
        in first
    )
    assert "No records yet. `hashbench run --methods dsh --protocols full --bits 12 48 --out results`" in text
    assert line_of(text, "Not there yet: dsh.")
    assert line_of(text, "Not there yet: mu_liu (svhn).")


def test_a_suite_is_shown_with_its_labels_and_its_missing_rows(write, page):
    write("mu_liu", value=0.70)
    write("mu_liu", value=0.60, params={"pretraining": "none"})
    write("dsh", value=0.65)
    text = page(
        "suite --suite mu-liu-ablation --bits 12",
        "compare --suite mu-liu-ablation --rows mu_liu 'mu_liu (pretraining=none)' --claim 'it helps'",
        "suite --suite not-here-yet",
    )
    assert "| R0 random start: mu_liu (pretraining=none) |" in text
    assert "| R3 the method: mu_liu |" in text
    assert "| dsh |" not in text
    assert "R2 hash layer alone" in line_of(text, "Not there yet: ")
    assert "--suite mu-liu-ablation --bits 12 --out results" in line_of(text, "Not there yet: ")
    assert line_of(text, "Claim: it helps. Reached: ", "separably better in 1 of 1")
    assert line_of(text, "No records yet. `hashbench run --suite not-here-yet --out results`")


def test_a_comparison_says_who_is_better(write, page):
    write("mu_liu", value=0.70)
    write("dpsh", value=0.72, noise=NOISE[::-1])
    write("dsh", value=0.65, noise=NOISE[::-1])
    write("classifier", value=0.7001, noise=NOISE[::-1])
    write("itq", value=0.5, per_unit=False)
    asked = "compare --rows mu_liu dpsh dsh classifier itq:pixels"
    text = page(f"{asked} --claim 'better than all'")
    said = "separably better in 1 of 3 comparisons, separably worse in 1, not separable in 1."
    assert line_of(text, "Claim: better than all. **Not reached**: ", said)
    cells = line_of(text, "| cifar10 `5k` | 12 |").split(" | ")
    assert [cell.split()[0] for cell in cells[2:]] == ["**-0.020", "**+0.050", "-0.000"]
    assert "itq" in line_of(text, "- `itq:pixels`: ", "missing")
    for repetition in (1, 2):
        write("mu_liu", value=0.9, repetition=repetition)
    assert "separably better in 3 of 3" in page(asked)


def test_the_pages_in_the_repository_are_well_formed():
    for path in sorted((Path(build.__file__).parent / "pages").glob("*.md")):
        assert list(build.blocks(path, path.read_text(encoding="utf-8"))), path


def test_another_task_is_shown_in_its_own_words_and_direction(write, page, copies):
    register_file(copies)
    kind = {"task": "copies", "metric": "eer", "protocol": "own", "split": {"originals": N}}
    curves = {"fpr": [0.1, 1.0], "tpr": [0.5, 1.0]}
    for bits in (12, 48):
        write("mu_liu", bits, 0.2, curves=curves, **kind)
        write("dsh", bits, 0.3, curves={}, noise=NOISE[::-1], **kind)
    text = page(
        "table",
        "compare --rows mu_liu dsh",
        "claims --row mu_liu --claims 'the paper = 0.25' 'better = 0.10 @ cifar10 own 48'",
        "curve --levels 0.25",
        "ranking --curves fpr:tpr --log fpr",
        "provenance --rows mu_liu dsh",
    )
    assert "| **0.20** | **0.20** |" in line_of(text, "| mu_liu |")
    assert "bootstrap over the originals" in text
    assert line_of(text, "separably better in 2 of 2")
    assert line_of(text, "| 12 | the paper: 0.25 |").endswith("| reached, 0.05 below |")
    assert line_of(text, "better: 0.10").endswith("| **not reached**, 0.10 above |")
    assert "](../figures/mu_liu/eer-cifar10-own.svg)" in text
    assert "](../figures/mu_liu/tpr-cifar10-own.svg)" in text
    assert line_of(text, "On cifar10, own without these curves: dsh.")
    assert line_of(text, "| images: originals | 200 |")
