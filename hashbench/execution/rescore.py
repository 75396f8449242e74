"""Stored codes evaluated anew, without training."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from hashbench.contracts.codes import Codes
from hashbench.errors import InvalidInputError, MissingDataError
from hashbench.evaluation import DEFAULT_METRICS, code_health, evaluate, load_codes, save_per_query
from hashbench.evaluation.metric_names import choose_metrics
from hashbench.execution.environment import describe_environment
from hashbench.identity.source import evaluation_digest
from hashbench.records import Record, Rescoring, write_record
from hashbench.system.device import resolve_device

CURE = "copy the codes there, or delete the record and run its command again"


def rescore(path: Path, metrics: Sequence[str] = (), device: str = "cpu", command: str = "") -> Record:
    """Evaluate the codes beside a record; write its metrics, curves, health and values per query anew.

    metrics: besides those that the record has and the default ones. What training and encoding gave stays.
    Raises MissingDataError where codes are not there; InvalidInputError where they are not the record's, or a
    metric cannot be computed of them; UnknownNameError.
    """
    record = Record.load(path)
    files = path.with_suffix(".query.npz"), path.with_suffix(".database.npz")
    for file in files:
        if not file.is_file():
            raise MissingDataError(f"{file.name} is not beside '{path}'; {CURE}")
    (query, query_labels), (database, database_labels) = map(load_codes, files)
    _check_codes(record, query, database)
    names = [metric.name for metric in choose_metrics(DEFAULT_METRICS, len(database))]
    names = [*dict.fromkeys([*names, *record.metrics, *metrics])]
    result = evaluate(query, database, query_labels, database_labels, names, device)
    changed = {
        "metrics": result.values,
        "health": record.health | code_health(database).values,  # a quantization error stays
        "curves": record.curves | result.curves,
        "digests": record.digests.model_copy(update={"evaluation_source": evaluation_digest()}),
        "rescored": Rescoring(
            created=datetime.now(UTC),
            environment=describe_environment(resolve_device(device)),
            command=command,
        ),
    }
    anew = Record.model_validate({**dict(record), **changed})
    save_per_query(path.with_suffix(".per_query.npz"), result)
    write_record(path, anew)
    return anew


def has_codes(record: Record) -> bool:
    """Whether the run that wrote a record wrote codes beside it."""
    return record.status == "done" and record.card is not None and record.card.output == "codes"


def _check_codes(record: Record, query: Codes, database: Codes) -> None:
    counts = record.split["queries"], record.split["database"], record.cell.bits
    found = len(query), len(database), query.n_bits
    if found != counts:
        raise InvalidInputError(
            "the codes have {:,} queries, {:,} items and {} bits".format(*found)
            + ", its record {:,}, {:,} and {}; run the cell again".format(*counts)
        )
