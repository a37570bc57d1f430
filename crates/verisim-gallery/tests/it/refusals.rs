//! Galleries that cannot be opened, and what is said about them.

use std::fs;
use std::path::Path;

use verisim_core::{Embedding, ModelDigest, Template};
use verisim_gallery::{Gallery, GalleryError, Sample, SourceDigest};

use crate::child::kind;
use crate::synthetic::{DIM, model, open, sample, samples};

/// Where the engine keeps these numbers in the header of a file.
const USER_VERSION: usize = 60;
const APPLICATION_ID: usize = 68;

fn error(folder: &Path) -> GalleryError {
    Gallery::open(folder, None).unwrap_err()
}

/// Overwrites a number in the header of the gallery's file.
fn write_header(folder: &Path, at: usize, number: u32) {
    let path = folder.join("gallery.sqlite");
    let mut bytes = fs::read(&path).unwrap();
    bytes[at..at + 4].copy_from_slice(&number.to_be_bytes());
    fs::write(&path, bytes).unwrap();
}

#[test]
fn templates_of_another_model_are_refused_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    gallery.enroll("Ann", &samples("Ann", 1)).unwrap();
    let foreign = ModelDigest::new([2; 32]);
    let mut other = sample("Bob", 0);
    other.template.model = foreign;

    let errors = [
        gallery.enroll("Bob", &[sample("Bob", 1), other.clone()]).unwrap_err(),
        gallery.identify(&other.template, 0.5, 1).unwrap_err(),
        gallery.nearest(&other.template, 1).unwrap_err(),
        Gallery::create_or_open(folder.path(), foreign, DIM, None).unwrap_err(),
    ];
    for error in errors {
        let GalleryError::OtherModel { path, gallery, given } = error else { panic!("{error}") };
        assert_eq!((gallery, given), (model(), foreign));
        assert_eq!(path, folder.path().join("gallery.sqlite"));
    }
    assert_eq!(gallery.n_templates().unwrap(), 1, "the sample before it was not added either");
}

#[test]
fn embeddings_of_another_size_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    let embedding = Embedding::new(vec![1.0; DIM + 1]).unwrap();
    let template = Template { embedding, model: model() };
    let errors = [
        gallery.nearest(&template, 1).unwrap_err(),
        gallery.enroll("A", &[Sample::new(template, SourceDigest::new([0; 32]))]).unwrap_err(),
        Gallery::create_or_open(folder.path(), model(), DIM + 1, None).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, GalleryError::OtherDim { gallery: 32, given: 33, .. }), "{error}");
    }
}

#[test]
fn a_folder_without_a_gallery_is_told_from_a_damaged_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gallery.sqlite");
    let at = path.display();
    let expected = format!("no gallery at {at}: found no file, expected a gallery of Verisim");
    assert_eq!(error(folder.path()).to_string(), expected);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "opening makes nothing");

    fs::write(&path, "").unwrap();
    assert!(error(folder.path()).to_string().contains("found an empty file"));
    fs::write(&path, "Dear diary, today I met Ann, who showed me her new camera.".repeat(20))
        .unwrap();
    let expected = "is damaged: it is not an SQLite file";
    assert!(error(folder.path()).to_string().contains(expected));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(error(folder.path()).to_string().contains("found something that is not a file"));
}

#[test]
fn nothing_is_enrolled_into_a_deleted_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    fs::remove_file(folder.path().join("gallery.sqlite")).unwrap();
    let error = gallery.enroll("Ann", &samples("Ann", 1)).unwrap_err();
    assert_eq!(kind(&error), "NotAGallery");
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    for application_id in [0, 0x1234_5678] {
        write_header(folder.path(), APPLICATION_ID, application_id);
        let before = fs::read(folder.path().join("gallery.sqlite")).unwrap();
        for error in [
            error(folder.path()),
            Gallery::create_or_open(folder.path(), model(), DIM, None).unwrap_err(),
        ] {
            assert!(error.to_string().contains("found a database of something else"), "{error}");
        }
        assert_eq!(fs::read(folder.path().join("gallery.sqlite")).unwrap(), before);
    }
}

#[test]
fn a_gallery_of_a_later_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    write_header(folder.path(), USER_VERSION, 3);
    let refused = error(folder.path());
    assert!(matches!(refused, GalleryError::TooNew { found: 3, supported: 2, .. }), "{refused}");
    write_header(folder.path(), USER_VERSION, 0);
    assert!(matches!(error(folder.path()), GalleryError::Damaged { .. }));
}

#[test]
fn a_folder_that_cannot_be_is_an_error_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for impossible in [file.as_path(), &file.join("below"), Path::new("/proc/nonexistent/gallery")]
    {
        let error = Gallery::create_or_open(impossible, model(), DIM, None).unwrap_err();
        let GalleryError::Io { path, .. } = &error else { panic!("{error}") };
        assert!(error.to_string().contains(&path.display().to_string()));
        assert_eq!(kind(&self::error(impossible)), "NotAGallery");
    }
}
