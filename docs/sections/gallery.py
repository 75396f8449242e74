"""Queries and their nearest neighbours: pictures, and a table of what is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hashbench import Images, load_dataset
from hashbench.errors import MissingDataError
from hashbench.evaluation import load_codes
from hashbench.execution.rescore import task_of
from hashbench.identity.digest import seed_of
from hashbench.reporting.figures import RIGHT, WRONG, save
from hashbench.reporting.provenance import without_folders
from sections.records import METHOD, Results, Setting, title

PROTOCOL = "5k"
SHOWN = 10  # neighbours
RIVALS = ("itq:pixels", "itq:cnn")  # the first that has codes stands beside the method
_EDGE = 0.42  # inches of a picture


@dataclass(frozen=True)
class Neighbours:
    """The nearest items of some queries, by index into the database.

    tied: how many items are at most as far as the last one.
    """

    items: NDArray[np.int64]  # (n_queries, SHOWN)
    right: NDArray[np.bool_]
    tied: NDArray[np.int64]  # (n_queries,)


def gallery(results: Results, dataset: str, folder: Path) -> str:
    """A section on one query of each class; its picture is written where codes and images are there."""
    setting = dataset, PROTOCOL
    lengths = results.lengths(setting)
    if not lengths:
        return ""
    head = f"## Nearest neighbours: {title(setting)}, {lengths[-1]} bits\n\n"
    codes = _codes(results, setting, lengths[-1])
    if not codes:
        return f"{head}No codes beside the records: they are not committed, `hashbench run` makes them."
    try:
        images = load_dataset(dataset)
    except MissingDataError as error:
        return f"{head}No images: {without_folders(str(error))}"
    split = task_of(results.files[next(iter(codes.values()))]).split(images, dataset)
    for path in codes.values():
        if results.files[path].digests.split != split.digest:
            return f"{head}`{path.name}` is of another split than this code makes."
    query, database = split.parts["query"], split.parts["database"]
    labels = np.asarray(images.labels)
    queries = one_a_class(labels[query], seed_of("gallery", dataset))
    found = {
        name: neighbours(path, queries, seed_of("gallery ties", dataset)) for name, path in codes.items()
    }
    picture = folder / "figures" / f"gallery-{dataset}.png"
    _draw(images, query[queries], database, found, picture)
    return f"{head}{_text(images, labels[query[queries]], found, picture, folder)}"


def _codes(results: Results, setting: Setting, bits: int) -> dict[str, Path]:
    """The records with codes beside them of the method and of one rival, each of its first repetition."""
    paths = {id(record): path for path, record in results.files.items()}
    found = {}
    for name, records in results.rows(setting, bits).items():
        path = paths[id(min(records, key=lambda record: record.cell.repetition))]
        if path.with_suffix(".query.npz").exists() and path.with_suffix(".database.npz").exists():
            found[name] = path
    beside = next((name for name in RIVALS if name in found), None)
    return {name: found[name] for name in (METHOD, beside) if name in found}


def one_a_class(labels: NDArray, seed: int) -> NDArray[np.int64]:
    """The first of each class in a random order."""
    order = np.random.default_rng(seed).permutation(len(labels))
    _, first = np.unique(labels[order], return_index=True)
    return order[first]


def neighbours(path: Path, queries: NDArray[np.int64], seed: int) -> Neighbours:
    """The nearest items by Hamming distance; items at equal distance in one random order of the database."""
    query, query_labels = load_codes(path.with_suffix(".query.npz"))
    database, labels = load_codes(path.with_suffix(".database.npz"))
    order = np.random.default_rng(seed).permutation(len(database))
    differing = query[queries].packed[:, None] ^ database.packed[None, order]
    distance = np.bitwise_count(differing).sum(axis=2)
    nearest = np.argsort(distance, axis=1, kind="stable")[:, :SHOWN]
    last = np.take_along_axis(distance, nearest[:, -1:], axis=1)
    items = order[nearest]
    right = labels[items] == query_labels[queries][:, None]
    return Neighbours(items, right, (distance <= last).sum(axis=1))


def _text(
    images: Images, classes: NDArray, found: Mapping[str, Neighbours], picture: Path, folder: Path
) -> str:
    titles = " | ".join(f"{name} | items as near" for name in found)
    lines = [
        f"One query a class, the first of its class in a random order of a fixed seed, and its {SHOWN}",
        "nearest items, nearest first: ● of the query's class, ○ of another. Items at equal distance come in",
        "one random order of the database, of a fixed seed; beside stands how many items are at most as far",
        "as the last one shown. Where these are many, the ranking does not tell them apart; two queries of",
        "one code have the same neighbours.",
        "",
        f"| class | {titles} |",
        f"|---|{'---|---:|' * len(found)}",
    ]
    for i, label in enumerate(classes):
        cells = [
            f"{''.join('●' if right else '○' for right in n.right[i])} | {n.tied[i]:,}"
            for n in found.values()
        ]
        lines.append(f"| {images.class_names[label]} | {' | '.join(cells)} |")
    totals = [f"{n.right.sum()} of {n.right.size} | " for n in found.values()]
    lines.append(f"| right | {' | '.join(totals)} |")
    lines += [
        "",
        f"The command that writes this page draws them to `docs/{picture.relative_to(folder)}`, which is not "
        "committed, as pictures of data sets never are here.",
    ]
    return "\n".join(lines)


def _draw(
    images: Images,
    queries: NDArray[np.int64],
    database: NDArray[np.int64],
    found: Mapping[str, Neighbours],
    path: Path,
) -> None:
    """A row a query: the query, then its neighbours by each method, framed; wrong ones are crossed too."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    n, width = len(queries), 1.3 + len(found) * (SHOWN + 0.6)
    figure = Figure(((width + 2.6) * _EDGE, (n + 1.6) * _EDGE), dpi=200)
    ax = figure.add_axes((2.4 / (width + 2.6), 0.7 / (n + 1.6), width / (width + 2.6), n / (n + 1.6)))
    ax.set(xlim=(0, width), ylim=(n, 0))
    ax.set_axis_off()

    def show(index: int, left: float, top: int) -> tuple[float, int]:
        pixels = images.pixels[index].transpose(1, 2, 0)
        box = (left + 0.06, left + 0.94, top + 0.94, top + 0.06)
        ax.imshow(pixels.squeeze(), extent=box, cmap="gray", interpolation="nearest", aspect="auto")
        return left, top

    for row, index in enumerate(queries):
        show(index, 0, row)
        name = images.class_names[images.labels[index]]
        ax.text(-0.15, row + 0.5, name, ha="right", va="center", fontsize=8)
        for block, nearest in enumerate(found.values()):
            for place, (item, right) in enumerate(zip(nearest.items[row], nearest.right[row], strict=True)):
                left, top = show(database[item], 1.3 + block * (SHOWN + 0.6) + place, row)
                color = RIGHT if right else WRONG
                ax.add_patch(Rectangle((left + 0.06, top + 0.06), 0.88, 0.88, fill=False, ec=color, lw=1.6))
                if not right:
                    for edge, cross in ((3.2, "white"), (1.6, WRONG)):  # seen on any picture
                        ax.plot(left + 0.78, top + 0.22, "x", c=cross, markersize=7, markeredgewidth=edge)
    ax.set(xlim=(0, width), ylim=(n, 0))
    ax.text(0.5, -0.2, "query", ha="center", fontsize=8)
    for block, name in enumerate(found):
        ax.text(1.3 + block * (SHOWN + 0.6), -0.2, f"{name}, nearest first", fontsize=8)
    ax.text(1.3, n + 0.45, "blue frame: the query's class", color=RIGHT, fontsize=8)
    ax.text(5.3, n + 0.45, "red frame and cross: another class", color=WRONG, fontsize=8)
    save(figure, path)
