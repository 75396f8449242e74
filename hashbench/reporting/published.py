"""Numbers that others published, and what may stand beside ours.

``published.csv`` holds the numbers as they were read in their sources. A number stands beside ours without
a mark only where split, metric and the class of features or backbone are ours; otherwise it carries a double
dagger and every reason; where the training labels or the database are of another kind, it does not appear.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

# The file's method names that are not ours.
_NAMES = {
    "bre": "bre_sup",  # in tables of supervised methods
    "cca-itq": "cca_itq",
    "greedyhash-unsup": "greedyhash_u",
    "mu-liu": "mu_liu",
    "orthocos": "orthohash",
    "ssdh": "ssdh_u",  # semantic structure, IJCAI 2018; ours of that name is Zhang & Peng's
    "ssdh-sup": "ssdh_classes",
}

TASK = "retrieval"  # all numbers of the file are of this task

# "mAP@ALL" of other code breaks ties in whatever order its sort leaves them; tables say so under a note.
_METRICS = {
    "mAP@ALL": "map",
    "tie-aware mAP@ALL": "map",
    "mAP@ALL (MATLAB sort, ties in file order)": "map",
    "mAP@ALL (README: 0.78-0.79)": "map",  # of a range, the lower end
    "mAP@ALL (README: 0.93-0.94)": "map",
}

_5K = "1000 query (100/class), 5000 train (500/class), db 59000 (all non-query, includes train)"
_AT_RANDOM = "training images drawn at random, not 500 of each class"
_DRAWN_ANEW = "queries drawn anew, not the official test images"
# The file's protocols that are one of ours: (our protocol, how the split differs, or None). All others
# match none: 5,000 and 59,000 labels never share a column, nor do codes learned from database labels.
_PROTOCOLS: dict[str, tuple[str, str | None]] = {
    _5K: ("5k", None),
    f"{_5K}; unsupervised": ("5k", None),
    f"{_5K} [split as in the authors' released code: preprocessing.m, code shapes 1000 x K and 59000 x K]": (
        "5k",
        None,
    ),
    "1000 query (100/class), no training data used, db 59000": ("5k", None),
    "1000 query (100/class), no training data used, db 59000 by the README, 5000 of them by the code": (
        "5k",
        "59,000 images are searched by its README, 5,000 by its code",
    ),
    "1000 query, 5000 train (random), db 59000 (includes train)": ("5k", _AT_RANDOM),
    "1000 query, 5000 train (random), db 59000 (includes train) (best of 5 evaluations on the query set) [by "
    "the code of that revision]": ("5k", f"{_AT_RANDOM}; the best of five evaluations on the queries"),
    "1000 query, 5000 train (random) that are the database [by the code: the GIST loader gives them as what "
    "is searched]": ("5k-train", _AT_RANDOM),
    f"{_5K} [split as stated by the survey; cells are copied from the original papers, which do not all "
    "use it]": ("5k", "split as the survey states it; the papers it copies do not all use it"),
    f"{_5K} for supervised / 59000 train for unsupervised [CNNH AAAI14 protocol; the re-print itself claims "
    "10000/50000]": (
        "5k",
        "unsupervised methods of that table saw all 59,000 images",
    ),
    "1000 query (100/class), 5000 train, db 59000 [ADSH AAAI18 re-runs, split detail from memory]": (
        "5k",
        "split not read in the paper",
    ),
    "1000 query (100/class), 5000 train (500/class), db 54000 (excludes query and train)": (
        "5k-disjoint",
        None,
    ),
    "10000 query (official test set), 50000 train = db (official train set)": ("full", None),
    "10000 query (official test set), 50000 train = db (official train set); unsupervised": ("full", None),
    "10000 query (1000/class), 50000 train = db": ("full", _DRAWN_ANEW),
    "10000 query (1000/class), 50000 train = db; unsupervised": ("full", _DRAWN_ANEW),
    "10000 official test queries, 50000 official train = db (best of evaluations every 10 epochs on the "
    "query set)": ("full", "the best of several evaluations on the queries"),
    "10000 official test queries, 50000 official train = db [split of the re-implementation; that of the "
    "paper not read]": ("full", "split not read in the paper"),
    "10000 query (official test), 45000 train = db, 5000 held out for validation": (
        "full",
        "45,000 images trained on and searched, not 50,000",
    ),
    "10000 official test images are BOTH query and db (query itself in db), 50000 train": (
        "full",
        "the 10,000 queries are themselves the database",
    ),
}

# Rows that the split's difference does not concern: the survey's that copy a paper of that very split, and in
# CNNH's table the methods that learn from 5,000 images or from none. Its re-print gives the numbers of that
# table under another paper's description.
_SPLIT_OF_5K = ("(values as in CNNH AAAI14)", "(values as in DPSH IJCAI16)")
_NOT_OF_59000 = ("bre_sup", "cca_itq", "ksh", "lsh", "mlh")

# Whose number goes first, best first: (rank, start of the source, the method it speaks for or None).
_SOURCES: list[tuple[int, str, str | None]] = [
    # 0: the method's authors, in their paper or official code
    (0, "Mu & Liu", "mu_liu"),
    (0, "jiangqy/DPSH-pytorch", "dpsh"),
    (0, "jiangqy/ADSH-AAAI2018", "adsh"),
    (0, "fcakir/mihash", "mihash"),
    (0, "fcakir/deep-mihash", "mihash"),
    (0, "jiangqy/DDSH-TIP2018", "ddsh"),
    (0, "Jiang, Cui, Li", "ddsh"),
    (0, "gimpong/AAAI22-MeCoQ", "mecoq"),
    (0, "kevinlin311tw/caffe-cvprw15 README (Lin et al., CVPRW 2015)", "dlbhc"),
    (0, "kevinlin311tw/Caffe-DeepBinaryCode", "ssdh_classes"),
    # 1: the paper's value, as reprinted by others
    (1, "Xia et al.", None),
    (1, "Luo et al.", None),
    (1, "Zhang et al., MBDH", None),
    (1, "paper value", None),
    # 2: run again by the authors of another paper
    (2, "Zhao et al.", None),
    (2, "fcakir/mihash", None),
    (2, "Jiang, Cui, Li", None),
    # 3: everybody else: re-implementations and users' runs
]
_RANK_OF_OTHERS = 3


@dataclass(frozen=True)
class PublishedNumber:
    """One row of the file, under our method's name. ``bits`` is None where the source does not say."""

    method: str
    dataset: str
    protocol: str
    metric: str
    bits: int | None
    value: float
    features: str  # features or backbone, in the file's words
    source: str
    url: str

    @property
    def rank(self) -> int:
        """0 the method's authors, 1 a re-print of their number, 2 another paper's run, 3 anybody's run."""
        if 'column "paper"' in self.source:
            return 1
        if "re-run" in self.features.lower():  # such a row is from a survey, not from the method's authors
            return 2
        for rank, start, method in _SOURCES:
            if self.source.startswith(start) and method in (None, self.method):
                return rank
        return _RANK_OF_OTHERS


