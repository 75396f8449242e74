"""Records: what one cell of the grid gave, as one JSON file.

A cell is done when its record exists. A failed cell has a record too, with the traceback; the next run
tries it again. Everything that tables and reports print comes from here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from traceback import format_exception
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from hashbench.errors import InvalidInputError
from hashbench.identity.digest import digest_of
from hashbench.system.atomic import atomic_file

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1


def _plain(value: Any) -> Any:
    """What JSON gives back for ``value``, so that a record equals itself after a round trip.

    Numpy scalars and arrays become numbers and lists, tuples lists, paths text. Raises ValueError.
    """

    def convert(other: Any) -> Any:
        if hasattr(other, "tolist"):
            return other.tolist()
        if isinstance(other, Path):
            return str(other)
        raise ValueError(f"{type(other).__name__} {other!r} cannot be written as JSON")

    return json.loads(json.dumps(value, default=convert, allow_nan=False))


PlainDict = Annotated[dict[str, Any], BeforeValidator(_plain)]
Numbers = Annotated[dict[str, float], BeforeValidator(_plain)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Cell(_Model):
    """One entry of the grid: everything that the user's command decides about one training."""

    method: str
    dataset: str  # "cifar10", "folder:PATH"
    protocol: str
    features: Literal["pixels", "cnn"] | None = None  # None: the method reads images
    backbone: str | None = None
    bits: Annotated[int, Field(ge=1)] | None = None  # None: the method makes no codes
    repetition: Annotated[int, Field(ge=0)] = 0
    params: PlainDict = {}  # the overridden hyper-parameters only

    @property
    def row(self) -> str:
        """Equal for the cells of one row of a table, which has one protocol and so one backbone."""
        return json.dumps([self.method, self.features, self.params], sort_keys=True)

    @property
    def label(self) -> str:
        """The method's name, and what was overridden: ``ksh (n_anchors=500)``."""
        overrides = ", ".join(f"{name}={value}" for name, value in sorted(self.params.items()))
        return f"{self.method} ({overrides})" if overrides else self.method

    def stem(self, protocol_digest: str) -> str:
        """Where the cell's files stand below the output folder, without extension.

        Readable, and unique by the digest of all fields and of the protocol's content:
        ``cifar10/5k/itq-pixels-48b-r0-1a2b3c4d``.
        """
        parts = [
            self.method,
            self.features,
            self.backbone,
            self.bits and f"{self.bits}b",
            f"r{self.repetition}",
            digest_of([self.model_dump(mode="json"), protocol_digest])[:8],
        ]
        name = "-".join(_file_safe(part) for part in parts if part)
        return f"{_file_safe(self.dataset)}/{_file_safe(self.protocol)}/{name}"


class Card(_Model):
    """What a method declares about itself, and how many labelled images its training saw."""

    title: str
    family: Literal["control", "shallow", "deep"]
    supervision: Literal["unsupervised", "supervised"]
    inputs: Literal["features", "images"]
    output: Literal["codes", "vectors"]
    n_labelled: Annotated[int, Field(ge=0)]  # images whose labels the method saw, its features' included


class Digests(_Model):
    """SHA-256 digests, in hex. Dataset and split are None only where a cell failed before it had them."""

    protocol: str
    dataset: str | None = None
    split: str | None = None
    trunk: str | None = None  # the pre-trained backbone, where the cell used one
    method_source: str | None = None  # the method's file, and the shared code that it stands on
    training_source: str | None = None  # the training's code, where the cell used a backbone
    evaluation_source: str | None = None  # the code that computed the metrics


class Environment(_Model):
    """What the cell ran on."""

    versions: dict[str, str]  # hashbench, python, torch, numpy, ...
    platform: str
    cpu: str
    cores: int
    threads: int
    device: str
    precision: str
    commit: str | None = None  # of the working tree, where hashbench runs from one


class Failure(_Model):
    """Why a cell failed."""

    type: str
    message: str
    traceback: str

    @classmethod
    def of(cls, error: Exception) -> Self:
        """What is kept of an exception."""
        return cls(type=type(error).__name__, message=str(error), traceback="".join(format_exception(error)))


class Rescoring(_Model):
    """When stored codes were evaluated anew, and on what; ``Digests.evaluation_source`` is of then too."""

    created: AwareDatetime
    environment: Environment
    command: str


