"""Hand-made records for the tests of this folder, as the fixture ``make``."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hashbench.plugins import registry
from hashbench.records import Card, Cell, Digests, Environment, Failure, Record

START = datetime(2025, 11, 21, 3, 0, tzinfo=UTC)
ENVIRONMENT = Environment(
    versions={"hashbench": "0.1.0", "python": "3.11.9", "torch": "2.9.0", "numpy": "2.3.1"},
    platform="Linux-6.1-x86_64",
    cpu="Intel Xeon 8481C",
    cores=2,
    threads=1,
    device="cpu",
    precision="float32",
)
_KINDS: dict[str, tuple[str, str, str]] = {  # family, supervision, inputs
    "random": ("control", "unsupervised", "features"),
    "classifier": ("control", "supervised", "images"),
    "real_valued": ("control", "unsupervised", "features"),
    "itq": ("shallow", "unsupervised", "features"),
    "lsh": ("shallow", "unsupervised", "features"),
    "cca_itq": ("shallow", "supervised", "features"),
    "ksh": ("shallow", "supervised", "features"),
    "sdh": ("shallow", "supervised", "features"),
    "dsh": ("deep", "supervised", "images"),
    "dpsh": ("deep", "supervised", "images"),
    "semi": ("deep", "semi-supervised", "images"),
    "mu_liu": ("deep", "supervised", "images"),
}
CARDS = {
    name: Card(
        title=f"Title of {name}",
        family=family,
        supervision=supervision,
        inputs=inputs,
        output="vectors" if name == "real_valued" else "codes",
        n_labelled=0 if supervision == "unsupervised" else 5000,
    )
    for name, (family, supervision, inputs) in _KINDS.items()
}


LEARNED_FROM = {"pixels": "nothing", "cnn": "labels", "ssl": "images", "clip": "not stated"}


def make_record(method: str, bits: int | None = 48, value: float | None = 0.5, **given: Any) -> Record:
    """A record whose mAP is ``value``; None makes it a failed one."""
    card = CARDS.get(method)
    features = given.pop("features", "pixels" if card and card.inputs == "features" else None)
    learned_from = given.pop("learned_from", LEARNED_FROM.get(features))
    if card:
        of_features = {"n_labelled": 5000} if learned_from == "labels" else {}
        card = card.model_copy(update={"learned_from": learned_from, **of_features, **given.pop("card", {})})
    cell = Cell(
        method=method,
        dataset=given.pop("dataset", "cifar10"),
        protocol=given.pop("protocol", "5k"),
        features=features,
        backbone=given.pop("backbone", "vgg6" if features in (None, "cnn") else None),
        bits=bits,
        repetition=given.pop("repetition", 0),
        params=given.pop("params", {}),
    )
    digests = {"task": "aaaaaaaa11", "dataset": "dddddddd22", "split": "55555555ff"}
    if cell.backbone:
        digests["recipe"] = "eeeeeeee33"
    failed = value is None
    error = Failure(type="RuntimeError", message="loss is NaN\nat step 7", traceback="Traceback ...")
    fields: dict[str, Any] = {
        "status": "failed" if failed else "done",
        "cell": cell,
        "card": card,
        "params": {"n_iter": 50},
        "protocol": {
            "name": cell.protocol,
            "description": "1,000 queries; 5,000 labelled training images of the database",
            "task": {"name": given.pop("task", "retrieval"), "queries": 1000, "train": 5000},
            "split": given.pop("in_words", "1,000 queries, 5,000 training images inside 59,000"),
        },
        "recipe": {"backbone": cell.backbone, "epochs": 10} if cell.backbone else None,
        "digests": Digests(**{**digests, **given.pop("digests", {})}),
        "split": {"queries": 1000, "train": 5000, "database": 59000, "train_in_database": 5000},
        "seeds": {"fit": 12345},
        "metrics": {} if failed else {"map": value, "precision@100": value / 2},
        "curves": {} if failed else {"recall": [0.0, 0.25, 1.0]},
        "timings": {"fit": 1.25},
        "environment": ENVIRONMENT,
        "command": "hashbench run",
        "created": START + timedelta(minutes=given.pop("minute", 0)),
        "error": error if failed else None,
    }
    return Record(**{**fields, **given})


TASK = """
from dataclasses import dataclass
from hashbench.contracts.task import MetricInfo, Task
from hashbench.errors import UnknownNameError

METRICS = {
    "eer": MetricInfo("share of copies that are taken for originals", better="lower", decimals=2),
    "threshold": MetricInfo("distance at which both errors are equal", better=None, of="set"),
}

@dataclass(frozen=True, kw_only=True)
class Copies(Task):
    unit = ("original", "originals")
    default_metrics = ("eer",)

    def split(self, images, dataset): ...
    def evaluate(self, encode, images, split, device): ...
    def rescore(self, stored, metrics, device): ...

    @classmethod
    def describe(cls, metric):
        if metric not in METRICS:
            raise UnknownNameError("metric", metric, METRICS)
        return METRICS[metric]

    @classmethod
    def metrics(cls):
        return METRICS

PROTOCOLS = ()
"""


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a task in which lower is better; registered for this test."""
    monkeypatch.setattr(registry, "_FILES", {})
    folder = tmp_path / "plugins"
    folder.mkdir()
    path = folder / "copies.py"
    path.write_text(TASK)
    return path


@pytest.fixture
def make() -> Callable[..., Record]:
    return make_record


@pytest.fixture
def body(tmp_path: Path) -> Callable[..., Any]:
    """What a directive of ``docs/pages`` writes of records, and the figures that it asks for."""
    from directives import DIRECTIVES
    from directives.page import read_page

    def written(records: list[Record], name: str, *words: str, about: str = "mu_liu") -> Any:
        page = read_page(about, tmp_path, {tmp_path / f"{i}.json": r for i, r in enumerate(records)})
        directive = DIRECTIVES[name]
        page.shown.update(page.files)
        return directive.body(page, directive.parse([*words])), page.figures

    return written
