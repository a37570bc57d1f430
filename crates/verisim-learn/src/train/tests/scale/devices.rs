//! A batch shared out to several devices; here the same one twice, which is all that a CPU has.

use burn::tensor::Device;

use super::super::{Notes, parameters, recipe, stripes, trainer};
use super::accumulate::additive;
use crate::train::Recipe;

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
fn running_statistics_stay_with_the_network_that_is_trained() {
    let chips = stripes(12, 8);
    let devices = vec![Device::flex(); 2];
    let trainer = trainer(&recipe(&[]), &chips).with_devices(&devices);
    let trained = trainer.run(None, &mut Notes::default()).unwrap();
    let variance = parameters(&trained.backbone, "norm.variance");
    assert!(variance.iter().any(|it| (it - 1.0).abs() > 0.1), "{variance:?}");
    assert!(trained.validation.unwrap().auc > 0.5);
}
