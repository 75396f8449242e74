"""Encoders for other programs: the files are read by those programs here."""

import builtins

import numpy as np
import pytest

from hashbench.contracts.codes import Codes
from hashbench.encoders import Encoder
from hashbench.encoders import export as module
from hashbench.encoders.export import export_faiss, export_graph, sample
from hashbench.errors import InvalidInputError
from hashbench.plugins.registry import find


def of_pixels(made):
    """ksh, fitted on 16 features, as one that reads images of 4 x 4 pixels."""
    return Encoder(made("ksh").method, "pixels", find("feature", "pixels")(), shape=(1, 4, 4))


@pytest.mark.parametrize("name", ["itq", "orthohash"])
def test_onnx_gives_the_same_values(made, tmp_path, name):
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    import onnxruntime

    encoder, path = made(name), tmp_path / "a.onnx"
    compared = export_graph(encoder, path, "onnx")
    assert compared.bits == compared.n * 8
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert given.type == ("tensor(uint8)" if name == "orthohash" else "tensor(float)")
    items = sample(encoder)[:5]
    (found,) = session.run(None, {given.name: items})
    assert found.shape == (5, 8)
    assert found.dtype == np.float32


def test_a_program_of_torch_takes_any_number_of_images(made, tmp_path):
    import torch

    encoder, path = of_pixels(made), tmp_path / "a.pt2"
    export_graph(encoder, path, "torch-export")
    program = torch.export.load(str(path)).module()
    images = sample(encoder)
    for n in (1, 2, 30):
        values = program(torch.from_numpy(images[:n])).numpy()
        np.testing.assert_allclose(values, encoder.project(images[:n]), atol=1e-5)


def test_a_method_without_a_graph_is_named_and_nothing_is_written(made, tmp_path):
    with pytest.raises(InvalidInputError, match="ahash") as raised:
        export_graph(made("ahash"), tmp_path / "a.pt2", "torch-export")
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_a_file_of_other_values_is_refused(made, tmp_path, monkeypatch):
    right = module._run_program
    monkeypatch.setattr(module, "_run_program", lambda file, items: right(file, items) + 1)
    with pytest.raises(InvalidInputError, match="other values"):
        export_graph(of_pixels(made), tmp_path / "a.pt2", "torch-export")
    assert not list(tmp_path.iterdir())


def test_a_package_that_is_absent_is_named_with_the_cure(made, tmp_path, monkeypatch):
    there = builtins.__import__

    def absent(name, *others):
        if name.partition(".")[0] in ("onnx", "faiss"):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        return there(name, *others)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(InvalidInputError, match=r"hashbench\[onnx\]"):
        export_graph(made("itq"), tmp_path / "a", "onnx")
    with pytest.raises(InvalidInputError, match=r"hashbench\[faiss\]"):
        export_faiss(Codes.from_real(np.ones((2, 8))), tmp_path / "a")


@pytest.mark.parametrize("n_bits", [12, 16])
def test_faiss_finds_each_code_at_distance_0(tmp_path, n_bits):
    faiss = pytest.importorskip("faiss")
    codes = Codes.from_real((np.arange(40)[:, None] >> np.arange(n_bits) & 1) - 0.5)
    export_faiss(codes, tmp_path / "a.faiss")
    distances, items = faiss.read_index_binary(str(tmp_path / "a.faiss")).search(codes.packed, 1)
    assert (distances == 0).all()
    assert np.array_equal(items[:, 0], np.arange(40))
