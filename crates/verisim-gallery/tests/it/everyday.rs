//! Enrolling, identifying, listing and forgetting, as on any day.

use verisim_core::{Embedding, Template};
use verisim_gallery::{Enrolled, Gallery, GalleryError, InvalidName, Sample, SourceDigest};

use crate::synthetic::{DIM, model, open, sample, samples};

#[test]
fn a_thousand_identities_are_each_identified() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    let names: Vec<String> = (0..1000).map(|idx| format!("identity {idx}")).collect();
    let enrolled = gallery.enroll_many(names.iter().map(|it| (it, samples(it, 2)))).unwrap();
    assert_eq!(enrolled, Enrolled { n_added: 2000, n_already_there: 0 });
    for name in &names {
        for idx in 0..2 {
            let found = gallery.identify(&sample(name, idx).template, 0.9, 10).unwrap();
            let found: Vec<&str> = found.iter().map(|it| it.identity.as_str()).collect();
            assert_eq!(found, [name]);
        }
        assert_eq!(gallery.identify(&sample(name, 2).template, 0.9, 10).unwrap(), []);
    }
}

/// A gallery of two dimensions with templates at the given angles in degrees.
fn at_angles(folder: &std::path::Path, templates: &[(&str, f32)]) -> Gallery {
    let mut gallery = Gallery::create_or_open(folder, model(), 2).unwrap();
    for (idx, &(identity, angle)) in templates.iter().enumerate() {
        let source = SourceDigest::new([idx as u8; 32]);
        gallery.enroll(identity, &[Sample { template: at_angle(angle), source }]).unwrap();
    }
    gallery
}

fn at_angle(degrees: f32) -> Template {
    let (sin, cos) = degrees.to_radians().sin_cos();
    Template { embedding: Embedding::new(vec![cos, sin]).unwrap(), model: model() }
}

#[test]
fn candidates_reach_the_threshold_and_come_best_first_by_their_best_templates() {
    let folder = tempfile::tempdir().unwrap();
    let templates = [("Bob", 60.0), ("Ann", 90.0), ("Eve", 180.0), ("Ann", 10.0), ("Al", 60.0)];
    let mut gallery = at_angles(folder.path(), &templates);
    let mut names = |threshold, limit| {
        let found = gallery.identify(&at_angle(0.0), threshold, limit).unwrap();
        found.into_iter().map(|it| it.identity).collect::<Vec<_>>()
    };
    assert_eq!(names(0.49, 9), ["Ann", "Al", "Bob"]);
    assert_eq!(names(0.49, 2), ["Ann", "Al"]);
    assert_eq!(names(0.9, 9), ["Ann"]);
    assert_eq!(names(0.99, 9), [""; 0]);
    assert_eq!(names(-1.0, 9), ["Ann", "Al", "Bob", "Eve"]);
    let score = gallery.nearest(&at_angle(60.0), 1).unwrap()[0].score;
    assert_eq!(gallery.identify(&at_angle(60.0), score, 1).unwrap().len(), 1, "at the threshold");
    let above = gallery.identify(&at_angle(60.0), score.next_up(), 1).unwrap();
    assert!(above.is_empty(), "above it");
    assert_eq!(gallery.nearest(&at_angle(180.0), 1).unwrap()[0].identity, "Eve");
}

#[test]
fn the_same_picture_is_enrolled_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    let ann = samples("Ann", 3);
    let counts = |it: Enrolled| (it.n_added, it.n_already_there);
    assert_eq!(counts(gallery.enroll("Ann", &ann[..2]).unwrap()), (2, 0));
    assert_eq!(counts(gallery.enroll("Ann", &ann).unwrap()), (1, 2));
    assert_eq!(counts(gallery.enroll("Ann", &ann).unwrap()), (0, 3));
    assert_eq!(counts(gallery.enroll("Bob", &[ann[0].clone(), ann[0].clone()]).unwrap()), (1, 1));
    assert_eq!(gallery.n_templates().unwrap(), 4);
}

