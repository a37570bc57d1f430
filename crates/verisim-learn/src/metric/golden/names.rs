//! Our losses and miners by the names and parameters of the reference, pytorch-metric-learning.

use super::Params;
use crate::metric::loss::ContrastiveLoss;
use crate::metric::miner::{AllPairs, Miner};
use crate::metric::scene::TupleLoss;

/// A loss over tuples.
pub(super) fn tuple_loss(class: &str, params: &Params) -> Option<Box<dyn TupleLoss>> {
    Some(match class {
        "ContrastiveLoss" => Box::new(ContrastiveLoss {
            mated_margin: params.number("pos_margin", 0.0),
            margin: params.number("neg_margin", 1.0),
        }),
        _ => return None,
    })
}

/// A miner.
pub(super) fn miner(class: &str, _params: &Params) -> Miner {
    match class {
        "NoMiner" => Miner::All(AllPairs {}),
        other => panic!("the reference's miner {other} is not known here"),
    }
}
