import itertools
import math

import numpy as np
import pytest
import torch

from hashbench.methods.dtsh import DTSH, triplet_nll
from hashbench.training import Batch, same_label


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def batch(labels):
    return Batch(labels, torch.arange(len(labels)), 0.0)


def triplets(labels):
    similar = same_label(labels)
    n = range(len(labels))
    return [
        (q, p, m) for q, p, m in itertools.product(n, n, n) if q != p and similar[q, p] and not similar[q, m]
    ]


LABELS = {
    "balanced": torch.arange(12) % 3,
    "lone classes": torch.tensor([0, 0, 1, 2, 2, 2, 3]),
    "multi-hot": (random(9, 4, seed=3) > 0.5).float(),
    # Image 0 has no negatives, image 1 no positives, image 2 neither.
    "without positives or negatives": torch.tensor(
        [[1, 1, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]]
    ).float(),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("eta", [0.0, 100 / 22_500, 1.0])
def test_the_loss_is_a_loop_over_triplets_and_images(labels, eta):
    u = 1.5 * random(len(labels), 6)
    values = []
    for q, p, n in triplets(labels):
        margin = float(u[q] @ u[p] - u[q] @ u[n]) / 2 - 6 / 2
        values.append(math.log(1 + math.exp(-margin)))
    quantization = [sum((abs(float(v)) - 1) ** 2 for v in row) for row in u]
    expected = np.mean(values) + eta * np.mean(quantization)
    assert DTSH(n_bits=6, eta=eta).loss(u, batch(labels)).item() == pytest.approx(expected, rel=1e-12)


def test_the_default_computes_what_it_did_before_there_were_stored_triplets():
    """Values of the version without the parameter ``triplets``."""
    u = (1.5 * random(12, 6)).requires_grad_()
    loss = DTSH(n_bits=6).loss(u, batch(LABELS["balanced"]))
    loss.backward()
    assert loss.item() == pytest.approx(3.9791366711209184, rel=1e-13)
    assert u.grad.abs().sum().item() == pytest.approx(4.039606055590961, rel=1e-13)
    assert u.grad[3, 2].item() == pytest.approx(-0.021700654717995607, rel=1e-12)


@pytest.mark.parametrize("labels", [LABELS["balanced"], LABELS["multi-hot"]], ids=["classes", "multi-hot"])
def test_flipped_and_permuted_bits_cost_the_same(labels):
    u = random(len(labels), 4)
    signs, order = torch.tensor([1, -1, -1, 1]), torch.tensor([3, 1, 0, 2])
    losses = [DTSH(n_bits=4).loss(z, batch(labels)).item() for z in (u, (u * signs)[:, order])]
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


def test_gradient_is_the_releases_for_the_anchor_and_its_mirror_for_the_others():
    labels = LABELS["lone classes"]
    u = random(len(labels), 4).requires_grad_()
    eta = DTSH().quantization_weight
    DTSH(n_bits=4).loss(u, batch(labels)).backward()
    v = u.detach()
    expected = 2 * eta * (v - v.sign()) / len(v)
    chosen = triplets(labels)
    for q, p, n in chosen:
        miss = 1 - torch.sigmoid(v[q] @ (v[p] - v[n]) / 2 - 4 / 2)
        expected[q] -= miss * (v[p] - v[n]) / 2 / len(chosen)
        expected[p] -= miss * v[q] / 2 / len(chosen)
        expected[n] += miss * v[q] / 2 / len(chosen)
    np.testing.assert_allclose(u.grad, expected, rtol=1e-9, atol=1e-15)


def test_the_quantisation_has_the_releases_weight_beside_its_gradient_of_the_anchor_alone():
    """The release weighs 100 against 22,500 triplets that move the anchor; here all three images move."""
    u, labels = random(12, 6), torch.arange(12) % 3
    norms = []
    for others_move in (True, False):
        z = u.clone().requires_grad_()
        theta = z @ (z if others_move else u).T / 2
        triplet_nll(theta, same_label(labels), 3.0).backward()
        norms.append(float(z.grad.norm()))
    ratio = norms[0] / norms[1]
    assert ratio == pytest.approx(2, rel=0.05)
    assert DTSH().quantization_weight == pytest.approx(ratio * 100 / 22_500, rel=0.05)


def test_nothing_waits_for_the_device():
    """On the meta device there are no values: what must read one fails."""
    theta = torch.zeros(5, 5, device="meta")
    assert triplet_nll(theta, theta > 0, 1.0).shape == ()


@pytest.mark.parametrize("n_bits", [4, 48])
def test_the_margin_is_half_the_code_length(n_bits):
    u = torch.ones(4, n_bits, dtype=torch.float64)
    loss = DTSH(n_bits=n_bits).loss(u, batch(torch.tensor([0, 0, 1, 1]))).item()
    assert loss == pytest.approx(math.log1p(math.exp(n_bits / 2)), rel=1e-9)


def test_images_without_a_positive_are_no_anchors():
    theta = random(3, 3)
    alone = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]]).bool()
    expected = torch.nn.functional.softplus(
        2 - torch.stack([theta[0, 1] - theta[0, 2], theta[1, 0] - theta[1, 2]])
    )
    assert triplet_nll(theta, alone, 2.0).item() == pytest.approx(expected.mean().item(), rel=1e-12)


@pytest.mark.parametrize("labels", [torch.arange(4), torch.zeros(4, dtype=torch.int64)])
def test_a_batch_without_triplets_has_only_the_quantisation(labels):
    u = random(4, 3).requires_grad_()
    loss = DTSH(n_bits=3, eta=1.0).loss(u, batch(labels))
    loss.backward()
    assert loss.item() == pytest.approx((u - u.sign()).square().sum(1).mean().item(), rel=1e-12)
    assert torch.isfinite(u.grad).all()


def test_an_image_without_labels_forms_no_triplet_as_anchor_and_is_everybodys_negative():
    labels = torch.tensor([[1.0, 0], [1, 0], [0, 0]])
    assert triplets(labels) == [(0, 1, 2), (1, 0, 2)]
    u = random(3, 4)
    with_unlabelled = DTSH(n_bits=4).loss(u, batch(labels))
    assert with_unlabelled.item() == pytest.approx(
        DTSH(n_bits=4).loss(u, batch(torch.tensor([0, 0, 1]))).item()
    )
