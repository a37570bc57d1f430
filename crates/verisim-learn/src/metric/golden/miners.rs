//! Our miners by the names and parameters of the reference, pytorch-metric-learning.

use super::Params;
use crate::metric::miner::{
    AllPairs, AngularMiner, BatchEasyHardMiner, BatchHardMiner, DistanceWeightedMiner, HdcMiner,
    MatedDraw, Miner, MultiSimilarityMiner, PairMarginMiner, Strategy, TripletKind,
    TripletMarginMiner, UniformHistogramMiner,
};

/// A miner.
pub(super) fn miner(class: &str, params: &Params) -> Miner {
    let known: &[&str] = match class {
        "TripletMarginMiner" => &["margin", "type_of_triplets"],
        "BatchEasyHardMiner" => {
            &["pos_strategy", "neg_strategy", "allowed_pos_range", "allowed_neg_range"]
        }
        "MultiSimilarityMiner" => &["epsilon"],
        "DistanceWeightedMiner" => &["cutoff", "nonzero_loss_cutoff"],
        "PairMarginMiner" => &["pos_margin", "neg_margin"],
        "AngularMiner" => &["angle"],
        "HDCMiner" => &["filter_percentage"],
        "UniformHistogramMiner" => &["num_bins", "pos_per_bin", "neg_per_bin"],
        _ => &[],
    };
    let unknown = params.0.keys().find(|name| !known.contains(&name.as_str()));
    assert!(unknown.is_none(), "{class}'s {unknown:?} is not known here");
    match class {
        "NoMiner" => Miner::All(AllPairs {}),
        "TripletMarginMiner" => Miner::TripletMargin(TripletMarginMiner {
            margin: params.number("margin", 0.2),
            triplets: match params.word("type_of_triplets", "all") {
                "all" => TripletKind::All,
                "easy" => TripletKind::Easy,
                "semihard" => TripletKind::SemiHard,
                "hard" => TripletKind::Hard,
                other => panic!("the reference's triplets {other} are not known here"),
            },
        }),
        "BatchHardMiner" => Miner::BatchHard(BatchHardMiner {}),
        "BatchEasyHardMiner" => Miner::BatchEasyHard(BatchEasyHardMiner {
            mated: strategy(params.word("pos_strategy", "easy")),
            non_mated: strategy(params.word("neg_strategy", "semihard")),
            mated_range: range(params, "allowed_pos_range"),
            non_mated_range: range(params, "allowed_neg_range"),
        }),
        "MultiSimilarityMiner" => {
            Miner::MultiSimilarity(MultiSimilarityMiner { epsilon: params.number("epsilon", 0.1) })
        }
        "DistanceWeightedMiner" => Miner::DistanceWeighted(DistanceWeightedMiner {
            cutoff: params.number("cutoff", 0.5),
            nonzero_loss_cutoff: params.number("nonzero_loss_cutoff", 1.4),
            mated: MatedDraw::Random,
        }),
        "PairMarginMiner" => Miner::PairMargin(PairMarginMiner {
            mated_margin: params.number("pos_margin", 0.2),
            margin: params.number("neg_margin", 0.8),
        }),
        "AngularMiner" => {
            Miner::Angular(AngularMiner { angle: params.number("angle", 20.0).to_radians() })
        }
        "HDCMiner" => Miner::Hdc(HdcMiner { share: params.number("filter_percentage", 0.5) }),
        "UniformHistogramMiner" => Miner::UniformHistogram(UniformHistogramMiner {
            n_bins: params.count("num_bins", 100),
            mated_per_bin: params.count("pos_per_bin", 10),
            non_mated_per_bin: params.count("neg_per_bin", 10),
        }),
        other => panic!("the reference's miner {other} is not known here"),
    }
}

fn strategy(name: &str) -> Strategy {
    match name {
        "easy" => Strategy::Easy,
        "semihard" => Strategy::SemiHard,
        "hard" => Strategy::Hard,
        "all" => Strategy::All,
        other => panic!("the reference's strategy {other} is not known here"),
    }
}

/// A lower and an upper bound, or none.
fn range(params: &Params, name: &str) -> Option<[f64; 2]> {
    let value = params.0.get(name).filter(|value| !value.is_null())?;
    Some(serde_json::from_value(value.clone()).unwrap())
}
