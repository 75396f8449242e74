"""Published numbers, against rows of the file read by hand."""

from collections import Counter
from dataclasses import replace

import pytest

from hashbench.reporting import published
from hashbench.reporting.published import published_numbers, quotes, unplaced


def test_all_rows_are_read_under_our_names() -> None:
    numbers = published_numbers()
    assert len(numbers) == 726
    methods = Counter(number.method for number in numbers)
    assert methods["cca_itq"] == 20
    assert methods["mu_liu"] == 2
    assert {"cca-itq", "mu-liu", "ssdh", "bre"}.isdisjoint(methods)  # ssdh: three methods have that acronym
    assert [n.value for n in numbers if n.method == "cca_itq" and n.bits == 24] == [0.282, 0.694, 0.694]


def test_dpsh_is_marked_for_its_imagenet_networks_and_its_authors_come_first() -> None:
    found = quotes("dpsh", "cifar10", "5k", "map", 48, None, "vgg6")
    assert found[0].number.value == 0.7828
    assert "DPSH authors" in found[0].number.source
    assert found[0].reasons == ("AlexNet, ImageNet-pretrained; ours: vgg6 from scratch",)
    vgg_f = next(quote for quote in found if quote.number.features.startswith("VGG-F"))
    assert vgg_f.number.value == 0.767
    assert vgg_f.reasons == ("VGG-F end-to-end, ImageNet-pretrained; ours: vgg6 from scratch",)
    assert all(quote.reasons for quote in found)


def test_itq_on_gist_is_marked_beside_pixels() -> None:
    found = quotes("itq", "cifar10", "5k", "map", 48, "pixels", None, "nothing")
    assert [quote.number.value for quote in found] == [0.175]
    assert found[0].reasons[0] == "GIST-512; ours: pixels"
    (other,) = quotes("itq", "cifar10", "5k-train", "map", 48, "pixels", None, "nothing")
    assert other.number.value == 0.1672
    assert "at random" in other.reasons[1]


@pytest.mark.parametrize(
    ("method", "value"),
    [("ksh", 0.356), ("sdh", 0.356), ("lsh", 0.120), ("cca_itq", 0.295), ("bre_sup", 0.196)],
)
def test_on_gist_and_the_same_split_there_is_no_mark(method: str, value: float) -> None:
    first = quotes(method, "cifar10", "5k", "map", 48, "gist", None, "nothing")[0]
    assert (first.number.value, first.reasons) == (value, ())
    assert quotes(method, "cifar10", "5k", "map", 48, "pixels", None, "nothing")[0].other_features
    own_file = quotes(method, "cifar10", "5k", "map", 48, "gist", None, "not stated")
    assert all(quote.other_features for quote in own_file)


@pytest.mark.parametrize("method", ["itq", "sh"])
def test_on_gist_codes_learned_from_all_images_keep_their_mark(method: str) -> None:
    first = quotes(method, "cifar10", "5k", "map", 48, "gist", None, "nothing")[0]
    assert first.other_features is None
    assert "59,000" in (first.other_split or "")


def test_learned_features_and_descriptors_never_stand_beside_each_other() -> None:
    on_pixels = quotes("sdh", "cifar10", "5k", "map", 48, "pixels", None, "nothing")
    on_cnn = quotes("sdh", "cifar10", "5k", "map", 48, "cnn", "vgg6", "labels")
    assert [quote.number.value for quote in on_pixels] == [0.356, 0.3734]
    assert [quote.number.value for quote in on_cnn] == [0.6688, 0.5411]
    assert "activations of vgg6 trained on the protocol's labels" in on_cnn[1].reasons[0]


@pytest.mark.parametrize("learned_from", ["images", "labels", "not stated"])
def test_features_of_ones_own_never_match_without_a_mark(learned_from: str) -> None:
    found = [
        quote
        for number in published_numbers()
        for protocol in ("5k", "full")
        for quote in quotes(
            number.method, number.dataset, protocol, "map", number.bits or 0, "mine", None, learned_from
        )
    ]
    assert found
    assert all("ours: mine" in (quote.other_features or "") for quote in found)
    assert not [quote for quote in found if quote.number.features.startswith("GIST")]


