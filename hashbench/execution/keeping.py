"""The fitted method of a cell as a file beside its record."""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path

from hashbench.contracts.dataset import Dataset
from hashbench.encoders import SUFFIX, Encoder, save_encoder
from hashbench.errors import HashbenchError
from hashbench.execution.fitting import CellEncoder
from hashbench.images.store import dataset_from
from hashbench.records import Record
from hashbench.system.text import plain, text_of


def keep_model(record_file: Path, cell: CellEncoder, record: Record) -> None:
    """Write ``STEM.safetensors``. Where that fails, a warning says why; the record is written all the same.

    It is called before the record is written: a run that is killed in between does the cell again, and its
    model is not missing for ever.
    """
    try:
        save_encoder(record_file.with_suffix(SUFFIX), encoder_of(cell, record))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # no file can hold it, the disk is full, or the plugin's code fails
        forget_model(record_file)
        reason = text_of(error)
        if not isinstance(error, HashbenchError):
            reason = f"{plain(type(error).__name__)}: {reason}"
        warnings.warn(f"the model of {record.cell.label} is not saved: {reason}", stacklevel=2)


def forget_model(record_file: Path) -> None:
    """Remove the model of an earlier record."""
    with suppress(FileNotFoundError, NotADirectoryError):  # the folder itself may have gone
        record_file.with_suffix(SUFFIX).unlink()


def encoder_of(cell: CellEncoder, record: Record) -> Encoder:
    """The cell's fitted method with the feature that it reads, and what the record says of both."""
    ground, work = cell.ground, cell.ground.work
    dataset = type(dataset_from(work.setting.spec))
    channels, height, width = ground.context.images.pixels.shape[1:]
    feature = work.feature
    if feature is not None and feature.argument is not None and Path(feature.argument).is_absolute():
        feature = None  # a user's file: it has rows of its data set only, and its path is nobody's business
    reads_network = feature is not None and feature is work.trained
    return Encoder(
        method=cell.method,
        label=work.cell.features,
        feature=feature,
        network=ground.backbone.network if reads_network and ground.backbone is not None else None,
        shape=(channels, height, width),
        dataset=work.cell.dataset,
        photographs="" if dataset.photograph.__func__ is Dataset.photograph.__func__ else dataset.name(),  # type: ignore[attr-defined]
        facts={
            "backbone": work.cell.backbone,
            "protocol": work.cell.protocol,
            "repetition": work.cell.repetition,
            "method_source": record.digests.method_source,
            "digests": record.digests.model_dump(mode="json"),
            "rooms": dict(record.rooms),
            "versions": dict(record.environment.versions),
        },
    )
