"""Protocols: what is learned on, what asks, what is searched, and on which budget. Named frozen values."""

from dataclasses import asdict, dataclass, field
from functools import cached_property

from hashbench.contracts.recipe import Recipe
from hashbench.errors import UnknownNameError
from hashbench.identity.digest import digest_of


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How images become queries, training images and database (``make_split``), and the training budget.

    queries: how many, over all classes; None: the whole test part, the rest being the training part.
    train: how many labelled images are learned on, over all classes; None: all that may be learned on.
    train_in_database: whether those images are also searched, or are taken out of the database.
    seen_classes: the share of classes learned on, the search being among the others; None: all are both.
    test_fraction: what becomes the test part where the data set has no official one.
    recipe: how every deep method is trained.
    """

    name: str
    description: str
    queries: int | None
    train: int | None
    train_in_database: bool
    seen_classes: float | None = None
    test_fraction: float = 1 / 6
    recipe: Recipe = field(default_factory=Recipe)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of every field but two, so that a protocol has one digest for all data sets.

        The wording of the description changes no number; ``recipe.flip`` is the data set's to say. So is
        whether ``recipe.erase`` is used: a run takes the digest before the data set has had its say.
        """
        fields = asdict(self)
        del fields["description"], fields["recipe"]["flip"]
        return digest_of(fields)


OF_MANY_LABELS = Recipe(  # tens of thousands: few epochs
    pretrain_epochs=16, epochs=6, trunk_lr=1e-3, warp=0.0, jitter=0.0
)
OF_FEW_LABELS = Recipe(erase=0.3)

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            name="full",
            description="queries: the test part; labelled training images = database: the training part",
            queries=None,
            train=None,
            train_in_database=True,
            recipe=OF_MANY_LABELS,
        ),
        Protocol(  # Xia et al. 2014 (CNNH), Lai et al. 2015 (DNNH), Li et al. 2016 (DPSH)
            name="5k",
            description="1,000 queries; database: all others; 5,000 of them are labelled and learned on "
            "(both counts shrink alike where the smallest class is too small)",
            queries=1000,
            train=5000,
            train_in_database=True,
            recipe=OF_FEW_LABELS,
        ),
        Protocol(
            name="5k-disjoint",
            description="queries and training images of 5k; database: all others, training images removed",
            queries=1000,
            train=5000,
            train_in_database=False,
            recipe=OF_FEW_LABELS,
        ),
        Protocol(  # Sablayrolles et al. 2017
            name="unseen",
            description="learned on seven classes of ten (training part); queries (test part) and database "
            "(training part) are of the other three",
            queries=None,
            train=None,
            train_in_database=False,
            seen_classes=0.7,
            recipe=OF_MANY_LABELS,
        ),
    )
}


def find_protocol(name: str) -> Protocol:
    """The protocol called ``name``. Raises UnknownNameError."""
    if name not in PROTOCOLS:
        raise UnknownNameError("protocol", name, PROTOCOLS)
    return PROTOCOLS[name]
