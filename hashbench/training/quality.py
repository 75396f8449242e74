"""How good the activations of a network are that has seen no labels: probes on training labels alone.

A fifth of the training images is kept aside as a validation part; the others' labels train the probes. No
query is seen, and the network is fixed: nothing is chosen by these numbers.
"""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy, normalize, one_hot

VALIDATION = 5  # one of so many images
NEIGHBOURS, TEMPERATURE = 200, 0.1
PENALTY, STEPS = 1e-3, 100


def quality_of(features: torch.Tensor, labels: torch.Tensor, seed: int) -> dict[str, float]:
    """The quality of features (n, d) float32 of the training images.

    "rank": the effective number of dimensions, exp of the entropy of the shares of variance (Roy & Vetterli,
    EUSIPCO 2007); 1 where all has collapsed to a line. "linear" and "neighbours", the accuracies of the two
    probes below, only for labels (n,) of one class each, and for five images or more.
    """
    variances = torch.linalg.svdvals(features.double() - features.double().mean(dim=0)).square()
    shares = variances / variances.sum().clamp_min(1e-30)
    found = {"rank": torch.special.entr(shares).sum().exp().item()}
    if labels.ndim != 1 or len(labels) < VALIDATION:
        return found
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed)).to(labels.device)
    cut = len(labels) // VALIDATION
    seen, asked = order[cut:], order[:cut]
    deviation, mean = torch.std_mean(features[seen], dim=0)
    scaled = (features - mean) / deviation.clamp_min(1e-6)
    for name, probe in (("linear", linear_probe), ("neighbours", neighbour_probe)):
        rows = scaled if name == "linear" else features
        predicted = probe(rows[seen], labels[seen], rows[asked], int(labels.max()) + 1)
        found[name] = (predicted == labels[asked]).double().mean().item()
    return found


@torch.enable_grad()
def linear_probe(
    seen: torch.Tensor, labels: torch.Tensor, asked: torch.Tensor, n_classes: int
) -> torch.Tensor:
    """Classes (m,) of features ``asked`` (m, d) by logistic regression on ``seen`` (n, d), labels (n,).

    Mean cross-entropy with a small ridge on the weights, at most 100 steps of L-BFGS from zero.
    """
    weight = seen.new_zeros(n_classes, seen.shape[1], requires_grad=True)
    bias = seen.new_zeros(n_classes, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = cross_entropy(seen @ weight.T + bias, labels) + PENALTY * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return (asked @ weight.T + bias).detach().argmax(dim=1)


def neighbour_probe(
    seen: torch.Tensor, labels: torch.Tensor, asked: torch.Tensor, n_classes: int
) -> torch.Tensor:
    """Classes (m,) by the votes of the 200 nearest by cosine, each with weight exp(cosine / 0.1).

    Wu, Xiong, Yu & Lin, CVPR 2018, section 3.4. Fewer than 2,000 images ``seen`` (n, d): a tenth of them.
    """
    seen, votes = normalize(seen), one_hot(labels, n_classes).to(seen.dtype)
    k = max(1, min(NEIGHBOURS, len(seen) // 10))
    predicted = []
    for part in normalize(asked).split(1000):
        cosines, nearest = (part @ seen.T).topk(k, dim=1)
        weights = (cosines / TEMPERATURE).exp()
        predicted.append((weights[:, :, None] * votes[nearest]).sum(dim=1).argmax(dim=1))
    return torch.cat(predicted)
