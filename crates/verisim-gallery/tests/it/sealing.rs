//! Sealed galleries: what the files show, and what opens them.

use std::collections::HashSet;
use std::path::Path;

use rusqlite::Connection;
use verisim_gallery::{Enrollment, Gallery, GalleryError, Metadata, Sample, Secret, Thumbnail};

use crate::child::kind;
use crate::synthetic::{DIM, model, sample, samples, traces, traces_of};

fn key(byte: u8) -> Secret {
    Secret::from_key([byte; 32])
}

fn sealed(folder: &Path) -> Gallery {
    Gallery::create_or_open(folder, model(), DIM, Some(&key(7))).unwrap()
}

/// All 16 consecutive bytes of what lies in slots now.
fn windows_of_slots(folder: &Path) -> HashSet<[u8; 16]> {
    let connection = Connection::open(folder.join("gallery.sqlite")).unwrap();
    let mut select = connection.prepare("SELECT content FROM slot").unwrap();
    let contents = select.query_map([], |row| row.get(0)).unwrap();
    let contents: Vec<Vec<u8>> = contents.map(Result::unwrap).collect();
    contents
        .iter()
        .flat_map(|content| content.array_windows().copied().collect::<Vec<_>>())
        .collect()
}

/// Whether some 16 consecutive bytes of any file of the folder are among `secrets`.
fn leaks(folder: &Path, secrets: &HashSet<[u8; 16]>) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        bytes.array_windows::<16>().any(|window| secrets.contains(window))
    })
}

fn labeled(identity: &str, n: usize) -> Vec<Sample> {
    let thumbnail = |idx: usize| {
        let picture = samples("picture", 30 + idx).into_iter().skip(10);
        let bytes = picture.flat_map(|it| *it.source.as_bytes());
        Thumbnail(bytes.chain(identity.bytes().cycle().take(9000 * idx)).collect())
    };
    let label = |(idx, sample)| {
        let label = Some(format!("known/{identity}/1.jpg"));
        Sample { label, thumbnail: Some(thumbnail(idx)), ..sample }
    };
    samples(identity, n).into_iter().enumerate().map(label).collect()
}

#[test]
fn nothing_of_a_person_lies_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = sealed(folder.path());
    let ann = labeled("Annabelle", 3);
    let metadata = Metadata::from_json(r#"{"team":"Lighthouse"}"#).unwrap();
    let enrollment = Enrollment {
        external_id: Some("EMPLOYEE-1815"),
        metadata: Some(&metadata),
        ..Enrollment::new("Annabelle", &ann)
    };
    gallery.enroll_many(&[enrollment]).unwrap().remove(0).unwrap();
    assert_eq!(gallery.nearest(&ann[2].template, 1).unwrap()[0].identity, "Annabelle");
    assert_eq!(traces(folder.path(), &ann), [""; 0]);
    let texts: HashSet<&[u8; 8]> = ["Annabell", "EMPLOYEE", "Lighthou", "known/An"]
        .map(|text| text.as_bytes().try_into().unwrap())
        .into();
    assert_eq!(traces_of(folder.path(), |window| texts.contains(window)), [""; 0]);
    drop(gallery);

    let mut gallery = Gallery::open(folder.path(), Some(&key(7))).unwrap();
    gallery.check().unwrap();
    assert_eq!(gallery.identities().unwrap()[0].details.metadata, Some(metadata));
    let template = &gallery.templates("Annabelle").unwrap()[1];
    assert_eq!((&template.label, &template.thumbnail), (&ann[1].label, &ann[1].thumbnail));
    assert_eq!(gallery.nearest(&ann[1].template, 1).unwrap()[0].identity, "Annabelle");
    assert_eq!(gallery.enroll("Annabelle", &ann).unwrap().n_already_there, 3);
}

