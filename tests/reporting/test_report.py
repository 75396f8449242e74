"""The report's page: what is in it, how large it is, that hostile names stay texts."""

import json
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

import hashbench
from hashbench.cli import main
from hashbench.cli.parser import make_parser
from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.records import write_record
from hashbench.reporting.report import make_report, write_report
from hashbench.reporting.report.content import content_of
from hashbench.reporting.report.curves import MOST, curves_of

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m&amp;\u2028"


class Elements(HTMLParser):
    """The start tags of a page with their attributes, and its data."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.data, self._in_data = [], "", False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._in_data = ("id", "data") in attributes

    def handle_data(self, text):
        if self._in_data:
            self.data += text
            self._in_data = False


def files_of(tmp_path, records):
    return {tmp_path / f"{place}.json": record for place, record in enumerate(records)}


@pytest.fixture
def files(make, tmp_path):
    records = [
        make(method, bits, value + 0.01 * repetition, repetition=repetition)
        for method, value in (("itq", 0.4), ("lsh", 0.2), ("mu_liu", 0.7), ("random", 0.9))
        for bits in (12, 48)
        for repetition in range(2)
    ]
    return files_of(tmp_path, [*records, make("dsh", 12, None)])


def test_the_overview_has_the_best_of_each_length_controls_apart(files):
    best = content_of(files)["best"]
    assert [(line["bits"], line["best"][0]["method"], line["rivals"]) for line in best] == [
        (12, "mu_liu", 2),
        (48, "mu_liu", 2),
    ]
    assert best[0]["best"][0]["mean"] == pytest.approx(0.705)
    assert [row["method"] for row in best[0]["without_labels"]] == ["itq"]


def test_values_beside_the_best_are_marked_as_in_the_table(make, tmp_path):
    units = np.random.default_rng(0).random(200)
    shifts = {"itq": units, "lsh": np.roll(units, 1), "sdh": units / 2}
    records = [make(method, 12, float(values.mean())) for method, values in shifts.items()]
    files = files_of(tmp_path, records)
    for path, values in zip(files, shifts.values(), strict=True):
        np.savez(path.with_suffix(".headline.npz"), map=values)
    (line,) = content_of(files)["best"]
    assert {row["method"] for row in line["best"] + line["alike"]} == {"itq", "lsh"}
    assert line["tested"] == line["rivals"] == 2


def test_every_metric_has_its_table_with_means_and_failures(files):
    (setting,) = content_of(files)["settings"]
    assert [table["metric"] for table in setting["tables"]] == ["map", "precision@100"]
    place = {row["method"]: number for number, row in enumerate(setting["rows"])}
    values = setting["tables"][1]["values"]
    assert values[place["itq"]][0]["mean"] == pytest.approx(0.2025)
    assert values[place["dsh"]][0] == {"failed": 1, "mark": "(a)"}
    assert any("loss is NaN" in note for note in setting["tables"][0]["notes"])


def test_only_the_asked_metrics_come_and_published_numbers_can_stay_away(make, tmp_path):
    files = files_of(tmp_path, [make("mu_liu", 12, 0.7), make("itq", 12, 0.3)])
    with_published = content_of(files, ["map"])["settings"][0]["tables"]
    without = content_of(files, ["map"], published=False)["settings"][0]["tables"]
    assert [table["metric"] for table in with_published] == ["map"]
    assert "published" in str(with_published[0]["values"])
    assert "published" not in str(without[0]["values"])
    with pytest.raises(UnknownNameError):
        content_of(files, ["nonsense"])


def test_a_method_that_is_not_here_has_a_page_without_a_card(files, make, tmp_path):
    content = content_of(files | files_of(tmp_path / "other", [make("gone", 12, None)]))
    assert content["methods"]["gone"]["card"] is None
    assert "n_iter" in [one["name"] for one in content["methods"]["itq"]["card"]["own"]]
    assert [record["error"] for record in content["methods"]["gone"]["records"]] != [""]


def test_curves_are_means_over_repetitions_and_short(make):
    loss = [1 / (epoch + 1) for epoch in range(500)]
    fpr = np.linspace(0, 1, 300)
    records = [
        make("mu_liu", 12, 0.5, repetition=n, curves={
            "loss": [(1 + n) * value for value in loss], "rank": [1.0, 10.0], "precision_at_rank": [0.5, n],
            "fpr": fpr.tolist(), "tpr": np.sqrt(fpr).tolist(), "unknown": [1.0],
        })
        for n in range(2)
    ]  # fmt: skip
    axes = []
    (found,) = curves_of(records, {records[0].cell.row: 7}, axes)
    curves = found["curves"]
    assert (found["row"], found["bits"], found["n"], found["epochs"]) == (7, 12, 2, {"loss": 500})
    assert len(curves["loss"]) == MOST
    assert (curves["loss"][0], curves["loss"][-1]) == (1.0, 0.002)
    assert axes[curves["rank"]] == [1.0, 10.0]
    assert curves["precision_at_rank"] == [0.5, 0.5]
    assert len(curves["fpr"]) == len(curves["tpr"]) <= MOST
    assert np.allclose(np.sqrt(curves["fpr"]), curves["tpr"], atol=1e-3)
    assert curves["fpr"][0] == 0
    assert curves["fpr"][-1] == 1
    assert "unknown" not in curves


def test_hostile_names_stay_texts(make, tmp_path):
    records = [
        make("itq", 12, 0.3, features=HOSTILE, params={"n_iter": HOSTILE}),
        make("lsh", 12, 0.2, dataset=f"folder:{HOSTILE}", features="=1+1", command=HOSTILE),
    ]
    page = make_report(files_of(tmp_path, records), title=HOSTILE)
    elements = Elements(page)
    assert [tag for tag, _ in elements.tags].count("script") == 3
    assert not [tag for tag, attributes in elements.tags if "onerror" in attributes]
    assert "\x1b" not in page
    assert "\u2028" not in page
    content = json.loads(elements.data)
    assert [row["reads"] for setting in content["settings"] for row in setting["rows"]][1] == "'=1+1"
    assert "</script><script>" in content["commands"][-1]  # the text itself is whole


def test_the_page_names_no_address_that_a_browser_would_fetch(files):
    elements = Elements(make_report(files))
    addresses = [
        attributes[name] for _, attributes in elements.tags for name in ("src", "href") if name in attributes
    ]
    assert addresses
    assert all(address.startswith(("#", "data:")) for address in addresses)
    policy = next(a["content"] for _, a in elements.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert not re.search(r"https?:", policy)


def test_pictures_are_inlined_and_made_small(files, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (3000, 40), "red").save(folder / "wide.png")
    Image.new("L", (20, 20)).save(folder / "grey.jpg")
    (folder / "notes.txt").write_text("no picture")
    page = make_report(files, pictures=folder)
    shown = [attributes for tag, attributes in Elements(page).tags if tag == "img"]
    assert [one["alt"] for one in shown] == ["grey", "wide"]
    assert shown[0]["src"].startswith("data:image/jpeg;base64,")
    assert len(shown[1]["src"]) < 20_000
    (folder / "broken.png").write_bytes(b"no picture")
    with pytest.raises(InvalidInputError, match=r"broken\.png"):
        make_report(files, pictures=folder)
    with pytest.raises(InvalidInputError, match="no PNG or JPEG"):
        make_report(files, pictures=tmp_path)


@pytest.mark.parametrize("package", ["jinja2", "plotly.offline"])
def test_without_its_packages_the_cure_is_named(files, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InvalidInputError, match=r"hashbench\[report\]"):
        make_report(files)


def test_without_records_there_is_no_report():
    with pytest.raises(InvalidInputError, match="no records"):
        make_report({})


def test_the_command_and_the_function_write_the_chosen_records(files, tmp_path, capsys, monkeypatch):
    folder = tmp_path / "runs"
    for path, record in files.items():
        write_record(folder / path.name, record)
    out, opened = tmp_path / "new" / "r.html", []
    monkeypatch.setattr("webbrowser.open", lambda address: bool(opened.append(address)) or True)
    with pytest.raises(SystemExit) as ended:
        main(["report", str(folder), "-o", str(out), "--methods", "itq", "lsh", "--bits", "12", "--open"])
    assert ended.value.code == 0
    assert opened == [out.as_uri()]
    assert not make_parser().parse_args(["report"]).show
    assert str(out) in capsys.readouterr().out
    content = json.loads(Elements(out.read_text()).data)
    assert list(content["methods"]) == ["itq", "lsh"]
    again = hashbench.report(folder, tmp_path / "again.html", methods=["itq", "lsh"], bits=12)
    same = json.loads(Elements(again.read_text()).data)
    assert content | {"made": ""} == same | {"made": ""}


def test_the_report_is_not_written_over_a_folder(files, tmp_path):
    with pytest.raises(InvalidInputError, match="report"):
        write_report(files, tmp_path)


@pytest.mark.long  # ten seconds
def test_two_thousand_records_take_less_than_ten_megabytes(make, tmp_path):
    rng = np.random.default_rng(0)
    lengths = {"precision_at_rank": 47, "recall_at_rank": 47, "loss": 200, "pretrain_loss": 300}
    records = [
        make(
            "mu_liu",
            bits,
            float(rng.random()),
            dataset=dataset,
            params={"eta": row},
            metrics={"map": float(rng.random())}
            | {f"precision@{n}": float(rng.random()) for n in range(1, 17)},
            curves={"rank": list(range(1, 48)), "radius": list(range(bits + 1))}
            | {
                name: rng.random(length).tolist()
                for name, length in (lengths | {"precision": bits + 1, "recall": bits + 1}).items()
            },
            command=f"hashbench run --set mu_liu.eta={row}",
        )
        for dataset in ("cifar10", "mnist")
        for row in range(250)
        for bits in (12, 24, 32, 48)
    ]
    assert len(records) == 2000
    assert write_report(files_of(tmp_path, records), tmp_path / "report.html") < 10_000_000


def test_the_threads_of_a_machine_are_counted(make, tmp_path):
    one = make("lsh")
    two = make("itq", environment=one.environment.model_copy(update={"threads": 2}))
    page = make_report(files_of(tmp_path, [one, two]))
    assert sorted(re.findall(r"<summary>cpu, (.*), commit", page)) == ["1 thread", "2 threads"]
