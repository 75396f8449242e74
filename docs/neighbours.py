"""Draw queries, one a class, and their nearest neighbours under some rows, from the codes beside records.

    python docs/neighbours.py RESULTS DATASET PROTOCOL BITS ROW...

writes docs/pictures/neighbours-DATASET-PROTOCOL-BITS.png, which git ignores. Images at equal distance come in
one random order of the database, of a fixed seed.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from directives.page import names_of
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from hashbench import Images, load_dataset
from hashbench.errors import HashbenchError, InvalidInputError, MissingDataError
from hashbench.evaluation import load_codes
from hashbench.execution.rescore import task_of
from hashbench.identity.digest import seed_of
from hashbench.records import read_record_files
from hashbench.reporting import only
from hashbench.reporting.figures import RIGHT, WRONG, save

SHOWN = 10  # neighbours
_EDGE = 0.42  # inches of an image


class Neighbours(NamedTuple):
    """The nearest items of some queries, (n_queries, SHOWN) indices of the database; whether they are right.

    tied: (n_queries,), how many items are at most as far as the last one.
    """

    items: NDArray[np.int64]
    right: NDArray[np.bool_]
    tied: NDArray[np.int64]


def one_a_class(labels: NDArray, seed: int) -> NDArray[np.int64]:
    """The first of each class in a random order."""
    order = np.random.default_rng(seed).permutation(len(labels))
    return order[np.unique(labels[order], return_index=True)[1]]


def neighbours(record: Path, queries: NDArray[np.int64], seed: int) -> Neighbours:
    """The nearest items by the codes beside a record. Raises MissingDataError where there are none."""
    if not record.with_suffix(".query.npz").exists():
        raise MissingDataError(
            f"no codes beside '{record}'; they are not committed, hashbench run makes them"
        )
    query, query_labels = load_codes(record.with_suffix(".query.npz"))
    database, labels = load_codes(record.with_suffix(".database.npz"))
    order = np.random.default_rng(seed).permutation(len(database))
    distance = np.bitwise_count(query[queries].packed[:, None] ^ database.packed[None, order]).sum(axis=2)
    nearest = np.argsort(distance, axis=1, kind="stable")[:, :SHOWN]
    last = np.take_along_axis(distance, nearest[:, -1:], axis=1)
    right = labels[order[nearest]] == query_labels[queries][:, None]
    return Neighbours(order[nearest], right, (distance <= last).sum(axis=1))


def picture(results: Path, dataset: str, protocol: str, bits: int, rows: list[str]) -> Figure:
    """The picture, of the first repetition of each row."""
    files = only(read_record_files(results), datasets=[dataset], protocols=[protocol], bits=[bits])
    paths = {
        row: path
        for row in rows
        for path, record in files.items()
        if row in names_of(record) and record.cell.repetition == 0
    }
    if len(paths) < len(rows):
        raise InvalidInputError(f"no records of {', '.join(set(rows) - paths.keys())}")
    images = load_dataset(dataset)
    split = task_of(files[paths[rows[0]]]).split(images, dataset)
    if any(files[path].digests.split != split.digest for path in paths.values()):
        raise InvalidInputError("the records are of another split than this code makes; run them again")
    query = split.parts["query"]
    chosen = one_a_class(images.labels[query], seed_of("gallery", dataset))
    found = {row: neighbours(path, chosen, seed_of("gallery ties", dataset)) for row, path in paths.items()}
    return _draw(images, query[chosen], split.parts["database"], found)


def _draw(images: Images, queries: NDArray, database: NDArray, found: Mapping[str, Neighbours]) -> Figure:
    """A row a query: the query, then its neighbours by each method, framed; wrong ones are crossed too."""
    n, block = len(queries), SHOWN + 1.8
    width = 1.3 + len(found) * block
    figure = Figure(((width + 2.6) * _EDGE, (n + 1.6) * _EDGE), dpi=200)
    ax = figure.add_axes((2.4 / (width + 2.6), 0.7 / (n + 1.6), width / (width + 2.6), n / (n + 1.6)))
    ax.set_axis_off()

    def show(index: int, left: float, top: int) -> None:
        box = (left + 0.06, left + 0.94, top + 0.94, top + 0.06)
        pixels = images.pixels[index].transpose(1, 2, 0).squeeze()
        ax.imshow(pixels, extent=box, cmap="gray", interpolation="nearest", aspect="auto")

    for top, index in enumerate(queries):
        show(index, 0, top)
        name = images.class_names[images.labels[index]]
        ax.text(-0.15, top + 0.5, name, ha="right", va="center", fontsize=8)
        for start, nearest in enumerate(found.values()):
            for place, (item, right) in enumerate(zip(nearest.items[top], nearest.right[top], strict=True)):
                left = 1.3 + start * block + place
                show(database[item], left, top)
                color = RIGHT if right else WRONG
                ax.add_patch(Rectangle((left + 0.06, top + 0.06), 0.88, 0.88, fill=False, ec=color, lw=1.6))
                for edge, cross in () if right else ((3.2, "white"), (1.6, WRONG)):  # seen on any image
                    ax.plot(left + 0.78, top + 0.22, "x", c=cross, markersize=7, markeredgewidth=edge)
            ax.text(left + 1.08, top + 0.5, f"{nearest.tied[top]:,}", va="center", fontsize=6)
    ax.set(xlim=(0, width), ylim=(n, 0))
    ax.text(0.5, -0.2, "query", ha="center", fontsize=8)
    for start, (row, nearest) in enumerate(found.items()):
        title = f"{row}: {nearest.right.sum()} of {nearest.right.size} right; items as near"
        ax.text(1.3 + start * block, -0.2, title, fontsize=8)
    ax.text(1.3, n + 0.45, "blue frame: the query's class", color=RIGHT, fontsize=8)
    ax.text(6.3, n + 0.45, "red frame and cross: another class", color=WRONG, fontsize=8)
    return figure


def main() -> None:
    """Draw the picture."""
    if len(sys.argv) < 6:
        sys.exit("usage: python docs/neighbours.py RESULTS DATASET PROTOCOL BITS ROW...")
    results, dataset, protocol, bits, *rows = sys.argv[1:]
    path = Path(__file__).parent / "pictures" / f"neighbours-{dataset}-{protocol}-{bits}.png"
    try:
        save(picture(Path(results), dataset, protocol, int(bits), rows), path)
    except HashbenchError as error:
        sys.exit(f"error: {error}")
    print(path)


if __name__ == "__main__":
    main()
