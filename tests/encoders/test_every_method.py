"""What is promised of every method: kept in a file, the same bits in a new process; ONNX of deep ones."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from hashbench.encoders import Encoder, save_encoder
from hashbench.encoders.export import Graph, _exact, _exported, export_graph, sample
from hashbench.plugins.registry import find, plugins
from hashbench.testing.toy import new, options, toy, training_set

pytestmark = pytest.mark.long  # minutes each

N = 1000
NEW_PROCESS = """
import sys
import numpy as np
import hashbench
for path in sys.argv[1:]:
    encoder = hashbench.load(path + ".safetensors", device="cpu")
    with np.load(path + ".npz") as given:
        assert np.array_equal(encoder.project(given["items"]) > 0, given["bits"]), encoder
        print(len(given["items"]))
"""


def of(name):
    cls = find("method", name)
    return Encoder(new(cls).fit(*training_set(cls), **options(cls)))


def test_a_new_process_gives_the_same_bits_of_a_thousand_items(tmp_path):
    kept = [name for name in plugins("method") if not find("method", name).not_saved]
    paths = []
    for name in kept:
        encoder, path = of(name), tmp_path / name
        items = np.concatenate([toy(encoder.method.inputs, seed)[0] for seed in range(1, 12)])[:N]
        bits = encoder.project(items) > 0
        np.savez(path.with_suffix(".npz"), items=items, bits=bits)
        save_encoder(path.with_suffix(".safetensors"), encoder)
        paths.append(str(path))
    ended = subprocess.run([sys.executable, "-c", NEW_PROCESS, *paths], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == [str(N)] * len(kept)


def operations(encoder):
    """What the graph computes, in order, and the names of what it computes with."""
    program = _exported(Graph(_exact(encoder)).eval(), torch.from_numpy(sample(encoder)[:3]))
    return tuple(
        (str(node.target), str(node.args[1:])) for node in program.graph.nodes if node.op == "call_function"
    )


def test_every_deep_method_has_a_graph_for_onnx(tmp_path):
    """Most have the same graph with other numbers. Each distinct one is written, run and compared."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    deep = [name for name in plugins("method") if find("method", name).deep]
    written = {}
    for name in deep:
        encoder = of(name)
        what = operations(encoder)
        if what not in written:
            compared = export_graph(encoder, tmp_path / f"{name}.onnx", "onnx")
            assert compared.n > 0
            written[what] = name
    assert len(deep) > len(written) > 1
