"""Encoders for other programs: ONNX, torch.export, faiss; each file is loaded again and compared.

The graph goes from a batch of images (n, c, h, w) uint8, or of float32 rows (n, d) where images have no part
in it, to real values (n, n_bits) float32; bit = value > 0. It computes in float32, also where the suite uses
bfloat16 on this machine.
"""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hashbench.contracts.codes import Codes
from hashbench.encoders.encoder import Encoder
from hashbench.encoders.search import faiss_index
from hashbench.errors import InvalidInputError
from hashbench.system.atomic import atomic_file
from hashbench.system.text import text_of
from hashbench.training.network import Network

Kind = Literal["onnx", "torch-export"]
SUFFIXES = {"onnx": ".onnx", "torch-export": ".pt2"}
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
ONE_PART = 1024  # items at a time, where a graph takes no more than some
TRIED = 64  # items whose values are compared
CLOSE = 1e-3  # of the largest value: how far values may be off, and where a bit is certain


@dataclass(frozen=True)
class Compared:
    """How a file agrees with the encoder on ``n`` items.

    bits: how many of the ``n_bits`` bits of all items are equal. off: the largest difference of values.
    """

    n: int
    n_bits: int
    bits: int
    off: float


class Graph(nn.Module):
    """From images uint8 or rows to real values, as one module."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        own = (encoder.network, *vars(encoder.method).values())
        self.parts = nn.ModuleList(part for part in own if isinstance(part, nn.Module))

    def forward(self, items: torch.Tensor) -> torch.Tensor:  # noqa: D102
        encoder = self.encoder
        if encoder.label is not None and reads_images(encoder):
            if encoder.network is not None:
                items = encoder.network.features(items)
            else:
                items = items.flatten(1).float() / 255
        return encoder.method._project(items).float()


def reads_images(encoder: Encoder) -> bool:
    """Whether the graph begins with images: of a method that reads them, or of a network or the pixels."""
    if encoder.label is None:
        return encoder.method.inputs == "images"
    return encoder.network is not None or (encoder.feature is not None and encoder.feature.name() == "pixels")


def export_graph(encoder: Encoder, path: Path, kind: Kind) -> Compared:
    """Write the graph for ONNX's or torch's own runtime, loaded again and compared before it is there.

    Raises InvalidInputError where the package is not installed, where the method has no such graph, or where
    the file computes other values.
    """
    name = encoder.method.name()
    encoder = _exact(encoder)
    items = sample(encoder)
    wanted = encoder.project(items)
    export, run = {"onnx": (_onnx, _run_onnx), "torch-export": (_program, _run_program)}[kind]
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"graph{SUFFIXES[kind]}"
        with _refused(f"{name} has no graph for {kind}"), _quiet():
            export(Graph(encoder).eval(), torch.from_numpy(items[:3]), file)
        with _refused(f"the graph of {name} does not run in {kind}"), _quiet():
            values = np.concatenate([run(file, items[:1]), run(file, items[1:])])
        compared = _compare(name, kind, values, wanted)
        with atomic_file(path) as target:
            target.write(file.read_bytes())
    return compared


def sample(encoder: Encoder, n: int = TRIED) -> NDArray:
    """Items to compare on, drawn by a fixed seed: images of smooth noise, or rows."""
    rng = np.random.default_rng(0)
    if not reads_images(encoder):
        return rng.normal(size=(n, *encoder.method._input_shape_)).astype(np.float32)
    shape = encoder.shape or encoder.method._input_shape_
    noise = rng.integers(0, 256, (n, *shape))
    for axis in (2, 3):
        noise = (noise + np.roll(noise, 1, axis)) // 2
    return noise.astype(np.uint8)


def export_faiss(codes: Codes, path: Path) -> Compared:
    """Write faiss's binary index of codes; item i is code i. Raises InvalidInputError as ``faiss_index``."""
    index: Any = faiss_index(codes)
    import faiss

    with TemporaryDirectory() as folder:
        file = os.path.join(folder, "index")
        faiss.write_index_binary(index, file)
        again: Any = faiss.read_index_binary(file)
        held = faiss.vector_to_array(again.xb).reshape(again.ntotal, -1)
        if not np.array_equal(held, codes.packed):
            raise InvalidInputError(
                f"faiss reads other codes from '{path}' than were written; it is not kept"
            )
        with atomic_file(path) as target:
            target.write(Path(file).read_bytes())
    return Compared(len(codes), codes.n_bits, len(codes) * codes.n_bits, 0.0)


