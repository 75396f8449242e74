"""Which images an epoch shows: proportions, balance, views, and images without labels."""

import pytest
import torch

from hashbench.training.order import Order, balanced_order, stratified_order

COUNTS = [100, 60, 30, 7, 3]
classes = torch.arange(len(COUNTS)).repeat_interleave(torch.tensor(COUNTS))


def largest_surplus(order):
    """How far any prefix is from the classes' proportions, in units of the bound 1 + C n_c / n."""
    counts = torch.tensor(COUNTS)
    n = counts.sum()
    seen = torch.nn.functional.one_hot(classes[order], len(COUNTS)).cumsum(0)
    expected = torch.arange(1, len(order) + 1)[:, None] * counts / n
    return ((seen - expected).abs() / (1 + len(COUNTS) * counts / n)).max()


@pytest.mark.parametrize("seed", range(5))
def test_every_prefix_has_the_classes_proportions(seed):
    order = stratified_order(classes, torch.Generator().manual_seed(seed))
    assert order.sort().values.tolist() == list(range(200))
    assert largest_surplus(order) < 1


def test_a_plain_shuffle_would_not_pass():
    shuffles = [torch.randperm(200, generator=torch.Generator().manual_seed(seed)) for seed in range(5)]
    assert max(map(largest_surplus, shuffles)) > 1


def test_batches_of_balanced_classes_are_balanced():
    y = torch.randperm(500, generator=torch.Generator().manual_seed(0)) % 10
    order = stratified_order(y, torch.Generator().manual_seed(1))
    counts = torch.stack([y[index].bincount(minlength=10) for index in order.tensor_split(10)])
    assert counts.min() >= 3
    assert counts.max() <= 7


def test_a_balanced_order_has_each_class_equally_often():
    orders = torch.stack([balanced_order(classes, torch.Generator().manual_seed(s)) for s in range(50)])
    counts = torch.stack([classes[order].bincount() for order in orders])
    assert (counts == 40).all()
    for order in orders:
        batches = torch.stack([classes[part].bincount(minlength=5) for part in order.tensor_split(8)])
        assert (batches - 5).abs().max() <= 2
        drawn = order.bincount(minlength=200)
        assert drawn[classes == 0].max() == 1, "a frequent class is drawn without replacement"
        assert (drawn[classes == 4] - 40 / 3).abs().max() < 1
        rounds = order[classes[order] == 4][:39].view(13, 3).sort().values
        assert (rounds == torch.tensor([197, 198, 199])).all(), "a rare one round by round"
    assert len(orders[:, 0].unique()) > 10
    assert orders.flatten().unique().tolist() == list(range(200)), "over the epochs, all images are seen"
    assert torch.equal(orders[3], balanced_order(classes, torch.Generator().manual_seed(3)))


def test_a_balanced_order_of_balanced_classes_or_of_multi_label_images_is_one_of_all_images():
    for y in (torch.arange(60) % 4, torch.ones(50, 3)):
        order = balanced_order(y, torch.Generator().manual_seed(0))
        assert order.sort().values.tolist() == list(range(len(y)))


def test_the_rest_of_a_balanced_order_falls_to_any_class():
    y = torch.arange(23) % 3
    counts = [y[balanced_order(y, torch.Generator().manual_seed(s))].bincount().tolist() for s in range(20)]
    assert {tuple(count) for count in counts} == {(8, 8, 7), (8, 7, 8), (7, 8, 8)}


def test_order_is_random_within_and_between_classes():
    orders = torch.stack([stratified_order(classes, torch.Generator().manual_seed(s)) for s in range(100)])
    first = classes[orders[:, 0]].bincount(minlength=5)
    assert (first[:3] > 0).all(), "the first image is of any frequent class"
    of_class = [order[classes[order] == 2] for order in orders]
    assert len(torch.stack(of_class).unique(dim=0)) == 100
    assert torch.equal(orders[3], stratified_order(classes, torch.Generator().manual_seed(3)))


