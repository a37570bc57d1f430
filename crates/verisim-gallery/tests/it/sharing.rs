//! One gallery, opened several times at once.

use std::thread;

use crate::synthetic::{open, sample, samples};

#[test]
fn a_change_by_another_is_seen_at_the_next_call() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ours, mut theirs) = (open(folder.path()), open(folder.path()));
    let probe = sample("Ann", 0).template;
    assert_eq!(ours.identify(&probe, 0.9, 1).unwrap(), []);

    theirs.enroll("Ann", &samples("Ann", 2)).unwrap();
    theirs.set_setting("model_path", "m.onnx").unwrap();
    assert_eq!(ours.identify(&probe, 0.9, 1).unwrap()[0].identity, "Ann");
    assert_eq!(ours.n_templates().unwrap(), 2);
    assert_eq!(ours.setting("model_path").unwrap().as_deref(), Some("m.onnx"));

    // As many as before, in the same rows, but not the same.
    assert!(theirs.forget("Ann").unwrap().is_wiped);
    theirs.enroll("Bob", &samples("Bob", 2)).unwrap();
    assert_eq!(ours.identify(&probe, 0.9, 1).unwrap(), []);
    assert_eq!(ours.nearest(&sample("Bob", 1).template, 9).unwrap().len(), 1);
}

#[test]
fn many_can_make_and_fill_one_gallery_at_once() {
    let folder = tempfile::tempdir().unwrap();
    thread::scope(|scope| {
        for worker in 0..8 {
            let folder = folder.path();
            scope.spawn(move || {
                let mut gallery = open(folder);
                for idx in 0..10 {
                    let identity = format!("w{worker}n{idx}");
                    gallery.enroll(&identity, &samples(&identity, 2)).unwrap();
                    if idx % 3 == 0 {
                        let forgotten = gallery.forget(&identity).unwrap();
                        assert_eq!((forgotten.receipt.n_templates, forgotten.is_wiped), (2, true));
                    }
                }
            });
        }
    });
    let gallery = open(folder.path());
    gallery.check().unwrap();
    assert_eq!((gallery.n_identities().unwrap(), gallery.n_templates().unwrap()), (48, 96));
}

#[test]
fn two_that_enroll_the_same_picture_enroll_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ours, mut theirs) = (open(folder.path()), open(folder.path()));
    let n_added = |enrolled: verisim_gallery::Enrolled| enrolled.n_added;
    assert_eq!(n_added(ours.enroll("Ann", &samples("Ann", 2)).unwrap()), 2);
    assert_eq!(n_added(theirs.enroll("Ann", &samples("Ann", 3)).unwrap()), 1);
    assert_eq!(ours.n_templates().unwrap(), 3);
}

#[test]
fn a_gallery_can_move_to_another_thread() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    let enrolled = thread::spawn(move || gallery.enroll("Ann", &samples("Ann", 2)).unwrap());
    assert_eq!(enrolled.join().unwrap().n_added, 2);
}
