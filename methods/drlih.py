"""Deep reinforcement learning for image hashing (DRLIH): bits one after the other, from a recurrent network.

Peng, Zhang & Ye, "Deep reinforcement learning for image hashing", IEEE Trans. Multimedia 22(8), 2020.

The default is the authors' release (PKU-ICST-MIPL/DRLIH_TMM2020). With h_0 = f(x) from the network,
h_k = tanh(W_ih h_{k-1} + b_ih + W_hh h_{k-1} + b_hh) and p_k = sigmoid(w h_k + b), for k = 1..K; bit k is
p_k > 1/2. All steps share one cell and one actor (w, b). Input and state of the cell are both h_{k-1}, so
that it is one matrix W_ih + W_hh; no bit is sampled or fed back. The loss is lam L_L + (1 - lam) L_R:
- L_R, the mean over triplets of max(0, 1 + ||p - p+|| - ||p - p-||), plain distances of probabilities;
- L_L, the mean over anchors of -(1/K) sum_k log max(p_k, 1 - p_k), times the value of L_R without gradient.
L_L is no policy gradient. REINFORCE with reward -L_R would lower +L_R log p of a sampled bit; this lowers
-L_R log p of the likelier bit, and so drives every p_k away from 1/2: a quantisation, with a small weight.

``reading="mdp"`` puts a policy gradient in its place. The abstract fixes a Markov decision process with the
bits as actions, a policy network that is recurrent, and action groups that share a reward; it gives no
formula. Reconstructed here: bits a_k ~ Bernoulli(p_k) in groups g = 1..G of consecutive bits, and, after each
group, J_g = max(0, m_g + D(a, a+) - D(a, a-)) with the Hamming distance D on the bits so far, m_g the margin
times the share of the bits so far, and J_0 = 0. A group's reward is the improvement J_{g-1} - J_g, its return
J_{g-1} - J_G, and L_L becomes -mean sum_g (return - baseline) sum_k log pi(a_k), over the bits k of the group
in all three images. The baseline is the mean return of the batch's other triplets.

Formula: read in the authors' code (PKU-ICST-MIPL/DRLIH_TMM2020).
Departures from the paper: the release takes 16 random triplets a step; here L_R and L_L are means over all
triplets within a batch, which has the same expectation with less noise. The policy gradient takes one random
positive and negative for each anchor, with bits of their own, so that the baseline is independent of them.
The hidden width is 256, not 4,096, as the suite's networks are smaller, and f(x) starts with deviation 1.
Cell and actor start as released, but the cell's weights are kept in units of 1 / sqrt(width): the recipe's
rate can move plain weights by more than their start in a dozen steps, and some trainings on digits collapsed
to a few codes. In "mdp", the image enters at the start, as in the release; read again at every step
(``image_at="every step"``, our first reading of the abstract), it made all bits alike: digits got 6 codes at
48 bits. Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from hashbench.errors import InvalidInputError
from hashbench.training import Batch, DeepHashMethod, TrainingData, all_pairs, same_label

EPS = 1e-6  # what the release adds to each difference in a distance
ACTOR_NORM = 0.01  # length of the actor's weights at the start, as released


@dataclass(eq=False, repr=False, kw_only=True)
class DRLIH(DeepHashMethod):
    """DRLIH.

    hidden: width of the recurrent state.
    lam: weight of the first term, in [0, 1]; 0: the triplet loss alone.
    margin: of the triplets, in units of both distances.
    reading: "release", or "mdp", a reconstruction of the paper's policy gradient.
    groups: for "mdp": how many groups of bits have a reward of their own; 0: every bit has.
    image_at: whether f(x) enters as h_0 only ("start"), or is the cell's input at "every step" as well.
    bits: "recurrent", or "independent", a control: K outputs of a linear layer get the same losses. They
    start with deviation 1, as in other deep methods; ``hidden`` and ``image_at`` mean nothing then.
    """

    hidden: int = 256
    lam: float = 0.001
    margin: float = 1.0
    reading: Literal["release", "mdp"] = "release"
    groups: int = 4
    image_at: Literal["start", "every step"] = "start"
    bits: Literal["recurrent", "independent"] = "recurrent"

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Lam times L_L or the policy loss, plus (1 - lam) L_R."""
        logits, similar = self.readout(z), same_label(batch.labels)
        triplet_loss, doubt = triplet_terms(logits, similar, self.margin)
        if self.reading == "release":
            first = doubt * triplet_loss.detach()
        else:
            triplets, valid = random_triplets(similar)
            first = policy_loss(logits[triplets], valid, group_ends(self.n_bits, self.groups), self.margin)
        return self.lam * first + (1 - self.lam) * triplet_loss

    def n_outputs(self, n_classes: int) -> int:
        """The width of the recurrent state; for independent bits, the code length."""
        return self.hidden if self.bits == "recurrent" else self.n_bits

    def make_state(self, data: TrainingData) -> nn.Module | None:
        """Cell and actor, or None for independent bits. Raises InvalidInputError for unusable parameters."""
        self._check_numbers()
        if self.bits == "independent":
            return None
        return Recurrence(self.hidden, self.n_bits, image_at_every_step=self.image_at == "every step")

    def readout(self, z: torch.Tensor) -> torch.Tensor:
        """The logits (b, n_bits) of p; a bit is 1 where p > 1/2."""
        return z if self.state_ is None else self.state_(z)

    def _check_numbers(self) -> None:
        if self.hidden < 1:
            raise InvalidInputError(f"{self.name()}: hidden={self.hidden} must be at least 1")
        if not 0 <= self.lam <= 1:
            raise InvalidInputError(f"{self.name()}: lam={self.lam} must be in [0, 1]")
        if not self.margin > 0:
            raise InvalidInputError(f"{self.name()}: margin={self.margin} must be positive")
        if self.reading == "mdp" and not 0 <= self.groups <= self.n_bits:
            raise InvalidInputError(
                f"{self.name()}: groups={self.groups} must be between 1 and the {self.n_bits} bits, or 0 for "
                "a group for every bit"
            )


