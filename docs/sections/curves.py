"""The page's figures: values by code length, curves of rankings, curves of trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from hashbench.records import Record
from hashbench.reporting import UnitValues, build_tables, render
from hashbench.reporting.comparison import row_name
from hashbench.reporting.figures import LineStyle, Panel, draw, save
from hashbench.reporting.panels import (
    Interval,
    by_bits,
    training_losses,
)
from hashbench.reporting.selection import grouped
from sections.claims import EARLIER
from sections.rank_panels import has_rank_curves, precision_by_rank, precision_by_recall
from sections.records import METHOD, Results, abstract, plain, title


def by_length(results: Results, folder: Path) -> str:
    """The metric by code length, as figures and tables."""
    parts = ["## mAP by code length"]
    for setting in results.settings:
        dataset, protocol = setting
        if len(results.lengths(setting)) > 1:
            found = results.found[setting]
            levels = {f"{n.value:.2f}: abstract": n.value for n in abstract(dataset)}
            if dataset == "cifar10":
                levels |= {f"{value:.2f}: {name}": value for name, value in EARLIER.items()}
            learned = {key: value for key, value in found.items() if not key[0].endswith(":pixels")}
            panels = [by_bits(plain(setting), "mAP", found, results.look, levels, (0, 1.02))]
            low = min(value.low for value in learned.values())
            inside = {name: level for name, level in levels.items() if level >= low}
            panels.append(by_bits("without pixels, enlarged", "mAP", learned, results.look, inside))
            name = f"map-{dataset}-{protocol}"
            parts.append(_figure(name, f"mAP by code length on {plain(setting)}", [panels], folder))
            parts.append(_bars(found))
        records = [record for members in results.rows(setting).values() for record in members]
        [table] = build_tables(records, published=False, values=UnitValues(results.files))
        parts.append(render([table], "md").strip())
    return "\n\n".join(parts) if len(parts) > 1 else ""


def _bars(found: Mapping[tuple[str, int | None], Interval]) -> str:
    """What the error bars of a figure are, in words."""
    counts = {
        kind: " or ".join(f"{n:,}" for n in sorted({value.n for value in members}))
        for kind, members in grouped(found.values(), lambda value: value.over).items()
    }
    words = {
        "repetitions": f"Student's t over {counts.get('repetitions')} repetitions",
        "units": f"where there is one repetition, a bootstrap over its {counts.get('units')} queries",
        None: "no bar where there is one repetition without values per query",
    }
    said = "; ".join(words[kind] for kind in words if kind in counts)
    return (
        f"Bars: 95 % intervals ({said}). Solid: trained end to end; dashed: on the network's features; "
        "dotted: on pixels."
    )


def rankings(results: Results, folder: Path) -> str:
    """Precision of the first N and precision against recall, at the shortest and the longest codes."""
    parts = ["## Rankings"]
    for setting in results.settings:
        dataset, protocol = setting
        lengths = results.lengths(setting)
        rows: list[list[Panel]] = []
        for bits in sorted({lengths[0], lengths[-1]}):
            members = results.rows(setting, bits)
            name = f"{plain(setting)}, {bits} bits"
            by_rank = any(has_rank_curves(records) for records in members.values())
            first = [precision_by_rank(name, members, results.look)] if by_rank else []
            rows.append([*first, precision_by_recall(name, members, results.look)])
        every = [record for records in results.rows(setting).values() for record in records]
        title = f"Precision of the first N items, and against recall, on {plain(setting)}"
        parts.append(_figure(f"rankings-{dataset}-{protocol}", title, rows, folder))
        lacking = sorted({row_name(r) for r in every if not has_rank_curves([r])})
        if lacking:
            parts.append(
                f"Without curves by rank, as older records are: {', '.join(lacking)}. `hashbench rescore` "
                "adds them where codes are stored; other records are to be deleted and run again."
            )
    return "\n\n".join(parts) if len(parts) > 1 else ""


def trainings(results: Results, folder: Path) -> str:
    """The losses by epoch."""
    parts = ["## Training"]
    for setting in results.settings:
        bits = results.lengths(setting)[-1]
        rows = results.rows(setting, bits)
        shown = {name: records for name, records in rows.items() if any("loss" in r.curves for r in records)}
        if METHOD not in shown:
            parts.append(f"The records of {title(setting)} have no losses; they are older than these curves.")
            continue
        pretrained = {"shared backbone": shown[METHOD]}
        panels = [
            training_losses(
                f"{plain(setting)}: pre-training",
                pretrained,
                {name: LineStyle("#555555", "", "-") for name in pretrained},
                "pretrain_loss",
                "cross-entropy (nats)",
                relative=False,
            ),
            training_losses(
                f"hashing losses, {bits} bits",
                shown,
                results.look,
                "loss",
                "loss / loss of the first epoch",
                relative=True,
            ),
        ]
        name = "-".join(("training", *setting))
        panels = [panel for panel in panels if panel.lines]
        parts.append(_figure(name, f"Losses by epoch on {plain(setting)}", [panels], folder))
        parts.append(_last_loss(shown[METHOD]))
    return "\n\n".join(parts) if len(parts) > 1 else ""


def _last_loss(records: Sequence[Record]) -> str:
    last = fmean(record.curves["loss"][-1] for record in records if "loss" in record.curves)
    return (
        "Losses on the augmented training images, mean over an epoch. Left: the cross-entropy of "
        "pre-training, with label smoothing. Right: each loss has units of its own, so each is divided by "
        f"its first epoch. That of `{METHOD}` ends at {last:.3f}; it cannot reach 0, as the codes of several "
        "classes cannot all be opposite."
    )


def _figure(name: str, caption: str, rows: Sequence[Sequence[Panel]], folder: Path) -> str:
    save(draw(rows), folder / "figures" / f"{name}.svg")
    return f"![{caption}](figures/{name}.svg)"
