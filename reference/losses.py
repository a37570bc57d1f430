#!/usr/bin/env python3
"""Golden values of the losses, as JSON: value, gradient and weight gradient on one small batch.

Run: `make golden`, then look at the difference and commit it.
Needs: torch, pytorch-metric-learning (their versions are written into every file).
"""

import json
import pathlib

import pytorch_metric_learning
import torch
from pytorch_metric_learning import distances, losses, miners

OUT = pathlib.Path(__file__).parent.parent / "crates/verisim-learn/testdata/losses"
SEED, BATCH, DIM, IDENTITIES = 7, 24, 16, 6

EUCLIDEAN = distances.LpDistance(normalize_embeddings=True, p=2, power=1)
SQUARED = distances.LpDistance(normalize_embeddings=True, p=2, power=2)


class Softmax(torch.nn.Module):
    """Cross-entropy of a linear classifier."""

    def __init__(self):
        super().__init__()
        linear = torch.nn.Linear(DIM, IDENTITIES)
        self.weight, self.bias = linear.weight, linear.bias

    def forward(self, embeddings, labels, _=None):
        logits = torch.nn.functional.linear(embeddings, self.weight, self.bias)
        return torch.nn.functional.cross_entropy(logits, labels)


def semi_hard(distance):
    return miners.TripletMarginMiner(margin=0.2, type_of_triplets="semihard", distance=distance)


def arcface(scale):
    return losses.ArcFaceLoss(IDENTITIES, DIM, margin=28.6, scale=scale)


# name: (loss, miner)
CASES = {
    "arcface_default": lambda: (arcface(64), None),
    "arcface_scale8": lambda: (arcface(8), None),
    "softmax": lambda: (Softmax(), None),
    "contrastive_default": lambda: (losses.ContrastiveLoss(), None),
    "contrastive_pos0.2_neg0.8": lambda: (
        losses.ContrastiveLoss(pos_margin=0.2, neg_margin=0.8, distance=EUCLIDEAN),
        None,
    ),
    "triplet_default": lambda: (losses.TripletMarginLoss(), None),
    "triplet_semihard": lambda: (
        losses.TripletMarginLoss(margin=0.2, distance=EUCLIDEAN),
        semi_hard(EUCLIDEAN),
    ),
    "triplet_facenet": lambda: (
        losses.TripletMarginLoss(margin=0.2, distance=SQUARED),
        semi_hard(SQUARED),
    ),
}


def batch():
    """Clustered embeddings of any length: some triplets easy, some semi-hard, some hard."""
    generator = torch.Generator().manual_seed(SEED * 1000 + 1)
    centers = torch.randn(IDENTITIES, DIM, generator=generator)
    labels = torch.arange(BATCH) % IDENTITIES
    noise = torch.randn(BATCH, DIM, generator=generator)
    return (centers[labels] + 0.9 * noise).requires_grad_(True), labels


def numbers(tensor):
    """Nested lists of numbers with nine digits: every float32 survives."""
    if isinstance(tensor, torch.Tensor):
        tensor = tensor.detach().tolist()
    if isinstance(tensor, list):
        return [numbers(value) for value in tensor]
    return float(f"{tensor:.9g}") if isinstance(tensor, float) else tensor


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    versions = f"pytorch-metric-learning {pytorch_metric_learning.__version__}, torch {torch.__version__}"
    for name, make in CASES.items():
        torch.manual_seed(SEED)
        embeddings, labels = batch()
        loss, miner = make()
        tuples = miner(embeddings, labels) if miner else None
        value = loss(embeddings, labels, tuples) if miner else loss(embeddings, labels)
        value.backward()
        parameters = dict(loss.named_parameters())
        document = {
            "case": name,
            "from": versions,
            "embeddings": numbers(embeddings),
            "labels": numbers(labels),
            "weights": {key: numbers(it) for key, it in parameters.items()},
            "loss": numbers(value),
            "grad": numbers(embeddings.grad),
            "weight_grads": {key: numbers(it.grad) for key, it in parameters.items()},
        }
        (OUT / f"{name}.json").write_text(json.dumps(document, separators=(",", ":")) + "\n")
        print(f"{name}: {value.item():.6f}")


if __name__ == "__main__":
    main()