@dataclass(frozen=True)
class Quote:
    """A published number beside one of ours, and what differs; where nothing does, it is comparable."""

    number: PublishedNumber
    other_features: str | None
    other_split: str | None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the number has a double dagger; empty where it has none."""
        return tuple(reason for reason in (self.other_features, self.other_split) if reason)


@cache
def published_numbers() -> tuple[PublishedNumber, ...]:
    """All rows of ``published.csv``, in its order."""
    text = (files("hashbench.reporting") / "published.csv").read_text(encoding="utf-8")
    return tuple(
        PublishedNumber(
            method=_NAMES.get(row["method"], row["method"]),
            dataset=row["dataset"],
            protocol=row["protocol"],
            metric=row["metric"],
            bits=int(row["bits"]) if row["bits"] else None,
            value=float(row["value"]),
            features=row["features_or_backbone"],
            source=row["source"],
            url=row["source_url"],
        )
        for row in csv.DictReader(text.splitlines())
    )


@cache
def _by_cell() -> dict[tuple[str, str, int | None], list[PublishedNumber]]:
    """The numbers of each method, data set and code length: a report asks thousands of times."""
    cells: dict[tuple[str, str, int | None], list[PublishedNumber]] = {}
    for number in published_numbers():
        cells.setdefault((number.method, number.dataset, number.bits), []).append(number)
    return cells


def quotes(
    method: str,
    dataset: str,
    protocol: str,
    metric: str,
    bits: int,
    features: str | None,
    backbone: str | None,
    learned_from: str | None = None,
) -> list[Quote]:
    """Published numbers to stand beside a cell of ours, the preferred one first.

    ``features`` and ``backbone`` are the cell's: features None means that the method trains the backbone.
    learned_from: what its features have learned from, as its card says. Preference: comparable numbers; then
    the source (the method's authors, a re-print of their number, another paper's run, anybody's run); then
    splits that are exactly ours; then the file's order. Learned features never stand beside pixels and
    descriptors, nor descriptors like GIST beside learned features.
    """
    found = []
    for number in _by_cell().get((method, dataset, bits), ()):
        ours, deviation = _PROTOCOLS.get(number.protocol, (None, None))
        if ours != protocol or _METRICS.get(number.metric) != metric or "do not quote" in number.features:
            continue
        if features and (learned_from == "nothing") != number.features.startswith("GIST"):
            continue
        if number.features.endswith(_SPLIT_OF_5K) or (
            "CNNH AAAI14 protocol" in number.protocol and number.method in _NOT_OF_59000
        ):
            deviation = None
        other_features = _other_features(number.features, features, backbone, learned_from)
        found.append(Quote(number, other_features, deviation))
    return sorted(found, key=lambda q: (bool(q.reasons), q.number.rank, q.other_split is not None))


def unplaced(methods: Sequence[str], dataset: str, metric: str) -> list[PublishedNumber]:
    """Numbers of these methods whose source does not state the protocol: only for a note."""
    return [
        number
        for number in published_numbers()
        if number.method in methods
        and number.dataset == dataset
        and _METRICS.get(number.metric) == metric
        and number.protocol.startswith("not stated")
    ]


def _other_features(
    theirs: str, features: str | None, backbone: str | None, learned_from: str | None
) -> str | None:
    """Why features or backbone are of another class than ours; None where the class is the same.

    Of features, GIST of 512 numbers is the same here and there; no row of the file has others like ours. A
    network counts as ours where the row says that it was trained from scratch: ours know no other images.
    """
    if features == "gist" and learned_from == "nothing" and theirs.startswith("GIST-512"):
        return None
    if features and backbone and learned_from == "labels":
        return f"{theirs}; ours: activations of {backbone} trained on the protocol's labels"
    if features:
        what = "" if learned_from in (None, "nothing") else f", learned from: {learned_from}"
        return f"{theirs}; ours: {features}{what}"
    if "imagenet-pretrained" in theirs.lower() or " or " in theirs:
        return f"{theirs}; ours: {backbone or 'a backbone'} from scratch"
    if "from scratch" in theirs or "no ImageNet" in theirs:
        return None
    return f"{theirs} (pre-training not stated); ours: {backbone or 'a backbone'} from scratch"
