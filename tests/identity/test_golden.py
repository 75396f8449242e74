"""What each shared room computes on small data, pinned under the room's number.

Other values under the same number mean that records would be taken for current that are not. Where a change
is meant, raise the number in ``hashbench/identity/rooms.py`` (of a feature: its ``version``) and pin anew.
The tolerance is for other processors; a change worth a number is far beyond it.
"""

import numpy as np
import pytest
import torch

from hashbench import numerics
from hashbench.contracts.codes import Codes
from hashbench.contracts.dataset import Images
from hashbench.evaluation import evaluate
from hashbench.execution.cell import run_cell
from hashbench.execution.grid import expand
from hashbench.execution.place import Place
from hashbench.execution.suite import make_suite
from hashbench.features.cnn import CNN
from hashbench.features.file import File
from hashbench.features.gist import Gist
from hashbench.features.pixels import Pixels
from hashbench.identity.digest import digest_of, seed_of
from hashbench.identity.rooms import ROOMS
from hashbench.images.draw import Draw
from hashbench.testing.toy import toy


def ramp(*shape):
    """Numbers in (-1, 1) without a pattern, the same on every machine."""
    return ((np.arange(1, np.prod(shape) + 1, dtype=np.int64) * 7919 % 1009) / 504.5 - 1).reshape(shape)


def numerics_values():
    X = torch.tensor(ramp(40, 6), dtype=torch.float32)
    generator = torch.Generator().manual_seed(0)
    mean, components = numerics.pca(X, 3)
    anchors = numerics.sample_rows(X, 4, generator)
    rotation = numerics.random_rotation(3, generator)
    V = (X - mean) @ components
    return {
        "pca": components[:, 0].tolist(),
        "rotation": rotation[0].tolist(),
        "procrustes": numerics.procrustes(V, numerics.sign(V))[0].tolist(),
        "rbf": numerics.rbf(X, anchors, numerics.mean_squared_distance(X, anchors))[0].tolist(),
        "codewords": numerics.codewords(5, 12).sum(0).tolist(),
    }


def evaluation_values():
    query, database = ramp(6, 10), ramp(90, 10)[::-1]
    labels = np.arange(6) % 3, np.arange(90) % 3
    return dict(
        evaluate(query, database, *labels, ["map", "map_optimistic", "precision@20", "ndcg@20"]).values
    )


def images_values():
    draw = Draw(Images(*toy("images"), tuple("abcd")), "golden")
    taken = draw.first(3, np.ones(96, bool))
    return {"first three of each class": np.flatnonzero(taken).tolist()}


def contracts_values():
    codes = Codes.from_real([[0.0, 1.0, -1.0, 2.0, -0.5, 1e-9, 3.0, -2.0, 0.1]])
    return {"bits": codes.packed[0].tolist()}


def execution_values(tmp_path):
    """Seeds from names, and a cell's numbers: what it gives its method, and in which order."""
    content = {"methods": ["lsh", "itq"], "features": ["pixels"], "bits": [16], "set": {"lsh.centred": True}}
    place = Place(tmp_path / "runs", tmp_path / "data", "cpu", threads=1)
    records = [run_cell(work, place) for work in expand(make_suite(content, "golden")).works]
    return {
        "seed": str(seed_of("digits", "5k", "itq", 16, 0)),
        "digest": digest_of({"b": [1, None], "a": 0.5})[:8],
        **{record.cell.method: record.metrics["map"] for record in records},
    }


PINNED = {
    "numerics": (
        1,
        {
            "pca": [-0.5432619, -0.0988908, 0.5145897, 0.5505862, 0.1687569, -0.3141026],
            "rotation": [0.649228, -0.0113834, -0.7605087],
            "procrustes": [0.9992311, -0.0182084, 0.0347226],
            "rbf": [0.5081983, 0.4910941, 0.648702, 0.4884149],
            "codewords": [5.0, 1.0, -1.0, -1.0, -1.0, -3.0, -3.0, -1.0, -1.0, 1.0, 1.0, 3.0],
        },
    ),
    "evaluation": (
        1,
        {"map": 0.3663481, "map_optimistic": 0.428901, "precision@20": 0.3346095, "ndcg@20": 0.3518248},
    ),
    "images": (1, {"first three of each class": [11, 25, 28, 32, 35, 47, 62, 63, 73, 82, 84, 85]}),
    "contracts": (1, {"bits": [86, 128]}),
    "execution": (1, {"seed": "188470111", "digest": "7f49aa97", "itq": 0.6155714, "lsh": 0.3666448}),
    "feature gist": (
        1,
        {
            "mean": 0.0432678,
            "a number of each filter": [
                0.0626869,
                0.0240378,
                0.0437257,
                0.2577806,
                0.3153822,
                0.2099628,
                0.0561489,
                0.0255201,
                0.0952572,
                0.0318500,
                0.0048825,
                0.0065259,
                0.0046629,
                0.0067701,
                0.0059737,
                0.0368295,
                0.0068885,
                0.0013414,
                0.0019327,
                0.0022686,
                0.0031815,
                0.0045530,
                0.0015246,
                0.0052092,
                0.0104305,
                0.0038097,
                0.0016451,
                0.0004946,
                0.0003017,
                0.0003056,
                0.0017466,
                0.0037201,
            ],
        },
    ),
    "feature pixels": (
        1,
        {
            "row": [
                0.0,
                0.0666667,
                0.1333333,
                0.2,
                0.2666667,
                0.3333333,
                0.4,
                0.4666667,
                0.5333334,
                0.6,
                0.6666667,
                0.7333333,
                0.8,
                0.8666667,
                0.9333333,
                1.0,
            ]
        },
    ),
}


def check(room, number, values, pinned, tolerance=1e-4):
    assert number == pinned[0], f"{room}: the number is {number}; pin its values anew below"
    for name, value in values.items():
        same = (
            value == pinned[1][name]
            if isinstance(value, str)
            else value == pytest.approx(pinned[1][name], rel=tolerance, abs=1e-5)
        )
        assert same, (
            f"{room}: '{name}' is another than under number {number}; raise the number, so that records made "
            "before are computed anew"
        )
    assert values.keys() == pinned[1].keys()


@pytest.mark.parametrize("room", ["numerics", "evaluation", "images", "contracts", "execution"])
def test_a_room_computes_what_its_number_says(room, tmp_path, monkeypatch):
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))
    compute = globals()[f"{room}_values"]
    values = compute(tmp_path) if room == "execution" else compute()
    # On another processor a few bits of a cell's codes are others.
    check(room, ROOMS[room], values, PINNED[room], 0.01 if room == "execution" else 1e-4)


def test_features_compute_what_their_version_says(tmp_path):
    images = np.arange(0, 256, 17, dtype=np.uint8).reshape(1, 1, 4, 4)
    values = {"row": Pixels().rows_of(images, torch.device("cpu"))[0].tolist()}
    check("feature pixels", Pixels.version, values, PINNED["feature pixels"])
    images = np.arange(3 * 12 * 10, dtype=np.int64).reshape(1, 3, 12, 10) * 7919 % 256
    row = Gist().rows_of(images.astype(np.uint8), torch.device("cpu"))[0]
    values = {"a number of each filter": row[5::16].tolist(), "mean": float(row.mean())}
    check("feature gist", Gist.version, values, PINNED["feature gist"])
    # What the others compute is pinned with training, or is the file's.
    assert (CNN.version, File.version) == (1, 1)


def test_every_room_is_pinned():
    assert {room for room in PINNED if not room.startswith("feature")} | {"training"} == set(ROOMS)
