//! Tests of the gallery that need to reach under it: a store that is full, locked or being read.

use std::fs;

use verisim_core::{Embedding, Template};

use super::*;
use crate::{Sample, SourceDigest, people};

fn model() -> ModelDigest {
    ModelDigest::new([1; 32])
}

fn open(folder: &Path) -> Gallery {
    let gallery = Gallery::create_or_open(folder, model(), 64, None).unwrap();
    gallery.store.tamper("PRAGMA foreign_keys = OFF"); // which stand in the way of damage
    gallery
}

fn sample(seed: u8) -> Sample {
    let value = |idx: u8| (f32::from(idx) * (1.7 + f32::from(seed))).sin() + 0.1;
    let values = (0..64).map(value);
    let embedding = Embedding::new(values.collect()).unwrap();
    Sample::new(Template { embedding, model: model() }, SourceDigest::new([seed; 32]))
}

/// Whether the template of a sample lies in any file of the folder.
fn is_on_disk(folder: &Path, sample: &Sample) -> bool {
    let bytes = crate::blob::encode(&sample.template.embedding);
    fs::read_dir(folder).unwrap().any(|entry| {
        let file = fs::read(entry.unwrap().path()).unwrap();
        file.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[test]
fn another_change_in_progress_is_waited_for_and_then_reported() {
    let folder = tempfile::tempdir().unwrap();
    let (first, mut second) = (open(folder.path()), open(folder.path()));
    let change = first.store.change().unwrap();
    let error = second.enroll("Ann", &[sample(1)]).unwrap_err();
    assert!(matches!(error, GalleryError::Busy { .. }), "{error}");
    assert!(second.is_empty().unwrap(), "reading needs no one's leave");
    drop(change);
    second.enroll("Ann", &[sample(1)]).unwrap();
}

#[test]
fn a_reader_delays_the_wiping_but_not_the_forgetting() {
    let folder = tempfile::tempdir().unwrap();
    let (mut gallery, reader) = (open(folder.path()), open(folder.path()));
    gallery.enroll("Ann", &[sample(1)]).unwrap();
    let view = reader.store.view().unwrap();
    assert_eq!(view.n_templates().unwrap(), 1);

    let forgotten = gallery.forget("Ann").unwrap();
    assert_eq!((forgotten.receipt.n_templates, forgotten.is_wiped), (1, false));
    assert!(gallery.is_empty().unwrap());
    assert!(is_on_disk(folder.path(), &sample(1)));
    let error = gallery.compact().unwrap_err();
    assert!(matches!(error, GalleryError::Busy { .. }), "{error}");

    drop(view);
    gallery.compact().unwrap();
    assert!(!is_on_disk(folder.path(), &sample(1)));
}

#[test]
fn opening_wipes_what_a_killed_process_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut killed = open(folder.path());
    killed.enroll("Ann", &[sample(1)]).unwrap();
    let session = killed.store.change().unwrap();
    let tag = people::name_tag(&killed.vault, "Ann");
    let row = session.identity_named(&tag).unwrap().unwrap();
    session.forget(row.id).unwrap();
    session.commit().unwrap(); // and killed before the log was truncated
    assert!(is_on_disk(folder.path(), &sample(1)));
    let _gallery = open(folder.path());
    assert!(!is_on_disk(folder.path(), &sample(1)));
}

#[test]
fn a_full_disk_loses_nothing_that_was_enrolled() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    gallery.enroll("Ann", &[sample(1)]).unwrap();
    gallery.store.tamper("PRAGMA max_page_count = 1");
    let many: Vec<Sample> = (2..250).map(sample).collect();
    let error = gallery.enroll("Bob", &many).unwrap_err();
    assert!(matches!(error, GalleryError::DiskFull { .. }), "{error}");

    gallery.check().unwrap();
    assert_eq!((gallery.n_identities().unwrap(), gallery.n_templates().unwrap()), (1, 1));
    gallery.store.tamper("PRAGMA max_page_count = 1000000");
    assert_eq!(gallery.enroll("Bob", &many).unwrap().n_added, 248);
}

#[test]
fn forgotten_templates_make_room_for_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    gallery.enroll("Ann", &(0..100).map(sample).collect::<Vec<_>>()).unwrap();
    drop(gallery);
    let n_bytes = || fs::metadata(folder.path().join("gallery.sqlite")).unwrap().len();
    let before = n_bytes();
    for round in 0..5 {
        let mut gallery = open(folder.path());
        assert!(gallery.forget("Ann").unwrap().is_wiped);
        gallery
            .enroll("Ann", &(0..100).map(|idx| sample(idx + round)).collect::<Vec<_>>())
            .unwrap();
        gallery.check().unwrap();
    }
    assert_eq!(n_bytes(), before);
}

