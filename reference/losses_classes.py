#!/usr/bin/env python3
"""Golden values of the losses over classes: see golden.py.

Losses of pytorch-metric-learning run as they are. The others are written here from the formulas of their
authors, in plain torch operations and float64; `source` says whose.
"""

import math

import torch
from pytorch_metric_learning import distances, losses
from torch.nn.functional import cross_entropy, linear, normalize, softplus

from golden import COSINE, DIM, IDENTITIES, SQUARED, write_loss

SIZES = {"num_classes": IDENTITIES, "embedding_size": DIM}


def pml(case, name, distance=COSINE, sizes=SIZES, **params):
    """A case of a loss of pytorch-metric-learning."""
    torch.manual_seed(11)
    given = {} if distance is None else {"distance": distance}
    loss = getattr(losses, name)(**sizes, **params, **given)
    write_loss(case, name, {**sizes, **params}, loss, distance=distance)


class Centers(torch.nn.Module):
    """Cross-entropy of logits that `head` makes of cosines, labels and lengths."""

    def __init__(self, head, spread=1.0):
        super().__init__()
        torch.manual_seed(11)
        self.head = head
        self.W = torch.nn.Parameter(spread * torch.randn(DIM, IDENTITIES))

    def forward(self, embeddings, labels):
        cosines = normalize(embeddings) @ normalize(self.W, dim=0)
        lengths = embeddings.norm(dim=1)
        return self.head(cosines, torch.nn.functional.one_hot(labels, IDENTITIES).bool(), labels, lengths)


def entropy(cosines, own, changed, labels, scale):
    """Cross-entropy where the own cosines are replaced."""
    return cross_entropy(scale * torch.where(own, changed, cosines), labels)


def with_angle(cosines, margin):
    """cos(theta + m), and what replaces it past a half turn."""
    turned = torch.cos(cosines.acos() + margin)
    return torch.where(cosines > math.cos(math.pi - margin), turned, cosines - margin * math.sin(margin))


def combined(s=64, m1=1.0, m2=0.5, m3=0.0, straight_through=False, interclass_filtering_threshold=0.0):
    """InsightFace's margins: all three at once, exact or with the straight-through gradient."""

    def head(cosines, own, labels, _):
        if interclass_filtering_threshold > 0:
            dirty = (cosines > interclass_filtering_threshold) & ~own
            cosines = torch.where(dirty, 0.0, cosines)
        angle = m1 * cosines.acos() + m2
        if straight_through:
            # Values change under no_grad, so the gradient of each cosine is that of its logit.
            return entropy(cosines, own, cosines + (angle.cos() - m3 - cosines).detach(), labels, s)
        if m1 == 1.0:
            return entropy(cosines, own, with_angle(cosines, m2) - m3, labels, s)
        k = (angle / math.pi).floor().detach()
        return entropy(cosines, own, (-1) ** k * angle.cos() - 2 * k - m3, labels, s)

    return head


def adaface(m=0.4, h=0.333, s=64.0, t_alpha=1.0, eps=1e-3):
    """The first step: mean 20 and deviation 100 before."""

    def head(cosines, own, labels, lengths):
        cosines = cosines.clamp(-1 + eps, 1 - eps)
        lengths = lengths.detach().clip(0.001, 100)
        mean = lengths.mean() * t_alpha + (1 - t_alpha) * 20
        deviation = lengths.std() * t_alpha + (1 - t_alpha) * 100
        z = ((lengths - mean) / (deviation + eps) * h).clip(-1, 1)[:, None]
        angles = (cosines.acos() - m * z).clip(eps, math.pi - eps)
        return entropy(cosines, own, angles.cos() - (m + m * z), labels, s)

    return head


def magface(l_a=10, u_a=110, l_margin=0.45, u_margin=0.8, lambda_g=35, s=64.0, easy_margin=True):
    """MagLinear and MagLoss, with the regularizer that the trainer adds."""

    def head(cosines, own, labels, lengths):
        a = lengths[:, None].clamp(l_a, u_a)
        margin = (u_margin - l_margin) / (u_a - l_a) * (a - l_a) + l_margin
        changed = cosines * margin.cos() - (1 - cosines**2).sqrt() * margin.sin()
        if easy_margin:
            changed = torch.where(cosines > 0, changed, cosines)
        else:
            replaced = cosines - margin * (math.pi - margin).sin()
            changed = torch.where(cosines > (math.pi - margin).cos(), changed, replaced)
        regularizer = (a / u_a**2 + 1 / a).mean()
        return entropy(cosines, own, changed, labels, s) + lambda_g * regularizer

    return head


