import numpy as np
import pytest
import torch

from hashbench.contracts.recipe import Recipe
from hashbench.testing.toy import toy
from hashbench.training import encoding
from hashbench.training.encoding import encode_batch, network_features
from hashbench.training.network import gains_from_bf16
from hashbench.training.pretrain import untrained_network

X, _ = toy("images")
CLOSE = {"atol": 0.05 if gains_from_bf16(torch.device("cpu")) else 1e-5}


@pytest.fixture(scope="module")
def network():
    return untrained_network(torch.tensor(X), Recipe(), 4, seed=0)


@pytest.mark.parametrize("size", [1, 7, 96, 500])
@pytest.mark.parametrize("given", [np.array(X), torch.tensor(X)], ids=["numpy", "torch"])
def test_features_are_those_of_the_network_in_any_batches(network, given, size, monkeypatch):
    monkeypatch.setattr(encoding, "encode_batch", lambda device: size)
    features = network_features(network, given)
    assert features.dtype == torch.float32
    with torch.no_grad():
        np.testing.assert_allclose(features, network.features(torch.tensor(X)), **CLOSE)
    some = np.array([5, 3, 90])
    np.testing.assert_allclose(network_features(network, given, some), features[some], **CLOSE)


def test_read_only_images_are_read_without_a_warning(network, recwarn):
    assert not X.flags.writeable
    network_features(network, X)
    assert not recwarn.list


def test_the_network_stays_in_its_mode_and_no_random_number_is_drawn(network):
    expected = network_features(network, X)
    assert not network.training
    before, statistics = torch.get_rng_state(), network.backbone.state_dict()["1.running_mean"].clone()
    network.train()
    assert torch.equal(network_features(network, X), expected), "in evaluation mode all the same"
    assert network.training
    assert torch.equal(network.backbone.state_dict()["1.running_mean"], statistics)
    assert torch.equal(torch.get_rng_state(), before)
    network.eval()


def test_features_can_be_written_to_what_is_trained(network):
    features = network_features(network, X)
    weight = torch.nn.Parameter(torch.ones(features.shape[1]))
    (features @ weight).sum().backward()
    np.testing.assert_allclose(weight.grad, features.sum(0), rtol=1e-4)


def test_the_batch_follows_from_the_device():
    sizes = [encode_batch(torch.device(name)) for name in ("cpu", "cuda", "mps")]
    assert sizes == [125, 4096, 500]
