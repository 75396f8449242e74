"""Numbers that no training can use, and grids that no machine can run, are refused before anything starts."""

import pytest

from hashbench import get_method
from hashbench.api import prepare
from hashbench.contracts.recipe import Recipe
from hashbench.errors import InvalidInputError
from hashbench.execution.grid import expand
from hashbench.execution.suite import make_suite


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["lr", "backbone_lr", "weight_decay", "averaging", "clip", "epochs", "crop"])
def test_a_recipe_is_finite(name, value):
    with pytest.raises(InvalidInputError, match=f"recipe.{name}"):
        Recipe(**{name: value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "nan", "inf", 10**400])
@pytest.mark.parametrize("key", ["recipe.lr", "dpsh.eta", "recipe.clip"])
def test_a_setting_is_finite(key, value):
    with pytest.raises(InvalidInputError, match=key):
        expand(make_suite({"methods": ["dpsh"], "set": {key: value}}, "test"))


def test_a_variant_is_finite():
    variant = {"label": "A", "method": "dpsh", "params": {"eta": float("nan")}}
    with pytest.raises(InvalidInputError, match="eta"):
        expand(make_suite({"variants": [variant]}, "test"))


def test_a_setting_of_a_broken_method_is_finite(plugin):
    plugin("broken", "", imports="import no_such_package")
    with pytest.raises(InvalidInputError, match=r"broken\.eta"):
        expand(make_suite({"methods": ["broken"], "set": {"broken.eta": float("inf")}}, "test"))


def test_a_parameter_is_finite():
    with pytest.raises(InvalidInputError, match=r"dpsh\.eta"):
        get_method("dpsh", eta=float("nan"))


@pytest.mark.parametrize("name", ["jobs", "threads"])
@pytest.mark.parametrize("count", [0, 10**6, 10**30])
def test_the_number_of_jobs_and_threads_is_one_that_a_machine_can_have(name, count, tmp_path):
    with pytest.raises(InvalidInputError, match=name):
        prepare("lsh", out=tmp_path, **{name: count})


@pytest.mark.parametrize("repetitions", [10**18, 10**9, 500_001, 10**400])
def test_a_grid_beyond_a_million_cells_is_refused_at_once(repetitions):
    with pytest.raises(InvalidInputError, match="repetitions"):
        expand(make_suite({"methods": ["lsh"], "bits": [8, 12], "repetitions": repetitions}, "test"))


def test_a_grid_of_many_cells_is_made():
    suite = {"methods": ["lsh"], "features": ["pixels"], "bits": [8], "repetitions": 200}
    assert len(expand(make_suite(suite, "test")).works) == 200
