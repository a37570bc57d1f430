//! Our losses over classes by the names and parameters of the reference.

use super::{Golden, Params};
use crate::metric::class::scene::ClassLoss;
use crate::metric::class::{
    AdaFaceLoss, ArcFaceLoss, CenterLoss, CombinedMarginLoss, CosFaceLoss, CurricularFaceLoss,
    ElasticFaceLoss, ElasticKind, LargeMarginSoftmaxLoss, MagFaceLoss, MarginGradient,
    NormalizedSoftmaxLoss, P2SGradLoss, ProxyAnchorLoss, ProxyNcaLoss, SoftTripleLoss, SoftmaxLoss,
    SphereFaceLoss, SubCenterArcFaceLoss, UniFaceLoss,
};
use crate::metric::compat::Compat;

/// Parameters that say how large the loss is, which its weights say, too.
const SIZES: [&str; 3] = ["num_classes", "embedding_size", "descriptors_dim"];

/// A loss over classes; none if there is none of this name.
///
/// # Panics
///
/// Panics if there are parameters, a distance or a miner with which it is another loss.
pub(super) fn class_loss(golden: &Golden, params: &Params) -> Option<Box<dyn ClassLoss>> {
    let (known, loss) = one_of_pml(golden, params).or_else(|| another(golden, params))?;
    for name in params.0.keys() {
        let is_known = known.contains(&name.as_str()) || SIZES.contains(&name.as_str());
        assert!(is_known, "{} with {name} is not known here", golden.class);
    }
    assert!(golden.miner.is_none(), "{} with a miner is not known here", golden.class);
    Some(loss)
}

type Known = (&'static [&'static str], Box<dyn ClassLoss>);

/// What the distance makes of `cos θ`, as a factor; that which the loss itself would take, if none.
///
/// # Panics
///
/// Panics if it is not linear in the cosine.
fn slope_of_distance(golden: &Golden, default: f64) -> f64 {
    let Some(distance) = &golden.distance else { return default };
    let is_linear = distance.normalize_embeddings && distance.p == 2.0;
    match distance.class.as_str() {
        "CosineSimilarity" | "DotProductSimilarity" if is_linear && distance.power == 1.0 => 1.0,
        // d² = 2 - 2 cos θ, and larger is farther.
        "LpDistance" if is_linear && distance.power == 2.0 => 2.0,
        other => panic!("{} with {other} is not known here", golden.class),
    }
}

/// Refuses any distance but the cosine.
fn only_cosine(golden: &Golden) {
    assert_eq!(slope_of_distance(golden, 1.0), 1.0, "{} with a distance", golden.class);
}

fn one_of_pml(golden: &Golden, params: &Params) -> Option<Known> {
    let margin = |default| params.number("margin", default);
    let scale = |default| params.number("scale", default);
    // PML's own conversion, `int`, cuts off, too.
    let multiple = || params.number("margin", 4.0) as u32;
    let known: Known = match golden.class.as_str() {
        "ArcFaceLoss" => (
            &["margin", "scale"],
            Box::new(ArcFaceLoss {
                margin: margin(28.6).to_radians(),
                scale: scale(64.0),
                gradient: MarginGradient::Exact,
            }),
        ),
        "CosFaceLoss" => (
            &["margin", "scale"],
            Box::new(CosFaceLoss { margin: margin(0.35), scale: scale(64.0) }),
        ),
        "SphereFaceLoss" => (
            &["margin", "scale"],
            Box::new(SphereFaceLoss { margin: multiple(), scale: scale(1.0) }),
        ),
        "LargeMarginSoftmaxLoss" => (
            &["margin", "scale"],
            Box::new(LargeMarginSoftmaxLoss { margin: multiple(), scale: scale(1.0) }),
        ),
        "SubCenterArcFaceLoss" => (
            &["margin", "scale", "sub_centers"],
            Box::new(SubCenterArcFaceLoss {
                margin: margin(28.6).to_radians(),
                scale: scale(64.0),
                sub_centers: params.count("sub_centers", 3),
            }),
        ),
        "NormalizedSoftmaxLoss" => {
            let temperature = params.number("temperature", 0.05) / slope_of_distance(golden, 1.0);
            return Some((&["temperature"], Box::new(NormalizedSoftmaxLoss { temperature })));
        }
        "ProxyNCALoss" => {
            let scale = params.number("softmax_scale", 1.0) * slope_of_distance(golden, 2.0) / 2.0;
            return Some((&["softmax_scale"], Box::new(ProxyNcaLoss { scale })));
        }
        // It ignores its distance.
        "P2SGradLoss" => return Some((&[], Box::new(P2SGradLoss { compat: Some(Compat::Pml) }))),
        "ProxyAnchorLoss" => (
            &["margin", "alpha"],
            Box::new(ProxyAnchorLoss { margin: margin(0.1), scale: params.number("alpha", 32.0) }),
        ),
        "SoftTripleLoss" => (
            &["centers_per_class", "la", "gamma", "margin"],
            Box::new(SoftTripleLoss {
                centers_per_identity: params.count("centers_per_class", 10),
                scale: params.number("la", 20.0),
                temperature: params.number("gamma", 0.1),
                margin: margin(0.01),
            }),
        ),
        _ => return None,
    };
    only_cosine(golden);
    Some(known)
}

