//! Copies of a gallery, made while others use it, and galleries made of them.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use verisim_gallery::{Gallery, Secret};

use crate::child::kind;
use crate::synthetic::{DIM, enroll_all, model, open, sample, samples};

fn files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        names.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_copy_restores_what_was_there_when_it_was_made() {
    for secret in [None, Some(Secret::from_key([7; 32]))] {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let copy = folder.path().join("copy.sqlite");
        let mut gallery = Gallery::create_or_open(&from, model(), DIM, secret.as_ref()).unwrap();
        enroll_all(&mut gallery, [("Ann", samples("Ann", 2)), ("Bob", samples("Bob", 1))]);
        gallery.backup(&copy).unwrap();
        enroll_all(&mut gallery, [("Cid", samples("Cid", 1))]);
        assert_eq!(kind(&gallery.backup(&copy).unwrap_err()), "Occupied");
        let before = fs::read(&copy).unwrap();

        let mut restored = Gallery::restore(&copy, &to, secret.as_ref()).unwrap();
        restored.check().unwrap();
        assert_eq!(restored.is_sealed(), secret.is_some());
        let names: Vec<String> =
            restored.identities().unwrap().into_iter().map(|it| it.details.name).collect();
        assert_eq!(names, ["Ann", "Bob"]);
        let found = restored.nearest(&sample("Ann", 1).template, 1).unwrap();
        assert_eq!(found[0].identity, "Ann");
        assert_eq!(fs::read(&copy).unwrap(), before, "the copy stays as it was");
        assert_eq!(kind(&Gallery::restore(&copy, &to, secret.as_ref()).unwrap_err()), "Occupied");
        drop(restored);
        assert_eq!(files(&to), ["gallery.head", "gallery.matrix", "gallery.sqlite"]);
        assert_eq!(files(folder.path()), ["copy.sqlite", "from", "to"]);
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_a_copy_and_what_is_made_of_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.sqlite");
    open(&folder.path().join("from")).backup(&copy).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&copy), 0o600);
    fs::set_permissions(&copy, PermissionsExt::from_mode(0o644)).unwrap();
    Gallery::restore(&copy, &folder.path().join("to"), None).unwrap();
    assert_eq!(mode(&folder.path().join("to/gallery.sqlite")), 0o600);
}

#[test]
fn a_copy_that_is_damaged_or_locked_makes_no_gallery() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.sqlite");
    let key = Secret::from_key([7; 32]);
    let from = folder.path().join("from");
    let mut gallery = Gallery::create_or_open(&from, model(), DIM, Some(&key)).unwrap();
    gallery.enroll("Ann", &samples("Ann", 30)).unwrap();
    gallery.backup(&copy).unwrap();
    let to = folder.path().join("to");
    let outcome = |secret: Option<&Secret>| {
        let error = Gallery::restore(&copy, &to, secret).map(drop).unwrap_err();
        assert!(!to.join("gallery.sqlite").exists());
        assert_eq!(files(&to), [""; 0]);
        kind(&error)
    };
    assert_eq!(outcome(None), "Sealed");
    assert_eq!(outcome(Some(&Secret::from_key([8; 32]))), "WrongSecret");
    // In the middle of a slot.
    let intact = fs::read(&copy).unwrap();
    let mut bytes = intact.clone();
    let connection = rusqlite::Connection::open(&copy).unwrap();
    let select = "SELECT content FROM slot WHERE id = 9";
    let content: Vec<u8> = connection.query_row(select, [], |row| row.get(0)).unwrap();
    drop(connection);
    let at = bytes.windows(content.len()).position(|it| it == content).unwrap();
    bytes[at + 77] ^= 1;
    fs::write(&copy, &bytes).unwrap();
    assert_eq!(outcome(Some(&key)), "Damaged");
    fs::write(&copy, &intact[..intact.len() / 2]).unwrap();
    assert_eq!(outcome(Some(&key)), "Damaged");
    fs::write(&copy, "no gallery").unwrap();
    assert_eq!(outcome(Some(&key)), "Damaged");
    fs::remove_file(&copy).unwrap();
    assert_eq!(outcome(Some(&key)), "NotAGallery");
}

#[test]
fn a_copy_that_cannot_be_written_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(&folder.path().join("from"));
    let below_a_file = folder.path().join("from/gallery.sqlite/copy");
    gallery.backup(&below_a_file).unwrap_err();
    gallery.check().unwrap();
    gallery.backup(&folder.path().join("made/on/the/way.sqlite")).unwrap();
    assert_eq!(files(&folder.path().join("made/on/the")), ["way.sqlite"]);
}

#[test]
fn what_a_gallery_in_use_has_not_in_its_file_yet_is_not_left_out_unnoticed() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("from");
    let mut gallery = open(&from);
    gallery.enroll("Ann", &samples("Ann", 2)).unwrap();
    let error = Gallery::restore(&from.join("gallery.sqlite"), &folder.path().join("to"), None)
        .unwrap_err();
    assert_eq!(kind(&error), "Busy");
}

#[test]
fn copies_made_while_another_enrolls_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("from");
    let mut gallery = open(&from);
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut other = open(&from);
            for idx in 0.. {
                if is_done.load(Ordering::Relaxed) {
                    break;
                }
                let name = format!("n{idx}");
                other.enroll(&name, &samples(&name, 2)).unwrap();
            }
        });
        for round in 0..5 {
            let copy = folder.path().join(format!("copy{round}.sqlite"));
            gallery.backup(&copy).unwrap();
            let to = folder.path().join(format!("to{round}"));
            let restored = Gallery::restore(&copy, &to, None).unwrap();
            let n_templates = restored.n_templates().unwrap();
            assert_eq!(n_templates, 2 * restored.n_identities().unwrap());
        }
        is_done.store(true, Ordering::Relaxed);
    });
    gallery.check().unwrap();
}
