"""Golden tuples of miners, from pytorch-metric-learning: the shared cases, and unusual parameters.

Run: `python reference/miners.py`, then commit `crates/verisim-learn/testdata/miners`. Miners that draw
have no golden file: their generators are not ours.
"""

from golden import COSINE, EUCLIDEAN, SQUARED, batch, describe, numbers, write
from pytorch_metric_learning import distances, miners

DOT = distances.DotProductSimilarity(normalize_embeddings=False)
MANHATTAN = distances.LpDistance(normalize_embeddings=False, p=1, power=1)
SNR = distances.SNRDistance()


def case(name, class_name, distance, **params):
    """Runs one miner in float64."""
    embeddings, labels = batch()
    tuples = getattr(miners, class_name)(distance=distance, **params)(embeddings, labels)
    write(
        "miners",
        name,
        **{"class": class_name},
        params=params,
        distance=describe(distance),
        embeddings=numbers(embeddings),
        labels=numbers(labels),
        tuples=numbers(list(tuples)),
    )
    print(f"{name}: {[len(part) for part in tuples]}")


def triplet_margin(name, kind, distance, margin=0.2):
    case(name, "TripletMarginMiner", distance, margin=margin, type_of_triplets=kind)


for kind in ["all", "easy", "hard", "semihard"]:
    triplet_margin(f"triplet_margin_{kind}", kind, EUCLIDEAN)
triplet_margin("triplet_margin_semihard_cosine", "semihard", COSINE)
triplet_margin("triplet_margin_semihard_squared", "semihard", SQUARED)
triplet_margin("triplet_margin_hard_dot", "hard", DOT, -2.0)
triplet_margin("triplet_margin_all_manhattan", "all", MANHATTAN, -3.0)
triplet_margin("triplet_margin_all_snr", "all", SNR, 0.0)
case("batch_hard", "BatchHardMiner", EUCLIDEAN)
case("batch_hard_dot", "BatchHardMiner", DOT)
STRATEGIES = ["easy", "hard", "semihard", "all"]
for mated in STRATEGIES:
    for other in STRATEGIES:
        pair = {mated, other}
        if pair == {"semihard"} or pair == {"semihard", "all"}:
            continue
        for suffix, distance in [("", EUCLIDEAN), ("_cosine", COSINE)]:
            if pair == {"all"} and suffix:
                continue
            case(
                f"batch_easy_hard_{mated}_{other}{suffix}",
                "BatchEasyHardMiner",
                distance,
                pos_strategy=mated,
                neg_strategy=other,
            )
ranges = {"allowed_pos_range": [0.6, 1.1], "allowed_neg_range": [0.9, 1.2]}
case("batch_easy_hard_ranges", "BatchEasyHardMiner", EUCLIDEAN, **ranges)
ranges = {"allowed_pos_range": [0.2, 0.7], "allowed_neg_range": [-0.2, 0.4]}
case(
    "batch_easy_hard_ranges_cosine",
    "BatchEasyHardMiner",
    COSINE,
    pos_strategy="semihard",
    neg_strategy="hard",
    **ranges,
)
case("multi_similarity", "MultiSimilarityMiner", COSINE, epsilon=0.1)
case("multi_similarity_narrow", "MultiSimilarityMiner", COSINE, epsilon=-0.2)
case("multi_similarity_euclidean", "MultiSimilarityMiner", EUCLIDEAN, epsilon=0.05)
case("pair_margin", "PairMarginMiner", EUCLIDEAN, pos_margin=0.2, neg_margin=0.8)
case("pair_margin_cosine", "PairMarginMiner", COSINE, pos_margin=0.6, neg_margin=0.3)
case("angular", "AngularMiner", EUCLIDEAN, angle=20)
case("angular_35", "AngularMiner", EUCLIDEAN, angle=35)
case("hdc", "HDCMiner", EUCLIDEAN, filter_percentage=0.5)
case("hdc_tenth_cosine", "HDCMiner", COSINE, filter_percentage=0.1)
