//! Centers that are touched in part or kept in parts: the same network, and a kill changes nothing.

use super::super::{Notes, parameters, recipe, stripes, trainer, weights};
use super::assert_resumes;
use crate::train::{Recipe, RunFolder};

const ARCFACE: &str = "kind = \"arcface\"\n    margin = 0.2\n    scale = 16.0";

fn with(more: &str, optimizer: &str) -> Recipe {
    let loss = format!("{ARCFACE}\n    {more}");
    recipe(&[
        (ARCFACE, loss.as_str()),
        ("kind = \"adamw\"", &format!("kind = {optimizer:?}")),
        ("clip_norm = 5.0", "clip_norm = 0.0"),
    ])
}

#[test]
fn a_share_of_the_centers_resumes_to_the_same_bytes() {
    let chips = stripes(12, 8);
    for optimizer in ["sgd", "adamw", "adagrad"] {
        let mut recipe = with("sample_rate = 0.3\n    shards = 2", optimizer);
        (recipe.clip_norm, recipe.accumulate) = (1.0, 2);
        recipe.checkpoint_steps = 1;
        assert_resumes(&recipe, &chips, &[0, 3]);
    }
}

#[test]
fn the_whole_share_is_the_plain_loss() {
    let chips = stripes(12, 8);
    let run = |recipe: &Recipe| {
        let mut notes = Notes::default();
        let trained = trainer(recipe, &chips).run(None, &mut notes).unwrap();
        (weights(&trained), notes.losses)
    };
    for optimizer in ["sgd", "adamw"] {
        let plain = run(&with("", optimizer));
        assert!(run(&with("sample_rate = 1.0", optimizer)) == plain, "{optimizer}");
        assert!(run(&with("sample_rate = 1.0\n    shards = 1", optimizer)) == plain, "{optimizer}");
        assert!(run(&with("sample_rate = 0.5", optimizer)) != plain, "{optimizer}");
    }
}

#[test]
fn a_checkpoint_does_not_depend_on_the_number_of_parts() {
    let chips = stripes(12, 8);
    let [three, two] = [3, 2].map(|n| with(&format!("shards = {n}"), "sgd"));
    let root = tempfile::tempdir().unwrap();
    let whole = trainer(&three, &chips).run(None, &mut Notes::default()).unwrap();
    let folder = RunFolder::create(&root.path().join("run"), &three).unwrap();
    let run = std::panic::AssertUnwindSafe(|| {
        let mut notes = Notes { kill_at: Some(9), ..Notes::default() };
        trainer(&three, &chips).run(Some(&folder), &mut notes).map(|_| ())
    });
    assert!(std::panic::catch_unwind(run).is_err());
    let checkpoint = folder.newest().unwrap().unwrap();
    let resumed = trainer(&two, &chips).resume(checkpoint, &folder).unwrap();
    let resumed = resumed.run(Some(&folder), &mut Notes::default()).unwrap();
    let [found, expected] = [resumed, whole].map(|it| parameters(&it.backbone, ""));
    let farthest = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max);
    assert!(farthest < 1e-4, "{farthest}");
}