#[test]
fn forgetting_leaves_no_16_bytes_open_or_sealed() {
    for is_sealed in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let secret = is_sealed.then(|| key(7));
        let mut gallery =
            Gallery::create_or_open(folder.path(), model(), DIM, secret.as_ref()).unwrap();
        gallery.enroll("Bob the bystander", &labeled("Bob", 3)).unwrap();
        let before = windows_of_slots(folder.path());
        gallery.enroll("Annabelle of Arborea", &labeled("Ann", 7)).unwrap();
        gallery.nearest(&sample("Ann", 1).template, 1).unwrap();
        // All that came into slots with Ann; in a plain gallery her templates and her name as they
        // are. What is mostly zeros is padding, and anybody's.
        let mut theirs = windows_of_slots(folder.path());
        let is_hers =
            |window: &[u8; 16]| window.iter().map(|&byte| u8::from(byte == 0)).sum::<u8>() < 8;
        theirs.retain(|window| !before.contains(window) && is_hers(window));
        assert!(theirs.len() > 500 && leaks(folder.path(), &theirs));
        assert_ne!(is_sealed, theirs.contains(b"Annabelle of Arb"));

        assert!(gallery.forget("Annabelle of Arborea").unwrap().is_wiped);
        assert!(!leaks(folder.path(), &theirs), "sealed: {is_sealed}");
        assert_eq!(traces(folder.path(), &labeled("Ann", 7)), [""; 0]);
        gallery.check().unwrap();
        drop(gallery);
        assert!(!leaks(folder.path(), &theirs));
        let mut gallery = Gallery::open(folder.path(), secret.as_ref()).unwrap();
        assert_eq!(gallery.nearest(&sample("Bob", 1).template, 9).unwrap().len(), 1);
    }
}

#[test]
fn only_the_right_secret_of_the_right_kind_opens() {
    let passphrase = |text: &str| Secret::from_text(text).unwrap();
    let right = passphrase("correct horse battery staple");
    let by_key = tempfile::tempdir().unwrap();
    drop(sealed(by_key.path()));
    let by_phrase = tempfile::tempdir().unwrap();
    drop(Gallery::create_or_open(by_phrase.path(), model(), DIM, Some(&right)).unwrap());
    let plain = tempfile::tempdir().unwrap();
    drop(Gallery::create_or_open(plain.path(), model(), DIM, None).unwrap());

    let outcome = |folder: &Path, secret: Option<&Secret>| {
        let opened = Gallery::open(folder, secret);
        let made = Gallery::create_or_open(folder, model(), DIM, secret);
        let kinds = [opened, made].map(|it| it.map_or_else(|it| kind(&it), |_| "open".to_owned()));
        assert_eq!(kinds[0], kinds[1]);
        kinds[0].clone()
    };
    let wrong = passphrase("correct horse battery stable");
    assert_eq!(outcome(by_key.path(), Some(&key(7))), "open");
    assert_eq!(outcome(by_key.path(), Some(&key(8))), "WrongSecret");
    assert_eq!(outcome(by_key.path(), Some(&right)), "WrongSecret");
    assert_eq!(outcome(by_key.path(), None), "Sealed");
    assert_eq!(outcome(by_phrase.path(), Some(&right)), "open");
    assert_eq!(outcome(by_phrase.path(), Some(&wrong)), "WrongSecret");
    assert_eq!(outcome(by_phrase.path(), Some(&key(7))), "WrongSecret");
    assert_eq!(outcome(by_phrase.path(), None), "Sealed");
    assert_eq!(outcome(plain.path(), None), "open");
    assert_eq!(outcome(plain.path(), Some(&right)), "NotSealed");
    let error = Gallery::open(by_key.path(), Some(&right)).unwrap_err().to_string();
    assert!(error.contains("is sealed with a key: the one given does not open it"), "{error}");
}

#[test]
fn a_file_that_asks_for_all_memory_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let secret = Secret::from_text("correct horse battery staple").unwrap();
    drop(Gallery::create_or_open(folder.path(), model(), DIM, Some(&secret)).unwrap());
    let connection = Connection::open(folder.path().join("gallery.sqlite")).unwrap();
    connection.execute_batch("UPDATE seal SET memory_kib = 4294967295").unwrap();
    drop(connection);
    let error = Gallery::open(folder.path(), Some(&secret)).unwrap_err();
    assert!(matches!(error, GalleryError::Damaged { .. }), "{error}");
}

#[test]
fn templates_put_into_the_place_of_others_do_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = sealed(folder.path());
    gallery.enroll("Ann", &samples("Ann", 2)).unwrap();
    gallery.enroll("Bob", &samples("Bob", 2)).unwrap();
    drop(gallery);
    let connection = Connection::open(folder.path().join("gallery.sqlite")).unwrap();
    // Ann's face under Bob's name.
    let swap = "UPDATE template SET identity = 2 WHERE id = 1";
    connection.execute_batch(swap).unwrap();
    drop(connection);
    let mut gallery = Gallery::open(folder.path(), Some(&key(7))).unwrap();
    for error in [gallery.check(), gallery.nearest(&sample("Ann", 0).template, 1).map(drop)] {
        let error = error.unwrap_err().to_string();
        assert!(error.contains("template 1 was changed or misplaced"), "{error}");
    }
}
