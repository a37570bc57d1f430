"""Golden values of the losses over rankings, histograms, boundaries and views.

pytorch-metric-learning is the reference, but for what it has not, or has otherwise than its authors:
the code here follows their formulas. Needs: torch, pytorch-metric-learning.
"""

import torch
from pytorch_metric_learning import losses

import golden
from golden import COSINE, EUCLIDEAN, SQUARED, numbers, write_loss


def from_library(case, class_name, distance, parameters, miner=None):
    loss = getattr(losses, class_name)(distance=distance, **parameters)
    write_loss(case, class_name, parameters, loss, distance=distance, miner=miner)


def soft_margin_of_authors(embeddings, labels, n_bins=511):
    """The first step of lg-zhang/dynamic-soft-margin-pytorch, over all triplets: a fixed histogram."""
    distances = EUCLIDEAN(embeddings)
    same = labels[:, None] == labels[None, :]
    mated = same & ~torch.eye(len(labels), dtype=torch.bool)
    a, p, n = torch.where(mated[:, :, None] & ~same[:, None, :])
    violations = distances[a, p] - distances[a, n]
    with torch.no_grad():
        at = (violations + 2) / (4 / n_bins)
        low = at.floor().long()
        histogram = torch.zeros(n_bins + 1, dtype=at.dtype)
        histogram.index_add_(0, low, 1 - (at - low))
        histogram.index_add_(0, low + 1, at - low)
        weights = (histogram / histogram.sum()).cumsum(0)[low]
    return (weights * violations).mean()


def smooth_ap_by_label(embeddings, labels, temperature=0.01):
    """Formula 8 of Brown et al. by definition, the anchor among its own mates as in their code."""
    similarities = COSINE(embeddings)
    losses = []
    for anchor, row in enumerate(similarities):
        mated = torch.where(labels == labels[anchor])[0]
        precision = 0
        for p in mated:
            before = torch.sigmoid((row - row[p]) / temperature)
            others = torch.arange(len(row)) != p
            among_mated = 1 + before[mated[mated != p]].sum()
            precision = precision + among_mated / (1 + before[others].sum())
        losses.append(1 - precision / len(mated))
    return torch.stack(losses).mean()


class Manifold(torch.nn.Module):
    """Proxies of the library's loss, with the label as the proxy of a sample; it would draw one."""

    def __init__(self, parameters):
        super().__init__()
        loss = losses.ManifoldLoss(**parameters)
        loss.double()
        self.proxies = loss.proxies
        self.run = lambda embeddings, labels: loss(embeddings, None, labels)

    def forward(self, embeddings, labels):
        return self.run(embeddings, labels)


def manifold(case, parameters):
    torch.manual_seed(golden.SEED)
    write_loss(case, "ManifoldLoss", parameters, Manifold(parameters), distance=COSINE)


def vicreg(case, parameters):
    """A second view of the same samples, which no other loss here has."""
    embeddings, labels = (part[:12] for part in golden.batch())
    generator = torch.Generator().manual_seed(golden.SEED)
    shift = torch.randn(embeddings.shape, generator=generator).double()
    # Short rows: the variance of every dimension is below 1 and pulls.
    first = (0.4 * embeddings).detach().requires_grad_(True)
    second = (first + 0.2 * shift).detach().requires_grad_(True)
    value = losses.VICRegLoss(**parameters)(first, ref_emb=second)
    value.backward()
    golden.write(
        "losses",
        case,
        **{"class": "VICRegLoss"},
        params=parameters,
        embeddings=numbers(first),
        labels=numbers(labels),
        references=numbers(second),
        loss=numbers(value),
        grad=numbers(first.grad),
        reference_grad=numbers(second.grad),
    )
    print(f"{case}: {value.item():.6f}")



def main():
    from_library("dynamic_soft_margin", "DynamicSoftMarginLoss", EUCLIDEAN, {})
    coarse = {"min_val": -2.5, "num_bins": 7, "momentum": 0.4}
    from_library("dynamic_soft_margin_coarse", "DynamicSoftMarginLoss", EUCLIDEAN, coarse)
    write_loss(
        "dynamic_soft_margin_authors",
        "DynamicSoftMarginAuthors",
        {},
        soft_margin_of_authors,
        distance=EUCLIDEAN,
        source="formula of lg-zhang/dynamic-soft-margin-pytorch, first step, all triplets",
    )
    from_library("instance", "InstanceLoss", COSINE, {"gamma": 64})
    from_library("instance_gamma8", "InstanceLoss", COSINE, {"gamma": 8})
    from_library("histogram", "HistogramLoss", COSINE, {"n_bins": 20})
    from_library("histogram_default", "HistogramLoss", COSINE, {})
    from_library("histogram_delta0.3", "HistogramLoss", COSINE, {"delta": 0.3})
    from_library("fast_ap", "FastAPLoss", SQUARED, {"num_bins": 10})
    from_library("fast_ap_euclidean", "FastAPLoss", EUCLIDEAN, {"num_bins": 23})
    from_library("smooth_ap", "SmoothAPLoss", COSINE, {"temperature": 0.01})
    from_library("smooth_ap_warm", "SmoothAPLoss", COSINE, {"temperature": 0.2})
    for case, temperature in [("smooth_ap_by_label", 0.01), ("smooth_ap_by_label_warm", 0.1)]:
        write_loss(
            case,
            "SmoothAPByLabel",
            {"temperature": temperature},
            lambda embeddings, labels, t=temperature: smooth_ap_by_label(embeddings, labels, t),
            distance=COSINE,
            source="formula 8 of Brown et al. 2020",
        )
    from_library("pnp", "PNPLoss", COSINE, {})
    for variant in losses.PNPLoss.VARIANTS:
        parameters = {"variant": variant, "b": 1.5, "alpha": 2, "anneal": 0.05}
        from_library(f"pnp_{variant.lower()}", "PNPLoss", COSINE, parameters)
    simpler = {"margin": 0.4, "Tn": 10.0, "imbalance": 0.5, "alpha": 1.2}
    from_library("ranked_list", "RankedListLoss", EUCLIDEAN, simpler)
    full = {"margin": 0.3, "Tn": 4.0, "imbalance": 0.3, "Tp": 3.0}
    from_library("ranked_list_full", "RankedListLoss", EUCLIDEAN, full)
    from_library("margin", "MarginLoss", EUCLIDEAN, {"margin": 0.2, "nu": 0, "beta": 1.2})
    learned = {"margin": 0.1, "nu": 0.3, "beta": 1.1, "learn_beta": True}
    from_library("margin_learned", "MarginLoss", EUCLIDEAN, learned)
    by_identity = {**learned, "num_classes": golden.IDENTITIES}
    from_library("margin_by_identity", "MarginLoss", EUCLIDEAN, by_identity)
    from_library("margin_cosine", "MarginLoss", COSINE, {"margin": 0.2, "beta": 0.4})
    from_library("tuplet_margin", "TupletMarginLoss", COSINE, {"margin": 5.73, "scale": 64})
    from_library("tuplet_margin_wide", "TupletMarginLoss", COSINE, {"margin": 20, "scale": 12})
    manifold("manifold", {"l": golden.DIM, "K": golden.IDENTITIES})
    other = {"lambdaC": 2.5, "alpha": 0.6, "margin": 0.01}
    manifold("manifold_other", {"l": golden.DIM, "K": golden.IDENTITIES + 2, **other})
    vicreg("vicreg", {})
    vicreg(
        "vicreg_other",
        {"invariance_lambda": 3, "variance_mu": 7, "covariance_v": 2.5, "eps": 0.01},
    )


if __name__ == "__main__":
    main()
