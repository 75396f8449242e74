"""DTSH with triplets="stored", the release's form."""

import math

import numpy as np
import pytest
import torch

from hashbench.errors import InvalidInputError
from hashbench.methods.dtsh import DTSH, StoredOutputs, stored_nll
from hashbench.testing.toy import new, toy
from hashbench.training import Batch, TrainingData

N, N_CLASSES, N_BITS = 60, 10, 6
LABELS = torch.arange(N) % N_CLASSES
INDEX = torch.arange(0, N, 7)  # the images of a batch


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def batch(labels=LABELS, index=INDEX):
    return Batch(labels[index], index, 0.0)


def method(table, labels=LABELS, **parameters):
    """A method with these stored outputs (n, n_bits), ready for ``loss``."""
    made = DTSH(n_bits=table.shape[1], triplets="stored", **parameters)
    made.state_ = made.make_state(TrainingData(labels, int(labels.max()) + 1)).double()
    made.state_.outputs.copy_(table)
    return made


def loss(made, u, given, seed=0):
    torch.manual_seed(seed)
    return made.loss(u, given)


def drawn(made, given, n_pairs, seed=0):
    torch.manual_seed(seed)
    return made.state_.draw(given, n_pairs)


def test_the_gradient_is_the_releases_update_divided_by_twice_its_number_of_triplets():
    """The release climbs sum (1 - sigma(T)) (u_p - u_n) - 400 (u - sign u) over 22,500 triplets an image."""
    labels = torch.arange(1200) % 10
    given, table = batch(labels, torch.arange(5, 1000, 211)), random(1200, N_BITS)
    u = random(len(given.index), N_BITS, seed=1).requires_grad_()
    made = method(table, labels)
    loss(made, u, given).backward()
    positives, negatives, valid = drawn(made, given, 50)
    v = u.detach()
    for q, label in enumerate(given.labels.tolist()):
        update, n_triplets = -4 * 100 * (v[q] - v[q].sign()), 0
        for other in range(10):
            if other == label:
                assert not valid[q, other]
                continue
            p, n = table[positives[q, other]][:, None], table[negatives[q, other]][None]
            T = (p @ v[q] - n @ v[q]) / 2 - N_BITS / 2
            update = update + ((1 - T.sigmoid())[..., None] * (p - n)).sum(dim=(0, 1))
            n_triplets += T.numel()
        assert n_triplets == 22_500
        np.testing.assert_allclose(-2 * n_triplets * len(v) * u.grad[q], update, rtol=1e-9)


def test_the_loss_is_a_loop_over_the_drawn_triplets_and_images():
    table, u = random(N, N_BITS), 1.5 * random(len(INDEX), N_BITS, seed=1)
    made = method(table, eta=0.3, n_pairs=3)
    value = loss(made, u, batch()).item()
    positives, negatives, _ = drawn(made, batch(), 3)
    values = []
    for q, label in enumerate(LABELS[INDEX].tolist()):
        for other in set(range(N_CLASSES)) - {label}:
            for p in positives[q, other]:
                for n in negatives[q, other]:
                    margin = float(u[q] @ table[p] - u[q] @ table[n]) / 2 - N_BITS / 2
                    values.append(math.log(1 + math.exp(-margin)))
    quantization = [sum((abs(float(v)) - 1) ** 2 for v in row) for row in u]
    assert value == pytest.approx(np.mean(values) + 0.3 * np.mean(quantization), rel=1e-12)


def test_draws_are_distinct_images_of_the_right_class_outside_the_batch_and_all_occur():
    stored, given, n_pairs = StoredOutputs(LABELS, N_CLASSES, N_BITS), batch(), 3
    outside = set(range(N)) - set(INDEX.tolist())
    seen = set()
    torch.manual_seed(0)
    for _ in range(60):
        positives, negatives, valid = stored.draw(given, n_pairs)
        assert valid.sum(dim=1).tolist() == [N_CLASSES - 1] * len(INDEX)
        for q, other in valid.nonzero().tolist():
            p, n = positives[q, other].tolist(), negatives[q, other].tolist()
            assert set(LABELS[p].tolist()) == {int(given.labels[q])}
            assert set(LABELS[n].tolist()) == {other}
            assert len(set(p)) == len(set(n)) == n_pairs
            seen |= {*p, *n}
    assert seen == outside


