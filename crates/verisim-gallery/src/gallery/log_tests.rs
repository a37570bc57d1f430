//! Tests that reach under the log: whatever is changed in it is noticed.

use std::path::Path;

use proptest::prelude::*;
use verisim_core::{Embedding, Template};

use super::*;
use crate::{Sample, SourceDigest, people};

fn sample(seed: u8) -> Sample {
    let values = (0..8u8).map(|idx| (f32::from(idx) * (1.7 + f32::from(seed))).sin() + 0.1);
    let embedding = Embedding::new(values.collect()).unwrap();
    let model = ModelDigest::new([1; 32]);
    Sample::new(Template { embedding, model }, SourceDigest::new([seed; 32]))
}

fn open(folder: &Path, secret: Option<&Secret>) -> Gallery {
    let gallery = Gallery::create_or_open(folder, ModelDigest::new([1; 32]), 8, secret).unwrap();
    gallery.store.tamper("PRAGMA foreign_keys = OFF");
    gallery
}

/// A gallery whose log has 7 records, and the receipt of record 5.
fn with_log(folder: &Path, secret: Option<&Secret>) -> (Gallery, crate::Receipt) {
    let mut gallery = open(folder, secret);
    gallery.set_actor("desk 3").unwrap();
    gallery.enroll("Ann", &[sample(1), sample(2)]).unwrap();
    gallery.enroll("Bob", &[sample(3)]).unwrap();
    gallery.nearest(&sample(3).template, 5).unwrap();
    let receipt = gallery.forget("Ann").unwrap().receipt;
    gallery.set_setting("model", "m.onnx").unwrap();
    gallery.enroll("Cid", &[sample(4)]).unwrap();
    (gallery, receipt)
}

#[test]
fn the_log_tells_everything_in_order_and_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let (gallery, receipt) = with_log(folder.path(), None);
    let events = gallery.events().unwrap();
    let ids: Vec<RandomId> = gallery.identities().unwrap().iter().map(|it| it.person).collect();
    let actions: Vec<Action> = events.iter().map(|it| it.action.clone()).collect();
    let (ann, bob, cid) = (receipt.person, ids[0], ids[1]);
    let expected = [
        Action::Created,
        Action::Enrolled { person: ann, n_templates: 2 },
        Action::Enrolled { person: bob, n_templates: 1 },
        Action::Searched { n_probes: 1, n_candidates: 2 },
        Action::Forgotten { person: ann, n_templates: 2 },
        Action::Configured { setting: "model".to_owned() },
        Action::Enrolled { person: cid, n_templates: 1 },
    ];
    assert_eq!(actions, expected);
    assert!(events[1..].iter().all(|it| it.actor == "desk 3" && it.at > 1_700_000_000));
    assert_eq!((receipt.position, receipt.n_templates), (5, 2));
    gallery.check().unwrap();
    gallery.verify_receipt(&receipt).unwrap();
}

#[test]
fn what_changes_nothing_leaves_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let (mut gallery, _) = with_log(folder.path(), None);
    gallery.enroll("Bob", &[sample(3)]).unwrap();
    gallery.enroll("Nobody", &[]).unwrap();
    gallery.enroll("unknown_person", &[sample(5)]).unwrap_err();
    gallery.forget("Nobody").unwrap_err();
    gallery.set_setting("model", "m.onnx").unwrap();
    gallery.set_policy(Policy { record_searches: false, ..Policy::default() }).unwrap();
    gallery.nearest(&sample(3).template, 5).unwrap();
    assert_eq!(gallery.stats().unwrap().n_records, 8, "only the policy was changed");
}

#[test]
fn a_receipt_that_does_not_agree_is_refused_with_the_reason() {
    use crate::error::Mismatch;
    let folder = tempfile::tempdir().unwrap();
    let (mut gallery, receipt) = with_log(folder.path(), None);
    let check = |gallery: &Gallery, receipt: crate::Receipt, expected: Mismatch| match gallery
        .verify_receipt(&receipt)
        .unwrap_err()
    {
        GalleryError::ReceiptMismatch { mismatch, .. } => assert_eq!(mismatch, expected),
        error => panic!("{error}"),
    };
    let other = RandomId::new([9; 16]);
    let of = |change: &dyn Fn(&mut crate::Receipt)| {
        let mut receipt = receipt.clone();
        change(&mut receipt);
        receipt
    };
    check(&gallery, of(&|it| it.gallery = other), Mismatch::Gallery);
    check(&gallery, of(&|it| it.position = 99), Mismatch::Beyond);
    check(&gallery, of(&|it| it.position = 4), Mismatch::Record);
    check(&gallery, of(&|it| it.person = other), Mismatch::Record);
    check(&gallery, of(&|it| it.head[0] ^= 1), Mismatch::Record);
    check(&gallery, of(&|it| it.at += 1), Mismatch::Record);
    check(&gallery, of(&|it| it.n_templates += 1), Mismatch::Record);
    // The same name is another person.
    gallery.enroll("Ann", &[sample(1)]).unwrap();
    gallery.verify_receipt(&receipt).unwrap();
}

#[test]
fn a_gallery_put_back_to_before_the_forgetting_contradicts_the_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path(), None);
    gallery.enroll("Ann", &[sample(1)]).unwrap();
    let copy = folder.path().join("copy.sqlite");
    gallery.backup(&copy).unwrap();
    let receipt = gallery.forget("Ann").unwrap().receipt;
    gallery.verify_receipt(&receipt).unwrap();
    let back = tempfile::tempdir().unwrap();
    let mut restored = Gallery::restore(&copy, back.path(), None).unwrap();
    for _ in 0..3 {
        let error = restored.verify_receipt(&receipt).unwrap_err();
        assert!(matches!(error, GalleryError::ReceiptMismatch { .. }), "{error}");
        restored.nearest(&sample(1).template, 1).unwrap();
    }
}

