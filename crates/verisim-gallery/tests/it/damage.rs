//! Files that are not what they should be: no bytes make the gallery panic.

use std::fs;
use std::path::Path;

use verisim_gallery::{Gallery, GalleryError};

use crate::child::kind;
use crate::synthetic::{Random, enroll_all, open, sample, samples};

/// The bytes of a gallery with everything in it, free slots included.
fn intact() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    let names: Vec<String> = (0..60).map(|idx| format!("identity {idx}")).collect();
    enroll_all(&mut gallery, names.iter().map(|it| (it, samples(it, 2))));
    gallery.set_setting("key", "value").unwrap();
    for name in &names[..9] {
        assert!(gallery.forget(name).unwrap().is_wiped);
    }
    drop(gallery);
    fs::read(folder.path().join("gallery.sqlite")).unwrap()
}

/// Does everything that can be done with a gallery, up to the first error.
fn use_all(folder: &Path) -> Result<(), GalleryError> {
    let mut gallery = Gallery::open(folder, None)?;
    let results = [
        gallery.nearest(&sample("probe", 0).template, 3).map(drop),
        gallery.identities().map(drop),
        gallery.setting("key").map(drop),
        gallery.enroll("new", &samples("new", 12)).map(drop),
        gallery.forget("identity 20").map(drop),
        gallery.set_setting("key", "other"),
        gallery.check(),
        gallery.compact(),
    ];
    results.into_iter().collect()
}

/// Writes `bytes` as a gallery's file and uses it; the kind of the first error, if there is one.
fn outcome(bytes: &[u8]) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gallery.sqlite"), bytes).unwrap();
    use_all(folder.path()).err().map(|error| kind(&error))
}

#[test]
fn a_truncated_file_is_damaged() {
    let bytes = intact();
    assert_eq!(outcome(&bytes), None);
    let page = 8192;
    let lengths = [1, 15, 16, 99, 100, 511, 512, 513, 4096, page - 1, page, page + 1, 2 * page];
    let to_the_end = [bytes.len() / 2, bytes.len() - page, bytes.len() - page + 1];
    for length in lengths.into_iter().chain(to_the_end) {
        assert_eq!(outcome(&bytes[..length]).as_deref(), Some("Damaged"), "{length} bytes");
    }
    assert_eq!(outcome(&[]).as_deref(), Some("NotAGallery"));
}

#[test]
fn random_bytes_are_damaged() {
    let mut random = Random(3);
    for n_bytes in [1, 100, 5000, 100_000] {
        let bytes: Vec<u8> = (0..n_bytes).map(|_| random.next() as u8).collect();
        assert_eq!(outcome(&bytes).as_deref(), Some("Damaged"), "{n_bytes} bytes");
        let with_header = [b"SQLite format 3\0", bytes.as_slice()].concat();
        assert_eq!(outcome(&with_header).as_deref(), Some("Damaged"), "{n_bytes} bytes");
    }
}

#[test]
fn changed_bytes_are_harmless_or_named_as_damage() {
    let intact = intact();
    let mut random = Random(4);
    let mut n_damaged = 0;
    for round in 0..120 {
        let mut bytes = intact.clone();
        // The first page, with the header and the tables' definitions, is the most delicate one.
        let range = if round % 3 == 0 { 4096 } else { bytes.len() };
        for _ in 0..=random.below(12) {
            bytes[random.below(range)] = random.next() as u8;
        }
        // These two numbers rightly make it a gallery of another version, or of another program.
        for number in [60..64, 68..72] {
            bytes[number.clone()].copy_from_slice(&intact[number]);
        }
        if let Some(kind) = outcome(&bytes) {
            n_damaged += 1;
            // A changed digest is that of another model.
            assert!(["Damaged", "OtherModel"].contains(&kind.as_str()), "round {round}: {kind}");
        }
    }
    assert!(n_damaged > 30, "{n_damaged}");
}

#[test]
fn a_log_of_garbage_is_ignored() {
    let mut random = Random(5);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gallery.sqlite"), intact()).unwrap();
    for file in ["gallery.sqlite-wal", "gallery.sqlite-shm", "gallery.sqlite-journal"] {
        let garbage: Vec<u8> = (0..40_000).map(|_| random.next() as u8).collect();
        fs::write(folder.path().join(file), garbage).unwrap();
    }
    use_all(folder.path()).unwrap();
}
