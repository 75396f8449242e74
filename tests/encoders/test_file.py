"""An encoder as a file: loaded alone it gives the same bits; a file that lies is refused in one line."""

import json
import struct
import subprocess
import sys

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import hashbench
from hashbench.contracts.method import HashMethod
from hashbench.encoders import Encoder, load_encoder, save_encoder
from hashbench.encoders.file import KEY, _digest, _shapes
from hashbench.errors import HashbenchError, InvalidInputError, MissingDataError
from hashbench.plugins.registry import find
from hashbench.testing.toy import toy, toy_texts

NEW_PROCESS = """
import sys
import numpy as np
import hashbench
for path in sys.argv[1:]:
    encoder = hashbench.load(path + ".safetensors", device="cpu")
    with np.load(path + ".npz") as given:
        codes = encoder.encode(given["items"]).packed
        assert np.array_equal(codes, given["codes"]), encoder
        if "texts" in given:
            assert np.array_equal(encoder.encode_text(given["texts"]).packed, given["text_codes"]), encoder
"""


def test_a_new_process_gives_the_same_bits(made, kept, tmp_path):
    paths = []
    for name in ("itq", "kmh", "cca_itq_views", "orthohash"):
        encoder, path = made(name), kept(name).with_suffix("")
        given = {"items": toy(encoder.method.inputs, 1)[0]}
        given["codes"] = encoder.encode(given["items"]).packed
        if encoder.method.reads_text:
            given |= {"texts": toy_texts(1), "text_codes": encoder.encode_text(toy_texts(1)).packed}
        np.savez(path.with_suffix(".npz"), **given)
        paths.append(str(path))
    ended = subprocess.run([sys.executable, "-c", NEW_PROCESS, *paths], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_an_encoder_says_what_it_is_and_refuses_other_input(kept):
    encoder = hashbench.load(kept("itq"), device="cpu")
    assert repr(encoder) == "Encoder(itq, 8 bits, features)"
    assert encoder.n_bits == 8
    with pytest.raises(InvalidInputError, match="features"):
        encoder.encode(np.zeros((2, 1, 8, 8), np.uint8))
    with pytest.raises(InvalidInputError, match="no texts"):
        encoder.encode_text(toy_texts())
    of_own = Encoder(encoder.method, "clip", None)
    assert len(of_own.encode(toy("features")[0])) == 96
    with pytest.raises(InvalidInputError, match="'clip' of your own"):
        of_own.encode(np.zeros((2, 1, 8, 8), np.uint8))


def test_training_data_and_what_only_the_loss_needs_stay_out(kept):
    for name, least in (("tuch", "images_"), ("two_tower", "texts_"), ("csq", "history_")):
        method = load_encoder(kept(name), "cpu").method
        assert not hasattr(method, least)
    assert method.state_ is None


def test_a_method_can_refuse_and_nothing_is_written(made, tmp_path):
    encoder = made("lsh")
    encoder.method.trees_ = [object()]
    try:
        with pytest.raises(InvalidInputError, match=r"lsh\.trees_\.0"):
            save_encoder(tmp_path / "a.safetensors", encoder)
    finally:
        del encoder.method.trees_
    assert not list(tmp_path.iterdir())


def test_there_is_no_file(tmp_path):
    with pytest.raises(MissingDataError, match=r"record '.*a\.json'"):
        hashbench.load(tmp_path / "a.json")
    (tmp_path / "a.json").write_text("{}")
    for name in ("a.json", "a.safetensors"):
        with pytest.raises(MissingDataError, match=r"a\.safetensors'.*--save-models and a new --out"):
            hashbench.load(tmp_path / name)
    with pytest.raises(InvalidInputError, match="regular"):
        load_encoder(tmp_path)


def test_an_unknown_device_is_no_fault_of_the_file(kept):
    with pytest.raises(HashbenchError, match="gpu9") as raised:
        load_encoder(kept("itq"), "gpu9")
    assert "itq" not in str(raised.value)


@pytest.fixture
def forged(kept):
    """A file of itq with another header or other tensors, whose digests agree unless they are given."""

    def forge(change, name="itq"):
        path = kept(name)
        tensors = load_file(path)
        with safe_open(path, framework="pt") as file:
            header = json.loads(file.metadata()[KEY])
        change(header, tensors)
        header = {"tensors": _shapes(tensors), "sha256": _digest(tensors)} | {
            key: value for key, value in header.items() if key not in ("tensors", "sha256")
        }
        save_file(tensors, path, {KEY: json.dumps(header)})
        return path

    return forge


def learned(header):
    return dict(header["state"]["dict"])


def lie(name, value):
    def change(header, tensors):
        header[name] = value

    return change


def of_learned(name, value):
    def change(header, tensors):
        header["state"]["dict"] = [*(learned(header) | {name: value}).items()]

    return change


def of_params(name, value):
    def change(header, tensors):
        header["params"]["dict"] = [*(dict(header["params"]["dict"]) | {name: value}).items()]

    return change


def narrower(header, tensors):
    key = learned(header)["mean_"]["tensor"][0]
    tensors[key] = tensors[key][:-1].clone()


def without(header, tensors):
    del tensors[learned(header)["mean_"]["tensor"][0]]


@pytest.mark.parametrize(
    "change",
    [
        lie("format", 2),
        lie("method", "nobody"),
        lie("method", 3),
        lie("n_bits", 9),
        lie("n_bits", 10**15),
        lie("more", 1),
        lie("state", {"dict": []}),
        lie("state", [[[]]]),
        lie("params", {"dict": [["n_bitz", 8]]}),
        lie("feature", {"label": "a", "name": "nobody"}),
        lie("feature", {"label": "pixels", "name": "pixels", "version": 99}),
        lie("images", {"dataset": "digits", "shape": [1, 8], "photographs": ""}),
        of_params("n_bits", 10**15),
        of_params("n_bits", "many"),
        of_learned("_input_shape_", {"tuple": [10**12]}),
        of_learned("_input_shape_", "all"),
        of_learned("mean_", None),
        of_learned("_project", 3),
        of_learned("rotation_", {"tensor": ["t0", [5, 7]]}),
        of_learned("rotation_", {"pickle": "gASVAAAA"}),
        narrower,
        without,
    ],
)
def test_a_header_that_lies_is_refused(forged, change):
    path = forged(change)
    with pytest.raises(HashbenchError) as raised:
        load_encoder(path, "cpu")
    assert "\n" not in str(raised.value)


def test_a_forged_file_that_tells_the_truth_is_loaded(forged):
    assert load_encoder(forged(lambda header, tensors: None), "cpu").n_bits == 8


@pytest.mark.parametrize("at", [0, 4, 40, -1])
def test_a_changed_byte_is_found(kept, at):
    path = kept("itq")
    content = bytearray(path.read_bytes())
    content[at] ^= 0x55
    path.write_bytes(content)
    with pytest.raises(InvalidInputError):
        load_encoder(path, "cpu")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no",
        struct.pack("<Q", 1 << 60) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 4) + b"[[[[",
    ],
)
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"a\.safetensors"):
        load_encoder(path, "cpu")


def test_other_code_is_told(made, tmp_path):
    path = tmp_path / "a.safetensors"
    save_encoder(
        path, Encoder(made("itq").method, facts={"method_source": "0" * 64, "rooms": {"numerics": 0}})
    )
    with pytest.warns(UserWarning, match=r"method, numerics"):
        load_encoder(path, "cpu")


def test_the_hooks_of_a_method_are_used(made, tmp_path):
    class Halved(find("method", "lsh")):
        def _state(self):
            return {
                "half_": self.normals_ / 2,
                **{k: v for k, v in super()._state().items() if k != "normals_"},
            }

        def _restore(self, state):
            HashMethod._restore(self, state | {"normals_": state["half_"] * 2})

    X = toy("features")[0]
    method = Halved(n_bits=8, device="cpu").fit(X)
    save_encoder(tmp_path / "a.safetensors", Encoder(method))
    loaded = load_encoder(tmp_path / "a.safetensors", "cpu", method=Halved)
    assert np.array_equal(loaded.project(X), method.project(X))