def _exact(encoder: Encoder) -> Encoder:
    """A copy on the CPU whose networks compute in float32."""
    encoder = replace(encoder, method=copy.copy(encoder.method), network=copy.deepcopy(encoder.network))
    encoder.method.device = "cpu"
    for name, value in list(vars(encoder.method).items()):
        if isinstance(value, nn.Module):
            setattr(encoder.method, name, copy.deepcopy(value))
    for part in Graph(encoder).modules():
        if isinstance(part, Network):
            part.exact = True
    return encoder


def _compare(name: str, kind: str, values: NDArray, wanted: NDArray) -> Compared:
    if values.shape != wanted.shape:
        raise InvalidInputError(f"{name} for {kind} gives values {values.shape}, not {wanted.shape}")
    off = float(np.abs(values - wanted).max())
    slack = CLOSE * float(np.abs(wanted).max())
    certain = np.abs(wanted) > slack
    same = (values > 0) == (wanted > 0)
    if not (off <= slack and same[certain].all()):
        raise InvalidInputError(
            f"{name} for {kind} computes other values, off by up to {off:.2g}; no file is written"
        )
    return Compared(len(wanted), wanted.shape[1], int(same.sum()), off)


def _program(graph: nn.Module, items: torch.Tensor, file: Path) -> None:
    torch.export.save(_exported(graph, items), str(file))


def _run_program(file: Path, items: NDArray) -> NDArray:
    values: torch.Tensor = torch.export.load(str(file)).module()(torch.from_numpy(items))
    return values.detach().numpy()


def _onnx(graph: nn.Module, items: torch.Tensor, file: Path) -> None:
    import onnx  # noqa: F401  the exporter of torch needs both, and does not say so in one line
    import onnxscript  # noqa: F401

    program = torch.onnx.export(
        _exported(graph, items), (items,), input_names=["items"], output_names=["values"], dynamo=True
    )
    assert program is not None
    program.save(str(file), external_data=False)


def _run_onnx(file: Path, items: NDArray) -> NDArray:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (values,) = session.run(None, {session.get_inputs()[0].name: items})
    return np.asarray(values)


def _exported(graph: nn.Module, items: torch.Tensor) -> torch.export.ExportedProgram:
    def up_to(most: int | None) -> torch.export.ExportedProgram:
        dynamic: Any = ({0: torch.export.Dim("n", max=most)},)
        with torch.no_grad():
            return torch.export.export(graph, (items,), dynamic_shapes=dynamic, strict=False)

    try:
        return up_to(None)
    except Exception:  # a method that goes through its items in parts has a graph for one part
        return up_to(ONE_PART)


@contextlib.contextmanager
def _refused(fault: str) -> Iterator[None]:
    """Raise whatever goes wrong as InvalidInputError in one line."""
    try:
        yield
    except ImportError as error:
        raise InvalidInputError(f"{error.name} is not installed; pip install 'hashbench[onnx]'") from error
    except Exception as error:
        text = " ".join(COLOURS.sub("", text_of(error)).split())
        reason = f"{type(error).__name__}: {text[:200]}"
        if ".numpy()" in text:
            reason = "it computes outside torch, with numpy or a package"
        raise InvalidInputError(f"{fault}: {reason}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporters print, warn and log what concerns their developers."""
    level = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
