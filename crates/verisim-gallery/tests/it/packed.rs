//! The file of the packed templates: it comes and goes, and no answer changes.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use verisim_gallery::{DecisionRule, Gallery, MatrixState, Policy, Secret, Winner};

use crate::child::kind;
use crate::synthetic::{DIM, code_traces, enroll_all, model, open, sample, samples, traces};

const FILE: &str = "gallery.matrix";

fn open_as(folder: &Path, is_sealed: bool) -> Gallery {
    let secret = is_sealed.then(|| Secret::from_key([7; 32]));
    let mut gallery = Gallery::create_or_open(folder, model(), DIM, secret.as_ref()).unwrap();
    let policy = Policy { record_searches: false, ..Policy::default() };
    if gallery.policy().unwrap() != policy {
        gallery.set_policy(policy).unwrap();
    }
    gallery
}

fn names(n: usize) -> Vec<String> {
    (0..n).map(|idx| format!("identity {idx}")).collect()
}

/// A gallery of so many identities with 3 templates each, and its file.
fn with_file(folder: &Path, is_sealed: bool, n: usize) -> Gallery {
    let mut gallery = open_as(folder, is_sealed);
    let names = names(n);
    enroll_all(&mut gallery, names.iter().map(|it| (it, samples(it, 3))));
    assert_eq!(state(&gallery), MatrixState::Missing);
    gallery.nearest(&sample("anybody", 0).template, 1).unwrap();
    assert_eq!(state(&gallery), MatrixState::Fresh);
    gallery
}

fn state(gallery: &Gallery) -> MatrixState {
    gallery.stats().unwrap().matrix.unwrap()
}

/// Fails unless exactly these identities are found by their templates.
#[track_caller]
fn expect_found(gallery: &mut Gallery, enrolled: &[String], gone: &[String]) {
    for name in enrolled {
        let found = gallery.identify(&sample(name, 1).template, 0.9999, 9).unwrap();
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(&found[0].identity, name);
    }
    for name in gone {
        assert_eq!(gallery.identify(&sample(name, 1).template, 0.9999, 9).unwrap(), [], "{name}");
    }
}

#[test]
fn what_is_enrolled_is_added_and_what_is_forgotten_erased() {
    for is_sealed in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        // Some more than a block holds.
        let mut gallery = with_file(folder.path(), is_sealed, 340);
        let mut other = open_as(folder.path(), is_sealed);
        expect_found(&mut other, &names(3), &[]);
        gallery.enroll("New", &samples("New", 2)).unwrap();
        assert_eq!(state(&gallery), MatrixState::Fresh);
        // In the middle, at the end, and all who have a block to themselves.
        let mut gone = vec!["identity 5".to_owned(), "New".to_owned()];
        gone.extend(names(340)[330..].iter().rev().cloned());
        for name in &gone {
            assert!(gallery.forget(name).unwrap().is_wiped);
            assert_eq!(state(&gallery), MatrixState::Fresh, "{name}");
        }
        other.enroll("Newer", &samples("Newer", 2)).unwrap();
        assert_eq!(state(&gallery), MatrixState::Fresh);
        let kept = ["identity 4", "identity 6", "identity 329", "Newer"].map(str::to_owned);
        for gallery in [&mut gallery, &mut other, &mut open_as(folder.path(), is_sealed)] {
            expect_found(gallery, &kept, &gone);
            gallery.check().unwrap();
            assert_eq!(state(gallery), MatrixState::Fresh);
        }
    }
}

