"""Write the page of the reproduction of Mu & Liu, and its figures, from records.

    pip install -e '.[docs]'
    python docs/reproduction.py results

writes docs/reproduction.md and docs/figures/, and, where the codes and the images are there, the pictures of
neighbours docs/figures/gallery-*.png, which git ignores: pictures of data sets are not committed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sections.ablation import ablation, kept, starts
from sections.claims import claims
from sections.comparisons import RIVALS, against, rivals
from sections.curves import by_length, rankings, trainings
from sections.gallery import gallery
from sections.protocol import commands, method, protocol
from sections.records import TITLES, Results, read

from hashbench.errors import HashbenchError

INTRODUCTION = """
# Mu & Liu's deep hashing, reproduced

Written by `python docs/reproduction.py results` from the records in `results/`; do not edit.

Mu & Liu, "Deep Hashing: A Joint Approach for Image Signature Learning", AAAI 2017
([abstract](https://arxiv.org/abs/1608.03658)). Only the abstract was at hand: it gives numbers without a
protocol, a number of labels or a network. So ours stand under two protocols, and neither is claimed to be
the paper's: `5k` learns from 5,000 labels and searches all images but the 1,000 queries; `full` learns from
the whole training part and searches it, and its 10,000 queries are the test part. All networks are trained
from scratch on these images. [The last sections](#what-the-abstract-fixes-what-is-derived-what-is-ours) say
what the abstract fixes, under which protocol the numbers stand and which commands made them.
"""


def page(results: Results, folder: Path) -> str:
    """The page in Markdown; its figures are written below ``folder``."""
    of_suite = kept(results)
    against_rivals, against_starts = against(results.files, RIVALS), starts(of_suite)
    sections = [
        INTRODUCTION,
        claims(results, against_rivals, against_starts),
        rivals(against_rivals),
        by_length(results, folder),
        ablation(of_suite, against_starts),
        rankings(results, folder),
        trainings(results, folder),
        *(gallery(results, dataset, folder) for dataset in TITLES),
        method(),
        protocol(results),
        commands(results, of_suite.values()),
    ]
    return "\n\n".join(section.strip("\n") for section in sections if section) + "\n"


def main() -> None:
    """Write the page."""
    if len(sys.argv) < 2:
        sys.exit("usage: python docs/reproduction.py RESULTS...")
    folder = Path(__file__).parent
    try:
        text = page(read(map(Path, sys.argv[1:])), folder)
    except HashbenchError as error:
        sys.exit(f"error: {error}")
    (folder / "reproduction.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
