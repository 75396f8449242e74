import copy
import math

import numpy as np
import pytest
import torch

from hashbench.errors import InvalidInputError
from hashbench.evaluation import evaluate
from hashbench.methods.tuch import N_NOISE, TUCH, bits, irrelevant, off_bits, pair_loss, ranking_loss
from hashbench.testing.toy import LONGER, SHORT, toy, toy_texts
from hashbench.training import Batch, gradient_norms
from hashbench.training.generation import Scaled, to_pixels

B, K = 8, 6
X, y = toy("images")
T = toy_texts()
LABELS = torch.arange(B) % 3


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def codes(seed):
    return torch.where(random(B, K, seed=seed).double() > 0, 1.0, -1.0).double()


def fit(**parameters):
    return TUCH(**{"n_bits": K, "recipe": SHORT, "device": "cpu", **parameters}).fit(X, y, texts=T)


@pytest.fixture(scope="module")
def fitted():
    return fit(recipe=LONGER)


def step(method, progress, part="whole"):
    """The gradients of one step's loss by parameter name, in training mode; the method is unchanged."""
    method = copy.deepcopy(method)
    index = torch.arange(24)
    images = torch.tensor(X[:24]).float()
    modules = torch.nn.ModuleDict({"network": method.network_, "state": method.state_})
    modules.requires_grad_(True).train()
    modules.zero_grad()
    torch.manual_seed(0)
    if part == "whole":
        features = method.network_.features(images)
        batch = Batch(torch.tensor(y[:24]), index, progress, features, images)
        method.loss(method.network_.head(features), batch).backward()
    else:
        other, found = irrelevant(torch.tensor(y[:24]))
        losses, _ = method.adversarial_losses(images, method.texts_[:24], other, found)
        losses[("discriminator", "generator").index(part)].backward()
    return {name: p.grad for name, p in modules.named_parameters() if p.grad is not None}


def parts_of(gradients):
    names = {name for name, gradient in gradients.items() if gradient.any()}
    return {".".join(name.split(".")[: 2 if name.startswith("state") else 1]) for name in names}


# -- the losses -------------------------------------------------------------------------------------


def shares(labels, i, j):
    return bool(labels[i] == labels[j] if labels.ndim == 1 else (labels[i] * labels[j]).any())


@pytest.mark.parametrize("labels", [LABELS, (random(B, 4, seed=3) > 0.3).double()])
@pytest.mark.parametrize("ranking", [0.0, 1.0, 4.0])
def test_the_hash_loss_is_a_loop_over_real_and_generated_images(labels, ranking):
    """Generated images have the labels of their texts, and count as images of their own."""
    real, fake = codes(1), codes(2)
    other = torch.tensor([1, 2, 0, 4, 5, 3, 7, 6])
    found = torch.tensor([1.0, 1, 0, 1, 1, 1, 0, 1], dtype=torch.float64)
    union = [(code, i) for view in (real, fake) for i, code in enumerate(view)]
    pairs = []
    for a, (first, i) in enumerate(union):
        for second, j in union[:a]:
            theta = float(first @ second) / 2
            pairs.append(math.log(1 + math.exp(theta)) - shares(labels, i, j) * theta)
    triples = []
    for i in range(B):
        if found[i]:
            near = (fake[i] != real[i]).sum().item()
            far = (fake[i] != real[other[i]]).sum().item()
            triples.append(max(0, K / 2 + near - far))
    expected = np.mean(pairs) + ranking / K * np.mean(triples)
    value = TUCH(n_bits=K, ranking=ranking).hash_loss(real, fake, labels, other, found)
    assert value.item() == pytest.approx(expected, rel=1e-10)


def test_without_an_irrelevant_image_there_is_no_ranking():
    assert ranking_loss(codes(1), codes(2), torch.zeros(B, dtype=torch.int64), torch.zeros(B)) == 0