def test_5000_and_59000_labels_never_share_a_column() -> None:
    # SDH on the whole database's labels: .6603 at 48 bits, CNN-F fc7.
    assert any(number.value == 0.6603 for number in published_numbers())
    for protocol in ("5k", "5k-disjoint", "full", "unseen"):
        found = quotes("sdh", "cifar10", protocol, "map", 48, "cnn", "vgg6", "labels")
        assert 0.6603 not in [quote.number.value for quote in found]


def test_a_network_trained_from_scratch_on_our_split_has_no_mark() -> None:
    # The only such rows of ours are DSH's, and their split differs: one reason, not two.
    found = quotes("dsh", "cifar10", "full", "map", 48, None, "vgg6")
    assert [quote.number.value for quote in found] == [0.6755, 0.6948, 0.7794]
    assert [quote.other_features for quote in found] == [None, None, None]
    assert found[0].reasons == ("the 10,000 queries are themselves the database",)
    # An exact split leaves none at all; LSH needs no training, so that only the features differ.
    lsh = quotes("lsh", "cifar10", "5k", "map", 64, "cnn", "vgg6", "labels")
    assert [(quote.number.value, quote.other_split) for quote in lsh] == [(0.1757, None)]
    (on_gist,) = quotes("lsh", "cifar10", "5k", "map", 64, "gist", None, "nothing")
    assert (on_gist.number.value, on_gist.other_features) == (0.1436, None)
    assert on_gist.other_split == "59,000 images are searched by its README, 5,000 by its code"


def test_protocols_do_not_leak_into_each_other() -> None:
    disjoint = quotes("dpsh", "cifar10", "5k-disjoint", "map", 48, None, "vgg6")
    assert [quote.number.value for quote in disjoint] == [0.775]
    assert 0.775 not in [q.number.value for q in quotes("dpsh", "cifar10", "5k", "map", 48, None, "vgg6")]
    assert quotes("dpsh", "mnist", "5k", "map", 48, None, "vgg6") == []
    assert quotes("dpsh", "cifar10", "unseen", "map", 48, None, "vgg6") == []


def test_rows_that_search_the_training_images_stand_under_5k_train_alone() -> None:
    searched = quotes("sdh", "cifar10", "5k-train", "map", 12, "gist", None, "nothing")
    assert [quote.number.value for quote in searched] == [0.3964]
    found = quotes("sdh", "cifar10", "5k", "map", 12, "gist", None, "nothing")
    assert [quote.number.value for quote in found] == [0.285, 0.2919]
    assert "the best of five evaluations" in found[1].reasons[0]


@pytest.mark.parametrize("metric", ["map_optimistic", "map@1000[hits]", "precision@500", "map@5000[hits]"])
def test_other_metrics_have_no_published_numbers(metric: str) -> None:
    for number in published_numbers():
        bits = number.bits or 0
        assert quotes(number.method, number.dataset, "5k", metric, bits, None, "vgg6") == []


def test_numbers_not_to_be_quoted_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    good = quotes("dpsh", "cifar10", "5k", "map", 48, None, "vgg6")[0].number
    warned = next(number for number in published_numbers() if "do not quote" in number.features)
    bad = replace(good, features=warned.features)
    monkeypatch.setattr(published, "published_numbers", lambda: (bad, good))
    monkeypatch.setattr(published, "_by_cell", published._by_cell.__wrapped__)  # not kept
    found = quotes("dpsh", "cifar10", "5k", "map", 48, None, "vgg6")
    assert [quote.number for quote in found] == [good]


def test_mu_liu_stands_in_no_column_but_in_a_note() -> None:
    for protocol in ("5k", "5k-disjoint", "full"):
        for bits in (12, 24, 32, 48):
            for dataset in ("cifar10", "mnist"):
                assert quotes("mu_liu", dataset, protocol, "map", bits, None, "vgg6") == []
    assert [(n.value, n.bits) for n in unplaced(["mu_liu"], "cifar10", "map")] == [(0.74, None)]
    assert [(n.value, n.bits) for n in unplaced(["mu_liu"], "mnist", "map")] == [(0.99, 12)]
    assert unplaced(["mu_liu"], "cifar10", "precision@100") == []