class Recurrence(nn.Module):
    """The recurrent network from head outputs h_0 (b, width) to the logits (b, n_bits) of the bits.

    The weights and biases of ``cell`` are in units of ``unit`` = 1 / sqrt(width), the range of their start.
    """

    def __init__(self, width: int, n_bits: int, *, image_at_every_step: bool = False) -> None:
        super().__init__()
        self.n_bits, self.image_at_every_step, self.unit = n_bits, image_at_every_step, width**-0.5
        self.cell, self.actor = nn.RNNCell(width, width), nn.Linear(width, 1)
        with torch.no_grad():
            self.cell.weight_ih /= self.unit
            self.cell.weight_hh /= self.unit
            self.actor.weight.normal_()
            self.actor.weight *= ACTOR_NORM / self.actor.weight.norm()
            for bias in (self.cell.bias_ih, self.cell.bias_hh, self.actor.bias):
                bias.zero_()

    def forward(self, h: torch.Tensor) -> torch.Tensor:  # noqa: D102
        return self.actor(self.states(h))[..., 0]

    def states(self, h: torch.Tensor) -> torch.Tensor:
        """The states h_1..h_K, (b, n_bits, width) in [-1, 1], that follow h_0 (b, width)."""
        W_ih, W_hh = self.unit * self.cell.weight_ih, self.unit * self.cell.weight_hh
        bias = self.unit * (self.cell.bias_ih + self.cell.bias_hh)
        if self.image_at_every_step:
            W, bias = W_hh, torch.addmm(bias, h, W_ih.T)
        else:
            W = W_ih + W_hh
        states = []
        for _ in range(self.n_bits):
            h = torch.addmm(bias, h, W.T).tanh()
            states.append(h)
        return torch.stack(states, dim=1)


def triplet_terms(
    logits: torch.Tensor, similar: torch.Tensor, margin: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """L_R, and the anchors' -(1/K) sum_k log max(p_k, 1 - p_k): means over all triplets of a batch.

    They are 0 where there are no triplets. logits: (b, K). similar: (b, b) bool.
    O(b^2 (b + K)) memory: a mask over all triplets, as an index would wait for the device.
    """
    p = logits.sigmoid()
    distance = ((p[:, None] - p).abs() + EPS).square().sum(dim=2).sqrt()
    positive = similar & all_pairs(len(p), p.device)
    triplet = positive[:, :, None] & ~similar[:, None, :]  # anchor, positive, negative
    n_triplets = triplet.sum().clamp_min(1)
    losses = (margin + distance[:, :, None] - distance[:, None, :]).relu()
    doubts = -nn.functional.logsigmoid(logits.abs()).mean(dim=1)
    return (losses * triplet).sum() / n_triplets, (doubts * triplet.sum(dim=(1, 2))).sum() / n_triplets


def random_triplets(similar: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """For each image as anchor, one random positive and negative: (3, b) int64, and (b,) whether it has both.

    similar: (b, b) bool. Without a positive or a negative, an image of no meaning stands in its place.
    """
    b, device = len(similar), similar.device
    candidates = torch.stack([similar & all_pairs(b, device), ~similar])
    keys = torch.rand(candidates.shape, device=device)
    partners = torch.where(candidates, keys, -1.0).argmax(dim=2)
    return torch.cat([torch.arange(b, device=device)[None], partners]), candidates.any(dim=2).all(dim=0)


def group_ends(n_bits: int, n_groups: int) -> list[int]:
    """After how many bits each group ends, as equal in size as can be; 0 groups: one for every bit."""
    n_groups = n_groups or n_bits
    return [n_bits * g // n_groups for g in range(1, n_groups + 1)]


def policy_loss(logits: torch.Tensor, valid: torch.Tensor, ends: list[int], margin: float) -> torch.Tensor:
    """A scalar whose gradient estimates that of the mean of J_G over bits ~ Bernoulli(sigmoid(logits)).

    It is REINFORCE (Williams, Machine Learning 1992) with rewards to go and a leave-one-out baseline; the
    module's docstring gives the formulas. Each triplet draws bits of its own, from the global generator.
    logits: (3, n, K), of anchors, positives and negatives. valid: (n,) bool, which triplets count.
    """
    bits = torch.bernoulli(logits.detach().sigmoid())
    log_pi = -nn.functional.binary_cross_entropy_with_logits(logits, bits, reduction="none").sum(dim=0)
    sizes = [end - start for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    log_pi = torch.stack([group.sum(dim=1) for group in log_pi.split(sizes, dim=1)], dim=1)  # (n, G)
    returns = group_returns(bits, ends, margin) * valid[:, None]
    n_valid = valid.sum()
    baseline = (returns.sum(dim=0) - returns) / (n_valid - 1).clamp_min(1)
    return -((returns - baseline) * valid[:, None] * log_pi).sum() / n_valid.clamp_min(1)


def group_returns(bits: torch.Tensor, ends: list[int], margin: float) -> torch.Tensor:
    """(n, G): J_{g-1} - J_G of triplets with these bits (3, n, K) of anchors, positives and negatives."""
    anchor, positive, negative = bits
    surplus = ((anchor - positive).abs() - (anchor - negative).abs()).cumsum(dim=1)
    costs = [(margin * end / ends[-1] + surplus[:, end - 1]).relu() for end in ends]
    return torch.stack([torch.zeros_like(costs[-1]), *costs[:-1]], dim=1) - costs[-1][:, None]
