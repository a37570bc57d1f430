//! Every loss over tuples, held to the contract of all.

use super::super::contract::check;
use super::super::*;

#[test]
fn contrastive_keeps_the_contract() {
    check("contrastive", &ContrastiveLoss { mated_margin: 0.1, margin: 1.2 });
}

#[test]
fn unbounded_contrastive_keeps_the_contract() {
    check("unbounded contrastive", &UnboundedContrastiveLoss {});
}

#[test]
fn squared_contrastive_keeps_the_contract() {
    check("squared contrastive", &SquaredContrastiveLoss { margin: 1.5, adapt_pairs: 0 });
}

#[test]
fn multi_similarity_keeps_the_contract() {
    check("multi-similarity", &MultiSimilarityLoss { alpha: 2.0, beta: 10.0, base: 0.4 });
}

/// With the slope of the loss as gradient; with constant weights the gradient is another, on purpose.
#[test]
fn circle_keeps_the_contract() {
    check("circle", &CircleLoss { margin: 0.4, scale: 8.0, weights: CircleWeights::Exact });
}

#[test]
fn lifted_structure_keeps_the_contract() {
    check("lifted structure", &LiftedStructureLoss { mated_margin: 0.1, margin: 1.2 });
}

#[test]
fn generalized_lifted_structure_keeps_the_contract() {
    let loss = GeneralizedLiftedStructureLoss { mated_margin: 0.1, margin: 1.2 };
    check("generalized lifted structure", &loss);
}

#[test]
fn ntxent_keeps_the_contract() {
    check("NT-Xent", &NtxentLoss { temperature: 0.2, compat: None });
    check("NT-Xent", &NtxentLoss { temperature: 0.2, compat: Some(NtxentCompat::Pml) });
}

#[test]
fn supcon_keeps_the_contract() {
    check("SupCon", &SupConLoss { temperature: 0.2 });
}

#[test]
fn snr_contrastive_keeps_the_contract() {
    let loss = SnrContrastiveLoss { mated_margin: 0.1, margin: 1.5, zero_mean_weight: 0.3 };
    check("SNR contrastive", &loss);
}

#[test]
fn intra_pair_variance_keeps_the_contract() {
    check("intra-pair variance", &IntraPairVarianceLoss { mated_slack: 0.05, slack: 0.1 });
}

#[test]
fn threshold_consistent_margin_keeps_the_contract() {
    let loss = ThresholdConsistentMarginLoss {
        mated_weight: 1.5,
        non_mated_weight: 0.5,
        mated_margin: 0.9,
        margin: 0.1,
    };
    check("threshold-consistent margin", &loss);
}
