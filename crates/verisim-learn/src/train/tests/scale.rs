//! Runs that train at scale: what they change in a step, and that a kill changes nothing.

mod accumulate;
mod average;
mod centers;
mod devices;
mod half;

use std::sync::Arc;

use super::{Notes, trainer, weights};
use crate::data::MemoryChips;
use crate::train::{Recipe, RunFolder, Trained};

/// Trains in one go, and again with a kill at each of these steps; both must end alike.
#[track_caller]
fn assert_resumes(recipe: &Recipe, chips: &Arc<MemoryChips>, kills: &[usize]) -> Trained {
    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(&root.path().join("whole"), recipe).unwrap();
    let expected = trainer(recipe, chips).run(Some(&folder), &mut Notes::default()).unwrap();
    let records = folder.records().unwrap();
    for kill_at in kills {
        let folder = RunFolder::create(&root.path().join(kill_at.to_string()), recipe).unwrap();
        let run = std::panic::AssertUnwindSafe(|| {
            let mut notes = Notes { kill_at: Some(*kill_at), ..Notes::default() };
            trainer(recipe, chips).run(Some(&folder), &mut notes).map(|_| ())
        });
        assert!(std::panic::catch_unwind(run).is_err(), "it was not killed at {kill_at}");
        let (folder, recipe) = RunFolder::open(folder.path()).unwrap();
        let mut trainer = trainer(&recipe, chips);
        if let Some(checkpoint) = folder.newest().unwrap() {
            trainer = trainer.resume(checkpoint, &folder).unwrap();
        }
        let resumed = trainer.run(Some(&folder), &mut Notes::default()).unwrap();
        assert!(weights(&resumed) == weights(&expected), "killed at {kill_at}");
        assert_eq!(folder.records().unwrap(), records, "killed at {kill_at}");
    }
    expected
}
