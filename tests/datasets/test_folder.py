import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashbench.errors import InvalidInputError, MissingDataError
from hashbench.images.store import dataset_from, load_images


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)


def grey(value, side=8):
    return np.full((side, side), value, np.uint8)


def load(path):
    return dataset_from(f"folder:{path}").load(Path("unused"))


@pytest.fixture
def animals(tmp_path):
    """Two classes, three 8 x 8 grey images, whose values tell them apart."""
    for name, value in {"cat/b.png": 20, "cat/a.png": 10, "ant/z.PNG": 90}.items():
        save(tmp_path / "animals" / name, grey(value))
    return tmp_path / "animals"


def test_order_labels_and_pixels(animals):
    (animals / "cat" / "notes.txt").write_text("no image")
    (animals / "cat" / ".hidden.png").write_text("no image either")
    (animals / ".git").mkdir()
    (animals / "README.md").write_text("no class")
    images = load(animals)
    assert images.class_names == ("ant", "cat")
    assert images.labels.tolist() == [0, 1, 1]
    assert images.labels.dtype == np.int64
    assert images.test is None
    assert images.pixels.shape == (3, 1, 8, 8)
    assert images.pixels[:, 0, 0, 0].tolist() == [90, 10, 20]
    assert [path.name for path in dataset_from(f"folder:{animals}").sources(animals)] == [
        "z.PNG",
        "a.png",
        "b.png",
    ]


def test_train_and_test_folders(tmp_path):
    for name, value in {"train/x/1.png": 1, "train/y/2.png": 2, "test/x/3.png": 3, "test/y/4.png": 4}.items():
        save(tmp_path / "parts" / name, grey(value))
    images = load(tmp_path / "parts")
    assert images.class_names == ("x", "y")
    assert images.labels.tolist() == [0, 1, 0, 1]
    assert images.test.tolist() == [False, False, True, True]
    assert images.pixels[:, 0, 0, 0].tolist() == [1, 2, 3, 4]


def test_train_can_be_a_class(tmp_path):
    save(tmp_path / "vehicles/train/1.png", grey(1))
    save(tmp_path / "vehicles/test/2.png", grey(2))
    images = load(tmp_path / "vehicles")
    assert images.class_names == ("test", "train")
    assert images.test is None


def test_one_colour_image_makes_all_rgb(animals):
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 200
    save(animals / "cat" / "c.png", red)
    images = load(animals)
    assert images.pixels.shape == (4, 3, 8, 8)
    assert images.pixels[0].min() == images.pixels[0].max() == 90  # grey: three equal channels
    assert images.pixels[3].mean(axis=(1, 2)).tolist() == [200, 0, 0]


def test_other_sizes_are_cropped_to_the_centre_and_resized(animals):
    wide = np.zeros((50, 100), np.uint8)
    wide[:, 25:75] = 200  # the central square
    save(animals / "cat" / "c.png", wide)
    images = load(animals)
    assert images.pixels.shape == (4, 1, 32, 32)
    assert (images.pixels[3] == 200).all()
    assert (images.pixels[1] == 10).all()


@pytest.mark.parametrize(("side", "kept"), [(5, 5), (28, 28), (512, 512), (513, 32)])
def test_common_sizes(tmp_path, side, kept):
    save(tmp_path / "f/a/1.png", grey(1, side))
    save(tmp_path / "f/b/2.png", grey(2, side))
    assert load(tmp_path / "f").pixels.shape == (2, 1, kept, kept)


@pytest.mark.parametrize("size", [8, 16, 512])
def test_a_size_of_ones_own(animals, size):
    assert load(f"{animals},size={size}").pixels.shape == (3, 1, size, size)
    save(animals / "cat" / "c.png", np.full((50, 100), 200, np.uint8))
    images = load(f"{animals},size={size}")
    assert images.pixels.shape == (4, 1, size, size)
    assert images.pixels[:, 0, 0, 0].tolist() == [90, 10, 20, 200]


@pytest.mark.parametrize("option", ["size=7", "size=513", "size=", "size=x", "size=-8", "sise=64"])
def test_a_size_that_cannot_be(animals, option):
    with pytest.raises(InvalidInputError, match=option.split("=")[0]):
        dataset_from(f"folder:{animals},{option}")


def test_a_comma_in_a_path(animals):
    folder = animals.rename(animals.with_name("a,b=c,d"))
    assert dataset_from(f"folder:{folder}").label == "folder:a,b=c,d"
    assert len(load(f"{folder},size=8")) == 3


