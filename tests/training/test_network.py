import numpy as np
import pytest
import torch

from hashbench.contracts.recipe import Invariances, Recipe
from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.training.backbones import vgg7
from hashbench.training.network import backbone_names, build_backbone, build_network
from hashbench.training.pretrain import untrained_network


def pixels(n=20, channels=3, side=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(30, 200, (n, channels, side, side), generator=generator, dtype=torch.uint8)


def network(images, n_outputs=5, backbone="vgg7"):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_network(images, Recipe(backbone=backbone), n_outputs).eval()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("backbone", "side"), [("vgg7", 8), ("vgg7", 28), ("vgg7", 32), ("nin", 8), ("nin", 28)]
)
def test_backbones_take_every_size_they_promise(backbone, side, channels):
    layers, n_features = build_backbone(backbone, channels, side)
    features = layers(torch.rand(2, channels, side, side))
    assert features.shape == (2, n_features)
    assert torch.isfinite(features).all()
    features.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in layers.parameters())


def test_names_of_backbones_and_the_error_for_another():
    assert backbone_names() == ["nin", "vgg7"]
    with pytest.raises(UnknownNameError, match="unknown backbone 'vgg77'; did you mean 'vgg7'"):
        build_backbone("vgg77", 3, 32)


def test_the_size_that_the_docstring_of_vgg7_states():
    size = sum(p.numel() for p in build_backbone("vgg7", 3, 32)[0].parameters())
    assert f"{size / 1e6:.1f} million parameters" in vgg7.__doc__


def test_nin_halves_its_widths_for_one_channel_and_pads_to_32_pixels():
    assert [build_backbone("nin", channels, 28)[1] for channels in (1, 3)] == [96, 192]
    assert build_backbone("nin", 3, 28)[0][0](torch.ones(1, 3, 28, 28)).sum(dim=(1, 2, 3)) == 3 * 28 * 28
    assert build_backbone("nin", 3, 27)[0][0](torch.ones(1, 3, 27, 27)).shape == (1, 3, 32, 32)
    assert build_backbone("nin", 3, 48)[0][0](torch.ones(1, 3, 48, 48)).shape == (1, 3, 48, 48)


def test_pixels_are_standardised_by_the_mean_and_deviation_of_each_channel():
    images = pixels(50)
    images[:, 2] //= 4
    net = network(images)
    net.backbone = torch.nn.Flatten()
    seen = net.features(images).view(50, 3, 8, 8)
    np.testing.assert_allclose(seen.mean(dim=(0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(seen.std(dim=(0, 2, 3)), 1, atol=1e-5)
    other = network(pixels(50, seed=1))
    assert not torch.equal(net.mean, other.mean), "the statistics are those of the images given"


def test_images_without_contrast_stay_finite():
    blank = torch.full((4, 1, 8, 8), 7, dtype=torch.uint8)
    assert torch.isfinite(network(blank)(blank)).all()


def test_outputs_are_float32_whatever_the_convolutions_run_in():
    images = pixels()
    net = network(images)
    assert net(images).dtype == net.features(images).dtype == torch.float32
    assert net(images).shape == (20, 5)


def test_a_new_head_gives_outputs_of_mean_0_and_deviation_1():
    images = pixels(100)
    start = network(images)
    before = {name: value.clone() for name, value in start.state_dict().items()}
    fresh = start.with_new_head(12, images)
    z = fresh(images)
    assert z.shape == (100, 12)
    np.testing.assert_allclose(z.detach().mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(z.detach().std(0), 1, atol=1e-3)
    assert start(images).std(0).max() < 0.5, "the usual initialisation is what the new head avoids"
    assert all(torch.equal(value, before[name]) for name, value in start.state_dict().items())
    assert all(p.requires_grad for p in fresh.parameters())
    for name, value in fresh.backbone.state_dict().items():
        assert torch.equal(value, before[f"backbone.{name}"])
    shared = {p.data_ptr() for p in fresh.parameters()} & {p.data_ptr() for p in start.parameters()}
    assert not shared, "a copy: training it must not touch the start"


def test_outputs_are_the_mean_over_the_mirror_image_where_images_may_be_mirrored():
    images = pixels()
    plain, mirrored, digits = (
        untrained_network(images, recipe, 5, seed=0, invariances=Invariances(mirror=mirror))
        for recipe, mirror in ((Recipe(flip_at_test=False), True), (Recipe(), True), (Recipe(), False))
    )
    assert torch.equal(digits(images), plain(images))
    with torch.no_grad():
        expected = (plain(images) + plain(images.flip(3))) / 2
        np.testing.assert_allclose(mirrored(images), expected, atol=1e-5)
        assert (mirrored(images) - plain(images)).abs().max() > 1e-3
        fresh = mirrored.with_new_head(12, images)
        np.testing.assert_allclose(fresh(images), fresh(images.flip(3)), atol=1e-5)
        trained = plain.train()(images), mirrored.train()(images)
    assert torch.equal(*trained), "training sees one view of an image"


def test_vgg7_refuses_images_that_it_would_shrink_to_nothing():
    with pytest.raises(InvalidInputError, match=r"vgg7 needs images of at least 8 pixels a side, .* 6"):
        build_backbone("vgg7", 1, 6)
    build_backbone("nin", 1, 6)


@pytest.mark.parametrize("side", [1, 2, 5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_convolution_of_vgg7_is_that_of_torch_for_maps_of_any_size(side, dtype):
    generator = torch.Generator().manual_seed(side)
    x, gradient = (torch.randn(20, n, side, side, generator=generator).to(dtype) for n in (32, 48))
    ours, plain = vgg7.Convolution(32, 48).to(dtype), torch.nn.Conv2d(32, 48, 3, padding=1, bias=False)
    torch.nn.init.normal_(ours.weight, std=0.06, generator=generator)
    plain.to(dtype).load_state_dict(ours.state_dict())
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    outputs = [layer(part) for layer, part in zip((ours, plain), inputs, strict=True)]
    for output in outputs:
        output.backward(gradient)
    pairs = {
        "outputs": outputs,
        "gradients of the inputs": [part.grad for part in inputs],
        "gradients of the kernel": [layer.weight.grad for layer in (ours, plain)],
    }
    for name, (own, expected) in pairs.items():
        scale = expected.float().abs().max()
        assert (own.float() - expected.float()).abs().max() <= 16 * torch.finfo(dtype).eps * scale, name


def test_statistics_are_of_all_images_where_a_class_comes_after_the_other():
    pixels = torch.cat([torch.zeros(10_000, 1, 8, 8), torch.full((30_000, 1, 8, 8), 100)]).to(torch.uint8)
    assert build_network(pixels, Recipe(), 2).mean.item() == pytest.approx(75)
