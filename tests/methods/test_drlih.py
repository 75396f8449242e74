import itertools
import math

import numpy as np
import pytest
import torch

from hashbench.errors import InvalidInputError
from hashbench.methods.drlih import (
    DRLIH,
    Recurrence,
    group_ends,
    group_returns,
    policy_loss,
    random_triplets,
    triplet_terms,
)
from hashbench.testing.toy import new, toy
from hashbench.training import Batch, TrainingData, gradient_norms, same_label


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def batch(labels):
    return Batch(labels, torch.arange(len(labels)), 0.0)


def independent(n_bits, **parameters):
    """A method whose outputs are the logits, ready for ``loss``."""
    method = DRLIH(n_bits=n_bits, bits="independent", **parameters)
    method.state_ = None
    return method


def triplets(labels):
    similar, n = same_label(labels), range(len(labels))
    return [t for t in itertools.product(n, n, n) if t[0] != t[1] and similar[t[:2]] and not similar[t[::2]]]


LABELS = {
    "balanced": torch.arange(9) % 3,
    "lone classes": torch.tensor([0, 0, 1, 2, 2, 2, 3]),
    "multi-hot": (random(8, 4, seed=3) > 0.3).float(),
}


# -- the release's loss -------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("lam", [0.0, 0.001, 0.3])
def test_the_loss_is_a_loop_over_triplets(labels, lam):
    logits = 2 * random(len(labels), 5)
    p = [[1 / (1 + math.exp(-v)) for v in row] for row in logits.tolist()]

    def distance(i, j):
        return math.sqrt(sum((abs(x - y) + 1e-6) ** 2 for x, y in zip(p[i], p[j], strict=True)))

    ranking, doubt = [], []
    for anchor, positive, negative in triplets(labels):
        ranking.append(max(0, 1 + distance(anchor, positive) - distance(anchor, negative)))
        doubt.append(-sum(math.log(max(v, 1 - v)) for v in p[anchor]) / 5)
    expected = lam * np.mean(doubt) * np.mean(ranking) + (1 - lam) * np.mean(ranking)
    loss = independent(5, lam=lam).loss(logits, batch(labels))
    assert loss.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("reading", ["release", "mdp"])
def test_without_its_first_term_the_gradient_is_the_triplets_alone(reading):
    labels = LABELS["balanced"]
    logits, plain = (random(9, 6).requires_grad_() for _ in range(2))
    independent(6, lam=0.0, reading=reading).loss(logits, batch(labels)).backward()
    triplet_terms(plain, same_label(labels), 1.0)[0].backward()
    assert torch.equal(logits.grad, plain.grad)


def test_l_l_drives_probabilities_away_from_one_half_in_proportion_to_l_r():
    """In a logit, -(L_R / K) (a - p) for the greedy bit a: REINFORCE that lowers L_R has the other sign."""
    labels = LABELS["balanced"]
    logits = random(9, 4).requires_grad_()
    independent(4, lam=1.0).loss(logits, batch(labels)).backward()
    p = logits.detach().sigmoid()
    triplet_loss = triplet_terms(logits.detach(), same_label(labels), 1.0)[0]
    expected = -triplet_loss / 4 * ((p > 0.5).double() - p) / len(p)
    np.testing.assert_allclose(logits.grad, expected, rtol=1e-9)


@pytest.mark.parametrize("reading", ["release", "mdp"])
def test_a_batch_without_triplets_costs_nothing_and_alike_images_have_a_finite_gradient(reading):
    for labels in (torch.arange(4), torch.zeros(4, dtype=torch.int64), torch.tensor([0, 0, 1, 1])):
        logits = torch.zeros(4, 3, dtype=torch.float64).requires_grad_()
        loss = independent(3, reading=reading).loss(logits, batch(labels))
        loss.backward()
        assert torch.isfinite(logits.grad).all()
        assert (loss.item() == 0) == (len(triplets(labels)) == 0)


# -- the recurrence -----------------------------------------------------------------------------------


def recurrence(width, n_bits, **parameters):
    """A network with biases, and torch's cell with its weights; they are in units of 1 / sqrt(width)."""
    torch.manual_seed(0)
    network = Recurrence(width, n_bits, **parameters).double()
    for bias in (network.cell.bias_ih, network.cell.bias_hh, network.actor.bias):
        torch.nn.init.normal_(bias)
    cell = torch.nn.RNNCell(width, width, dtype=torch.float64)
    cell.load_state_dict({name: value / width**0.5 for name, value in network.cell.state_dict().items()})
    return network, cell


def test_the_recurrence_is_the_releases_cell_with_the_state_as_input_and_one_shared_actor():
    network, cell = recurrence(7, 5)
    h0 = h = random(3, 7)
    logits = []
    for _ in range(5):
        h = cell(h, h)
        logits.append(network.actor(h))
    torch.testing.assert_close(network(h0), torch.cat(logits, dim=1), rtol=1e-12, atol=0)
    # ... and only the sum of the two matrices counts.
    with torch.no_grad():
        network.cell.weight_hh += network.cell.weight_ih
        network.cell.weight_ih.zero_()
    torch.testing.assert_close(network(h0), torch.cat(logits, dim=1), rtol=1e-9, atol=0)


def test_the_image_can_enter_at_every_step():
    network, cell = recurrence(7, 5, image_at_every_step=True)
    f = h = random(3, 7)
    logits = []
    for _ in range(5):
        h = cell(f, h)
        logits.append(network.actor(h))
    torch.testing.assert_close(network(f), torch.cat(logits, dim=1), rtol=1e-12, atol=0)


