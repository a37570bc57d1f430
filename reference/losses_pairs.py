#!/usr/bin/env python3
"""Golden values of losses over pairs, from pytorch-metric-learning, or from their papers' formulas."""

import torch
from golden import COSINE, EUCLIDEAN, SQUARED, write_loss
from pytorch_metric_learning import losses, miners, regularizers
from pytorch_metric_learning.distances import DotProductSimilarity, LpDistance, SNRDistance

RAW = LpDistance(normalize_embeddings=False, p=2, power=1)
MANHATTAN = LpDistance(normalize_embeddings=True, p=1, power=1)
DOT = DotProductSimilarity(normalize_embeddings=False)
SNR = SNRDistance()
RAW_SNR = SNRDistance(normalize_embeddings=False)


def pml(case, class_name, distance=None, miner=None, **params):
    """A case of pytorch-metric-learning."""
    loss = getattr(losses, class_name)(**params, **({"distance": distance} if distance else {}))
    write_loss(case, class_name, params, loss, distance=loss.distance, miner=miner)


def multi_similarity_miner():
    return miners.MultiSimilarityMiner(epsilon=0.1), "MultiSimilarityMiner", {"epsilon": 0.1}, None


def semi_hard_miner():
    params = {"margin": 0.2, "type_of_triplets": "semihard"}
    return miners.TripletMarginMiner(**params), "TripletMarginMiner", params, None


# Losses that pytorch-metric-learning lacks, or has in a form that we do not share: the formulas.


def kinds(labels):
    """Who is mated, and who is not."""
    same = labels[:, None] == labels[None, :]
    return same & ~torch.eye(len(labels), dtype=torch.bool), ~same


def differences(rows):
    """Euclidean distances; zeros are left out of the graph, whose root has no slope there."""
    squares = (rows[:, None] - rows[None, :]).square().sum(dim=2)
    return torch.where(squares > 0, squares.clamp(min=1e-300).sqrt(), 0.0)


def unit(rows):
    return rows / rows.norm(dim=1, keepdim=True)


def unbounded(distances):
    def loss(embeddings, labels):
        mated, others = kinds(labels)
        values = distances(embeddings)
        return values[mated].mean() - values[others].mean()

    return loss


def squared(margin):
    def loss(embeddings, labels):
        mated, others = kinds(labels)
        values = differences(embeddings)
        pulls = 0.5 * values[mated].square()
        pushes = 0.5 * (margin - values[others]).clamp(min=0).square()
        return torch.cat([pulls, pushes]).mean()

    return loss


def exact_ntxent(temperature):
    def loss(embeddings, labels):
        mated, others = kinds(labels)
        logits = unit(embeddings) @ unit(embeddings).T / temperature
        rivals = torch.logsumexp(logits.masked_fill(~others, float("-inf")), dim=1, keepdim=True)
        return (torch.logaddexp(logits, rivals) - logits)[mated].mean()

    return loss


def exact_circle(margin, scale):
    def loss(embeddings, labels):
        mated, others = kinds(labels)
        s = unit(embeddings) @ unit(embeddings).T
        pulls = -scale * (1 + margin - s).clamp(min=0) * (s - 1 + margin)
        pushes = scale * (s + margin).clamp(min=0) * (s - margin)
        sums = [
            torch.logsumexp(terms.masked_fill(~mask, float("-inf")), dim=1)
            for terms, mask in [(pulls, mated), (pushes, others)]
        ]
        return torch.nn.functional.softplus(sums[0] + sums[1], threshold=500).mean()

    return loss


def formula(case, class_name, loss, distance=None, source=None, **params):
    source = source or "formula of the paper, torch autograd in float64"
    write_loss(case, class_name, params, loss, distance=distance, source=source)