def test_perfect_codes_cost_less_than_others():
    words = torch.tensor([[1.0, 1, 1, 1, 1, 1], [1, 1, -1, -1, -1, -1], [-1, -1, 1, 1, -1, -1]])
    assert pair_loss(words[LABELS], LABELS) < min(
        pair_loss(other, LABELS) for other in (codes(1), words[LABELS * 0], words[torch.arange(B) // 3])
    )


def test_bits_pass_the_gradient_on_inside_the_unit_interval():
    z = torch.tensor([-3.0, -0.99, -0.2, 0.0, 0.5, 0.99, 1.1], requires_grad=True)
    values = bits(z)
    assert values.tolist() == [-1, -1, -1, -1, 1, 1, 1]  # as Codes: zero gives bit 0
    (values * torch.arange(1.0, 8)).sum().backward()
    assert z.grad.tolist() == [0, 2, 3, 4, 5, 6, 0]


def test_irrelevant_items_share_no_class():
    multi = torch.tensor([[1.0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [1, 1, 1]])
    for labels in (LABELS, multi):
        drawn = set()
        for seed in range(30):
            torch.manual_seed(seed)
            other, found = irrelevant(labels)
            for i, j in enumerate(other.tolist()):
                assert not found[i] or (j != i and not shares(labels, i, j))
                drawn.add((i, j))
        n = range(len(labels))
        possible = {(i, j) for i in n for j in n if i != j and not shares(labels, i, j)}
        assert possible <= drawn
    assert irrelevant(torch.ones(4, dtype=torch.int64))[1].tolist() == [0, 0, 0, 0]


# -- who learns from which loss ---------------------------------------------------------------------


def test_discriminator_and_generator_do_not_learn_from_each_others_loss(fitted):
    assert parts_of(step(fitted, 0.0, "discriminator")) == {"state.discriminator"}
    assert parts_of(step(fitted, 0.0, "generator")) == {"state.generator", "state.text"}


def test_after_the_warm_up_the_hash_loss_reaches_the_generator_through_the_bits(fitted):
    early, late = step(fitted, 0.0), step(fitted, 0.9)
    alone = step(fitted, 0.0, "generator")
    for name in alone:
        if name.startswith(("state.generator", "state.text")):
            torch.testing.assert_close(early[name], alone[name], rtol=1e-3, atol=1e-5)
    moved = [name for name in alone if not torch.allclose(late[name], early[name], rtol=1e-2, atol=1e-6)]
    assert any(name.startswith("state.generator") for name in moved)
    assert any(name.startswith("state.text") for name in moved)
    for name, gradient in early.items():
        if name.startswith("state.discriminator"):
            torch.testing.assert_close(late[name], gradient)


def test_mu_weighs_the_hash_loss_for_the_generator_alone(fitted):
    gradients = {}
    for mu in (0.0, 1.0, 2.0):
        fitted.mu = mu
        gradients[mu] = step(fitted, 0.9)
    fitted.mu = TUCH.mu
    name = "state.generator.start.layer.weight"
    alone = step(fitted, 0.0, "generator")[name]
    torch.testing.assert_close(gradients[0.0][name], alone, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(
        gradients[2.0][name] - alone, 2 * (gradients[1.0][name] - alone), rtol=1e-2, atol=1e-4
    )
    torch.testing.assert_close(gradients[0.0]["network.head.weight"], gradients[2.0]["network.head.weight"])


def test_the_network_learns_from_real_images_alone(fitted):
    """Neither its weights nor its statistics move with generated images, also after the warm-up."""
    early, late = step(fitted, 0.0), step(fitted, 0.9)
    of_network = [name for name in early if name.startswith("network")]
    assert of_network
    for name in of_network:
        torch.testing.assert_close(late[name], early[name])
    method = copy.deepcopy(fitted)
    method.network_.train()
    before = copy.deepcopy(dict(method.network_.named_buffers()))
    images = random(5, 1, 8, 8).tanh().requires_grad_()
    method.outputs_of_fakes(images).sum().backward()
    assert images.grad.any()
    assert all(p.grad is None for p in method.network_.parameters())
    assert all(torch.equal(value, before[name]) for name, value in method.network_.named_buffers())
    assert method.network_.backbone.training


def test_the_quantisation_draws_outputs_to_bits():
    z = random(B, K).double()
    expected = np.mean([(abs(v) - 1) ** 2 for row in z.tolist() for v in row])
    assert off_bits(z).item() == pytest.approx(expected)
    fits = (fit(quantization=weight, generator=False, recipe=LONGER) for weight in (0.0, 30.0))
    without, drawn = (off_bits(torch.tensor(method.project(X))) for method in fits)
    assert drawn < without / 2


def test_speed_is_that_of_text_generator_and_discriminator():
    for generator, parts in ((True, {"text", "generator", "discriminator"}), (False, {"0"})):
        modules = fit(generator=generator, speed=3.0).state_.named_modules()
        speeds = {(name.split(".")[0], layer.speed) for name, layer in modules if isinstance(layer, Scaled)}
        assert speeds == {(part, 3.0) for part in parts}


# -- codes of texts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("votes", [1, 9])
def test_a_texts_code_does_not_depend_on_other_texts_or_calls(votes, fitted):
    method = fitted if votes == 1 else fit(votes=votes)
    whole = method.project_text(T)
    alone = np.concatenate([method.project_text(T[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(alone, whole[:5], atol=1e-2)  # the network computes in bfloat16
    np.testing.assert_array_equal(method.project_text(T), whole)


def test_a_texts_code_is_that_of_its_generated_image(fitted):
    images = fitted.generate(T)
    assert images.shape == X.shape
    assert images.dtype == np.uint8
    same = fitted.encode(images).unpack() == fitted.encode_text(T).unpack()
    assert same.mean() > 0.97  # generated pixels are rounded


def test_votes_are_a_majority_over_the_images_of_fixed_noises():
    method = fit(votes=3)
    noises = method.state_.noises
    assert noises.shape == (3, N_NOISE)
    parts, network = method.state_.eval(), method.network_.eval()
    with torch.inference_mode():
        texts = parts.text(torch.tensor(T).float())
        images = [to_pixels(parts.generator(noise.expand(len(T), -1), texts)) for noise in noises]
        outputs = torch.stack([network(some) for some in images])
        centre = outputs.mean(dim=(0, 1))  # bits that depend on the noise, after so short a training
        network.head.bias -= centre
    votes = outputs - centre > 0
    expected = (votes.sum(dim=0) >= 2).numpy()
    assert (votes[0] != votes[1]).float().mean() > 0.05
    assert (method.encode_text(T).unpack() == expected).mean() > 0.99
    assert (votes[0].numpy() == expected).mean() < 0.97


def test_noise_changes_the_image(fitted):
    noise = random(len(T), N_NOISE).numpy()
    np.testing.assert_array_equal(fitted.generate(T, np.zeros_like(noise)), fitted.generate(T))
    assert not np.array_equal(fitted.generate(T, noise), fitted.generate(T))


def test_generated_images_need_a_fitted_generator_and_the_right_shapes(fitted):
    for call in (
        lambda: TUCH().generate(T),
        lambda: fit(generator=False).generate(T),
        lambda: fitted.generate(T[:, 1:]),
        lambda: fitted.generate(T, np.zeros((len(T), 3))),
    ):
        with pytest.raises(InvalidInputError, match="tuch"):
            call()


@pytest.mark.parametrize("wrong", [{"votes": 2}, {"votes": 0}, {"warm_up": 1.5}, {"speed": 0}])
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(InvalidInputError, match=next(iter(wrong))):
        fit(**wrong)


@pytest.mark.parametrize("generator", [True, False])
def test_statistics_at_test_are_those_of_the_final_weights(generator):
    method = fit(generator=generator)
    embedding = method.state_.text if generator else method.state_[0]
    with torch.no_grad():
        values = embedding[:-1](torch.tensor(T).float())
    torch.testing.assert_close(embedding[-1].running_mean, values.mean(0), rtol=1e-3, atol=1e-4)


# -- the control ------------------------------------------------------------------------------------


def test_without_the_generator_texts_and_images_share_codes():
    """Every parameter is trained, and unseen texts find unseen images of their class."""
    method = fit(generator=False, recipe=LONGER)
    norms = gradient_norms(method, X, y)
    assert min(norms.values()) > 0
    images, classes = toy("images", 1)
    found = evaluate(
        method.encode_text(toy_texts(2)), method.encode(images), toy("images", 2)[1], classes, ["map"]
    )
    assert found["map"] > 0.5  # chance is 0.25


def test_without_the_generator_the_same_loss_is_that_of_the_texts_codes():
    method = fit(generator=False)
    z, labels = random(B, K), torch.tensor(y[:B])
    torch.manual_seed(0)
    value = method.loss(z, Batch(labels, torch.arange(B), 0.0))
    torch.manual_seed(0)
    other, found = irrelevant(labels)
    u = method.state_(method.texts_[:B])
    expected = method.hash_loss(bits(z), bits(u), labels, other, found) + off_bits(torch.cat([z, u]))
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)


def test_defaults_are_those_of_the_reconstruction():
    method = TUCH()
    assert (method.generator, method.ranking, method.mu, method.speed, method.votes) == (True, 1, 100, 6, 1)
    assert method.warm_up == pytest.approx(30 / 70)