def test_classes_without_images_and_a_single_class_do_no_harm():
    for y in (torch.tensor([0, 5, 5, 2, 0]), torch.zeros(4, dtype=torch.int64)):
        order = stratified_order(y, torch.Generator().manual_seed(0))
        assert order.sort().values.tolist() == list(range(len(y)))


def test_multi_label_images_are_shuffled():
    order = stratified_order(torch.ones(50, 3), torch.Generator().manual_seed(0))
    assert order.sort().values.tolist() == list(range(50))
    assert not torch.equal(order, torch.arange(50))


# -- the steps of an epoch -----------------------------------------------------------------------------


def draw(order, seed=0):
    return order.draw(torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("views", [1, 2, 4])
def test_an_epoch_has_as_many_steps_at_any_number_of_views(views):
    order = Order(classes, 40, views=views)
    steps = draw(order)
    assert len(steps) == order.n_steps == 5
    assert {len(step) for step in steps} == {40 // views}
    shown = torch.cat(steps)
    assert len(shown.unique()) == len(shown) == 200 // views
    assert largest_surplus(shown) < 1, "of the classes' proportions, too"
    seen = torch.cat([index for seed in range(40) for index in draw(order, seed)])
    assert len(seen.unique()) == 200, "over the epochs, all images are seen"


def hidden(labels, n_labelled):
    """The labels with all but the first ``n_labelled`` of a random order hidden."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    labels = labels.clone()
    labels[order[n_labelled:]] = -1
    return labels


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("views", [1, 2])
def test_a_share_of_each_step_is_labelled_and_the_budget_is_that_of_the_labelled_images(views, multi_label):
    y = torch.nn.functional.one_hot(classes) if multi_label else classes
    y = hidden(y, 80)
    known = y.reshape(200, -1)[:, 0] >= 0
    order = Order(y, 20, views=views, labelled_share=0.25)
    steps = draw(order)
    assert len(steps) == 4, "as many as of 80 labelled images"
    for step in steps:
        assert len(step) == 20 // views
        assert known[step].sum() == pytest.approx(5 / views, abs=0.5)
    others = torch.cat(steps)[~known[torch.cat(steps)]]
    assert len(others.unique()) == len(others), "without replacement"
    again, another = draw(order), draw(order, 1)
    assert all(torch.equal(one, other) for one, other in zip(steps, again, strict=True))
    assert not torch.equal(torch.cat(steps), torch.cat(another))
    seen = torch.cat([index for seed in range(60) for index in draw(order, seed)])
    assert len(seen.unique()) == 200


def test_few_images_without_labels_come_again_only_when_all_have_come():
    y = classes.clone()
    y[:7] = -1
    steps = torch.cat(draw(Order(y, 40, labelled_share=0.5)))
    counts = steps[steps < 7].bincount(minlength=7)
    assert counts.sum() == 193 - round(193 * 0.5)
    assert counts.max() - counts.min() <= 1


def test_where_all_images_are_labelled_the_share_does_nothing():
    semi, supervised = Order(classes, 40, labelled_share=0.5), Order(classes, 40)
    assert torch.equal(torch.cat(draw(semi)), torch.cat(draw(supervised)))


def test_every_step_has_a_labelled_image_however_small_the_share():
    y = hidden(classes, 30)
    for step in draw(Order(y, 10, labelled_share=0.01)):
        assert (y[step] >= 0).sum() == 1


def test_labelled_images_are_balanced_where_the_method_asks():
    y = hidden(classes, 120)
    steps = torch.cat(draw(Order(y, 40, labelled_share=0.5, class_balanced=True)))
    assert y[steps][y[steps] >= 0].bincount().tolist() == [12] * 5


@pytest.mark.parametrize("views", [1, 2, 5])
@pytest.mark.parametrize("share", [None, 0.1, 0.9])
def test_no_step_is_empty_however_few_images_there_are(views, share):
    for n in range(2, 30):
        y = torch.cat([torch.arange(n) % 2, torch.full((3 * (share is not None),), -1)])
        for step in draw(Order(y, 3, views=views, labelled_share=share)):
            assert len(step) >= 1
            assert (y[step] >= 0).any()
