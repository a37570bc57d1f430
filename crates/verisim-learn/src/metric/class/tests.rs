//! Every loss over classes, held to the contract of all, and what tells one from another.

use serde::de::DeserializeOwned;

use super::contract::Contract;
use super::scene::{ClassLoss, ClassScene, ClassSlope};
use super::*;
use crate::metric::reducer::Reducer;

/// A loss from its parameters as a recipe gives them; the rest is the default.
fn loss<L: DeserializeOwned>(parameters: &str) -> L {
    toml::from_str(parameters).unwrap()
}

fn sample(loss: &dyn ClassLoss) -> ClassSlope {
    Contract::sample(loss, &loss.reducer(), 5)
}

#[track_caller]
fn assert_same(one: &dyn ClassLoss, other: &dyn ClassLoss) {
    let (one, other) = (sample(one), sample(other));
    assert!((one.value - other.value).abs() < 1e-5, "{} and {}", one.value, other.value);
    for (one, other) in one.cosines.iter().zip(&other.cosines) {
        assert!((one - other).abs() < 1e-5, "{one} and {other}");
    }
}

#[test]
fn margins_on_the_angle_keep_the_contract() {
    Contract::check("arcface", &loss::<ArcFaceLoss>("scale = 6.0"));
    Contract::check("sub-center arcface", &loss::<SubCenterArcFaceLoss>("scale = 6.0"));
    Contract::check("elasticface", &loss::<ElasticFaceLoss>("scale = 6.0\ndeviation = 0.0"));
    let sorted = "scale = 6.0\ndeviation = 0.1\nsorted = true";
    Contract::check("elasticface+", &loss::<ElasticFaceLoss>(sorted));
    Contract::check(
        "elastic cosface",
        &loss::<ElasticFaceLoss>(&format!("{sorted}\non = \"cos\"")),
    );
    Contract::check("curricularface", &loss::<CurricularFaceLoss>("scale = 4.0\nmomentum = 0.0"));
    let straight = loss::<ArcFaceLoss>("gradient = \"straight-through\"");
    Contract::check_but_differences("arcface, straight through", &straight);
}

#[test]
fn margins_on_the_cosine_keep_the_contract() {
    Contract::check("cosface", &loss::<CosFaceLoss>("scale = 6.0"));
    Contract::check("normalized softmax", &loss::<NormalizedSoftmaxLoss>("temperature = 0.2"));
    Contract::check("uniface", &loss::<UniFaceLoss>("scale = 6.0\nnon_mated_weight = 0.7"));
}

#[test]
fn several_margins_keep_the_contract() {
    for margins in ["m1 = 0.9\nm2 = 0.4\nm3 = 0.15", "m1 = 3.0\nm2 = 0.2", "m3 = 0.2", "m1 = 1.35"]
    {
        Contract::check(margins, &loss::<CombinedMarginLoss>(&format!("scale = 6.0\n{margins}")));
    }
    let filtered = "scale = 6.0\nm3 = 0.2\ninterclass_filtering = 0.5";
    Contract::check(filtered, &loss::<CombinedMarginLoss>(filtered));
    let straight = "m1 = 1.2\nm3 = 0.2\ngradient = \"straight-through\"";
    Contract::check_but_differences(straight, &loss::<CombinedMarginLoss>(straight));
}

#[test]
fn losses_that_read_lengths_keep_the_contract() {
    for margin in 1..=5 {
        let margin = format!("margin = {margin}");
        Contract::check("sphereface", &loss::<SphereFaceLoss>(&margin));
        Contract::check("l-softmax", &loss::<LargeMarginSoftmaxLoss>(&margin));
    }
    Contract::check("softmax", &SoftmaxLoss {});
    Contract::check("center", &CenterLoss {});
    let lengths = "scale = 6.0\nmin_norm = 1.2\nmax_norm = 2.8\nnorm_weight = 0.7\n";
    for easy in [true, false] {
        // So large a margin that some own centers are past the turn.
        let parameters = format!("{lengths}max_margin = 1.5\neasy_margin = {easy}");
        Contract::check("magface", &loss::<MagFaceLoss>(&parameters));
    }
    let adaface = loss::<AdaFaceLoss>("scale = 6.0\nconcentration = 5.0\nmomentum = 0.0");
    Contract::check_with_lengths_held("adaface", &adaface);
    Contract::check_but_differences("adaface", &loss::<AdaFaceLoss>("momentum = 1.0"));
}