#[test]
fn a_forgotten_template_that_is_still_there_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    gallery.enroll("Ann", &[sample(1), sample(2)]).unwrap();
    gallery
        .store
        .tamper("DELETE FROM template WHERE id = 1; INSERT INTO free_slot VALUES (336, 2)");
    let error = gallery.check().unwrap_err().to_string();
    assert!(error.contains("1 rows of table free_slot contradict"), "{error}");
}

#[test]
fn rows_that_contradict_others_are_damage() {
    for (table, statement) in [
        (
            "identity",
            "INSERT INTO identity VALUES (9, zeroblob(16), zeroblob(32), NULL, 9, NULL, 0)",
        ),
        ("identity", "UPDATE identity SET person_key = 2"),
        ("identity", "DELETE FROM slot WHERE id = 1"),
        ("template", "UPDATE template SET identity = 9 WHERE id = 1"),
        ("template", "DELETE FROM slot WHERE id = 2"),
        ("slot", "INSERT INTO slot VALUES (9, zeroblob(256))"),
        ("slot", "INSERT INTO free_slot VALUES (336, 2)"),
        ("free_slot", "INSERT INTO free_slot VALUES (336, 9)"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut gallery = open(folder.path());
        gallery.enroll("Ann", &[sample(1), sample(2)]).unwrap();
        gallery.check().unwrap();
        gallery.store.tamper(statement);
        let error = gallery.check().unwrap_err().to_string();
        assert!(error.contains(&format!("of table {table} contradict the others")), "{error}");
    }
}

#[test]
fn a_row_that_cannot_be_read_is_an_error_not_a_template_less() {
    for statement in [
        "DELETE FROM slot WHERE id = 3",
        "DELETE FROM slot WHERE id = 1",
        "DELETE FROM identity",
        "UPDATE slot SET content = zeroblob(336) WHERE id = 3",
        "UPDATE slot SET content = x'00' WHERE id = 3",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut gallery = open(folder.path());
        gallery.enroll("Ann", &[sample(1), sample(2)]).unwrap();
        gallery.store.tamper(statement);
        for _ in 0..2 {
            let error = gallery.nearest(&sample(1).template, 1).unwrap_err();
            assert!(matches!(error, GalleryError::Damaged { .. }), "{statement}: {error}");
        }
    }
}

#[test]
fn only_what_is_new_or_near_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    let opposite = sample(100).template.embedding.as_slice().iter().map(|it| -it).collect();
    let mut far = sample(0);
    far.template.embedding = Embedding::new(opposite).unwrap();
    gallery.enroll("Far", &[far]).unwrap();
    gallery.enroll("Crowd", &(1..60).map(sample).collect::<Vec<_>>()).unwrap();
    gallery.nearest(&sample(1).template, 1).unwrap();
    // Unread, the damage to a template that is neither new nor near does not matter.
    gallery.store.tamper("UPDATE slot SET content = x'00' WHERE id = 2");
    gallery.enroll("Near", &[sample(100)]).unwrap();
    let nearest = |gallery: &mut Gallery| gallery.nearest(&sample(100).template, 1);
    assert_eq!(nearest(&mut gallery).unwrap()[0].identity, "Near");
    let mut gallery = open(folder.path());
    assert_eq!(nearest(&mut gallery).unwrap()[0].identity, "Near", "from the file");
    // A log that does not go on from where the matrix is takes everything to be read anew.
    gallery.store.tamper("UPDATE event SET record = record || ' ' WHERE position = 6");
    gallery.enroll("Next", &[sample(101)]).unwrap();
    let error = nearest(&mut open(folder.path())).unwrap_err();
    assert!(matches!(error, GalleryError::Damaged { .. }), "{error}");
}

#[test]
fn what_changed_hands_leaves_memory_with_who_took_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    for (name, seed) in [("Ann", 1), ("Bob", 2), ("Eve", 3)] {
        gallery.enroll(name, &[sample(seed)]).unwrap();
    }
    gallery.nearest(&sample(1).template, 1).unwrap();
    gallery.merge("Ann", "Bob").unwrap();
    // Before any search has seen the merger.
    let _ = gallery.forget("Ann").unwrap();
    let rows = gallery.packed.matrix.as_ref().unwrap().rows();
    assert_eq!((0..rows.len()).filter(|&row| rows.is_live(row)).count(), 1);
}