#[test]
fn what_changes_hands_is_found_with_whom_it_is_and_what_is_removed_is_not() {
    for is_sealed in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut gallery = with_file(folder.path(), is_sealed, 5);
        let mut other = open_as(folder.path(), is_sealed);
        expect_found(&mut other, &names(5), &[]);
        gallery.merge("identity 1", "identity 2").unwrap();
        assert_eq!(state(&gallery), MatrixState::Fresh);
        for gallery in [&mut gallery, &mut other, &mut open_as(folder.path(), is_sealed)] {
            let found = gallery.identify(&sample("identity 2", 1).template, 0.9999, 9).unwrap();
            let found: Vec<&str> = found.iter().map(|it| it.identity.as_str()).collect();
            assert_eq!(found, ["identity 1"]);
            gallery.check().unwrap();
            assert_eq!(state(gallery), MatrixState::Fresh);
        }
        // Forgotten before any search has seen that they changed hands.
        gallery.undo().unwrap();
        assert!(gallery.forget("identity 2").unwrap().is_wiped);
        assert_eq!(code_traces(folder.path(), &samples("identity 2", 3)), [""; 0]);
        expect_found(&mut other, &names(2), &["identity 2".to_owned()]);
        let removed = gallery.templates("identity 3").unwrap()[1].id;
        assert!(gallery.remove_templates(&[removed]).unwrap().is_wiped);
        assert_eq!(state(&gallery), MatrixState::Fresh);
        let removed = sample("identity 3", 1);
        for gallery in [&mut gallery, &mut other, &mut open_as(folder.path(), is_sealed)] {
            assert_eq!(code_traces(folder.path(), std::slice::from_ref(&removed)), [""; 0]);
            assert_eq!(gallery.identify(&removed.template, 0.9999, 9).unwrap(), []);
            expect_found(gallery, &["identity 4".to_owned()], &[]);
        }
    }
}

#[test]
fn a_file_that_was_emptied_is_filled_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = with_file(folder.path(), false, 9);
    for name in &names(9) {
        assert!(gallery.forget(name).unwrap().is_wiped);
    }
    assert_eq!((state(&gallery), gallery.n_identities().unwrap()), (MatrixState::Fresh, 0));
    expect_found(&mut open_as(folder.path(), false), &[], &names(9));
    gallery.enroll("Last", &samples("Last", 2)).unwrap();
    assert_eq!(state(&gallery), MatrixState::Fresh);
    for gallery in [&mut gallery, &mut open_as(folder.path(), false)] {
        expect_found(gallery, &["Last".to_owned()], &names(9));
    }
}

#[test]
fn no_codes_of_the_forgotten_are_left_and_those_of_a_sealed_gallery_never_lie_open() {
    for is_sealed in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut gallery = with_file(folder.path(), is_sealed, 300);
        let path = folder.path().join(FILE);
        let theirs = samples("identity 77", 3);
        let before = fs::read(&path).unwrap();
        assert_eq!(code_traces(folder.path(), &theirs).is_empty(), is_sealed);
        assert_ne!(code_traces(folder.path(), &samples("identity 78", 3)).is_empty(), !is_sealed);

        assert!(gallery.forget("identity 77").unwrap().is_wiped);
        assert_eq!(code_traces(folder.path(), &theirs), [""; 0]);
        assert_eq!(traces(folder.path(), &theirs), [""; 0]);
        let after = fs::read(&path).unwrap();
        assert_eq!(after.len(), before.len(), "overwritten in place");
        if is_sealed {
            // The one block was sealed anew: not 16 bytes of what held them are left.
            let old: HashSet<&[u8; 16]> = before[4096..].array_windows().collect();
            assert!(!after[4096..].array_windows().any(|window| old.contains(window)));
        }
        expect_found(&mut gallery, &["identity 78".to_owned()], &["identity 77".to_owned()]);
    }
}