def test_the_path_is_loaded_and_not_shown(animals, monkeypatch):
    monkeypatch.chdir(animals.parent)
    for given, label in {"animals": "folder:animals", "./animals,size=16": "folder:animals,size=16"}.items():
        dataset = dataset_from(f"folder:{given}")
        assert dataset.label == label
        assert dataset.spec.startswith(f"folder:{animals}")
        assert dataset_from(dataset.spec) == dataset
        assert load_images(dataset, animals).pixels.shape[-1] == (16 if "size" in given else 8)


def test_sixteen_bits_and_palettes_and_transparency(tmp_path):
    save(tmp_path / "f/a/deep.png", np.full((8, 8), 0x80FF, np.uint16))
    save(tmp_path / "f/b/bits.png", np.full((8, 8), True))
    images = load(tmp_path / "f")
    assert images.pixels[:, 0, 0, 0].tolist() == [0x80, 255]
    save(tmp_path / "f/b/clear.png", np.full((8, 8, 4), (1, 2, 3, 255), np.uint8))
    Image.fromarray(np.full((8, 8, 3), (9, 8, 7), np.uint8)).quantize(4).save(tmp_path / "f/b/palette.gif")
    assert load(tmp_path / "f").pixels[2:, :, 0, 0].tolist() == [[1, 2, 3], [9, 8, 7]]


def test_photographs_are_turned_upright(tmp_path):
    picture = np.zeros((8, 8), np.uint8)
    picture[0] = 255  # the top row as stored; tag 6 says that it is the right column
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "f/a/1.png", picture, exif=exif)
    save(tmp_path / "f/b/2.png", picture)
    turned, plain = load(tmp_path / "f").pixels[:, 0]
    assert (turned[:, -1] == 255).all()
    assert turned[:, :-1].max() == 0
    assert (plain[0] == 255).all()


def test_unreadable_image_is_named(animals):
    for content in (b"not an image", (animals / "cat" / "a.png").read_bytes()[:-30]):
        (animals / "cat" / "bad.png").write_bytes(content)
        with pytest.raises(InvalidInputError, match=r"cannot read image '.*cat/bad.png'"):
            load(animals)


def test_wrong_folders(tmp_path, animals):
    with pytest.raises(MissingDataError, match=r"there is no folder '.*nowhere'"):
        load(tmp_path / "nowhere")
    with pytest.raises(InvalidInputError, match="'folder' needs the path"):
        dataset_from("folder")
    with pytest.raises(InvalidInputError, match="'folder' needs the path"):
        dataset_from("folder:")
    with pytest.raises(InvalidInputError, match="has 0 class folders, needs at least 2"):
        load(animals / "cat")
    (tmp_path / "one" / "class").mkdir(parents=True)
    with pytest.raises(InvalidInputError, match="has 1 class folder, needs"):
        load(tmp_path / "one")
    (animals / "empty").mkdir()
    with pytest.raises(InvalidInputError, match=r"'.*animals/empty' holds no image"):
        load(animals)


def test_classes_must_agree(tmp_path):
    for name in ("train/x/1.png", "train/y/2.png", "test/x/3.png", "test/z/4.png"):
        save(tmp_path / "parts" / name, grey(0))
    with pytest.raises(InvalidInputError, match=r"class 'y' is in '.*train' but not in '.*test'"):
        load(tmp_path / "parts")


def test_relative_path_and_store(animals, monkeypatch):
    monkeypatch.chdir(animals.parent)
    dataset = dataset_from("folder:animals")
    assert dataset.argument == str(animals)
    digest = load_images(dataset, animals.parent / "data").digest
    save(animals / "cat" / "c.png", grey(30))
    images = load_images(dataset, animals.parent / "data")
    assert len(images) == 4
    assert images.digest != digest


def test_what_is_named_like_an_image_and_is_none(animals):
    (animals / "cat" / "d.png").mkdir()
    assert len(load(animals)) == 3
    for name, make in (("link.png", lambda path: path.symlink_to("absent")), ("pipe.png", os.mkfifo)):
        path = animals / "cat" / name
        make(path)
        with pytest.raises(InvalidInputError, match=name):
            load_images(dataset_from(f"folder:{animals}"), animals.parent)
        path.unlink()
    (animals / "cat" / "round").symlink_to(animals / "cat" / "round")
    with pytest.raises(InvalidInputError, match="round"):
        dataset_from(f"folder:{animals / 'cat' / 'round'}")
    with pytest.raises(InvalidInputError, match="nosuchuser"):
        dataset_from("folder:~nosuchuser/x")


def test_a_class_whose_name_is_no_utf8(animals):
    save(animals / os.fsdecode(b"\xff") / "a.png", grey(50))
    images = load_images(dataset_from(f"folder:{animals}"), animals.parent)
    assert len(images.class_names) == 3
    assert len(images.digest) == 64
