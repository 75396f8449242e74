"""What a record holds: a cell of the grid, what it ran on, and what came of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from traceback import format_exception
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from hashbench.errors import DamagedRecordError, InvalidInputError
from hashbench.identity.digest import digest_of
from hashbench.records.plain import as_json
from hashbench.system.paths import is_regular
from hashbench.system.sharing import shareable_traceback
from hashbench.system.shown import Shown
from hashbench.system.text import plain, repr_of, text_of

SCHEMA_VERSION = 2
LARGEST = 1e15  # of a metric's values
LONGEST = 80  # characters of the reason of a failure, as a record's line shows it


PlainDict = Annotated[dict[str, Any], BeforeValidator(as_json)]
Numbers = Annotated[dict[str, float], BeforeValidator(as_json)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _plain_texts(cls, given: Any) -> Any:
        """Lone surrogates, as in a file name that is not UTF-8, cannot be written to a file."""
        if not isinstance(given, dict):
            return given
        return {name: plain(value) if isinstance(value, str) else value for name, value in given.items()}


class Cell(_Model):
    """One entry of the grid: everything that the user's command decides about one training."""

    method: str
    dataset: str  # as it is shown: "cifar10", "folder:photos"
    protocol: str
    features: str | None = None  # the name or label of a feature; None: the method reads images
    backbone: str | None = None  # the plan of the network that the cell trains or reads
    bits: Annotated[int, Field(ge=1, le=1 << 20)] | None = None  # None: the method makes no codes
    repetition: Annotated[int, Field(ge=0, le=10**9)] = 0
    params: PlainDict = {}  # the overridden hyper-parameters only

    @property
    def reads(self) -> str:
        """What the method is given: the name or label of a feature, or "images"."""
        return self.features or "images"

    @property
    def row(self) -> str:
        """Equal for the cells of one row of a table, which has one protocol and so one backbone."""
        return json.dumps([self.method, self.features, self.params], sort_keys=True)

    @property
    def label(self) -> str:
        """The method's name, and what was overridden: ``ksh (n_anchors=500)``."""
        overrides = ", ".join(f"{name}={value}" for name, value in sorted(self.params.items()))
        return f"{self.method} ({overrides})" if overrides else self.method

    def stem(self, *settings: str | None) -> str:
        """Where the cell's files stand below the output folder, without extension.

        Readable, and unique by the digest of all fields that differ from the default and of the settings: the
        digests of the task and, where a network is trained or read, of the recipe.
        ``cifar10/5k/itq-pixels-48b-r0-1a2b3c4d``.
        """
        parts = [
            self.method,
            self.features,
            self.backbone,
            self.bits and f"{self.bits}b",
            f"r{self.repetition}",
            digest_of([self.model_dump(mode="json", exclude_defaults=True), *settings])[:8],
        ]
        name = "-".join(_file_safe(part) for part in parts if part)
        return f"{_file_safe(self.dataset)}/{_file_safe(self.protocol)}/{name}"


class Card(_Model):
    """What a method declares about itself, and what it and its features were trained on."""

    title: str
    family: Literal["control", "shallow", "deep"]
    supervision: Literal["unsupervised", "semi-supervised", "supervised"]
    inputs: Literal["features", "images"]
    output: Literal["codes", "vectors"]
    n_labelled: Annotated[
        int, Field(ge=0, le=10**12)
    ]  # images whose labels the method or its features learned from
    n_pool: Annotated[int, Field(ge=0)] = 0  # images without labels that a semi-supervised method saw
    n_texts: Annotated[int, Field(ge=0)] = 0  # texts of training images that the method saw
    made_for: tuple[str, ...] = ()  # the tasks that it is made for; empty: of an older record, not known
    # What the features have learned from; None: the method reads images.
    learned_from: Literal["nothing", "images", "labels", "not stated"] | None = None


class Digests(_Model):
    """SHA-256 digests, in hex. Dataset and split are None only where a cell failed before it had them."""

    task: str  # of the protocol's task and its numbers
    recipe: str | None = None  # of the protocol's recipe, where the cell trains or reads a network
    dataset: str | None = None
    split: str | None = None
    backbone: str | None = None  # of all that the trained network depends on, where the cell used one
    features: str | None = None  # of a feature's argument, its file of rows or, for a plugin, its code
    method_source: str | None = None  # of the method's file
    task_source: str | None = None  # of the task's file, where the task is not from the package


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
    def of(cls, error: BaseException) -> Self:
        """What is kept of an exception."""
        traceback = shareable_traceback("".join(format_exception(error)))
        return cls(type=type(error).__name__, message=text_of(error), traceback=traceback)


class Rescoring(_Model):
    """When stored codes were evaluated again, and where; ``rooms["evaluation"]`` is from then too."""

    created: AwareDatetime
    environment: Environment
    command: str


