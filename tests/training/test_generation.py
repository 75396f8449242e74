"""Images from texts: shapes, the losses of both sides, and who gets a gradient from which."""

import math
from functools import partial

import pytest
import torch

from hashbench.training.generation import (
    Discriminator,
    Generator,
    Scaled,
    discriminator_loss,
    frozen,
    generator_loss,
    linear,
    text_embedding,
    to_pixels,
    to_unit,
)

N_NOISE, N_TEXT = 6, 5
SHAPES = [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 20, 30)]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", SHAPES)
def test_generated_images_have_the_size_of_the_data(shape):
    images = Generator(N_NOISE, N_TEXT, shape)(random(4, N_NOISE), random(4, N_TEXT))
    assert images.shape == (4, *shape)
    assert images.abs().max() <= 1


@pytest.mark.parametrize("shape", SHAPES)
def test_each_image_is_judged_with_each_text(shape):
    torch.manual_seed(0)
    judge, images, texts = Discriminator(N_TEXT, shape), random(4, *shape).tanh(), random(2, 4, N_TEXT)
    logits = judge(images, texts)
    assert logits.shape == (2, 4)
    for m in range(2):
        for i in range(4):
            alone = judge(images[i : i + 1], texts[m : m + 1, i : i + 1])
            assert alone.item() == pytest.approx(logits[m, i].item(), abs=1e-4)
    assert logits.std() > 1e-3