def test_of_a_class_with_few_images_some_are_drawn_twice_and_of_one_without_none():
    labels = torch.tensor([0, 0, 0, 1, 1, 2])
    stored, given = StoredOutputs(labels, 3, N_BITS), batch(labels, torch.tensor([0, 3, 5]))
    positives, negatives, valid = stored.draw(given, 5)
    assert valid.tolist() == [[False, True, False], [True, False, False], [False, False, False]]
    assert positives[0, 1].unique().tolist() == [1, 2]
    assert negatives[0, 1].tolist() == [4] * 5
    assert torch.isfinite(stored_nll(torch.ones(3, N_BITS), given, stored, 5, 1.0))


def test_visited_images_are_stored_and_no_others():
    made, u = method(torch.zeros(N, N_BITS)), random(len(INDEX), N_BITS)
    made.loss(u, batch())
    expected = torch.zeros(N, N_BITS, dtype=torch.float64)
    expected[INDEX] = u
    assert torch.equal(made.state_.outputs, expected)


def test_of_an_image_that_is_twice_in_a_batch_the_first_output_is_stored():
    made, u = method(torch.zeros(N, N_BITS)), random(4, N_BITS)
    made.loss(u, batch(index=torch.tensor([8, 3, 8, 8])))
    assert torch.equal(made.state_.outputs[8], u[0])
    assert torch.equal(made.state_.outputs[3], u[1])


@pytest.mark.parametrize("n_bits", [4, 48])
def test_before_any_visit_there_is_the_margin_and_only_the_quantisation_has_a_gradient(n_bits):
    u = (2 * torch.ones(len(INDEX), n_bits, dtype=torch.float64)).requires_grad_()
    made = method(torch.zeros(N, n_bits))
    value = made.loss(u, batch())
    value.backward()
    assert value.item() == pytest.approx(math.log1p(math.exp(n_bits / 2)) + n_bits * 100 / 22_500)
    np.testing.assert_allclose(u.grad, torch.full_like(u, 2 * 100 / 22_500 / len(u)))


def test_flipped_and_permuted_bits_cost_the_same():
    table, u = random(N, N_BITS), random(len(INDEX), N_BITS, seed=1)
    signs, order = torch.tensor([1, -1, -1, 1, -1, 1]), torch.tensor([3, 1, 0, 5, 2, 4])
    before = loss(method(table), u, batch()).item()
    after = loss(method((table * signs)[:, order]), (u * signs)[:, order], batch()).item()
    assert after == pytest.approx(before, rel=1e-12)
    assert loss(method(table * signs), u, batch()).item() != pytest.approx(before, rel=1e-3)


def test_the_balance_of_the_release_can_be_replaced():
    assert DTSH(triplets="stored").quantization_weight == pytest.approx(100 / 22_500)
    assert DTSH(triplets="stored", eta=0.0).quantization_weight == 0


def test_it_trains_deterministically_and_fills_the_table():
    X, y = toy("images")
    fits = [new(DTSH, triplets="stored", n_pairs=4).fit(X, y) for _ in range(2)]
    assert fits[0].state_.outputs.any(dim=1).all()
    np.testing.assert_array_equal(*(made.project(X) for made in fits))


def test_nothing_waits_for_the_device():
    """On the meta device there are no values: what must read one fails."""
    stored = StoredOutputs(LABELS, N_CLASSES, N_BITS).to("meta")
    given = Batch(LABELS[INDEX].to("meta"), INDEX.to("meta"), 0.0)
    assert stored_nll(torch.zeros(len(INDEX), N_BITS, device="meta"), given, stored, 3, 1.0).shape == ()


@pytest.mark.parametrize(
    ("labels", "n_pairs", "culprit"),
    [(torch.ones(4, 2), 50, "multi-label"), (torch.arange(4) % 2, 0, "n_pairs")],
)
def test_what_it_cannot_draw_from_is_refused(labels, n_pairs, culprit):
    with pytest.raises(InvalidInputError, match=culprit):
        DTSH(triplets="stored", n_pairs=n_pairs).make_state(TrainingData(labels, 2))
