//! Our losses (over triplets) by the names and parameters of the reference, pytorch-metric-learning.

use super::Params;
use crate::metric::compat::Compat;
use crate::metric::loss::{AngularLoss, Mining, NPairsLoss, NcaLoss, TripletLoss};
use crate::metric::scene::TupleLoss;

/// A loss over tuples.
pub(super) fn tuple_loss(class: &str, params: &Params) -> Option<Box<dyn TupleLoss>> {
    Some(match class {
        "TripletMarginLoss" => Box::new(triplet_loss(params)),
        // The paper's selection of triplets, which the reference lacks.
        "FaceNetLoss" => Box::new(TripletLoss {
            margin: params.number("margin", 0.2),
            mining: Mining::Facenet,
            ..TripletLoss::default()
        }),
        "AngularLoss" => {
            only(params, &["alpha"]);
            let alpha = params.number("alpha", 40.0).to_radians();
            Box::new(AngularLoss { alpha, compat: Some(Compat::Pml) })
        }
        // The authors' formula, of which ours is the default.
        "AngularLossAuthors" => {
            let alpha = params.number("alpha", 40.0).to_radians();
            Box::new(AngularLoss { alpha, compat: None })
        }
        "NPairsLoss" => {
            only(params, &[]);
            Box::new(NPairsLoss { l2_weight: 0.0 })
        }
        // TensorFlow's, with products of embeddings of any length.
        "NPairsLossTensorflow" => {
            Box::new(NPairsLoss { l2_weight: params.number("reg_lambda", 0.002) })
        }
        "NCALoss" => {
            only(params, &["softmax_scale"]);
            let scale = params.number("softmax_scale", 1.0);
            Box::new(NcaLoss { scale, compat: Some(Compat::Pml) })
        }
        _ => return None,
    })
}

/// Refuses parameters that are not mapped.
fn only(params: &Params, known: &[&str]) {
    let unknown = params.0.keys().find(|name| !known.contains(&name.as_str()));
    assert!(unknown.is_none(), "the reference's parameter {unknown:?} is not known here");
}

fn triplet_loss(params: &Params) -> TripletLoss {
    only(params, &["margin", "swap", "smooth_loss", "triplets_per_anchor"]);
    // The reference draws a number of triplets, otherwise, from a generator that is not ours.
    let n_per_anchor = params.0.get("triplets_per_anchor");
    assert!(
        n_per_anchor.is_none_or(|n| n == "all"),
        "the reference's random triplets are not known here"
    );
    TripletLoss {
        margin: params.number("margin", 0.05),
        mining: Mining::All,
        mining_margin: None,
        squared: false,
        smooth: params.flag("smooth_loss", false),
        swap: params.flag("swap", false),
        triplets_per_anchor: None,
        compat: Some(Compat::Pml),
    }
}
