"""Golden values as JSON: one small batch, and what a reference implementation makes of it.

A library for the scripts beside it (`losses_*.py`, `miners.py`); `make reference` runs them all.
Needs: torch, pytorch-metric-learning (their versions are written into every file).
"""

import json
import pathlib

import pytorch_metric_learning
import torch
from pytorch_metric_learning import distances

OUT = pathlib.Path(__file__).parent.parent / "crates/verisim-learn/testdata"
SEED, BATCH, DIM, IDENTITIES = 7, 24, 16, 6

EUCLIDEAN = distances.LpDistance(normalize_embeddings=True, p=2, power=1)
SQUARED = distances.LpDistance(normalize_embeddings=True, p=2, power=2)
COSINE = distances.CosineSimilarity()


def batch(spread=0.9):
    """Clustered embeddings of any length: some triplets easy, some semi-hard, some hard."""
    generator = torch.Generator().manual_seed(SEED * 1000 + 1)
    centers = torch.randn(IDENTITIES, DIM, generator=generator)
    labels = torch.arange(BATCH) % IDENTITIES
    noise = torch.randn(BATCH, DIM, generator=generator)
    return (centers[labels] + spread * noise).double().requires_grad_(True), labels


def numbers(value):
    """Nested lists of numbers with nine digits."""
    if isinstance(value, torch.Tensor):
        value = value.detach().tolist()
    if isinstance(value, (list, tuple)):
        return [numbers(item) for item in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def describe(distance):
    """A distance of pytorch-metric-learning, as our tests read it."""
    if distance is None:
        return None
    return {
        "class": type(distance).__name__,
        "normalize_embeddings": distance.normalize_embeddings,
        "p": distance.p,
        "power": distance.power,
        "is_inverted": distance.is_inverted,
    }


def write(kind, case, **document):
    """Writes one file into the folder of its kind: `losses` or `miners`."""
    folder = OUT / kind
    folder.mkdir(parents=True, exist_ok=True)
    versions = f"pytorch-metric-learning {pytorch_metric_learning.__version__}, torch {torch.__version__}"
    document = {"case": case, **document, "seed": SEED, "from": document.pop("source", versions)}
    (folder / f"{case}.json").write_text(json.dumps(document, separators=(",", ":")) + "\n")


def write_loss(case, class_name, params, loss, distance=None, miner=None, source=None):
    """Runs a loss, a callable of embeddings, labels and mined tuples, in float64, and writes what it gives.

    `miner` is (object, class name, params, name of its distance); `source` says whose code it is, if
    not pytorch-metric-learning's. Weights are those of `loss.named_parameters()`, if it is a module.
    """
    embeddings, labels = batch()
    torch.manual_seed(SEED)
    is_module = isinstance(loss, torch.nn.Module)
    if is_module:
        loss = loss.double()
    tuples = miner[0](embeddings, labels) if miner else None
    value = loss(embeddings, labels, tuples) if miner else loss(embeddings, labels)
    value.backward()
    weights = dict(loss.named_parameters()) if is_module else {}
    mined = miner and {
        "class": miner[1],
        "params": miner[2],
        "distance": miner[3],
        "tuples": numbers([part for part in tuples]),
    }
    extra = {"source": source} if source else {}
    write(
        "losses",
        case,
        **{"class": class_name},
        params=params,
        distance=describe(distance),
        miner=mined,
        embeddings=numbers(embeddings),
        labels=numbers(labels),
        weights={name: numbers(weight) for name, weight in weights.items()},
        loss=numbers(value),
        grad=numbers(embeddings.grad),
        weight_grads={name: numbers(weight.grad) for name, weight in weights.items()},
        **extra,
    )
    print(f"{case}: {value.item():.6f}")
