//! Runs whose recipe asks for a head: it repeats, resumes and tells strangers apart.

use verisim_core::measure::Verification;

use super::{Notes, recipe, stripes, trainer};
use crate::train::RunFolder;

#[test]
fn a_head_is_trained_at_the_end_the_same_from_any_checkpoint() {
    let chips = stripes(12, 8);
    let head =
        "[augment]\n    flip = 0.5\n    shift = 0.1\n[head]\nkind = \"siamese\"\npairs = 400";
    let recipe = recipe(&[("[augment]\n    flip = 0.5\n    shift = 0.1", head)]);
    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(&root.path().join("run"), &recipe).unwrap();
    let expected = trainer(&recipe, &chips).run(Some(&folder), &mut Notes::default()).unwrap();
    let expected = expected.head.unwrap();
    assert_eq!(expected.head.weights().len(), 16);

    let killed = RunFolder::create(&root.path().join("killed"), &recipe).unwrap();
    let run = std::panic::AssertUnwindSafe(|| {
        let mut notes = Notes { kill_at: Some(9), ..Notes::default() };
        trainer(&recipe, &chips).run(Some(&killed), &mut notes).map(|_| ())
    });
    assert!(std::panic::catch_unwind(run).is_err(), "it was not killed");
    let checkpoint = killed.newest().unwrap().unwrap();
    let resumed = trainer(&recipe, &chips).resume(checkpoint, &killed).unwrap();
    let resumed = resumed.run(Some(&killed), &mut Notes::default()).unwrap();
    assert_eq!(resumed.head.unwrap().head, expected.head);
}

#[test]
fn a_head_without_two_pictures_of_anybody_is_an_error() {
    let head = "[augment]\n    flip = 0.5\n    shift = 0.1\n[head]\nkind = \"chi-squared\"";
    let recipe = recipe(&[
        ("[augment]\n    flip = 0.5\n    shift = 0.1", head),
        ("validation_identities = 3", "validation_identities = 0"),
    ]);
    let error = trainer(&recipe, &stripes(12, 1)).finish().err().unwrap().to_string();
    assert!(error.starts_with("the recipe's [head] learns from pairs of pictures"), "{error}");
}

#[test]
fn a_head_tells_unseen_identities_apart() {
    let head =
        "[augment]\n    flip = 0.5\n    shift = 0.1\n[head]\nkind = \"siamese\"\npairs = 2000";
    let recipe = recipe(&[
        ("[augment]\n    flip = 0.5\n    shift = 0.1", head),
        ("epochs = 4", "epochs = 12"),
        ("validation_identities = 3", "validation_identities = 8"),
    ]);
    let trained = trainer(&recipe, &stripes(40, 8)).run(None, &mut Notes::default()).unwrap();
    let auc = |comparisons| Verification::new(comparisons).unwrap().auc();
    let (by_head, by_cosine) = (auc(&trained.head.unwrap().comparisons), auc(&trained.comparisons));
    assert!(by_head > 0.75, "{by_head} by the head, {by_cosine} by the cosine");
}
