//! Every loss over tuples, held to the contract of all.

use super::super::contract::{
    check, degenerate_batches_are_finite, gradients_agree_with_differences,
};
use super::super::*;
use crate::metric::compat::Compat;

#[test]
fn triplet_keeps_the_contract() {
    for mining in [Mining::All, Mining::SemiHard, Mining::Hard, Mining::Violating, Mining::Facenet]
    {
        let loss = TripletLoss { margin: 0.4, mining, ..TripletLoss::default() };
        check("triplet", &loss);
        check("triplet, smooth", &TripletLoss { smooth: true, ..loss.clone() });
        check("triplet, swapped", &TripletLoss { swap: true, squared: false, ..loss });
    }
    let loss =
        TripletLoss { margin: 0.0, smooth: true, mining: Mining::All, ..TripletLoss::default() };
    check("triplet without a margin", &loss);
    let swapped = TripletLoss { swap: true, compat: Some(Compat::Pml), ..loss };
    check("triplet, swapped as in the reference", &swapped);
}

#[test]
fn drawn_triplets_keep_the_contract_but_for_order() {
    // Another order draws other triplets.
    let loss = TripletLoss {
        mining: Mining::All,
        triplets_per_anchor: Some(3),
        swap: true,
        ..TripletLoss::default()
    };
    gradients_agree_with_differences("drawn triplets", &loss);
    degenerate_batches_are_finite("drawn triplets", &loss);
}

#[test]
fn angular_keeps_the_contract() {
    for compat in [None, Some(Compat::Pml)] {
        check("angular", &AngularLoss { alpha: 0.7, compat });
    }
}

#[test]
fn npairs_keeps_the_contract_but_for_order() {
    // The first pair of an identity is another in another order.
    for l2_weight in [0.0, 0.3] {
        gradients_agree_with_differences("npairs", &NPairsLoss { l2_weight });
        degenerate_batches_are_finite("npairs", &NPairsLoss { l2_weight });
    }
}

#[test]
fn nca_keeps_the_contract() {
    for compat in [None, Some(Compat::Pml)] {
        check("nca", &NcaLoss { scale: 3.0, compat });
    }
}
