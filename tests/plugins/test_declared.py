"""A class attribute without a type is no parameter, and is said to be none."""

import dataclasses
from typing import ClassVar

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.plugins.declared import unknown_parameter, untyped

dataclass = dataclasses.dataclass(eq=False, repr=False, kw_only=True)


def describe(value):
    return str(value)


@dataclass
class Own(HashMethod):
    scale = 1.0
    start = None
    layers = [4, 8]  # noqa: RUF012
    n_bits = 16
    supervision = "supervised"
    n_steps: int = 3
    weights: tuple = dataclasses.field(default=(1, 2))
    typed: ClassVar = 2
    describe = describe
    LIMIT = 5
    _private = 6

    @property
    def size(self):
        return 7


def test_parameters_without_a_type_are_found_and_nothing_else():
    found = untyped(Own)
    assert found.keys() == {"scale", "start", "layers", "n_bits"}
    assert "write scale: float = 1.0, or scale: ClassVar" in found["scale"]
    assert "default stays" in found["n_bits"]
    assert "ClassVar" not in found["n_bits"]
    assert Own().n_bits == 32  # as it says


def test_what_it_proposes_works():
    found = untyped(Own)
    lines = [
        found[name].partition("; write ")[2].partition(", or ")[0] for name in ("scale", "layers", "n_bits")
    ]
    space = {"HashMethod": HashMethod, "dataclass": dataclass, "field": dataclasses.field}
    exec("@dataclass\nclass Mended(HashMethod):\n    " + "\n    ".join(lines), space)
    mended = space["Mended"]
    assert untyped(mended) == {}
    assert (mended().scale, mended().layers, mended().n_bits) == (1.0, [4, 8], 16)


def test_a_type_in_a_subclass_mends_it():
    @dataclass
    class Mended(Own):
        scale: float = 2.0
        start: int | None = None
        layers: tuple = (4, 8)
        n_bits: int = 16

    assert untyped(Mended) == {}


def test_the_error_of_a_parameter_leads_to_the_missing_type():
    error = unknown_parameter(Own, "own", "scale", ["n_steps"])
    assert isinstance(error, InvalidInputError)
    assert "scale: float = 1.0" in str(error)
    assert isinstance(unknown_parameter(Own, "own", "n_step", ["n_steps"]), UnknownNameError)