#[test]
fn losses_over_proxies_keep_the_contract() {
    Contract::check("proxy-nca", &loss::<ProxyNcaLoss>("scale = 3.0"));
    Contract::check("proxy-anchor", &loss::<ProxyAnchorLoss>("scale = 5.0"));
    Contract::check_but_differences("proxy-anchor", &loss::<ProxyAnchorLoss>("scale = 2000.0"));
    let soft_triple = "centers_per_identity = 3\nscale = 5.0\ntemperature = 0.3\nmargin = 0.1";
    Contract::check("softtriple", &loss::<SoftTripleLoss>(soft_triple));
    Contract::check("p2sgrad", &P2SGradLoss::default());
}

#[test]
fn default_parameters_keep_the_contract_but_for_their_steep_slopes() {
    let losses: [&dyn ClassLoss; 11] = [
        &loss::<ArcFaceLoss>(""),
        &loss::<CosFaceLoss>(""),
        &loss::<SubCenterArcFaceLoss>(""),
        &loss::<CombinedMarginLoss>(""),
        &loss::<AdaFaceLoss>(""),
        &loss::<MagFaceLoss>(""),
        &loss::<ElasticFaceLoss>("sorted = true"),
        &loss::<UniFaceLoss>(""),
        &loss::<CurricularFaceLoss>(""),
        &loss::<ProxyAnchorLoss>(""),
        &loss::<SoftTripleLoss>(""),
    ];
    for loss in losses {
        Contract::check_but_differences("defaults", loss);
    }
}

#[test]
fn special_cases_agree_with_the_losses_they_generalize() {
    let arcface = loss::<ArcFaceLoss>("margin = 0.4");
    assert_same(&loss::<CombinedMarginLoss>("m2 = 0.4"), &arcface);
    assert_same(&loss::<SubCenterArcFaceLoss>("margin = 0.4\nsub_centers = 1"), &arcface);
    assert_same(&loss::<ElasticFaceLoss>("margin = 0.4\ndeviation = 0.0"), &arcface);
    let cosface = loss::<CosFaceLoss>("margin = 0.2");
    assert_same(&loss::<CombinedMarginLoss>("m2 = 0.0\nm3 = 0.2"), &cosface);
    assert_same(&loss::<AdaFaceLoss>("margin = 0.2\nconcentration = 0.0"), &cosface);
    let without_margin = loss::<CosFaceLoss>("margin = 0.0\nscale = 20.0");
    assert_same(&loss::<NormalizedSoftmaxLoss>(""), &without_margin);
    assert_same(&loss::<ProxyNcaLoss>("scale = 10.0"), &without_margin);
    let one_center = loss::<SoftTripleLoss>("centers_per_identity = 1\nmargin = 0.0");
    assert_same(&one_center, &without_margin);
    // SphereFace has the length of the feature in its logits, too: 1 here.
    let lengths = [1.0; 2];
    let reducer = Reducer::Mean;
    let scene = ClassScene {
        cosines: &[0.3, -0.2, 0.1, -0.7, 0.9, 0.2],
        n_centers: 3,
        labels: &[0, 1],
        norms: &lengths,
        center_norms: &[],
        sample_weights: None,
        reducer: &reducer,
        parameters: &[],
        state: &[],
        seed: 0,
    };
    let combined = loss::<CombinedMarginLoss>("m1 = 4.0\nm2 = 0.0\nscale = 3.0").evaluate(&scene);
    let sphereface = loss::<SphereFaceLoss>("scale = 3.0").evaluate(&scene);
    assert!((combined.value - sphereface.value).abs() < 1e-6);
}

#[test]
fn a_straight_gradient_is_the_share_less_1() {
    let parameters = "gradient = \"straight-through\"\nscale = 2.0";
    let losses: [&dyn ClassLoss; 2] =
        [&loss::<CombinedMarginLoss>(parameters), &loss::<ArcFaceLoss>(parameters)];
    for loss in losses {
        for row in sample(loss).cosines.chunks(5) {
            // Shares sum to 1, so the slopes of a row, 2 (p - y) / 7, sum to 0.
            assert!(row.iter().sum::<f32>().abs() < 1e-6, "{row:?}");
        }
    }
}

