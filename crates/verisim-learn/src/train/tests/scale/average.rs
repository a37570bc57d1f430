//! Averaged weights: what is validated and saved, and that a kill changes nothing.

use super::super::{Notes, RECIPE, recipe, stripes, trainer, weights};
use super::assert_resumes;
use crate::train::{Recipe, RunFolder};

fn averaged(decay: f64) -> Recipe {
    Recipe::parse(&format!("{RECIPE}\n[ema]\ndecay = {decay}")).unwrap()
}

#[test]
fn averaged_weights_are_validated_saved_and_resumed() {
    let chips = stripes(12, 8);
    let expected = assert_resumes(&averaged(0.8), &chips, &[0, 2, 4, 9]);
    let mut notes = Notes::default();
    let again = trainer(&averaged(0.8), &chips).run(None, &mut notes).unwrap();
    assert!(weights(&again) == weights(&expected));
    assert_eq!(notes.epochs[3].validation, expected.validation);
    let mut of_plain = Notes::default();
    let plain = trainer(&recipe(&[]), &chips).run(None, &mut of_plain).unwrap();
    // Training itself does not see the average.
    assert_eq!(notes.losses, of_plain.losses);
    assert!(weights(&plain) != weights(&expected));
    assert_ne!(plain.validation, expected.validation);
}

#[test]
fn an_average_that_keeps_nothing_is_the_network() {
    let chips = stripes(12, 8);
    let run = |recipe: &Recipe| trainer(recipe, &chips).run(None, &mut Notes::default()).unwrap();
    assert!(weights(&run(&averaged(0.0))) == weights(&run(&recipe(&[]))));
}

#[test]
fn a_checkpoint_without_the_average_does_not_fit() {
    let chips = stripes(8, 6);
    let root = tempfile::tempdir().unwrap();
    let plain = recipe(&[("epochs = 4", "epochs = 1")]);
    let folder = RunFolder::create(&root.path().join("run"), &plain).unwrap();
    trainer(&plain, &chips).run(Some(&folder), &mut Notes::default()).unwrap();
    let checkpoint = folder.newest().unwrap().unwrap();
    let resumed = trainer(&averaged(0.9), &chips).resume(checkpoint, &folder);
    let message = resumed.err().unwrap().to_string();
    assert!(
        message.ends_with("it has no averaged weights, for which the recipe asks ([ema])"),
        "{message}"
    );
}

#[test]
fn a_decay_out_of_range_is_refused() {
    let message = Recipe::parse(&format!("{RECIPE}\n[ema]\ndecay = 1.0")).unwrap_err().to_string();
    assert_eq!(message, "ema.decay is 1, but must be in [0, 1)");
}
