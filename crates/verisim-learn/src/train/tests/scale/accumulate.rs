//! Gradients of several batches for one step.

use super::super::{Notes, parameters, recipe, stripes, trainer};
use super::assert_resumes;
use crate::train::{Recipe, RunFolder};

/// Without augmentation, dropout and statistics of a batch, so that halves add up to the whole.
pub(super) fn additive(batch: usize, accumulate: usize) -> Recipe {
    let mut recipe = recipe(&[
        ("kind = \"resnet\"", "kind = \"deepface\""),
        ("depths = [1, 1]", "channels = [8, 8, 8, 8, 8]"),
        ("widths = [8, 16]", "windows = [3, 3, 3, 3, 1]"),
        ("dropout = 0.1", "dropout = 0.0"),
        ("kind = \"adamw\"", "kind = \"sgd\""),
        ("lr = 5e-3", "lr = 0.05"),
        ("batch = 16", &format!("batch = {batch}")),
        ("[augment]\n    flip = 0.5\n    shift = 0.1", ""),
    ]);
    recipe.accumulate = accumulate;
    recipe
}

#[test]
fn halves_of_a_batch_move_the_weights_as_the_whole() {
    let chips = stripes(11, 8); // 64 to train on
    let run = |recipe: &Recipe| {
        let mut notes = Notes::default();
        let trained = trainer(recipe, &chips).run(None, &mut notes).unwrap();
        (parameters(&trained.backbone, ""), notes.losses, notes.epochs)
    };
    let (whole, losses, epochs) = run(&additive(16, 1));
    let (halves, of_halves, epochs_of_halves) = run(&additive(8, 2));
    let (apart, of_apart, _) = run(&additive(8, 1));
    assert_eq!([losses.len(), of_halves.len(), of_apart.len()], [16, 16, 32]);
    let farthest = |one: &[f32], other: &[f32]| {
        let differences = one.iter().zip(other).map(|(a, b)| (a - b).abs());
        differences.fold(0.0f32, f32::max)
    };
    assert!(farthest(&whole, &halves) < 1e-5, "{}", farthest(&whole, &halves));
    assert!(farthest(&whole, &apart) > 1e-3, "{}", farthest(&whole, &apart));
    for (one, other) in losses.iter().zip(&of_halves) {
        assert!((one - other).abs() < 1e-4, "{one} and {other}");
    }
    assert!((epochs[3].mean_loss - epochs_of_halves[3].mean_loss).abs() < 1e-4);
}

#[test]
fn a_short_last_group_is_a_step_and_a_kill_between_changes_nothing() {
    let chips = stripes(12, 8); // 4 batches an epoch: steps of 3 and of 1
    let mut recipe = recipe(&[]);
    recipe.accumulate = 3;
    recipe.checkpoint_steps = 1;
    assert_resumes(&recipe, &chips, &[0, 1, 4]);
    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(&root.path().join("run"), &recipe).unwrap();
    let mut notes = Notes::default();
    trainer(&recipe, &chips).run(Some(&folder), &mut notes).unwrap();
    assert_eq!(notes.losses.len(), 8);
    let mean = (3.0 * notes.losses[0] + notes.losses[1]) / 4.0;
    assert!((notes.epochs[0].mean_loss - mean).abs() < 1e-12);
}

#[test]
fn no_batch_a_step_is_refused() {
    let mut recipe = recipe(&[]);
    recipe.accumulate = 0;
    let message = recipe.check().unwrap_err().to_string();
    assert_eq!(message, "accumulate is 0, but must be 1 or more");
}
