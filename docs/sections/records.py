"""The records that the page is made of, and the rows and settings that it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hashbench.records import Record, read_record_files
from hashbench.reporting import UnitValues
from hashbench.reporting.comparison import row_name
from hashbench.reporting.figures import LineStyle, styles
from hashbench.reporting.panels import Interval, intervals
from hashbench.reporting.published import PublishedNumber, published_numbers
from hashbench.reporting.selection import grouped, latest

METHOD = "mu_liu"
# The rows of the page, and how their lines look: trained end to end, on features of the network, on pixels.
ROWS = {
    METHOD: "-",
    "dtsh": "-",
    "dpsh": "-",
    "dsh": "-",
    "classifier": "-",
    "itq:cnn": "--",
    "real_valued:cnn": "--",
    "ksh:pixels": ":",
    "itq:pixels": ":",
}
TITLES = {"mnist": "MNIST", "cifar10": "CIFAR-10"}
# The settings of the page, in its order, and what makes the records of one.
SETTINGS = {
    (dataset, protocol): f"hashbench run --methods {METHOD} classifier dsh dpsh dtsh itq real_valued "
    f"--features cnn --datasets {dataset} --protocols {protocol} --bits {bits} --repetitions 3 --out results"
    for protocol, bits in (("5k", "12 24 32 48"), ("full", "12"))
    for dataset in TITLES
}

Setting = tuple[str, str]


@dataclass(frozen=True)
class Results:
    """The records of one digest a setting, and what the page needs of them."""

    files: Mapping[Path, Record]
    left_out: int  # of other digests
    look: Mapping[str, LineStyle]
    found: Mapping[Setting, Mapping[tuple[str, int | None], Interval]]  # mAP

    def rows(self, setting: Setting, bits: int | None = None) -> dict[str, list[Record]]:
        """The rows of the page that a setting has, of one code length (and without codes), or of all."""
        kept = [
            record
            for record in latest(self.files.values())
            if (record.cell.dataset, record.cell.protocol) == setting and record.status == "done"
        ]
        groups = grouped((r for r in kept if bits is None or r.cell.bits in (None, bits)), row_name)
        return {name: groups[name] for name in ROWS if name in groups}

    def lengths(self, setting: Setting) -> list[int]:
        """The code lengths of the method's records in a setting."""
        return sorted({r.cell.bits for r in self.rows(setting).get(METHOD, []) if r.cell.bits})

    @property
    def settings(self) -> list[Setting]:
        """Those of the page in which the method has records."""
        return [setting for setting in SETTINGS if METHOD in self.rows(setting)]


def read(folders: Iterable[Path]) -> Results:
    """The records below the folders; of a setting's digests, those of the newest record of the method."""
    files = {path: record for folder in folders for path, record in read_record_files(folder).items()}
    kept: dict[Path, Record] = {}
    for setting, paths in by_paths(files).items():
        if setting in SETTINGS:
            members = [files[path] for path in paths]
            own = [r for r in members if r.cell.method == METHOD and r.status == "done"]
            newest = max(own or members, key=lambda record: record.created)
            kept |= {path: files[path] for path in paths if _go_together(files[path], newest)}
    n_of_settings = sum((r.cell.dataset, r.cell.protocol) in SETTINGS for r in files.values())
    results = Results(kept, n_of_settings - len(kept), styles(ROWS), {})
    values = UnitValues(kept)
    found = {setting: intervals(results.rows(setting), values, "map") for setting in SETTINGS}
    return Results(kept, results.left_out, results.look, found)


def by_paths(files: Mapping[Path, Record]) -> dict[Setting, list[Path]]:
    """The files by setting."""
    return grouped(files, lambda path: (files[path].cell.dataset, files[path].cell.protocol))


def _go_together(a: Record, b: Record) -> bool:
    """Whether two records are of the same images, split, task and, if both have a network, recipe."""
    same = (a.digests.task, a.digests.dataset, a.digests.split) == (
        b.digests.task,
        b.digests.dataset,
        b.digests.split,
    )
    return same and (None in (a.digests.recipe, b.digests.recipe) or a.digests.recipe == b.digests.recipe)


def abstract(dataset: str) -> list[PublishedNumber]:
    """The numbers of the abstract on a data set."""
    return [n for n in published_numbers() if n.method == METHOD and n.dataset == dataset]


def title(setting: Setting) -> str:
    """A setting in Markdown."""
    return f"{TITLES[setting[0]]} `{setting[1]}`"


def plain(setting: Setting) -> str:
    """A setting in figures."""
    return f"{TITLES[setting[0]]}, {setting[1]}"