#[test]
fn a_file_that_is_missing_damaged_or_another_gallerys_changes_no_answer() {
    let elsewhere = tempfile::tempdir().unwrap();
    drop(with_file(elsewhere.path(), false, 150));
    let others = fs::read(elsewhere.path().join(FILE)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = with_file(folder.path(), false, 150);
    let (path, all) = (folder.path().join(FILE), names(150));
    let intact = fs::read(&path).unwrap();
    let changed = |at: usize| {
        let mut bytes = intact.clone();
        bytes[at] ^= 1;
        bytes
    };
    let longer = [intact.as_slice(), &[0]].concat();
    for bytes in [
        vec![],
        intact[..100].to_vec(),
        intact[..4096].to_vec(),
        intact[..intact.len() - 1].to_vec(),
        longer,
        changed(0),
        changed(40),
        changed(4096),
        changed(intact.len() - 1),
        others,
        vec![0; intact.len()],
    ] {
        fs::write(&path, &bytes).unwrap();
        gallery.check().unwrap();
        assert!(bytes.len() > 4096 || state(&gallery) == MatrixState::Worthless);
        let mut reader = open_as(folder.path(), false);
        expect_found(&mut reader, &all[..20], &[]);
        assert_eq!(state(&reader), MatrixState::Fresh, "made anew");
        // One more, added to a file that is worthless, or erased from it.
        fs::write(&path, &bytes).unwrap();
        reader.enroll("New", &samples("New", 2)).unwrap();
        assert!(reader.forget("New").unwrap().is_wiped);
        expect_found(&mut open_as(folder.path(), false), &all[..20], &["New".to_owned()]);
        assert_eq!(code_traces(folder.path(), &samples("New", 2)), [""; 0]);
        fs::remove_file(&path).ok();
        expect_found(&mut open_as(folder.path(), false), &all[..20], &["New".to_owned()]);
    }
    expect_found(&mut gallery, &all, &[]);
}

#[test]
fn a_file_of_before_a_forgetting_brings_nobody_back() {
    for is_sealed in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut gallery = with_file(folder.path(), is_sealed, 20);
        let path = folder.path().join(FILE);
        let before = fs::read(&path).unwrap();
        let gone = ["identity 3".to_owned()];
        assert!(gallery.forget(&gone[0]).unwrap().is_wiped);
        fs::write(&path, &before).unwrap();
        assert_eq!(state(&gallery), MatrixState::Behind);
        // A search makes it anew without them, and a forgetting of another one removes it.
        expect_found(&mut open_as(folder.path(), is_sealed), &names(3), &gone);
        assert_eq!(state(&gallery), MatrixState::Fresh);
        assert_eq!(code_traces(folder.path(), &samples(&gone[0], 3)), [""; 0]);
        fs::write(&path, &before).unwrap();
        assert!(gallery.forget("identity 4").unwrap().is_wiped);
        assert_eq!(state(&gallery), MatrixState::Missing);
        // A gallery that was put back to a moment that the file is beyond makes it worthless.
        let copy = folder.path().join("copy.sqlite");
        gallery.backup(&copy).unwrap();
        gallery.enroll("New", &samples("New", 2)).unwrap();
        expect_found(&mut gallery, &["New".to_owned()], &gone);
        drop(gallery);
        fs::copy(&copy, folder.path().join("gallery.sqlite")).unwrap();
        let mut gallery = open_as(folder.path(), is_sealed);
        expect_found(&mut gallery, &names(3), &["New".to_owned()]);
    }
}

#[test]
fn a_file_that_lacks_somebody_when_another_is_forgotten_gets_both() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = with_file(folder.path(), false, 9);
    let (path, aside) = (folder.path().join(FILE), folder.path().join("aside"));
    for (new, gone) in [("New", "identity 3"), ("Newer", "identity 8"), ("Newest", "New")] {
        fs::rename(&path, &aside).unwrap();
        gallery.enroll(new, &samples(new, 2)).unwrap();
        fs::rename(&aside, &path).unwrap();
        assert_eq!(state(&gallery), MatrixState::Behind);
        assert!(gallery.forget(gone).unwrap().is_wiped);
        assert_eq!(state(&gallery), MatrixState::Fresh);
        gallery.check().unwrap();
        let mut reader = open_as(folder.path(), false);
        expect_found(&mut reader, &[new.to_owned()], &[gone.to_owned()]);
    }
}

#[test]
fn a_block_put_back_to_what_it_was_makes_the_file_worthless() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = with_file(folder.path(), true, 100);
    let path = folder.path().join(FILE);
    let before = fs::read(&path).unwrap();
    let put_back = || {
        let mut bytes = fs::read(&path).unwrap();
        bytes[4096..].copy_from_slice(&before[4096..]);
        fs::write(&path, &bytes).unwrap();
        bytes
    };
    // Before somebody came, who would not be found; before somebody went, who would be.
    gallery.enroll("New", &samples("New", 2)).unwrap();
    let bytes = put_back();
    expect_found(&mut open_as(folder.path(), true), &["New".to_owned()], &[]);
    assert_ne!(fs::read(&path).unwrap(), bytes, "made anew");
    assert!(gallery.forget("identity 3").unwrap().is_wiped);
    put_back();
    let mut reader = open_as(folder.path(), true);
    expect_found(&mut reader, &names(3), &["identity 3".to_owned()]);
    reader.check().unwrap();
}