class Record(_Model):
    """One cell's outcome. Metrics are fractions in [0, 1]; timings are seconds."""

    schema_version: Literal[1] = 1
    status: Literal["done", "failed"]
    cell: Cell
    card: Card | None = None  # None only where the method could not be imported
    params: PlainDict = {}  # all hyper-parameters
    protocol: PlainDict = {}  # all its fields
    digests: Digests
    split: dict[str, int] = {}  # counts: queries, train, database, train_in_database
    seeds: dict[str, int] = {}
    metrics: Numbers = {}
    health: Numbers = {}  # of the database's codes: distinct_codes, code_entropy, ...
    curves: Annotated[dict[str, list[float]], BeforeValidator(_plain)] = {}
    timings: Numbers = {}  # pretrain, fit, encode, evaluate, ...
    environment: Environment
    command: str
    created: AwareDatetime
    rescored: Rescoring | None = None  # metrics and curves are of then, all else of the run
    error: Failure | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.status == "failed":
            if self.error is None:
                raise ValueError("a failed record must say why: error is missing")
            return self
        if self.error is not None:
            raise ValueError("a record with an error cannot be 'done'")
        missing = [name for name in ("card", "metrics", "split") if not getattr(self, name)]
        missing += [f"digests.{name}" for name in ("dataset", "split") if not getattr(self.digests, name)]
        if missing:
            raise ValueError(f"a record that is 'done' must have {', '.join(missing)}")
        return self

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The record in a file. Raises InvalidInputError where it is none that can be read."""
        path = Path(path)
        cure = "delete the file and run the same command again: only its cell is computed anew"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InvalidInputError(f"record '{path}' cannot be read ({error}); {cure}") from error
        if not isinstance(content, dict) or "schema_version" not in content:
            raise InvalidInputError(
                f"'{path}' is not a hashbench record; move it out of the folder, or {cure}"
            )
        if content["schema_version"] != SCHEMA_VERSION:
            raise InvalidInputError(
                f"record '{path}' has schema version {content['schema_version']!r}, this hashbench reads "
                f"{SCHEMA_VERSION}; use the hashbench that wrote it, or {cure}"
            )
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "record"
            raise InvalidInputError(
                f"record '{path}' is not valid ({where}: {first['msg']}); {cure}"
            ) from error

    def to_json(self) -> str:
        """The file's text: keys sorted, one value a line, so that equal records are equal files."""
        content = self.model_dump(mode="json")
        return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def write_record(path: str | Path, record: Record) -> None:
    """Write atomically: at any moment the path holds the old record, the new one, or nothing."""
    with atomic_file(Path(path)) as file:
        file.write(record.to_json().encode())


def read_records(folder: str | Path) -> list[Record]:
    """All records below a folder (or the one in a file), sorted by path."""
    return list(read_record_files(folder).values())


def read_record_files(folder: str | Path) -> dict[Path, Record]:
    """As ``read_records``, by path."""
    folder = Path(folder)
    paths = [folder] if folder.is_file() else sorted(folder.rglob("*.json"))
    paths = [path for path in paths if not path.name.startswith(".")]
    if not paths:
        fault = "holds no records" if folder.is_dir() else "does not exist"
        raise InvalidInputError(
            f"'{folder}' {fault}; run first (hashbench run --out {folder}), or give a folder with records"
        )
    return {path: Record.load(path) for path in paths}


def to_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per record: the cell, the method's card, metrics, code health, timings as ``seconds_*``."""
    import pandas as pd

    frame = pd.DataFrame([_row(record) for record in records])
    for name in ("bits", "n_labelled"):
        if name in frame:
            frame[name] = frame[name].astype("Int64")
    return frame


def _row(record: Record) -> Mapping[str, Any]:
    cell, card, digests = record.cell, record.card, record.digests
    return {
        **cell.model_dump(exclude={"params"}),
        "params": json.dumps(cell.params, sort_keys=True),
        "status": record.status,
        **(card.model_dump() if card else dict.fromkeys(Card.model_fields)),
        **record.metrics,
        **record.health,
        **{f"seconds_{stage}": seconds for stage, seconds in record.timings.items()},
        "device": record.environment.device,
        "dataset_digest": digests.dataset,
        "protocol_digest": digests.protocol,
        "split_digest": digests.split,
        "created": record.created,
        "error": record.error and f"{record.error.type}: {record.error.message}",
    }


def _file_safe(text: str) -> str:
    """The text with all but letters, digits, '_' and '.' as '-', no longer than 60 characters."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", text)[-60:].strip("-.") or "-"
