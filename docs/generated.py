"""Write a picture of images that TUCH generates from texts: a row a class, a column a noise.

    python docs/generated.py mnist generated-mnist.png

The first column has noise 0, whose image gives a text's code. The method is fitted here, on the training part
of protocol ``cross-view``, with that protocol's recipe; ``--set`` changes the recipe's numbers.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench import find_protocol, get_method
from hashbench.images.store import data_root, dataset_from, load_images


def main() -> None:
    """Fit, generate, write."""
    from PIL import Image

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("dataset")
    parser.add_argument("file", type=Path)
    parser.add_argument("--bits", type=int, default=12)
    parser.add_argument("--set", nargs="*", default=[], metavar="FIELD=NUMBER", dest="recipe")
    given = parser.parse_args()
    recipe = {name: float(value) for name, value in (pair.split("=") for pair in given.recipe)}
    method, texts = fitted(
        given.dataset, given.bits, {k: int(v) if v.is_integer() else v for k, v in recipe.items()}
    )
    picture = Image.fromarray(generated_grid(method, texts))
    picture.resize((3 * picture.width, 3 * picture.height), Image.Resampling.NEAREST).save(given.file)


def fitted(dataset: str, bits: int, recipe: dict[str, Any]) -> tuple[Any, NDArray[np.uint8]]:
    """TUCH, fitted on the training part, and a query text (C, V) of each class that names the class alone."""
    protocol, source = find_protocol("cross-view"), dataset_from(dataset)
    images = load_images(source, data_root(None))
    split, texts = protocol.task.split(images, source.name()), source.texts(images, protocol.task.texts)
    method = get_method(
        "tuch", n_bits=bits, recipe=replace(protocol.recipe, **recipe), invariances=source.invariances
    )
    train, query = split.train, split.parts["query"]
    method.fit(images.pixels[train], images.labels[train], texts=texts.rows[train])
    meaning = texts.meaning[query]
    plain = np.flatnonzero(meaning.sum(axis=1) == 1)
    chosen = [query[plain[meaning[plain].argmax(axis=1) == c][0]] for c in range(meaning.shape[1])]
    return method, texts.rows[chosen]


def generated_grid(method: Any, texts: ArrayLike, columns: int = 10, seed: int = 0) -> NDArray[np.uint8]:
    """Images of texts (n, V), a row a text: (n * h, columns * w) uint8, or (.., 3) if coloured.

    The first column has noise 0, the others have draws from N(0, 1), the same for all texts.
    """
    noises = np.random.default_rng(seed).normal(size=(columns, 100))
    noises[0] = 0
    rows = np.asarray(texts)
    made = [method.generate(rows, np.tile(noise, (len(rows), 1))) for noise in noises]
    n, channels, height, width = made[0].shape
    grid = np.stack(made, axis=1).transpose(0, 3, 1, 4, 2)
    grid = grid.reshape(n * height, columns * width, channels)
    return grid[:, :, 0] if channels == 1 else grid


if __name__ == "__main__":
    main()
