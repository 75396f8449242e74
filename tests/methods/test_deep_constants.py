"""Defaults of deep methods are the constants of their authors: a changed digit would change results."""

import pytest

from hashbench.plugins.registry import find

# Read in the authors' code, as each method's docstring says; n/5,000 and n/59,000: sums there, means here.
CONSTANTS = {
    "adsh": {"gamma": 200 / 59_000, "n_cycles": 1},
    "csq": {"pair_weight": 0.2, "quantization": 0.05},
    "dcwh": {"cubic": 10, "side": 1.1, "vertex": 0.01},
    "ddsh": {"n_columns": 100, "n_cycles": 3},
    "dfh": {"eta": 0.5, "mu": 1, "repulsion": 1},
    "dhd": {"temperature": 0.2, "distillation": 0.1, "quantization": 0.1},
    "dpsh": {"eta": 50 / 5_000},
    "drlih": {"lam": 0.001},
    "dsdh": {"eta": 55 / 5_000, "penalty": 1, "regularization": 0.1, "n_cycles": 10},
    "greedyhash": {"alpha": 0.1},
    "hashnet": {"growth": 50, "scale": 10},
    "hhf": {"scale": 16, "similar_until": 0.8, "slack": 0.2, "quantization": 0.001},
    "hswd": {"scale": 0.1, "matching": 0.1},
    "hyp2": {"beta": 0.5},
    "idhn": {"scale": 5, "gamma": 0.1, "eta": 0.1},
    "jmlh": {"bottleneck": 0.1},
    "mdshc": {"beta": 1, "quantization": 1e-4},
    "mmhh": {
        "gamma": 1,
        "radius": 2,
        "similar_inside": 0.5,
        "dissimilar_inside": 0.8,
        "quantization": 0.1,
    },
    "orthohash": {"scale": 8, "margin": 0.2, "centres": "random"},
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_a_default_is_the_constant_of_the_authors(name):
    defaults = find("method", name)().get_params()
    assert {field: defaults[field] for field in CONSTANTS[name]} == CONSTANTS[name]