def elastic_arc(m=0.5, s=64.0, std=0.0):
    return lambda cosines, own, labels, _: entropy(cosines, own, (cosines.acos() + m).cos(), labels, s)


def elastic_cos(m=0.35, s=64.0, std=0.0):
    return lambda cosines, own, labels, _: entropy(cosines, own, cosines - m, labels, s)


def curricular(m=0.5, s=64.0):
    """The first step: t is 0 before."""

    def head(cosines, own, labels, _):
        target = cosines[own][:, None]
        turned = target * math.cos(m) - (1 - target**2).sqrt() * math.sin(m)
        t = 0.01 * target.mean().detach()
        hard = torch.where(cosines > turned, cosines * (t + cosines), cosines)
        replaced = target - math.sin(math.pi - m) * m
        final = torch.where(target > math.cos(math.pi - m), turned, replaced)
        return cross_entropy(s * torch.where(own, final, hard), labels)

    return head


class UniFace(Centers):
    """Without the authors' cut of the exponents."""

    def __init__(self, m=0.4, s=64.0, l=1.0):  # noqa: E741
        super().__init__(None)
        self.m, self.s, self.l = m, s, l
        self.bias = torch.nn.Parameter(torch.tensor([math.log(10 * IDENTITIES)]))

    def forward(self, embeddings, labels):
        cosines = normalize(embeddings) @ normalize(self.W, dim=0)
        own = torch.nn.functional.one_hot(labels, IDENTITIES).bool()
        to_own = softplus(self.bias - self.s * (cosines - self.m), threshold=1e9)
        to_others = self.l * softplus(self.s * cosines - self.bias, threshold=1e9)
        return torch.where(own, to_own, to_others).sum(dim=1).mean()


class CenterLoss(Centers):
    def __init__(self):
        super().__init__(None)

    def forward(self, embeddings, labels):
        return ((embeddings - self.W.T[labels]) ** 2).sum(dim=1).mean() / 2