def main():
    pml("contrastive_default", "ContrastiveLoss")
    pml("contrastive_pos0.2_neg0.8", "ContrastiveLoss", EUCLIDEAN, pos_margin=0.2, neg_margin=0.8)
    pml("contrastive_cosine", "ContrastiveLoss", COSINE, pos_margin=1.0, neg_margin=0.0)
    pml("contrastive_manhattan", "ContrastiveLoss", MANHATTAN, pos_margin=0.3, neg_margin=1.1)
    pml("contrastive_raw", "ContrastiveLoss", RAW, pos_margin=-0.5, neg_margin=6.0)
    pml("contrastive_mined", "ContrastiveLoss", EUCLIDEAN, semi_hard_miner(), neg_margin=1.2)

    pml("multi_similarity", "MultiSimilarityLoss")
    pml("multi_similarity_mined", "MultiSimilarityLoss", miner=multi_similarity_miner())
    pml("multi_similarity_triplets", "MultiSimilarityLoss", miner=semi_hard_miner())
    params = {"alpha": 1, "beta": 20.5, "base": 0.2}
    pml("multi_similarity_alpha1_beta20.5_base0.2", "MultiSimilarityLoss", **params)
    pml("multi_similarity_euclidean", "MultiSimilarityLoss", EUCLIDEAN, base=1.1)
    pml("multi_similarity_dot", "MultiSimilarityLoss", DOT, alpha=0.5, beta=2)

    pml("circle", "CircleLoss", m=0.25, gamma=256)
    pml("circle_default", "CircleLoss")
    pml("circle_m-0.3_gamma2", "CircleLoss", m=-0.3, gamma=2)
    pml("circle_mined", "CircleLoss", miner=multi_similarity_miner(), gamma=4)

    pml("lifted_structure", "LiftedStructureLoss", neg_margin=1, pos_margin=0)
    pml("lifted_structure_cosine", "LiftedStructureLoss", COSINE, neg_margin=0.4, pos_margin=2.4)
    pml("lifted_structure_mined", "LiftedStructureLoss", miner=semi_hard_miner(), neg_margin=0.5)

    name = "GeneralizedLiftedStructureLoss"
    pml("generalized_lifted_structure", name, neg_margin=1, pos_margin=0)
    pml("generalized_lifted_structure_squared", name, SQUARED, neg_margin=-2.5, pos_margin=1.5)
    pml("generalized_lifted_structure_mined", name, COSINE, semi_hard_miner())

    pml("ntxent", "NTXentLoss", temperature=0.07)
    pml("ntxent_euclidean", "NTXentLoss", EUCLIDEAN, temperature=0.5)
    pml("ntxent_t0.001", "NTXentLoss", temperature=0.001)
    pml("ntxent_mined", "NTXentLoss", miner=semi_hard_miner(), temperature=0.2)

    pml("supcon", "SupConLoss", temperature=0.1)
    pml("supcon_euclidean_t0.02", "SupConLoss", EUCLIDEAN, temperature=0.02)
    pml("supcon_mined", "SupConLoss", miner=multi_similarity_miner(), temperature=0.3)

    name = "SignalToNoiseRatioContrastiveLoss"
    pml("snr_contrastive", name)
    pml("snr_contrastive_raw", name, RAW_SNR, pos_margin=0.5, neg_margin=2.5)
    regularizer = regularizers.ZeroMeanRegularizer()
    loss = losses.SignalToNoiseRatioContrastiveLoss(
        pos_margin=0.1, embedding_regularizer=regularizer, embedding_reg_weight=0.05
    )
    params = {
        "pos_margin": 0.1,
        "embedding_regularizer": "ZeroMeanRegularizer",
        "embedding_reg_weight": 0.05,
    }
    write_loss("snr_contrastive_zero_mean", name, params, loss, distance=SNR)

    pml("intra_pair_variance", "IntraPairVarianceLoss")
    pml("intra_pair_variance_pos0.2_neg0.4", "IntraPairVarianceLoss", pos_eps=0.2, neg_eps=0.4)
    pml("intra_pair_variance_euclidean", "IntraPairVarianceLoss", EUCLIDEAN, neg_eps=0.05)
    pml("intra_pair_variance_mined", "IntraPairVarianceLoss", miner=semi_hard_miner())

    name = "ThresholdConsistentMarginLoss"
    pml("threshold_consistent_margin", name)
    margins = {"margin_plus": 0.7, "margin_minus": -0.1}
    pml("threshold_consistent_margin_all", name, lambda_plus=0.3, lambda_minus=2, **margins)

    formula("unbounded_contrastive", "UnboundedContrastiveLoss", unbounded(lambda x: differences(unit(x))))
    formula("unbounded_contrastive_raw", "UnboundedContrastiveLoss", unbounded(differences), RAW)
    formula("squared_contrastive_margin1", "SquaredContrastiveLoss", squared(1))
    formula("squared_contrastive_margin7.5", "SquaredContrastiveLoss", squared(7.5), margin=7.5)
    formula("ntxent_exact_t0.001", "NtxentLoss", exact_ntxent(0.001), temperature=0.001)
    formula("circle_exact", "CircleLossExact", exact_circle(0.3, 16), m=0.3, gamma=16)


if __name__ == "__main__":
    main()
