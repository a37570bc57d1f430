//! A batch shared out to several devices; here the same one twice, which is all that a CPU has.

use burn::module::Module;
use burn::tensor::Device;

use super::super::{Notes, parameters, recipe, stripes, trainer};
use super::accumulate::additive;
use super::half::{examples, learner};
use crate::train::Recipe;
use crate::train::learner::{Examples, Learner};

#[test]
fn devices_that_share_a_batch_move_the_weights_as_one() {
    let chips = stripes(11, 8);
    let run = |recipe: &Recipe, n_devices: usize| {
        let devices = vec![Device::flex(); n_devices];
        let mut notes = Notes::default();
        let trainer = trainer(recipe, &chips).with_devices(&devices);
        let trained = trainer.run(None, &mut notes).unwrap();
        (parameters(&trained.backbone, ""), notes.losses)
    };
    let recipe = additive(16, 1);
    let (one, losses) = run(&recipe, 1);
    for n_devices in [2, 3] {
        let (several, of_several) = run(&recipe, n_devices);
        let farthest = one.iter().zip(&several).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(farthest < 1e-5, "{farthest} with {n_devices} devices");
        assert!(losses.iter().zip(&of_several).all(|(a, b)| (a - b).abs() < 1e-4));
    }
}

#[test]
fn running_statistics_are_those_of_the_first_part() {
    let recipe = recipe(&[("dropout = 0.1", "dropout = 0.0")]);
    let variances =
        |learner: &Learner| parameters(&learner.model.backbone.valid(), "norm.variance");
    let [mut shared, mut first] = [(); 2].map(|()| learner(&recipe));
    let begun = variances(&first);
    shared.spread(&[Device::flex(), Device::flex()]);
    let Examples { images, classes, .. } = examples();
    let half =
        Examples { images: images.narrow(0, 0, 8), classes: classes[..8].to_vec(), ..examples() };
    shared.add(examples(), 1.0);
    first.add(half, 1.0);
    assert_eq!(variances(&shared), variances(&first));
    assert_ne!(variances(&shared), begun);
}
