//! Our losses (over ranks and the like) by the names and parameters of the reference, pytorch-metric-learning.

use super::Params;
use crate::metric::compat::Compat;
use crate::metric::loss::{
    DynamicSoftMarginLoss, FastApLoss, HistogramLoss, InstanceLoss, LearnedBoundary, ManifoldLoss,
    MarginLoss, PnpLoss, PnpVariant, RankedListLoss, SmoothApLoss, TupletMarginLoss, VicRegLoss,
};
use crate::metric::scene::TupleLoss;

/// A loss over tuples.
pub(super) fn tuple_loss(class: &str, params: &Params) -> Option<Box<dyn TupleLoss>> {
    Some(match class {
        // The momentum of its histogram plays no part in the first step.
        "DynamicSoftMarginLoss" => Box::new(DynamicSoftMarginLoss {
            min_violation: params.number("min_val", -2.0),
            n_bins: params.number("num_bins", 10.0) as usize,
            compat: Some(Compat::Pml),
        }),
        // Its authors' code, of which ours is the default.
        "DynamicSoftMarginAuthors" => Box::new(DynamicSoftMarginLoss {
            min_violation: params.number("min_val", -2.0),
            n_bins: params.number("num_bins", 511.0) as usize,
            compat: None,
        }),
        "FastAPLoss" => Box::new(FastApLoss { n_bins: params.number("num_bins", 10.0) as usize }),
        "HistogramLoss" => Box::new(HistogramLoss {
            bin_width: params.number("delta", 2.0 / params.number("n_bins", 100.0)),
            compat: Some(Compat::Pml),
        }),
        "InstanceLoss" => Box::new(InstanceLoss {
            gamma: params.number("gamma", 64.0),
            compat: Some(Compat::Pml),
        }),
        // Where the caller gives the proxy of each sample: its label.
        "ManifoldLoss" => Box::new(ManifoldLoss {
            n_proxies: params.count("K", 50),
            intrinsic: 1.0,
            context: params.number("lambdaC", 1.0),
            alpha: params.number("alpha", 0.8),
            margin: params.number("margin", 5e-4),
            seed: 0,
        }),
        "MarginLoss" => Box::new(margin_loss(params)),
        "PNPLoss" => Box::new(PnpLoss {
            variant: pnp_variant(params.word("variant", "O")),
            b: params.number("b", 2.0),
            alpha: params.number("alpha", 1.0),
            anneal: params.number("anneal", 0.01),
        }),
        "RankedListLoss" => Box::new(RankedListLoss {
            // The reference has no default for these two.
            margin: params.number("margin", f64::NAN),
            non_mated_temperature: params.number("Tn", f64::NAN),
            alpha: params.given("alpha").then(|| params.number("alpha", f64::NAN)),
            mated_temperature: params.number("Tp", 0.0),
            imbalance: params.number("imbalance", 0.5),
            compat: Some(Compat::Pml),
        }),
        "SmoothAPLoss" => Box::new(SmoothApLoss {
            temperature: params.number("temperature", 0.01),
            compat: Some(Compat::Pml),
        }),
        // The same formula over labels in any order, of any number each.
        "SmoothAPByLabel" => {
            Box::new(SmoothApLoss { temperature: params.number("temperature", 0.01), compat: None })
        }
        "TupletMarginLoss" => Box::new(TupletMarginLoss {
            margin: params.number("margin", 5.73).to_radians(),
            scale: params.number("scale", 64.0),
        }),
        "VICRegLoss" => Box::new(VicRegLoss {
            invariance: params.number("invariance_lambda", 25.0),
            variance: params.number("variance_mu", 25.0),
            covariance: params.number("covariance_v", 1.0),
            epsilon: params.number("eps", 1e-4),
        }),
        _ => return None,
    })
}

fn margin_loss(params: &Params) -> MarginLoss {
    // The reference draws a number of triplets, otherwise, from a generator that is not ours.
    assert!(
        !params.given("triplets_per_anchor") || params.word("triplets_per_anchor", "") == "all",
        "the reference's random triplets are not known here"
    );
    // No classes, or 0 of them, means one boundary there.
    let learned = match (params.flag("learn_beta", false), params.count("num_classes", 0)) {
        (false, _) => LearnedBoundary::None,
        (true, 0) => LearnedBoundary::One,
        (true, _) => LearnedBoundary::PerIdentity,
    };
    MarginLoss {
        margin: params.number("margin", 0.2),
        nu: params.number("nu", 0.0),
        beta: params.number("beta", 1.2),
        learned,
    }
}

fn pnp_variant(name: &str) -> PnpVariant {
    match name {
        "O" => PnpVariant::O,
        "Iu" => PnpVariant::Iu,
        "Ib" => PnpVariant::Ib,
        "Ds" => PnpVariant::Ds,
        "Dq" => PnpVariant::Dq,
        other => panic!("the reference's variant {other} is not known here"),
    }
}
