import pytest

from hashbench.contracts.recipe import Recipe
from hashbench.errors import InvalidInputError


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pretrain_epochs", -1),
        ("epochs", -1),
        ("batch_size", 1),  # batch normalisation needs two images
        ("lr", -0.1),
        ("lr", 0.0),
        ("backbone_lr", -0.1),
        ("weight_decay", -1),
        ("label_smoothing", 1.0),
        ("crop", -0.1),
        ("warp", -0.1),
        ("jitter", 1.0),
        ("erase", 1.5),
        ("clip", 0.0),
    ],
)
def test_values_no_training_can_use_are_refused_by_name(field, value):
    with pytest.raises(InvalidInputError, match=f"recipe.{field} = "):
        Recipe(**{field: value})


def test_limits_are_allowed():
    Recipe(pretrain_epochs=0, epochs=0, batch_size=2, backbone_lr=0.0, crop=0.0, clip=0.1)
