"""Golden values of distances, from pytorch-metric-learning: a few rows against others and themselves.

Run: `python reference/distances.py`, then commit `crates/verisim-learn/testdata/distances`.
The gradients are those of the sum of all distances, each times `cos(i + 2 j)`; for rows against
themselves the diagonal is left out, where the reference gives NaN.
"""

import torch
from golden import describe, numbers, write
from pytorch_metric_learning import distances

generator = torch.Generator().manual_seed(11)
ROWS = torch.randn(5, 4, generator=generator).double()
REFERENCES = torch.randn(3, 4, generator=generator).double()


def case(name, distance):
    """Runs one distance in float64, against references and against the rows themselves."""
    rows, references = ROWS.clone().requires_grad_(), REFERENCES.clone().requires_grad_()
    values = distance(rows, references)
    (values * weights(values)).sum().backward()
    apart = {
        "values": numbers(values),
        "grad": numbers(rows.grad),
        "reference_grad": numbers(references.grad),
    }
    rows = ROWS.clone().requires_grad_()
    values = distance(rows, rows)
    for i in range(len(rows)):
        others = [j for j in range(len(rows)) if j != i]
        (distance(rows[i : i + 1], rows[others]) * weights(values)[i, others]).sum().backward()
    write(
        "distances",
        name,
        distance=describe(distance),
        embeddings=numbers(ROWS),
        references=numbers(REFERENCES),
        apart=apart,
        within={"values": numbers(values), "grad": numbers(rows.grad)},
    )
    print(name)


def weights(values):
    """What each distance counts."""
    i, j = torch.meshgrid(*[torch.arange(n) for n in values.shape], indexing="ij")
    return torch.cos((i + 2 * j).double())


for p in [1, 1.5, 2, 3]:
    for power in [1, 2, 0.5]:
        for normalize in [True, False]:
            name = f"lp{p}_power{power}" + ("" if normalize else "_raw")
            case(name, distances.LpDistance(p=p, power=power, normalize_embeddings=normalize))
case("cosine", distances.CosineSimilarity())
case("dot", distances.DotProductSimilarity(normalize_embeddings=False))
case("snr", distances.SNRDistance())
case("snr_raw", distances.SNRDistance(normalize_embeddings=False))
