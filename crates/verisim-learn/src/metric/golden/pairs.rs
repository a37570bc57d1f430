//! Our losses (over pairs) by the names and parameters of the reference, pytorch-metric-learning.

use super::Params;
use crate::metric::loss::{
    CircleLoss, CircleWeights, ContrastiveLoss, GeneralizedLiftedStructureLoss,
    IntraPairVarianceLoss, LiftedStructureLoss, MultiSimilarityLoss, NtxentCompat, NtxentLoss,
    SnrContrastiveLoss, SquaredContrastiveLoss, SupConLoss, ThresholdConsistentMarginLoss,
    UnboundedContrastiveLoss,
};
use crate::metric::scene::TupleLoss;

/// A loss over tuples.
pub(super) fn tuple_loss(class: &str, params: &Params) -> Option<Box<dyn TupleLoss>> {
    Some(match class {
        "ContrastiveLoss" => Box::new(ContrastiveLoss {
            mated_margin: params.number("pos_margin", 0.0),
            margin: params.number("neg_margin", 1.0),
        }),
        "UnboundedContrastiveLoss" => Box::new(UnboundedContrastiveLoss {}),
        "SquaredContrastiveLoss" => Box::new(SquaredContrastiveLoss {
            margin: params.number("margin", 1.0),
            adapt_pairs: 0,
        }),
        "MultiSimilarityLoss" => Box::new(MultiSimilarityLoss {
            alpha: params.number("alpha", 2.0),
            beta: params.number("beta", 50.0),
            base: params.number("base", 0.5),
        }),
        "CircleLoss" | "CircleLossExact" => Box::new(CircleLoss {
            margin: params.number("m", 0.4),
            scale: params.number("gamma", 80.0),
            weights: match class {
                "CircleLoss" => CircleWeights::Constant,
                _ => CircleWeights::Exact,
            },
        }),
        "LiftedStructureLoss" => Box::new(LiftedStructureLoss {
            mated_margin: params.number("pos_margin", 0.0),
            margin: params.number("neg_margin", 1.0),
        }),
        "GeneralizedLiftedStructureLoss" => Box::new(GeneralizedLiftedStructureLoss {
            mated_margin: params.number("pos_margin", 0.0),
            margin: params.number("neg_margin", 1.0),
        }),
        "NTXentLoss" => Box::new(NtxentLoss {
            temperature: params.number("temperature", 0.07),
            compat: Some(NtxentCompat::PmlDouble),
        }),
        "NtxentLoss" => {
            Box::new(NtxentLoss { temperature: params.number("temperature", 0.07), compat: None })
        }
        "SupConLoss" => Box::new(SupConLoss { temperature: params.number("temperature", 0.1) }),
        "SignalToNoiseRatioContrastiveLoss" => Box::new(SnrContrastiveLoss {
            mated_margin: params.number("pos_margin", 0.0),
            margin: params.number("neg_margin", 1.0),
            zero_mean_weight: zero_mean_weight(params),
        }),
        "IntraPairVarianceLoss" => Box::new(IntraPairVarianceLoss {
            mated_slack: params.number("pos_eps", 0.01),
            slack: params.number("neg_eps", 0.01),
        }),
        "ThresholdConsistentMarginLoss" => Box::new(ThresholdConsistentMarginLoss {
            mated_weight: params.number("lambda_plus", 1.0),
            non_mated_weight: params.number("lambda_minus", 1.0),
            mated_margin: params.number("margin_plus", 0.9),
            margin: params.number("margin_minus", 0.5),
        }),
        _ => return None,
    })
}

fn zero_mean_weight(params: &Params) -> f64 {
    match params.word("embedding_regularizer", "") {
        "" => 0.0,
        "ZeroMeanRegularizer" => params.number("embedding_reg_weight", 1.0),
        other => panic!("the reference's regularizer {other} is not known here"),
    }
}
