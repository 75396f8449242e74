"""The losses of CIBHash and TBH, beside loops over images and bits, and at their limits."""

import math

import numpy as np
import pytest
import torch
from label_free_loss import batch, made, module, normal

from hashbench.plugins.registry import find
from hashbench.training import Batch

# -- CIBHash --------------------------------------------------------------------------------------


def contrast(codes, temperature):
    """Mean over the codes of -log of what the other view has of the sum over all other codes."""
    total, n = 0.0, len(codes)
    for i in range(n):
        others = {
            j: (codes[i] @ codes[j] / codes[i].norm() / codes[j].norm() / temperature).exp()
            for j in range(n)
            if j != i
        }
        total = total - (others[(i + n // 2) % n] / sum(others.values())).log() / n
    return total


def test_nt_xent_is_a_loop_over_codes():
    nt_xent, codes, t = module("cibhash").nt_xent, normal(6, 4), 0.3
    assert nt_xent(codes, t).item() == pytest.approx(contrast(codes, t).item())
    b = 4
    orthogonal = torch.eye(b, dtype=torch.float64).repeat(2, 1)
    assert nt_xent(orthogonal, t).item() == pytest.approx(math.log(1 + (2 * b - 2) * math.exp(-1 / t)))


def test_cibhash_adds_the_divergence_to_the_contrast_of_the_codes():
    """The gradient passes a code as that of 2p - 1; the divergence moves the first of its two views only."""
    method = find("method", "cibhash")(n_bits=4, temperature=0.4, beta=0.7)
    method.state_ = torch.nn.Identity()
    logits = normal(6, 4)
    given, codes = logits.clone().requires_grad_(), logits.sign().requires_grad_()
    loss, expected = method.loss(given, batch(6)), contrast(codes, 0.4)
    loss.backward()
    expected.backward()
    total, p = expected.item(), logits.sigmoid()
    slope = codes.grad * 2 * p * (1 - p)
    for i in range(6):
        other = (i + 3) % 6
        for k in range(4):
            here, there = p[i, k].item(), p[other, k].item()
            kl = here * math.log(here / there) + (1 - here) * math.log((1 - here) / (1 - there))
            total += 0.7 * kl / 2 / 3
            slope[i, k] += 0.7 * here * (1 - here) * (logits[i, k] - logits[other, k]) / 2 / 3
    assert loss.item() == pytest.approx(total)
    assert torch.allclose(given.grad, slope)


def test_the_divergence_is_that_of_bits_and_pulls_one_side():
    kl, left, right = module("cibhash").bernoulli_kl, normal(3, 4), normal(3, 4, seed=1)
    p, q = left.sigmoid().numpy(), right.sigmoid().numpy()
    expected = (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).sum(1)
    np.testing.assert_allclose(kl(left, right), expected)
    np.testing.assert_allclose(kl(left, left), 0, atol=1e-12)
    assert torch.isfinite(kl(torch.tensor([[90.0]]), torch.tensor([[-90.0]]))).all()


def test_swapping_the_views_changes_nothing():
    torch.manual_seed(0)
    method = find("method", "cibhash")(n_bits=6, hidden=8)
    method.state_ = torch.nn.Linear(8, 6).double()
    z = normal(10, 8)
    views = batch(10)
    assert method.loss(z, views).item() == pytest.approx(method.loss(z.roll(5, 0), views).item(), rel=1e-12)


# -- TBH ------------------------------------------------------------------------------------------


def test_the_graph_of_codes():
    tbh = module("tbh")
    bits = (normal(5, 6) > 0).double()
    bits[1] = 1 - bits[0]
    graph = tbh.affinity(bits)
    for i in range(5):
        for j in range(5):
            d = (bits[i] != bits[j]).sum().item()
            assert graph[i, j].item() == pytest.approx((1 - d / 6) ** 1.4)
    assert graph[0, 1] == 0
    alike = tbh.normalised(tbh.affinity(bits[:1].repeat(4, 1)))
    np.testing.assert_allclose(alike, 1 / 4)


def test_one_reversed_step_equals_two_optimisers():
    tbh, made_, drawn = module("tbh"), normal(5, 3).requires_grad_(), normal(5, 3, seed=1)
    torch.manual_seed(0)
    critic = torch.nn.Linear(3, 1).double()
    tbh.criticism(critic, made_, drawn).backward()
    s = lambda rows: critic(rows).sigmoid()  # noqa: E731
    plain = made_.detach().clone().requires_grad_()
    loss = -s(drawn).log().mean() - (1 - s(plain)).log().mean()
    of_critic, of_made = torch.autograd.grad(loss, [critic.weight, plain])
    assert torch.allclose(critic.weight.grad, of_critic), "the critic descends"
    assert torch.allclose(made_.grad, -of_made), "the encoder ascends"


def test_tbh_adds_the_critics_to_the_weighted_reconstruction(monkeypatch):
    monkeypatch.setattr(torch, "rand_like", lambda rows: torch.full_like(rows, 0.25))
    rows, z, place = 3 * normal(7, 5) + 1, normal(4, 8), torch.tensor([5, 0, 3, 6])
    method = made("tbh", rows, hidden=8, width=3, rec_weight=0.7)
    net, hidden = method.state_, z.relu()
    logits, messages = net.bits[0](hidden), net.graph(net.real(hidden).sigmoid())
    bits = (logits > logits.mean(0)).double()
    graph = [[(1 - (a != b).sum().item() / 6) ** 1.4 for b in bits] for a in bits]
    target = (rows - rows.mean(0)) / rows.std(0, correction=0)
    expected, of_bits, of_real = 0.0, net.of_bits, net.of_real
    for i in range(4):
        seen = sum(graph[i][j] / math.sqrt(sum(graph[i]) * sum(graph[j])) * messages[j] for j in range(4))
        passed = seen.sigmoid()
        expected += 0.7 * (net.decoder(passed) - target[place[i]]).square().sum() / 2
        for critic, given in ((of_bits, bits[i]), (of_real, passed)):
            expected -= (1 - critic(given).sigmoid()).log().item() / 4
    expected -= of_bits(torch.ones(6).double()).sigmoid().log().item()
    expected -= of_real(torch.full((3,), 0.25).double()).sigmoid().log().item()
    loss = method.loss(z, Batch(torch.empty(4, 0), place, 0.0))
    assert loss.item() == pytest.approx(expected.item())