/// Losses that pytorch-metric-learning lacks, by the names of their authors.
fn another(golden: &Golden, params: &Params) -> Option<Known> {
    let margin = |default| params.number("m", default);
    let scale = || params.number("s", 64.0);
    let known: Known = match golden.class.as_str() {
        "Softmax" => (&[], Box::new(SoftmaxLoss {})),
        "CenterLoss" => (&[], Box::new(CenterLoss {})),
        "CombinedMarginLoss" => (
            &["s", "m1", "m2", "m3", "straight_through", "interclass_filtering_threshold"],
            Box::new(CombinedMarginLoss {
                m1: params.number("m1", 1.0),
                m2: params.number("m2", 0.5),
                m3: params.number("m3", 0.0),
                scale: scale(),
                gradient: if params.flag("straight_through", false) {
                    MarginGradient::StraightThrough
                } else {
                    MarginGradient::Exact
                },
                interclass_filtering: Some(params.number("interclass_filtering_threshold", 0.0))
                    .filter(|&threshold| threshold > 0.0),
            }),
        ),
        "AdaFace" => (
            &["m", "h", "s", "t_alpha"],
            Box::new(AdaFaceLoss {
                margin: margin(0.4),
                concentration: params.number("h", 0.333),
                scale: scale(),
                momentum: params.number("t_alpha", 1.0),
            }),
        ),
        "MagFace" => (
            &["l_a", "u_a", "l_margin", "u_margin", "lambda_g", "s", "easy_margin"],
            Box::new(MagFaceLoss {
                min_norm: params.number("l_a", 10.0),
                max_norm: params.number("u_a", 110.0),
                min_margin: params.number("l_margin", 0.45),
                max_margin: params.number("u_margin", 0.8),
                norm_weight: params.number("lambda_g", 35.0),
                scale: scale(),
                easy_margin: params.flag("easy_margin", true),
            }),
        ),
        "ElasticArcFace" => (&["m", "s", "std"], elastic(ElasticKind::Arc, margin(0.5), params)),
        "ElasticCosFace" => (&["m", "s", "std"], elastic(ElasticKind::Cos, margin(0.35), params)),
        "UniFace" => (
            &["m", "s", "l"],
            Box::new(UniFaceLoss {
                margin: margin(0.4),
                scale: scale(),
                non_mated_weight: params.number("l", 1.0),
            }),
        ),
        "CurricularFace" => (
            &["m", "s"],
            Box::new(CurricularFaceLoss { margin: margin(0.5), scale: scale(), momentum: 0.01 }),
        ),
        _ => return None,
    };
    Some(known)
}

/// With margins that do not vary: the draws are not the reference's.
fn elastic(kind: ElasticKind, margin: f64, params: &Params) -> Box<dyn ClassLoss> {
    let deviation = params.number("std", 0.0125);
    assert_eq!(deviation, 0.0, "drawn margins cannot be compared");
    Box::new(ElasticFaceLoss {
        on: kind,
        margin: Some(margin),
        deviation,
        sorted: false,
        scale: params.number("s", 64.0),
    })
}
