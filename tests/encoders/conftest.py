"""Encoders of methods that are fitted on toy data once."""

import pytest

from hashbench.encoders import Encoder, save_encoder
from hashbench.plugins.registry import find
from hashbench.testing.toy import new, options, training_set

_MADE = {}


@pytest.fixture
def made():
    """The encoder of a method by name, with a budget of two epochs where it is deep."""

    def make(name):
        if name not in _MADE:
            cls = find("method", name)
            _MADE[name] = Encoder(new(cls).fit(*training_set(cls), **options(cls)))
        return _MADE[name]

    return make


@pytest.fixture
def kept(made, tmp_path):
    """The file of a method's encoder."""

    def keep(name):
        path = tmp_path / f"{name}.safetensors"
        save_encoder(path, made(name))
        return path

    return keep
