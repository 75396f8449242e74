"""Hand-made records for the tests of this folder, as the fixture ``make``."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

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
    "sdh": ("shallow", "supervised", "features"),
    "dsh": ("deep", "supervised", "images"),
    "dpsh": ("deep", "supervised", "images"),
    "mu_liu": ("deep", "supervised", "images"),
}
CARDS = {
    name: Card(
        title=f"Title of {name}",
        family=family,
        supervision=supervision,
        inputs=inputs,
        output="vectors" if name == "real_valued" else "codes",
        n_labelled=5000 if supervision == "supervised" else 0,
    )
    for name, (family, supervision, inputs) in _KINDS.items()
}


def make_record(method: str, bits: int | None = 48, value: float | None = 0.5, **given: Any) -> Record:
    """A record whose mAP is ``value``; None makes it a failed one."""
    card = CARDS.get(method)
    features = given.pop("features", "pixels" if card and card.inputs == "features" else None)
    if card and features == "cnn":
        card = card.model_copy(update={"n_labelled": 5000})
    cell = Cell(
        method=method,
        dataset=given.pop("dataset", "cifar10"),
        protocol=given.pop("protocol", "5k"),
        features=features,
        backbone=None if features == "pixels" else "vgg6",
        bits=bits,
        repetition=given.pop("repetition", 0),
        params=given.pop("params", {}),
    )
    digests = {"protocol": "aaaaaaaa11", "dataset": "dddddddd22", "split": "55555555ff"}
    failed = value is None
    error = Failure(type="RuntimeError", message="loss is NaN\nat step 7", traceback="Traceback ...")
    fields: dict[str, Any] = {
        "status": "failed" if failed else "done",
        "cell": cell,
        "card": card,
        "params": {"n_iter": 50},
        "protocol": {"description": "1,000 queries; 5,000 labelled training images of the database"},
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


@pytest.fixture
def make() -> Callable[..., Record]:
    return make_record