#[test]
fn everything_is_there_after_closing_and_opening() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(&folder.path().join("made/on/the/way"));
    gallery.enroll("李雷", &samples("b", 2)).unwrap();
    gallery.enroll("Ann", &samples("a", 1)).unwrap();
    gallery.set_setting("model_path", "old.onnx").unwrap();
    gallery.set_setting("model_path", "new.onnx").unwrap();
    drop(gallery);

    let mut gallery = Gallery::open(&folder.path().join("made/on/the/way")).unwrap();
    gallery.check().unwrap();
    assert_eq!((gallery.model(), gallery.dim()), (model(), DIM));
    let identities = gallery.identities().unwrap();
    let listed: Vec<_> = identities.iter().map(|it| (it.name.as_str(), it.n_templates)).collect();
    assert_eq!(listed, [("Ann", 1), ("李雷", 2)]);
    assert!(identities.iter().all(|it| it.enrolled_at > 1_700_000_000));
    assert_eq!(gallery.setting("model_path").unwrap().as_deref(), Some("new.onnx"));
    assert_eq!(gallery.setting("other").unwrap(), None);
    assert_eq!(gallery.nearest(&sample("b", 1).template, 1).unwrap()[0].identity, "李雷");
}

#[test]
fn the_forgotten_are_not_found_and_may_return() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    gallery.enroll_many([("Ann", samples("Ann", 2)), ("Bob", samples("Bob", 1))]).unwrap();
    assert_eq!(gallery.nearest(&sample("Ann", 0).template, 1).unwrap()[0].identity, "Ann");
    assert_eq!(gallery.forget("Ann").unwrap().n_templates, 2);
    let found = gallery.nearest(&sample("Ann", 0).template, 9).unwrap();
    assert_eq!(found.iter().map(|it| it.identity.as_str()).collect::<Vec<_>>(), ["Bob"]);
    assert!(!gallery.is_empty().unwrap());
    assert_eq!(gallery.enroll("Ann", &samples("Ann", 1)).unwrap().n_added, 1);
    assert_eq!(gallery.nearest(&sample("Ann", 0).template, 1).unwrap()[0].identity, "Ann");
}

#[test]
fn forgetting_an_unknown_name_suggests_the_right_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    gallery.enroll_many([("José", samples("j", 1)), ("Ann", samples("a", 1))]).unwrap();
    let error = gallery.forget(" JOSÉ").unwrap_err();
    let GalleryError::NoSuchIdentity { name, similar, .. } = error else { panic!("{error}") };
    assert_eq!((name.as_str(), similar), (" JOSÉ", vec!["José".to_owned()]));
    assert_eq!(gallery.n_identities().unwrap(), 2);
}

#[test]
fn a_failure_in_the_middle_of_many_enrolls_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    let error = gallery
        .enroll_many([("Ann", samples("a", 1)), ("unknown_person", samples("b", 1))])
        .unwrap_err();
    assert!(matches!(error, GalleryError::InvalidName(InvalidName::Reserved)), "{error}");
    assert!(gallery.is_empty().unwrap());
    assert_eq!(gallery.nearest(&sample("a", 0).template, 1).unwrap(), []);
}

#[test]
fn an_identity_without_samples_is_not_enrolled() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    assert_eq!(gallery.enroll("Ann", &[]).unwrap(), Enrolled::default());
    assert!(gallery.is_empty().unwrap());
    gallery.check().unwrap();
}

#[test]
fn enrolling_another_changes_no_score() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    gallery.enroll("Ann", &samples("Ann", 2)).unwrap();
    let probe = sample("probe", 0).template;
    let before = gallery.nearest(&probe, 1).unwrap();
    gallery.enroll_many((0..50).map(|idx| (format!("n{idx}"), samples("n", idx)))).unwrap();
    assert!(gallery.nearest(&probe, 99).unwrap().contains(&before[0]));
}

#[test]
fn debug_output_shows_no_names() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    gallery.enroll("Ann", &samples("Ann", 1)).unwrap();
    gallery.nearest(&sample("Ann", 0).template, 1).unwrap();
    let path = folder.path().join("gallery.sqlite");
    let expected =
        format!("Gallery({} of ModelDigest(010101010101), 32 components)", path.display());
    assert_eq!(format!("{gallery:?}"), expected);
}