def test_cell_and_actor_start_as_released():
    network = Recurrence(64, 5)
    assert network.actor.weight.norm().item() == pytest.approx(0.01, rel=1e-5)
    biases = [network.cell.bias_ih, network.cell.bias_hh, network.actor.bias]
    assert not any(bias.any() for bias in biases)
    for weight in (
        network.cell.weight_ih,
        network.cell.weight_hh,
    ):  # uniform in +-1 / sqrt(width), as torch's
        assert weight.abs().max().item() == pytest.approx(1, abs=0.01)
        assert weight.std().item() == pytest.approx(3**-0.5, rel=0.05)


@pytest.mark.parametrize(
    "parameters",
    [
        {"reading": "mdp"},
        {"reading": "mdp", "groups": 0},
        {"image_at": "every step"},
        {"bits": "independent"},
    ],
    ids=str,
)
def test_every_variant_trains_all_it_has_and_is_deterministic(parameters):
    X, y = toy("images")
    method = new(DRLIH, **parameters).fit(X, y)
    assert method.project(X).shape == (len(X), method.n_bits)
    assert all(0 < norm < math.inf for norm in gradient_norms(method, X, y).values())
    np.testing.assert_array_equal(method.project(X), new(DRLIH, **parameters).fit(X, y).project(X))


# -- the policy gradient ------------------------------------------------------------------------------


def cost(bits, margin):
    """J_G of triplets of bits (..., 3, K)."""
    a, p, n = bits.unbind(dim=-2)
    return (margin + (a != p).sum(dim=-1) - (a != n).sum(dim=-1)).clamp_min(0)


def expected_cost(logits, margin):
    """The mean of J_G over all bits of one triplet's logits (3, K), with gradient."""
    bits = torch.tensor(list(itertools.product([0, 1], repeat=logits.numel()))).view(-1, *logits.shape)
    p = logits.sigmoid()
    return (torch.where(bits == 1, p, 1 - p).prod(dim=2).prod(dim=1) * cost(bits, margin)).sum()


@pytest.mark.parametrize("n_groups", [1, 2, 0])
def test_the_policy_gradient_is_unbiased(n_groups):
    """Against all 2^12 outcomes of three images of 4 bits; every entry within 4 standard errors."""
    torch.manual_seed(0)
    n, n_bits, draws = 3, 4, 3000
    logits = random(3, n, n_bits)
    exact = logits.clone().requires_grad_()
    sum(expected_cost(exact[:, i], 1.0) for i in range(n)).div(n).backward()
    estimates = torch.empty(draws, *logits.shape, dtype=torch.float64)
    for i in range(draws):
        z = logits.clone().requires_grad_()
        policy_loss(z, torch.ones(n).bool(), group_ends(n_bits, n_groups), 1.0).backward()
        estimates[i] = z.grad
    standard_error = estimates.std(dim=0) / draws**0.5
    assert ((estimates.mean(dim=0) - exact.grad).abs() < 4 * standard_error).all()
    assert exact.grad.abs().max() > 10 * standard_error.max()  # a wrong sign or factor would show


def test_returns_are_what_is_left_to_improve_after_the_earlier_groups():
    bits = (random(3, 6, 8) > 0).double()
    ends = group_ends(8, 3)
    returns = group_returns(bits, ends, 2.0)
    for i, row in enumerate(returns.tolist()):
        costs = [0.0] + [cost(bits[:, i, :end], 2 * end / 8).item() for end in ends]
        assert row == pytest.approx([before - costs[-1] for before in costs[:-1]])


@pytest.mark.parametrize(
    ("n_bits", "n_groups", "ends"), [(12, 4, [3, 6, 9, 12]), (5, 2, [2, 5]), (3, 0, [1, 2, 3])]
)
def test_groups_are_consecutive_and_as_equal_as_can_be(n_bits, n_groups, ends):
    assert group_ends(n_bits, n_groups) == ends


def test_a_triplet_that_does_not_count_changes_nothing():
    logits = random(3, 4, 5).requires_grad_()
    valid = torch.tensor([True, False, True, True])
    losses = []
    for others in (logits, logits + 9 * ~valid[:, None]):
        torch.manual_seed(1)
        losses.append(policy_loss(others, valid, [2, 5], 1.0))
    losses[0].backward()
    assert losses[0].item() == pytest.approx(losses[1].item())
    assert not logits.grad[:, 1].any()
    assert logits.grad[:, [0, 2, 3]].any()


def test_random_triplets_are_triplets_and_all_partners_occur():
    torch.manual_seed(0)
    labels = LABELS["lone classes"]
    allowed, seen = set(triplets(labels)), set()
    for _ in range(200):
        chosen, valid = random_triplets(same_label(labels))
        assert valid.tolist() == [True, True, False, True, True, True, False]
        seen |= {tuple(t) for t in chosen.T[valid].tolist()}
    assert seen == allowed


def test_nothing_waits_for_the_device():
    """On the meta device there are no values: what must read one fails."""
    logits = torch.zeros(5, 4, device="meta")
    for reading in ("release", "mdp"):
        method = independent(4, reading=reading)
        assert method.loss(logits, batch(torch.zeros(5, dtype=torch.int64, device="meta"))).shape == ()


@pytest.mark.parametrize(
    "parameters",
    [{"lam": -0.1}, {"lam": 1.5}, {"margin": 0.0}, {"hidden": 0}, {"reading": "mdp", "groups": 9}],
    ids=str,
)
def test_unusable_numbers_are_refused_by_name(parameters):
    with pytest.raises(InvalidInputError, match=list(parameters)[-1]):
        DRLIH(n_bits=8, **parameters).make_state(TrainingData(torch.arange(8) % 2, 2))