def test_images_of_the_generator_in_evaluation_do_not_depend_on_each_other():
    generator = Generator(N_NOISE, N_TEXT, (1, 8, 8))
    noise, texts = random(5, N_NOISE), random(5, N_TEXT)
    generator(noise, texts)  # moves the statistics
    generator.eval()
    alone = torch.cat([generator(noise[i : i + 1], texts[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(alone, generator(noise, texts), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(generator(noise, texts), generator(noise, texts), rtol=0, atol=0)


def test_noise_and_text_both_change_the_image():
    generator = Generator(N_NOISE, N_TEXT, (1, 8, 8)).eval()
    noise, texts = random(2, N_NOISE), random(2, N_TEXT)
    image, other_noise, other_text = (
        generator(noise[a : a + 1], texts[b : b + 1]) for a, b in ((0, 0), (1, 0), (0, 1))
    )
    assert (image - other_noise).abs().max() > 1e-3
    assert (image - other_text).abs().max() > 1e-3


def test_the_loss_of_the_discriminator_is_a_loop():
    matching, mismatching, fake = random(3, 6, seed=1).double()
    counts = torch.tensor([1.0, 0, 1, 1, 0, 1], dtype=torch.float64)
    wrong = [
        math.log(1 + math.exp(v)) for v, c in zip(mismatching.tolist(), counts.tolist(), strict=True) if c
    ]
    right = [math.log(1 + math.exp(-v)) for v in matching.tolist()]
    fooled = [math.log(1 + math.exp(v)) for v in fake.tolist()]
    expected = sum(right) / 6 + (sum(wrong) / 4 + sum(fooled) / 6) / 2
    assert discriminator_loss(matching, mismatching, fake, counts).item() == pytest.approx(expected)
    assert generator_loss(fake).item() == pytest.approx(
        sum(math.log(1 + math.exp(-v)) for v in fake.tolist()) / 6
    )


def test_at_zero_logits_the_discriminator_knows_nothing():
    zero = torch.zeros(7)
    assert discriminator_loss(zero, zero, zero, torch.ones(7)).item() == pytest.approx(2 * math.log(2))
    assert generator_loss(zero).item() == pytest.approx(math.log(2))


def test_a_batch_of_one_class_has_no_mismatched_pairs():
    logits = random(5).requires_grad_()
    value = discriminator_loss(torch.zeros(5), logits, torch.zeros(5), torch.zeros(5))
    value.backward()
    assert value.item() == pytest.approx(1.5 * math.log(2))
    assert not logits.grad.any()


def test_the_best_discriminator_is_the_closed_form():
    """At logits l for all three kinds of pairs, the best l is 0: D* = p / (p + (q + r) / 2)."""
    value = torch.zeros(1, requires_grad=True)
    discriminator_loss(value, value, value, torch.ones(1)).backward()
    assert value.grad.item() == pytest.approx(0, abs=1e-7)


def test_a_frozen_module_passes_gradients_on_and_keeps_none():
    module, x = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh()), random(2, 3).requires_grad_()
    output = frozen(module, x)
    assert torch.equal(output, module(x))
    output.sum().backward()
    assert all(p.grad is None for p in module.parameters())
    got = x.grad.clone()
    x.grad = None
    module(x).sum().backward()
    torch.testing.assert_close(got, x.grad)


@pytest.mark.parametrize("before", [10, 300])
def test_layers_start_at_the_scale_of_their_gain(before):
    torch.manual_seed(0)
    values = linear(before, 2000, gain=1.0)(random(50, before))
    assert values.std().item() == pytest.approx(1, rel=0.15)


def test_a_step_of_a_weight_moves_the_output_by_less():
    """By the same share of the weight's scale, however many inputs there are."""
    layer = Scaled(torch.nn.Linear(100, 1), 100, 1.0, 1.0)
    before = layer(torch.ones(1, 100)).item()
    with torch.no_grad():
        layer.layer.weight[0, 0] += 1
    assert layer(torch.ones(1, 100)).item() - before == pytest.approx(1 / 10, rel=1e-3)


MODULES = {
    "layer": lambda speed: linear(5, 3, speed=speed),
    "embedding": lambda speed: text_embedding(9, 7, N_TEXT, speed),
    "generator": lambda speed: Generator(N_NOISE, N_TEXT, (1, 8, 8), speed),
    "discriminator": lambda speed: Discriminator(N_TEXT, (1, 8, 8), speed),
}
INPUTS = {
    "layer": (random(6, 5),),
    "embedding": (random(6, 9),),
    "generator": (random(6, N_NOISE), random(6, N_TEXT)),
    "discriminator": (random(6, 1, 8, 8).tanh(), random(1, 6, N_TEXT, seed=1)),
}


def a_step(name, speed, optimizer):
    """The outputs before a step, and how far the step moved ``speed`` times the layers' parameters."""
    torch.manual_seed(0)
    module = MODULES[name](speed)
    scaled = [p for layer in module.modules() if isinstance(layer, Scaled) for p in layer.parameters()]
    before = [p.detach().clone() for p in scaled]
    outputs = module(*INPUTS[name])
    (outputs * torch.linspace(-1, 2, outputs.numel()).view_as(outputs)).sum().backward()
    optimizer(module.parameters()).step()
    return outputs.detach(), [speed * (p.detach() - start) for p, start in zip(scaled, before, strict=True)]


@pytest.mark.parametrize(
    ("name", "optimizer", "power"),
    [*((name, torch.optim.SGD, 2) for name in MODULES), ("layer", torch.optim.Adam, 1)],
)
def test_speed_changes_the_step_and_not_the_function(name, optimizer, power):
    """Every layer moves by speed^2 as much under gradient descent, by speed as much under Adam."""
    outputs, plain = a_step(name, 1.0, partial(optimizer, lr=0.1))
    same, fast = a_step(name, 4.0, partial(optimizer, lr=0.1))
    torch.testing.assert_close(same, outputs)
    assert any(moved.any() for moved in plain)
    for moved, slowly in zip(fast, plain, strict=True):
        torch.testing.assert_close(moved, 4.0**power * slowly, rtol=1e-3, atol=1e-4)


def test_embeddings_are_standardised_over_the_texts():
    torch.manual_seed(0)
    values = text_embedding(9, 7, N_TEXT)((random(40, 9) > 0).float())
    assert values.shape == (40, N_TEXT)
    torch.testing.assert_close(values.mean(0), torch.zeros(N_TEXT), atol=1e-4, rtol=0)
    torch.testing.assert_close(values.std(0), torch.ones(N_TEXT), atol=0.02, rtol=0)


def test_pixels_and_unit_range_are_inverse():
    pixels = torch.tensor([0.0, 51.0, 255.0])
    assert to_unit(pixels).tolist() == pytest.approx([-1, -0.6, 1])
    assert to_pixels(to_unit(pixels)).tolist() == pytest.approx(pixels.tolist(), abs=1e-4)
