//! Every loss over tuples, held to the contract of all.

use super::super::contract::{
    check, clustered, degenerate_batches_are_finite, order_does_not_matter, within,
};
use super::super::*;
use crate::metric::compat::Compat;
use crate::metric::distance::Distance;
use crate::metric::matrix::Matrix;
use crate::metric::miner::{AllPairs, Miner};
use crate::metric::relevance::Relations;
use crate::metric::scene::{Batch, Evaluation, Options, TupleLoss, evaluate};

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

#[test]
fn manifold_keeps_the_contract() {
    let loss = ManifoldLoss {
        n_proxies: 4,
        intrinsic: 2.0,
        context: 1.5,
        alpha: 0.8,
        margin: 0.1,
        seed: 3,
    };
    check("manifold", &loss);
    let one_proxy = ManifoldLoss { n_proxies: 1, ..loss };
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

fn with_options(
    loss: &dyn TupleLoss,
    rows: &Matrix,
    labels: &[u64],
    options: &Options<'_>,
) -> Evaluation {
    let relations = Relations::within(labels);
    let batch =
        Batch { embeddings: rows, references: None, relations: &relations, labels: Some(labels) };
    evaluate(loss, batch, options)
}

#[test]
fn a_miner_that_chooses_all_changes_nothing() {
    let labels = [0, 1, 2, 0, 1, 2, 0, 1, 0];
    let rows = clustered(&labels, 5, 0.6, 8);
    let learned = LearnedBoundary::PerIdentity;
    let losses: [Box<dyn TupleLoss>; 4] = [
        Box::new(DynamicSoftMarginLoss { min_violation: -2.0, n_bins: 20, compat: None }),
        Box::new(HistogramLoss { bin_width: 0.1, compat: None }),
        Box::new(MarginLoss { margin: 0.2, nu: 0.3, beta: 1.0, learned }),
        Box::new(TupletMarginLoss { margin: 0.1, scale: 8.0 }),
    ];
    for loss in losses {
        let parameters = loss.parameters(3, 5);
        let miner = Miner::All(AllPairs {});
        let options =
            Options { miner: Some(&miner), parameters: &parameters, ..Options::default() };
        let (all, mined) = (
            within(loss.as_ref(), &rows, &labels),
            with_options(loss.as_ref(), &rows, &labels, &options),
        );
        assert!((all.value - mined.value).abs() < 1e-12, "{} and {}", all.value, mined.value);
        let of_all = all.embeddings.data().iter().chain(&all.parameters);
        for (all, mined) in of_all.zip(mined.embeddings.data().iter().chain(&mined.parameters)) {
            assert!((all - mined).abs() < 1e-12, "{all} and {mined}");
        }
    }
}

/// A descent by the gradient must go down whichever of distance and similarity a loss is given.
#[test]
fn losses_over_rankings_bear_distances_and_similarities() {
    let labels = [0, 1, 2, 0, 1, 2, 0, 1, 0];
    let rows = clustered(&labels, 5, 0.8, 9);
    let losses: [(&str, Box<dyn TupleLoss>); 8] = [
        (
            "dynamic_soft_margin",
            Box::new(DynamicSoftMarginLoss {
                min_violation: -2.0,
                n_bins: 20,
                compat: Some(Compat::Pml),
            }),
        ),
        ("fast_ap", Box::new(FastApLoss { n_bins: 10 })),
        ("histogram", Box::new(HistogramLoss { bin_width: 0.2, compat: None })),
        ("instance", Box::new(InstanceLoss { gamma: 4.0, compat: None })),
        (
            "manifold",
            Box::new(ManifoldLoss {
                n_proxies: 3,
                intrinsic: 1.0,
                context: 1.0,
                alpha: 0.8,
                margin: 0.1,
                seed: 1,
            }),
        ),
        (
            "ranked_list",
            Box::new(RankedListLoss {
                margin: 0.4,
                alpha: Some(0.9),
                mated_temperature: 1.0,
                non_mated_temperature: 2.0,
                imbalance: 0.5,
                compat: None,
            }),
        ),
        ("smooth_ap", Box::new(SmoothApLoss { temperature: 0.2, compat: None })),
        ("tuplet_margin", Box::new(TupletMarginLoss { margin: 0.1, scale: 4.0 })),
    ];
    for (name, loss) in &losses {
        for distance in [Distance::EUCLIDEAN, Distance::SQUARED, Distance::Cosine] {
            let parameters = loss.parameters(3, 5);
            let options = Options {
                distance: Some(&distance),
                parameters: &parameters,
                ..Options::default()
            };
            let run = |rows: &Matrix| with_options(loss.as_ref(), rows, &labels, &options);
            let found = run(&rows);
            let moved = |by: f64| {
                let mut step = found.embeddings.clone();
                step.scale(by);
                step.add(&rows);
                run(&step).value
            };
            let squares: f64 = found.embeddings.data().iter().map(|it| it * it).sum();
            let slope = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            let close = (slope - squares).abs() <= 1e-4 * squares;
            assert!(squares > 0.0 && close, "{name} on {distance:?}: {slope}, not {squares}");
        }
    }
}
