//! Half precision, run on the CPU, which recipes may not ask for: where numbers are narrowed and widened,
//! and what an overflow does.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{DType, Device, Tensor};

use super::super::{RECIPE, parameters, recipe, stripes};
use crate::backbone::{Dropout, WeightSource};
use crate::train::checkpoint::Position;
use crate::train::learner::{Examples, Learner, Model};
use crate::train::{Recipe, RunFolder, Trainer};

const N_IDENTITIES: usize = 8;

fn in_precision(name: &str) -> Recipe {
    let mut recipe = Recipe::parse(&format!("precision = {name:?}\n{RECIPE}")).unwrap();
    recipe.clip_norm = 0.0;
    recipe
}

pub(super) fn learner(recipe: &Recipe) -> Learner {
    let device = Device::flex().autodiff();
    let mut weights = WeightSource::new(5, &device);
    let backbone = recipe.backbone.init(recipe.input.size(), &mut weights).unwrap();
    let loss = recipe.loss.init(N_IDENTITIES, 16, &mut weights).unwrap();
    Learner::new(Model { backbone, loss }, recipe, &device)
}

pub(super) fn examples() -> Examples {
    let mut weights = WeightSource::new(6, &Device::flex().autodiff());
    let images = weights.normal([16, 1, 16, 16], 1.0).val().detach();
    let classes = (0..16).map(|index| index % N_IDENTITIES as u64).collect();
    Examples { images, classes, dropout_seed: 1, loss_seed: 2 }
}

/// The network's parameters after a step, and the gradient's length.
fn stepped(precision: &str) -> (Vec<f32>, Vec<f32>, f64) {
    let mut learner = learner(&in_precision(precision));
    let before = parameters(&learner.model.backbone, "weight");
    // The first scale is too large, and halved a few times.
    let mut steps = (0..20).map(|_| {
        assert!(learner.add(examples(), 1.0).is_finite());
        learner.step(0, 1e-2)
    });
    let norm = steps.find(|found| !found.is_skipped).unwrap().gradient_norm;
    (before, parameters(&learner.model.backbone, "weight"), norm)
}

#[test]
fn features_are_close_and_every_weight_stays_single() {
    struct Types(Vec<DType>);
    impl ModuleVisitor for Types {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(param.val().dtype());
        }
    }
    for (precision, dtype, allowed) in [("bf16", DType::BF16, 0.1), ("f16", DType::F16, 0.01)] {
        let mut learner = learner(&in_precision(precision));
        let network = learner.model.backbone.clone();
        let images = examples().images;
        let single = network.forward(images.clone(), &mut Dropout::none());
        let half = network.forward(images.cast(dtype), &mut Dropout::none());
        assert_eq!(half.dtype(), dtype);
        let distance = (half.cast(DType::F32) - single.clone()).square().mean().sqrt();
        let length = single.square().mean().sqrt();
        let relative = (distance / length).into_scalar::<f32>();
        assert!(relative > 0.0 && relative < allowed, "{precision}: {relative}");
        learner.add(examples(), 1.0);
        learner.step(0, 1e-2);
        let mut types = Types(Vec::new());
        learner.model.visit(&mut types);
        assert!(types.0.len() > 10 && types.0.iter().all(|it| *it == DType::F32), "{:?}", types.0);
    }
}

#[test]
fn a_step_goes_where_that_of_single_precision_goes() {
    let (before, single, norm) = stepped("float32");
    for precision in ["bf16", "f16"] {
        let (_, half, half_norm) = stepped(precision);
        let moves =
            before.iter().zip(single.iter().zip(&half)).map(|(old, (a, b))| (a - old, b - old));
        let dot = |pairs: &[(f32, f32)]| pairs.iter().map(|(a, b)| f64::from(a * b)).sum::<f64>();
        let moves: Vec<(f32, f32)> = moves.collect();
        let with_self: Vec<_> = moves.iter().map(|(a, _)| (*a, *a)).collect();
        let of_half: Vec<_> = moves.iter().map(|(_, b)| (*b, *b)).collect();
        let cosine = dot(&moves) / (dot(&with_self) * dot(&of_half)).sqrt();
        // The first step of Adam is of signs: those of slopes near 0 differ.
        assert!(cosine > 0.9, "{precision}: {cosine}");
        assert!((half_norm / norm - 1.0).abs() < 0.1, "{precision}: {half_norm} and {norm}");
    }
}

#[test]
fn an_overflow_leaves_the_step_out_and_halves_the_scale_also_in_the_checkpoint() {
    let recipe = in_precision("f16");
    let mut learner = learner(&recipe);
    let scale = learner.scale.as_mut().unwrap();
    (0..16_000).for_each(|_| scale.note(true));
    assert_eq!(scale.factor(), 16_777_216.0);
    let before = parameters(&learner.model.backbone, "weight");
    learner.add(examples(), 1.0);
    let found = learner.step(0, 1e-2);
    assert!(found.is_skipped && found.loss.is_finite());
    assert_eq!(parameters(&learner.model.backbone, "weight"), before);
    assert_eq!(learner.scale.unwrap().factor(), 8_388_608.0);

    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(&root.path().join("run"), &recipe).unwrap();
    learner.save(&folder, &Position::default(), "").unwrap();
    let checkpoint = folder.newest().unwrap().unwrap();
    let restored = super::half::learner(&recipe).restore(checkpoint, &folder).unwrap();
    assert_eq!(restored.scale, learner.scale);
    // Halved again and again, it fits.
    let n_skipped = (1..20).find(|step| {
        learner.add(examples(), 1.0);
        !learner.step(*step, 1e-2).is_skipped
    });
    assert!(n_skipped.is_some());
    assert_ne!(parameters(&learner.model.backbone, "weight"), before);
}

#[test]
fn the_cpu_and_fixed_filters_refuse_half_precision() {
    let chips = stripes(8, 6);
    let error = Trainer::new(in_precision("bf16"), chips, &Device::flex()).err().unwrap();
    assert!(error.to_string().starts_with("precision is \"bf16\", but the CPU"), "{error}");
    let text = format!("precision = \"f16\"\n{RECIPE}")
        .replace("kind = \"resnet\"", "kind = \"gradients\"")
        .replace("depths = [1, 1]", "cell = 4")
        .replace("widths = [8, 16]", "");
    let message = Recipe::parse(&text).unwrap_err().to_string();
    let expected = "\"float32\" for a backbone of kind \"gradients\"";
    assert_eq!(message, format!("precision is \"f16\", but must be {expected}"));
    assert!(recipe(&[]).to_toml().unwrap().contains("precision = \"float32\""));
}
