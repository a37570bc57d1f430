#!/usr/bin/env python3
"""Golden values of the losses over triplets: triplet margin, angular, N-pairs and NCA.

Run: `make golden`, then look at the difference and commit it.
"""

import torch
from golden import COSINE, EUCLIDEAN, SQUARED, write_loss
from pytorch_metric_learning import distances, losses, miners

DOT = distances.DotProductSimilarity(normalize_embeddings=False)
CITY_BLOCK = distances.LpDistance(normalize_embeddings=False, p=1)
NAMES = {EUCLIDEAN: "lp2_normalized", SQUARED: "lp2_squared_normalized", COSINE: "cosine"}


def triplet(case, distance=EUCLIDEAN, mined=None, **params):
    """A triplet margin loss; `mined` is (type of triplets, margin of the miner)."""
    loss = losses.TripletMarginLoss(distance=distance, **params)
    miner = None
    if mined:
        rule = {"margin": mined[1], "type_of_triplets": mined[0]}
        chooses = miners.TripletMarginMiner(distance=distance, **rule)
        miner = (chooses, "TripletMarginMiner", rule, NAMES[distance])
    write_loss(case, "TripletMarginLoss", params, loss, distance, miner)


def facenet(margin):
    """FaceNet's selection of one negative for every pair, in plain loops, and its loss."""

    def mine(labels, squared):
        chosen = []
        for a in range(len(labels)):
            for p in range(len(labels)):
                if a == p or labels[a] != labels[p]:
                    continue
                gaps = squared[a] - squared[a, p]
                semi_hard = (labels != labels[a]) & (gaps > 0) & (gaps <= margin)
                if semi_hard.any():
                    chosen.append((a, p, int(torch.where(semi_hard, gaps, torch.inf).argmin())))
        return (torch.tensor(part) for part in zip(*chosen))

    def loss(embeddings, labels):
        unit = torch.nn.functional.normalize(embeddings, dim=1)
        a, p, n = mine(labels, (unit[:, None] - unit).square().sum(2).detach())
        terms = (unit[a] - unit[p]).square().sum(1) - (unit[a] - unit[n]).square().sum(1) + margin
        return terms.relu().sum() / (terms > 0).sum()

    return loss


def angular_authors(alpha):
    """Wang et al. 2017, equation 7, over all embeddings of unit length."""

    def loss(embeddings, labels):
        unit = torch.nn.functional.normalize(embeddings, dim=1)
        tangent = torch.tan(torch.deg2rad(torch.tensor(alpha, dtype=torch.float64))) ** 2
        terms = []
        for a in range(len(labels)):
            for p in range(len(labels)):
                if a != p and labels[a] == labels[p]:
                    others = unit[labels != labels[a]]
                    exponents = 4 * tangent * others @ (unit[a] + unit[p])
                    exponents = exponents - 2 * (1 + tangent) * unit[a] @ unit[p]
                    terms.append(torch.log1p(exponents.exp().sum()))
        return torch.stack(terms).mean()

    return loss


def npairs_tensorflow(reg_lambda):
    """`tf.contrib.losses.metric_learning.npairs_loss` on the first pair of each identity."""

    def loss(embeddings, labels):
        firsts = [torch.where(labels == label)[0][:2] for label in labels.unique()]
        anchors, mated = (embeddings[[int(pair[side]) for pair in firsts]] for side in (0, 1))
        lengths = anchors.square().sum(1).mean() + mated.square().sum(1).mean()
        entropy = torch.nn.functional.cross_entropy(anchors @ mated.T, torch.arange(len(firsts)))
        return entropy + 0.25 * reg_lambda * lengths

    return loss


triplet("triplet_default")
triplet("triplet_semihard", mined=("semihard", 0.2), margin=0.2)
triplet("triplet_facenet", SQUARED, mined=("semihard", 0.2), margin=0.2)
triplet("triplet_hard", mined=("hard", 0.2), margin=0.2)
triplet("triplet_easy", mined=("easy", 0.5), margin=0.7)
triplet("triplet_violating", SQUARED, mined=("all", 0.1), margin=0.3)
triplet("triplet_semihard_cosine", COSINE, mined=("semihard", 0.05), margin=0.2)
triplet("triplet_cosine", COSINE, margin=0.2)
triplet("triplet_smooth", margin=0.2, smooth_loss=True)
triplet("triplet_without_margin", SQUARED, margin=0, smooth_loss=True)
triplet("triplet_swap", margin=0.2, swap=True)
triplet("triplet_swap_smooth_dot", DOT, margin=1.5, swap=True, smooth_loss=True)
triplet("triplet_city_block", CITY_BLOCK, margin=3, swap=True, triplets_per_anchor="all")

write_loss(
    "triplet_facenet_hardest",
    "FaceNetLoss",
    {"margin": 0.2},
    facenet(0.2),
    source="Schroff et al. 2015, section 3.2, in PyTorch",
)

write_loss("angular", "AngularLoss", {"alpha": 40}, losses.AngularLoss(alpha=40), EUCLIDEAN)
write_loss("angular_25", "AngularLoss", {"alpha": 25}, losses.AngularLoss(alpha=25), EUCLIDEAN)
write_loss(
    "angular_authors",
    "AngularLossAuthors",
    {"alpha": 45},
    angular_authors(45),
    source="Wang et al. 2017, in PyTorch",
)

COSINES = distances.DotProductSimilarity()
write_loss("npairs", "NPairsLoss", {}, losses.NPairsLoss(), COSINES)
write_loss("npairs_euclidean", "NPairsLoss", {}, losses.NPairsLoss(distance=EUCLIDEAN), EUCLIDEAN)
write_loss(
    "npairs_tensorflow",
    "NPairsLossTensorflow",
    {"reg_lambda": 0.02},
    npairs_tensorflow(0.02),
    source="the formula of TensorFlow's npairs_loss, in PyTorch",
)

write_loss("nca", "NCALoss", {"softmax_scale": 1}, losses.NCALoss(), SQUARED)
write_loss(
    "nca_scale10_cosine",
    "NCALoss",
    {"softmax_scale": 10},
    losses.NCALoss(softmax_scale=10, distance=COSINE),
    COSINE,
)
write_loss(
    "nca_mined",
    "NCALoss",
    {"softmax_scale": 2},
    losses.NCALoss(softmax_scale=2),
    SQUARED,
    (
        miners.TripletMarginMiner(margin=0.2, type_of_triplets="hard", distance=SQUARED),
        "TripletMarginMiner",
        {"margin": 0.2, "type_of_triplets": "hard"},
        "lp2_squared_normalized",
    ),
)