/// Fails unless the gallery's log is found to be changed.
fn expect_noticed(gallery: &Gallery, change: &str) {
    for outcome in [gallery.check(), gallery.verify_log().map(drop)] {
        let error = outcome.expect_err(change);
        assert!(matches!(error, GalleryError::Damaged { .. }), "{change}: {error}");
    }
}

#[test]
fn records_removed_moved_or_put_in_are_noticed() {
    for change in [
        "DELETE FROM event WHERE position = 1",
        "DELETE FROM event WHERE position = 3",
        "DELETE FROM event WHERE position = 7",
        "UPDATE event SET position = 8 WHERE position = 7",
        "UPDATE event SET position = -1 WHERE position = 3",
        "INSERT INTO event SELECT 8, record, hash FROM event WHERE position = 7",
        "INSERT INTO event SELECT 0, record, hash FROM event WHERE position = 1",
        "UPDATE gallery SET n_events = 6",
        // Cut off, with an end that once was true.
        "DELETE FROM event WHERE position = 7;
         UPDATE gallery SET n_events = 6, head = (SELECT hash FROM event WHERE position = 6)",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (mut gallery, _) = with_log(folder.path(), None);
        gallery.verify_log().unwrap();
        gallery.store.tamper(change);
        expect_noticed(&gallery, change);
        if change.contains("gallery SET") {
            gallery.enroll("Eve", &[sample(9)]).unwrap_err();
        }
    }
}

#[test]
fn people_that_the_log_does_not_tell_of_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (gallery, _) = with_log(folder.path(), None);
    let session = gallery.store.change().unwrap();
    let bob = people::name_tag(&gallery.vault, "Bob");
    let row = session.identity_named(&bob).unwrap().unwrap();
    session.forget(row.id).unwrap(); // without a record
    session.commit().unwrap();
    let error = gallery.verify_log().unwrap_err().to_string();
    assert!(error.contains("1 identities are in the gallery or gone from it"), "{error}");
}

/// Writes the whole log anew, as anybody can who has no key.
fn forge(gallery: &Gallery) {
    let session = gallery.store.change().unwrap();
    let chain = crate::audit::Chain::new(session.gallery().unwrap().uid, None);
    let (mut head, mut position) = (chain.genesis(), 0);
    let mut statements = String::new();
    session
        .records_after(0, |at, record, _| {
            let record = record.replace("desk 3", "nobody");
            (head, position) = (chain.link(&head, at, &record), at);
            let hash = crate::id::hex(&head);
            statements += &format!(
                "UPDATE event SET record = '{record}', hash = x'{hash}' WHERE position = {at};"
            );
            Ok(())
        })
        .unwrap();
    let open = session.open_columns().unwrap();
    drop(session);
    let end = crate::id::hex(&chain.end(&head, position, &open));
    let head = crate::id::hex(&head);
    statements += &format!("UPDATE gallery SET head = x'{head}', end_of_log = x'{end}'");
    gallery.store.tamper(&statements);
}

#[test]
fn only_a_key_keeps_the_log_from_being_written_anew() {
    let (plain, sealed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (gallery, receipt) = with_log(plain.path(), None);
    forge(&gallery);
    expect_noticed(&gallery, "beside what was seen of it");
    std::fs::remove_file(plain.path().join("gallery.head")).unwrap();
    gallery.verify_log().unwrap();
    gallery.verify_receipt(&receipt).unwrap_err();
    let (gallery, _) = with_log(sealed.path(), Some(&Secret::from_key([5; 32])));
    gallery.verify_log().unwrap();
    forge(&gallery);
    expect_noticed(&gallery, "written anew");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_changed_byte_of_the_log_is_noticed(
        is_sealed: bool,
        position in 1i64..=7,
        column in prop::sample::select(vec!["record", "hash"]),
        at: prop::sample::Index,
        change in 1u8..=255,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let secret = is_sealed.then(|| Secret::from_key([5; 32]));
        let (gallery, _) = with_log(folder.path(), secret.as_ref());
        let mut bytes = Vec::new();
        let session = gallery.store.view().unwrap();
        session.records_after(0, |found, record, hash| {
            if found == position {
                bytes = if column == "hash" { hash.to_vec() } else { record.as_bytes().to_vec() };
            }
            Ok(())
        }).unwrap();
        drop(session);
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        let (digits, kind) = (crate::id::hex(&bytes), if column == "hash" { "BLOB" } else { "TEXT" });
        gallery.store.tamper(&format!(
            "UPDATE event SET {column} = CAST(x'{digits}' AS {kind}) WHERE position = {position}"
        ));
        expect_noticed(&gallery, "a byte");
    }

    #[test]
    fn any_changed_byte_of_the_end_is_noticed(
        column in prop::sample::select(vec!["head", "end_of_log"]),
        at in 0usize..32,
        change in 1u8..=255,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (gallery, _) = with_log(folder.path(), None);
        let end = gallery.store.view().unwrap().log_end().unwrap();
        let mut bytes = if column == "head" { end.head } else { end.end };
        bytes[at] ^= change;
        let digits = crate::id::hex(&bytes);
        gallery.store.tamper(&format!("UPDATE gallery SET {column} = x'{digits}'"));
        expect_noticed(&gallery, "a byte of the end");
    }
}
