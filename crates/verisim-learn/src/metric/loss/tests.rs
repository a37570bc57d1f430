//! Every loss over tuples, held to the contract of all.

use super::contract::{
    check, degenerate_batches_are_finite, gradients_agree_with_differences, order_does_not_matter,
};
use super::*;
use crate::metric::compat::Compat;

#[test]
fn contrastive_keeps_the_contract() {
    check("contrastive", &ContrastiveLoss { mated_margin: 0.1, margin: 1.2 });
}

#[test]
fn dynamic_soft_margin_keeps_the_contract() {
    let loss = DynamicSoftMarginLoss { min_violation: -2.0, n_bins: 10, compat: Some(Compat::Pml) };
    check("dynamic_soft_margin as pml", &loss);
    // A violation beyond the ends of the histogram counts at them.
    check(
        "dynamic_soft_margin, narrow",
        &DynamicSoftMarginLoss { min_violation: -0.3, ..loss.clone() },
    );
    // The authors hold the histogram fixed, so differences do not show their gradient.
    let loss = DynamicSoftMarginLoss { compat: None, ..loss };
    order_does_not_matter("dynamic_soft_margin", &loss);
    degenerate_batches_are_finite("dynamic_soft_margin", &loss);
}

#[test]
fn fast_ap_keeps_the_contract() {
    check("fast_ap", &FastApLoss { n_bins: 10 });
    check("fast_ap with many bins", &FastApLoss { n_bins: 37 });
}

#[test]
fn histogram_keeps_the_contract() {
    check("histogram", &HistogramLoss { bin_width: 0.1, compat: None });
    check(
        "histogram with a width that does not divide 2",
        &HistogramLoss { bin_width: 0.3, compat: None },
    );
    check("histogram as pml", &HistogramLoss { bin_width: 0.02, compat: Some(Compat::Pml) });
}

#[test]
fn instance_keeps_the_contract() {
    check("instance", &InstanceLoss { gamma: 5.0, compat: None });
}

/// Its proxies are as long as the embeddings, which are not equally long in all clauses.
#[test]
fn manifold_keeps_the_contract() {
    let loss = |dim| ManifoldLoss {
        dim,
        n_proxies: 4,
        intrinsic: 2.0,
        context: 1.5,
        alpha: 0.8,
        margin: 0.1,
        seed: 3,
    };
    gradients_agree_with_differences("manifold", &loss(5));
    order_does_not_matter("manifold", &loss(5));
    degenerate_batches_are_finite("manifold", &loss(3));
    let one_proxy = ManifoldLoss { n_proxies: 1, ..loss(3) };
    degenerate_batches_are_finite("manifold with one proxy", &one_proxy);
}

#[test]
fn margin_keeps_the_contract() {
    for learned in [LearnedBoundary::None, LearnedBoundary::One, LearnedBoundary::PerIdentity] {
        let loss = MarginLoss { margin: 0.2, nu: 0.3, beta: 1.0, learned };
        check(&format!("margin with {learned:?} learned"), &loss);
    }
}

#[test]
fn pnp_keeps_the_contract() {
    use PnpVariant::{Dq, Ds, Ib, Iu, O};
    for variant in [O, Iu, Ib, Ds, Dq] {
        let loss = PnpLoss { variant, b: 3.0, alpha: 1.5, anneal: 0.1 };
        check(&format!("pnp {variant:?}"), &loss);
    }
}

#[test]
fn ranked_list_keeps_the_contract() {
    let loss = RankedListLoss {
        margin: 0.4,
        alpha: None,
        mated_temperature: 2.0,
        non_mated_temperature: 10.0,
        imbalance: 0.3,
        compat: None,
    };
    check("ranked_list", &loss);
    check("ranked_list as pml", &RankedListLoss { compat: Some(Compat::Pml), ..loss });
}

#[test]
fn smooth_ap_keeps_the_contract() {
    check("smooth_ap", &SmoothApLoss { temperature: 0.1, compat: None });
}

#[test]
fn tuplet_margin_keeps_the_contract() {
    check("tuplet_margin", &TupletMarginLoss { margin: 0.1, scale: 8.0 });
}

#[test]
fn vicreg_keeps_the_contract() {
    let loss = VicRegLoss { invariance: 2.0, variance: 3.0, covariance: 1.5, epsilon: 1e-4 };
    check("vicreg", &loss);
}
