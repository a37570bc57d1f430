//! Galleries of format 1, which version 0.1 made.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use verisim_gallery::{Action, Gallery, GalleryError, Sample, Secret};

use crate::synthetic::{DIM, model, sample, samples, traces};

/// The tables of format 1, as version 0.1 made them.
const FORMAT_1: &str = "
    PRAGMA page_size = 8192;
    CREATE TABLE gallery (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        model BLOB NOT NULL,
        dim INTEGER NOT NULL,
        n_forgets INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE identity (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        enrolled_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE slot (id INTEGER PRIMARY KEY, embedding BLOB NOT NULL) STRICT;
    CREATE TABLE free_slot (id INTEGER PRIMARY KEY REFERENCES slot) STRICT;
    CREATE TABLE template (
        id INTEGER PRIMARY KEY,
        identity INTEGER NOT NULL REFERENCES identity,
        source BLOB NOT NULL,
        slot INTEGER NOT NULL UNIQUE REFERENCES slot,
        UNIQUE (identity, source)
    ) STRICT;
    CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    PRAGMA application_id = 0x5653474c;
    PRAGMA user_version = 1;
    PRAGMA journal_mode = WAL;
";

fn hex(bytes: impl IntoIterator<Item = u8>) -> String {
    bytes.into_iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Statements that enroll a sample as template number `id`.
fn template(id: usize, identity: usize, sample: &Sample) -> String {
    let embedding = sample.template.embedding.as_slice().iter().flat_map(|it| it.to_le_bytes());
    format!(
        "INSERT INTO slot VALUES ({id}, x'{}');
         INSERT INTO template VALUES ({id}, {identity}, x'{}', {id});",
        hex(embedding),
        hex(*sample.source.as_bytes())
    )
}

/// Makes a gallery of format 1: Ann with two templates, Bob with one, a free slot, a setting.
fn make(folder: &Path) {
    let mut statements = FORMAT_1.to_owned();
    let digest = hex(*model().as_bytes());
    write!(statements, "INSERT INTO gallery VALUES (1, x'{digest}', {DIM}, 1);").unwrap();
    statements += "INSERT INTO identity VALUES (1, 'Ann', 1700000001), (3, 'Bob', 1700000003);";
    statements += &template(1, 1, &sample("Ann", 0));
    statements += &template(3, 3, &sample("Bob", 0));
    statements += &template(4, 1, &sample("Ann", 1));
    statements += "INSERT INTO slot VALUES (2, zeroblob(128)); INSERT INTO free_slot VALUES (2);";
    statements += "INSERT INTO setting VALUES ('model', 'm.onnx');";
    let connection = Connection::open(folder.join("gallery.sqlite")).unwrap();
    connection.execute_batch(&statements).unwrap();
}

#[test]
fn a_gallery_of_format_1_is_brought_to_the_present_one() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path());
    for _ in 0..2 {
        let mut gallery = Gallery::open(folder.path(), None).unwrap();
        gallery.check().unwrap();
        assert_eq!((gallery.model(), gallery.dim()), (model(), DIM));
        assert!(!gallery.is_sealed());
        let identities = gallery.identities().unwrap();
        let listed: Vec<_> = identities
            .iter()
            .map(|it| (it.details.name.as_str(), it.n_templates, it.enrolled_at))
            .collect();
        assert_eq!(listed, [("Ann", 2, 1_700_000_001), ("Bob", 1, 1_700_000_003)]);
        assert_eq!(gallery.setting("model").unwrap().as_deref(), Some("m.onnx"));
        for (name, idx) in [("Ann", 0), ("Ann", 1), ("Bob", 0)] {
            let found = gallery.identify(&sample(name, idx).template, 0.9999, 9).unwrap();
            assert_eq!(found.iter().map(|it| &it.identity).collect::<Vec<_>>(), [name]);
        }
        // The pictures are known, too.
        assert_eq!(gallery.enroll("Ann", &samples("Ann", 2)).unwrap().n_already_there, 2);
    }
    let mut gallery = Gallery::open(folder.path(), None).unwrap();
    let actions: Vec<Action> = gallery.events().unwrap().into_iter().map(|it| it.action).collect();
    assert!(matches!(actions[0], Action::Migrated { format: 1 }));
    let _ = gallery.forget("Ann").unwrap();
    gallery.check().unwrap();
    assert_eq!(traces(folder.path(), &samples("Ann", 2)), [""; 0]);
}

#[test]
fn a_secret_does_not_fit_a_gallery_of_format_1() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path());
    let error = Gallery::open(folder.path(), Some(&Secret::from_key([1; 32]))).unwrap_err();
    assert!(matches!(error, GalleryError::NotSealed { .. }), "{error}");
}

#[test]
fn what_cannot_be_migrated_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path());
    let path = folder.path().join("gallery.sqlite");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("UPDATE slot SET embedding = zeroblob(128) WHERE id = 4").unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();
    for _ in 0..2 {
        let error = Gallery::open(folder.path(), None).unwrap_err();
        assert!(matches!(error, GalleryError::Damaged { .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[test]
fn a_gallery_of_format_2_is_brought_to_the_present_one_with_or_without_a_key() {
    for secret in [None, Some(Secret::from_key([1; 32]))] {
        let folder = tempfile::tempdir().unwrap();
        let open =
            || Gallery::create_or_open(folder.path(), model(), DIM, secret.as_ref()).unwrap();
        for name in ["Ann", "Bob"] {
            open().enroll(name, &samples(name, 2)).unwrap();
        }
        // What format 3 added is a table.
        let connection = Connection::open(folder.path().join("gallery.sqlite")).unwrap();
        connection.execute_batch("DROP TABLE change; PRAGMA user_version = 2").unwrap();
        drop(connection);
        let mut gallery = open();
        gallery.check().unwrap();
        assert_eq!(gallery.merge("Ann", "Bob").unwrap(), 2);
        gallery.undo().unwrap();
        gallery.check().unwrap();
        assert_eq!(gallery.n_identities().unwrap(), 2);
    }
}
