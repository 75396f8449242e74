"""The README's Python code runs as it stands."""

import re
from pathlib import Path

import pandas as pd

README = Path(__file__).parents[1] / "README.md"


def test_the_example_in_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))
    blocks = re.findall(r"```python\n(import hashbench.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 1
    names: dict = {}
    exec(blocks[0], names)
    assert names["result"]["map"] > 0.5
    assert isinstance(names["frame"], pd.DataFrame)
    assert sorted(names["frame"]["method"]) == ["itq", "itq", "lsh", "lsh"]
    assert (names["frame"]["status"] == "done").all()


def test_the_deep_example_is_the_method_of_the_package():
    """The loss shown for DPSH is the one in methods/dpsh.py, but for type hints and line breaks."""
    import torch

    from hashbench import training

    source = re.search(r"class DPSH.*?```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert source is not None
    names = {**vars(training), "DeepHashMethod": object}
    exec(source[0].removesuffix("```"), names)
    shown = names["DPSH"]()
    z = torch.randn(12, 8, generator=torch.Generator().manual_seed(0))
    batch = training.Batch(labels=torch.arange(12) % 3, index=torch.arange(12), progress=0.0)
    from hashbench.methods.dpsh import DPSH

    assert torch.equal(shown.loss(z, batch), DPSH(n_bits=8).loss(z, batch))