class Softmax(torch.nn.Module):
    """Cross-entropy of a linear classifier."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(11)
        layer = torch.nn.Linear(DIM, IDENTITIES)
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, embeddings, labels):
        return cross_entropy(linear(embeddings, self.weight, self.bias), labels)


def ours(case, name, loss, source, **params):
    write_loss(case, name, params, loss, source=source)


ADAFACE = "Kim et al. 2022 and mk-minchul/AdaFace head.py, in torch float64"
MAGFACE = "Meng et al. 2021 and IrvingMeng/MagFace models/magface.py, in torch float64"
ELASTIC = "Boutros et al. 2022 and fdbtrs/ElasticFace utils/losses.py, in torch float64"
CURRICULAR = "Huang et al. 2020 and HuangYG123/CurricularFace head/metrics.py, in torch float64"
UNIFACE = "Zhou et al. 2023 and CVI-SZU/UniFace head.py, without its cut to +-s, in torch float64"
INSIGHTFACE = "insightface recognition/arcface_torch/losses.py, in torch float64"
COMBINED = "Deng et al. 2019, equation 4, in torch float64"


def main():
    pml("arcface_default", "ArcFaceLoss")
    pml("arcface_scale8", "ArcFaceLoss", scale=8)
    pml("arcface_margin80", "ArcFaceLoss", margin=80, scale=16)
    pml("cosface", "CosFaceLoss")
    pml("cosface_margin0.1", "CosFaceLoss", margin=0.1, scale=30)
    pml("sphereface", "SphereFaceLoss")
    pml("sphereface_margin3", "SphereFaceLoss", margin=3, scale=0.5)
    pml("large_margin_softmax", "LargeMarginSoftmaxLoss")
    pml("large_margin_softmax_margin5", "LargeMarginSoftmaxLoss", margin=5, scale=0.1)
    pml("large_margin_softmax_margin1", "LargeMarginSoftmaxLoss", margin=1)
    pml("subcenter_arcface", "SubCenterArcFaceLoss")
    pml("subcenter_arcface_2", "SubCenterArcFaceLoss", margin=40, scale=20, sub_centers=2)
    dot = distances.DotProductSimilarity()
    pml("normalized_softmax", "NormalizedSoftmaxLoss", distance=dot)
    pml("normalized_softmax_temperature0.3", "NormalizedSoftmaxLoss", distance=dot, temperature=0.3)
    pml("normalized_softmax_squared", "NormalizedSoftmaxLoss", distance=SQUARED, temperature=0.3)
    pml("p2sgrad", "P2SGradLoss", None, {"descriptors_dim": DIM, "num_classes": IDENTITIES})
    pml("proxy_nca", "ProxyNCALoss", SQUARED)
    pml("proxy_nca_scale9", "ProxyNCALoss", SQUARED, softmax_scale=9)
    pml("proxy_nca_cosine", "ProxyNCALoss", COSINE, softmax_scale=9)
    pml("proxy_anchor", "ProxyAnchorLoss")
    pml("proxy_anchor_alpha64", "ProxyAnchorLoss", margin=0.3, alpha=64)
    pml("soft_triple_3", "SoftTripleLoss", centers_per_class=3)
    pml("soft_triple_2", "SoftTripleLoss", centers_per_class=2, la=8, gamma=0.5, margin=0.2)

    torch_only = f"torch {torch.__version__}, float64"
    ours("softmax", "Softmax", Softmax(), torch_only)
    ours("center", "CenterLoss", CenterLoss(), f"Wen et al. 2016, {torch_only}")
    for case, params in {
        "combined_paper": {"m1": 0.9, "m2": 0.4, "m3": 0.15},
        "combined_multiplied": {"m1": 3.0, "m2": 0.1, "m3": 0.1, "s": 16},
        "combined_filtered": {"m2": 0.0, "m3": 0.4, "interclass_filtering_threshold": 0.2, "s": 16},
    }.items():
        ours(case, "CombinedMarginLoss", Centers(combined(**params)), COMBINED, **params)
    for case, params in {
        "insightface_arcface": {"m2": 0.5},
        "insightface_cosface": {"m2": 0.0, "m3": 0.4},
        "insightface_filtered": {"m2": 0.5, "interclass_filtering_threshold": 0.2, "s": 16},
    }.items():
        params["straight_through"] = True
        ours(case, "CombinedMarginLoss", Centers(combined(**params)), INSIGHTFACE, **params)
    for case, params in {
        "adaface": {},
        "adaface_running": {"t_alpha": 0.01},
        "adaface_concentrated": {"m": 0.6, "h": 2.0, "s": 10.0},
    }.items():
        ours(case, "AdaFace", Centers(adaface(**params)), ADAFACE, **params)
    lengths = {"l_a": 3.5, "u_a": 5.5, "s": 12.0}
    for case, params in {
        "magface": {},
        "magface_within": lengths,
        "magface_hard": {**lengths, "easy_margin": False, "lambda_g": 5, "u_margin": 1.4},
    }.items():
        ours(case, "MagFace", Centers(magface(**params)), MAGFACE, **params)
    for case, name, head, params in [
        ("elastic_arcface", "ElasticArcFace", elastic_arc, {"std": 0.0}),
        ("elastic_cosface", "ElasticCosFace", elastic_cos, {"m": 0.2, "s": 20.0, "std": 0.0}),
    ]:
        ours(case, name, Centers(head(**params)), ELASTIC, **params)
    for case, params in {"curricularface": {}, "curricularface_scale10": {"m": 0.3, "s": 10.0}}.items():
        ours(case, "CurricularFace", Centers(curricular(**params)), CURRICULAR, **params)
    for case, params in {"uniface": {}, "uniface_weighted": {"m": 0.1, "s": 8.0, "l": 0.3}}.items():
        ours(case, "UniFace", UniFace(**params), UNIFACE, **params)


if __name__ == "__main__":
    main()