#[test]
fn drawn_margins_depend_on_the_seed_and_the_plus_gives_the_farthest_the_largest() {
    let drawn = loss::<ElasticFaceLoss>("deviation = 0.1");
    let value = |loss: &ElasticFaceLoss, seed| Contract::sample(loss, &Reducer::Mean, seed).value;
    assert_eq!(value(&drawn, 1), value(&drawn, 1));
    assert_ne!(value(&drawn, 1), value(&drawn, 2));
    // A larger margin where the loss is large already: the mean of the losses is larger.
    let sorted = ElasticFaceLoss { sorted: true, on: ElasticKind::Cos, ..drawn.clone() };
    let unsorted = ElasticFaceLoss { on: ElasticKind::Cos, ..drawn };
    assert!(value(&sorted, 1) > value(&unsorted, 1));
}

#[test]
fn a_share_near_1_keeps_the_digits_of_the_rest() {
    let reducer = Reducer::Mean;
    let scene = ClassScene {
        cosines: &[1.0, 0.0],
        n_centers: 2,
        labels: &[0],
        norms: &[],
        center_norms: &[],
        sample_weights: None,
        reducer: &reducer,
        parameters: &[],
        state: &[],
        seed: 0,
    };
    let found = loss::<CosFaceLoss>("margin = 0.0").evaluate(&scene);
    let rest = (-64f64).exp();
    assert!((found.value / rest - 1.0).abs() < 1e-6, "{}", found.value);
    for (slope, expected) in found.cosines.iter().zip([-64.0 * rest, 64.0 * rest]) {
        assert!((f64::from(*slope) / expected - 1.0).abs() < 1e-6, "{slope}, not {expected}");
    }
}

/// A scene of three identities, of which the last is not in the batch.
fn with_a_missing_identity<'a>(
    cosines: &'a [f32],
    labels: &'a [usize],
    weights: Option<&'a [f64]>,
) -> ClassScene<'a> {
    ClassScene {
        cosines,
        n_centers: 3,
        labels,
        norms: &[],
        center_norms: &[],
        sample_weights: weights,
        reducer: &Reducer::Divisor { divisor: None },
        parameters: &[],
        state: &[],
        seed: 0,
    }
}

#[test]
fn proxy_anchor_divides_what_is_pulled_by_the_identities_in_the_batch() {
    let proxy_anchor = loss::<ProxyAnchorLoss>("margin = 0.0\nscale = 1.0");
    let cosines = [0.5, 0.0, -0.5, 0.25, 0.75, 0.0];
    let found = proxy_anchor.evaluate(&with_a_missing_identity(&cosines, &[0, 1], None)).value;
    let log_1_and = |exponents: &[f64]| exponents.iter().map(|x| x.exp()).sum::<f64>().ln_1p();
    let pulled = log_1_and(&[-0.5]) + log_1_and(&[-0.75]);
    let pushed = log_1_and(&[0.25]) + log_1_and(&[0.0]) + log_1_and(&[-0.5, 0.0]);
    assert!((found - pulled / 2.0 - pushed / 3.0).abs() < 1e-12, "{found}");
}

#[test]
fn proxy_anchor_takes_a_sample_of_weight_2_for_two() {
    let proxy_anchor = loss::<ProxyAnchorLoss>("");
    let cosines = [0.5, 0.0, -0.5, 0.25, 0.75, 0.0, 0.25, 0.75, 0.0];
    let twice = proxy_anchor.evaluate(&with_a_missing_identity(&cosines, &[0, 1, 1], None));
    let weights = Some(&[1.0, 2.0][..]);
    let weighted = proxy_anchor.evaluate(&with_a_missing_identity(&cosines[..6], &[0, 1], weights));
    assert!((twice.value - weighted.value).abs() < 1e-9);
    assert!((twice.cosines[4] + twice.cosines[7] - weighted.cosines[4]).abs() < 1e-6);
}

#[test]
fn parameters_out_of_range_are_refused_by_name() {
    let message = |loss: &dyn ClassLoss| loss.check().unwrap_err().to_string();
    let margin = loss::<ArcFaceLoss>("margin = 28.6");
    assert_eq!(message(&margin), "margin is 28.6, but must be in [0, pi/2), in radians");
    let filtering = loss::<CombinedMarginLoss>("interclass_filtering = 0.0");
    assert_eq!(message(&filtering), "interclass_filtering is 0, but must be above 0 and up to 1");
    let norms = loss::<MagFaceLoss>("max_norm = 5.0");
    assert_eq!(message(&norms), "max_norm is 5, but must be above min_norm");
}
