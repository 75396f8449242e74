"""Deep cross-view methods: the texts of a batch reach the loss, the text encoder is a module of the state."""

import dataclasses

import numpy as np
import pytest
import torch

from hashbench.contracts.method import HashMethod
from hashbench.contracts.recipe import Recipe
from hashbench.errors import InvalidInputError
from hashbench.testing.toy import SHORT, toy, toy_texts
from hashbench.training import Batch, DeepCrossViewMethod, cross_similar, text_tower

X, y = toy("images")
T = toy_texts()
SEEN: list[tuple[torch.Tensor, torch.Tensor]] = []


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class Towers(DeepCrossViewMethod):
    """Image and text outputs of an item are drawn together."""

    def make_state(self, data):
        return text_tower(5, self.n_bits, self.texts_)

    def loss(self, z, batch):
        SEEN.append((batch.index, self.batch_texts(batch)))
        return (z - self.state_(self.batch_texts(batch))).square().mean()


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class TwoViews(Towers):
    views = 2


def fitted(cls=Towers, **parameters):
    SEEN.clear()
    return cls(n_bits=4, device="cpu", **{"recipe": SHORT, **parameters}).fit(X, y, texts=T)


@pytest.mark.parametrize("cls", [Towers, TwoViews])
def test_a_batch_gets_the_texts_of_its_images(cls):
    fitted(cls)
    for index, texts in SEEN:
        assert texts.dtype == torch.float32
        np.testing.assert_array_equal(texts, T[index])
    seen = torch.cat([index for index, _ in SEEN])
    assert len(seen) == len(X)
    assert seen.unique().numel() == len(X) // cls.views


def test_the_loop_trains_the_text_encoder():
    """More epochs from the same start bring the views closer."""
    losses = fitted(recipe=Recipe(pretrain_epochs=1, epochs=8, batch_size=16)).history_["loss"]
    assert losses[-1] < 0.7 * losses[0]


def test_codes_of_texts_are_those_of_the_state():
    method = fitted()
    expected = method.state_(torch.tensor(T, dtype=torch.float32)).detach()
    np.testing.assert_allclose(method.project_text(T), expected, atol=1e-6)
    np.testing.assert_array_equal(method.encode_text(T).unpack(), expected > 0)


def test_it_starts_from_a_network_and_resumes_from_a_checkpoint(tmp_path, monkeypatch):
    from hashbench.training import loop

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)  # write after every epoch
    recipe = Recipe(pretrain_epochs=1, epochs=2, batch_size=48)
    path = tmp_path / "checkpoint"
    whole = Towers(n_bits=4, device="cpu", recipe=recipe)
    start = whole._start(torch.tensor(X), torch.tensor(y), None)
    values = whole.fit(X, y, texts=T, start=start, checkpoint=path).project_text(T)
    SEEN.clear()
    again = Towers(n_bits=4, device="cpu", recipe=recipe).fit(X, y, texts=T, start=start, checkpoint=path)
    assert not SEEN  # the checkpoint is that of the last epoch
    np.testing.assert_array_equal(again.project_text(T), values)


def test_fit_without_texts_names_the_method():
    with pytest.raises(InvalidInputError, match=Towers.name()):
        Towers(recipe=SHORT).fit(X, y)


def test_it_is_a_deep_method_of_the_cross_view_task():
    assert issubclass(Towers, HashMethod)
    assert (Towers.family(), Towers.made_for, Towers.reads_text) == ("deep", ("cross_view",), True)
    assert Towers.inputs == "images"


def test_similarity_across_two_sets_is_a_loop():
    a, b = torch.tensor([0, 1, 2, 1]), torch.tensor([1, 1, 0])
    expected = [[bool(i == j) for j in b] for i in a]
    assert cross_similar(a, b).tolist() == expected
    hot = torch.nn.functional.one_hot
    assert cross_similar(hot(a, 3).float(), hot(b, 3).float()).tolist() == expected
    shared = cross_similar(torch.tensor([[1.0, 1, 0]]), torch.tensor([[0.0, 1, 1], [0, 0, 1], [0, 0, 0]]))
    assert shared.tolist() == [[True, False, False]]


def test_batch_texts_are_rows_by_index():
    method = Towers()
    method.texts_ = torch.arange(12.0).view(4, 3)
    index = torch.tensor([2, 0, 2])
    batch = Batch(torch.zeros(3, dtype=torch.int64), index, 0.0)
    assert method.batch_texts(batch).tolist() == [[6, 7, 8], [0, 1, 2], [6, 7, 8]]


def test_a_fresh_text_tower_has_standardised_outputs():
    torch.manual_seed(0)
    texts = torch.tensor(T).float()
    values = text_tower(7, 5, texts)(texts)
    torch.testing.assert_close(values.mean(0), torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(values.std(0), torch.ones(5), atol=1e-3, rtol=0)