#[test]
fn a_draft_that_was_left_behind_goes_with_the_next_who_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = with_file(folder.path(), false, 9);
    let draft = folder.path().join("gallery.matrix.new");
    fs::copy(folder.path().join(FILE), &draft).unwrap();
    assert!(gallery.forget("identity 3").unwrap().is_wiped);
    assert!(!draft.exists());
}

#[test]
fn nobody_is_forgotten_whose_codes_cannot_be_erased() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = with_file(folder.path(), false, 9);
    // Something that is neither written nor removed as a file.
    let path = folder.path().join(FILE);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    gallery.forget("identity 3").unwrap_err();
    expect_found(&mut gallery, &names(9), &[]);
    fs::remove_dir(&path).unwrap();
    assert!(gallery.forget("identity 3").unwrap().is_wiped);
    expect_found(&mut gallery, &names(3), &["identity 3".to_owned()]);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    drop(with_file(folder.path(), false, 2));
    let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn searches_compaction_and_changes_go_on_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    drop(with_file(folder.path(), false, 50));
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        for worker in 0..2 {
            let (folder, is_done) = (folder.path(), &is_done);
            scope.spawn(move || {
                let mut gallery = open_as(folder, false);
                for idx in 0.. {
                    if is_done.load(Ordering::Relaxed) {
                        break;
                    }
                    let name = format!("w{worker}n{idx}");
                    gallery.enroll(&name, &samples(&name, 2)).unwrap();
                    expect_found(&mut gallery, std::slice::from_ref(&name), &[]);
                    if idx % 2 == 0 {
                        let _ = gallery.forget(&name).unwrap();
                        expect_found(&mut gallery, &[], &[name]);
                    }
                }
            });
        }
        for _ in 0..30 {
            expect_found(&mut open_as(folder.path(), false), &names(5), &[]);
        }
        is_done.store(true, Ordering::Relaxed);
    });
    let mut gallery = open_as(folder.path(), false);
    gallery.nearest(&sample("anybody", 0).template, 1).unwrap();
    gallery.check().unwrap();
    assert_eq!(state(&gallery), MatrixState::Fresh);
}

#[test]
fn many_probes_get_the_answers_that_each_gets_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = with_file(folder.path(), false, 300);
    let decision = DecisionRule { threshold: 0.5, winner: Winner::Vote { k: 2 }, limit: 4 };
    let probes: Vec<_> = names(40).iter().map(|it| sample(it, 5).template).collect();
    let all = gallery.decide_many(&probes, &decision).unwrap();
    for (probe, together) in probes.iter().zip(&all) {
        let alone = gallery.decide_many(std::slice::from_ref(probe), &decision).unwrap();
        assert_eq!(&alone[0], together);
    }
}

#[test]
fn compacting_and_restoring_make_the_file_anew_and_copies_do_without() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = with_file(&folder.path().join("g"), false, 30);
    for name in &names(20) {
        assert!(gallery.forget(name).unwrap().is_wiped);
    }
    let path = folder.path().join("g").join(FILE);
    let before = fs::read(&path).unwrap();
    gallery.compact().unwrap();
    assert_eq!(state(&gallery), MatrixState::Fresh);
    assert_ne!(fs::read(&path).unwrap(), before);
    let copy = folder.path().join("copy.sqlite");
    gallery.backup(&copy).unwrap();
    assert_eq!(kind(&gallery.backup(&copy).unwrap_err()), "Occupied");
    let to = folder.path().join("to");
    let mut restored = Gallery::restore(&copy, &to, None).unwrap();
    assert_eq!(state(&restored), MatrixState::Fresh);
    expect_found(&mut restored, &names(30)[20..], &names(20));
    assert_eq!(
        open(&to).stats().unwrap().n_matrix_bytes,
        fs::metadata(to.join(FILE)).unwrap().len()
    );
}
