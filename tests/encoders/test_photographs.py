"""Photographs as an encoder's images: upright, cropped, resized, in its channels."""

import numpy as np
import pytest
from PIL import Image

from hashbench.contracts.dataset import Dataset
from hashbench.contracts.picture import fitting
from hashbench.encoders import Encoder
from hashbench.encoders.photographs import encode_photographs, photographs_in, read_photograph
from hashbench.errors import HashbenchError, InvalidInputError, MissingDataError


@pytest.fixture
def encoder(made):
    return Encoder(made("ahash").method, shape=(1, 8, 8), dataset="toy")


@pytest.fixture
def photographs(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "sub").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("b.png", "sub/a.JPG", ".hidden/c.png", ".d.png"):
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(tmp_path / name)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "text.txt").write_text("text")
    (tmp_path / "folder.jpg").mkdir()
    return tmp_path


def test_the_central_part_is_resized():
    pixels = np.zeros((40, 100, 3), np.uint8)
    pixels[:, 30:70] = 200
    assert (fitting(Image.fromarray(pixels), (3, 8, 8)) == 200).all()
    assert fitting(Image.fromarray(pixels), (1, 4, 10)).shape == (1, 4, 10)


def test_an_image_of_the_right_shape_stays():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    assert np.array_equal(fitting(Image.fromarray(pixels), (3, 8, 8)), pixels.transpose(2, 0, 1))


def test_exif_turns_it_upright(encoder, tmp_path):
    half = np.zeros((16, 16), np.uint8)
    half[:8] = 255
    tag = Image.Exif()
    tag[0x0112] = 6
    Image.fromarray(half).rotate(90).save(tmp_path / "turned.png", exif=tag)
    assert np.array_equal(read_photograph(encoder, tmp_path / "turned.png")[0, [0, -1], 4], [255, 0])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_all_kinds_of_pixels_are_read(mode, channels):
    assert fitting(Image.new(mode, (12, 10)), (channels, 8, 8)).shape == (channels, 8, 8)


def test_other_channels_and_floating_point_numbers_are_refused():
    with pytest.raises(ValueError, match="channels"):
        fitting(Image.new("L", (8, 8)), (2, 8, 8))
    with pytest.raises(ValueError, match="floating"):
        fitting(Image.new("F", (8, 8)), (1, 8, 8))


def test_names_are_sorted_and_hidden_ones_left_out(photographs):
    assert photographs_in(photographs) == ["b.png", "broken.jpg", "folder.jpg", "sub/a.JPG"]


def test_what_cannot_be_read_is_named_and_skipped(encoder, photographs):
    faults, steps = [], []
    names = photographs_in(photographs)
    codes, kept = encode_photographs(encoder, photographs, names, faults.append, steps.append)
    assert kept == ["b.png", "sub/a.JPG"]
    assert [name for name in ("broken.jpg", "folder.jpg") if name in " ".join(map(str, faults))] == [
        "broken.jpg",
        "folder.jpg",
    ]
    assert sum(steps) == 4
    alone = encoder.encode(read_photograph(encoder, photographs / "sub/a.JPG")[None])
    assert np.array_equal(codes.packed[1], alone.packed[0])


def test_nothing_to_encode(encoder, tmp_path):
    with pytest.raises(MissingDataError):
        photographs_in(tmp_path / "nowhere")
    with pytest.raises(InvalidInputError, match="no photographs"):
        photographs_in(tmp_path)
    (tmp_path / "a.png").write_text("")
    with pytest.raises(InvalidInputError, match="none of the 1"):
        encode_photographs(encoder, tmp_path, ["a.png"], lambda fault: None)


def test_an_encoder_without_images_reads_no_photographs(made, photographs):
    with pytest.raises(InvalidInputError, match="which images"):
        read_photograph(made("itq"), photographs / "b.png")


def test_the_data_sets_class_says_how(encoder, photographs, monkeypatch):
    class Negative(Dataset):
        @classmethod
        def photograph(cls, image, shape):
            return 255 - fitting(image, shape)

    monkeypatch.setattr("hashbench.encoders.photographs.find", lambda kind, name: Negative)
    other = Encoder(encoder.method, shape=(1, 8, 8), photographs="negative")
    plain = read_photograph(encoder, photographs / "b.png")
    assert np.array_equal(read_photograph(other, photographs / "b.png"), 255 - plain)


def test_a_data_set_that_is_not_there_is_named(encoder, photographs):
    gone = Encoder(encoder.method, shape=(1, 8, 8), photographs="nowhere")
    with pytest.raises(HashbenchError, match="nowhere"):
        read_photograph(gone, photographs / "b.png")