class Record(Shown, _Model):
    """One cell's outcome. The task defines what the metrics mean; timings are in seconds."""

    schema_version: Literal[2] = 2
    status: Literal["done", "failed"]
    cell: Cell
    card: Card | None = None  # None only where the method could not be imported
    params: PlainDict = {}  # all hyper-parameters
    protocol: PlainDict = {}  # name, description, the task with all its fields, the split in words
    recipe: PlainDict | None = None  # all its fields, where the cell trains or reads a network
    invariances: PlainDict | None = None  # the data set's, likewise
    digests: Digests
    rooms: dict[str, int] = {}  # the numbers of the shared rooms and of the feature that the cell stands on
    split: dict[str, int] = {}  # counts by the task's names
    stored: dict[str, int] = {}  # how many codes lie beside it, by part: ``RECORD.PART.npz``
    seeds: dict[str, int] = {}
    metrics: Numbers = {}
    health: Numbers = {}  # of the codes alone: distinct_codes, code_entropy, ...
    curves: Annotated[dict[str, list[float]], BeforeValidator(as_json)] = {}
    timings: Numbers = {}  # pretrain, fit, encode, evaluate, ...
    environment: Environment
    command: str
    created: AwareDatetime
    rescored: Rescoring | None = None  # metrics and curves are from then, all else from the run
    error: Failure | None = None

    @property
    def task(self) -> str:
        """The name of its task."""
        return str(self.protocol["task"]["name"])

    def _shown(self) -> dict[str, str]:
        cell = self.cell
        parts = {"method": cell.label, "features": cell.features, "bits": cell.bits}
        parts |= {"dataset": cell.dataset, "protocol": cell.protocol, "repetition": cell.repetition}
        said = {name: str(part) for name, part in parts.items() if part is not None}
        if self.error is not None:
            reason = " ".join(self.error.message.split())
            return said | {"failed": reason if len(reason) <= LONGEST else f"{reason[:LONGEST]}..."}
        first = next(iter(self.metrics.items()), None)
        return said if first is None else said | {first[0]: f"{first[1]:.4g}"}

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        task = self.protocol.get("task")
        if self.protocol and not (isinstance(task, dict) and isinstance(task.get("name"), str)):
            raise ValueError("protocol.task must say the name of the task")
        huge = [name for name, value in (self.metrics | self.health).items() if abs(value) > LARGEST]
        if huge:
            raise ValueError(f"{huge[0]} is beyond {LARGEST:,.0f}, which no metric is")
        if self.status == "failed":
            if self.error is None:
                raise ValueError("a failed record must say why: error is missing")
            return self
        if self.error is not None:
            raise ValueError("a record with an error cannot be 'done'")
        missing = [name for name in ("card", "metrics", "split", "protocol") if not getattr(self, name)]
        missing += [f"digests.{name}" for name in ("dataset", "split") if not getattr(self.digests, name)]
        if missing:
            raise ValueError(f"a record that is 'done' must have {', '.join(missing)}")
        return self

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The record in a file. Raises DamagedRecordError where it holds none; InvalidInputError."""
        path = Path(path)
        cure = "delete the file and run the same command again: only its cell is computed anew"
        if path.suffix != ".json":
            raise InvalidInputError(f"'{path}' is not a hashbench record; give a folder with records, or one")
        try:
            if not is_regular(path):
                raise OSError("it is no regular file")
            content = json.loads(path.read_text(encoding="utf-8"))
        except PermissionError as error:  # nothing is known of the file
            raise InvalidInputError(f"record '{path}' cannot be read ({error}); ask its owner") from error
        except (OSError, ValueError, RecursionError) as error:
            raise DamagedRecordError(f"record '{path}' cannot be read ({error}); {cure}") from error
        if not isinstance(content, dict) or "schema_version" not in content:
            raise DamagedRecordError(
                f"'{path}' is not a hashbench record; move it out of the folder, or {cure}"
            )
        version = content["schema_version"]
        if version != SCHEMA_VERSION:
            kind = InvalidInputError if isinstance(version, int) else DamagedRecordError
            raise kind(
                f"record '{path}' has schema version {repr_of(version)[:40]}, this "
                f"hashbench reads {SCHEMA_VERSION}; choose another --out, move such records away, or {cure}"
            )
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "record"
            raise DamagedRecordError(
                f"record '{path}' is not valid ({where}: {first['msg']}); {cure}"
            ) from error
        except RecursionError as error:
            raise DamagedRecordError(f"record '{path}' is nested too deeply; {cure}") from error

    def to_json(self) -> str:
        """The file's text: keys sorted, one value per line, so that equal records are equal files."""
        content = self.model_dump(mode="json")
        return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _file_safe(text: str) -> str:
    """The text with all but letters, digits, '_' and '.' as '-', no longer than 60 characters."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", text)[-60:].strip("-.") or "-"
