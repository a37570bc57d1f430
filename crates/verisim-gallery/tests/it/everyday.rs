//! Enrolling, identifying, listing and forgetting, as on any day.

use verisim_core::{Embedding, ModelDigest, Template};
use verisim_gallery::{
    Details, Enrolled, Enrollment, Gallery, GalleryError, Metadata, NearDuplicates, Policy, Sample,
    ScoreRule, SourceDigest,
};

use crate::child::kind;
use crate::synthetic::{DIM, enroll_all, model, open, sample, samples};

#[test]
fn a_thousand_identities_are_each_identified() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    let names: Vec<String> = (0..1000).map(|idx| format!("identity {idx}")).collect();
    let n_added = enroll_all(&mut gallery, names.iter().map(|it| (it, samples(it, 2))));
    assert_eq!(n_added, 2000);
    gallery.set_policy(Policy { record_searches: false, ..Policy::default() }).unwrap();
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
    let mut gallery = Gallery::create_or_open(folder, model(), 2, None).unwrap();
    for (idx, &(identity, angle)) in templates.iter().enumerate() {
        let source = SourceDigest::new([idx as u8; 32]);
        gallery.enroll(identity, &[Sample::new(at_angle(angle), source)]).unwrap();
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

    let mut gallery = Gallery::open(&folder.path().join("made/on/the/way"), None).unwrap();
    gallery.check().unwrap();
    assert_eq!((gallery.model(), gallery.dim()), (model(), DIM));
    let identities = gallery.identities().unwrap();
    let listed: Vec<_> =
        identities.iter().map(|it| (it.details.name.as_str(), it.n_templates)).collect();
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
    enroll_all(&mut gallery, [("Ann", samples("Ann", 2)), ("Bob", samples("Bob", 1))]);
    assert_eq!(gallery.nearest(&sample("Ann", 0).template, 1).unwrap()[0].identity, "Ann");
    assert_eq!(gallery.forget("Ann").unwrap().receipt.n_templates, 2);
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
    enroll_all(&mut gallery, [("José", samples("j", 1)), ("Ann", samples("a", 1))]);
    let error = gallery.forget(" JOSÉ").unwrap_err();
    let GalleryError::NoSuchIdentity { name, similar, .. } = error else { panic!("{error}") };
    assert_eq!((name.as_str(), similar), (" JOSÉ", vec!["José".to_owned()]));
    assert_eq!(gallery.n_identities().unwrap(), 2);
}

#[test]
fn one_of_many_that_is_refused_leaves_nothing_and_keeps_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    let (a, b, c) = (samples("a", 1), samples("b", 2), samples("c", 3));
    let mut foreign = samples("d", 2);
    foreign[1].template.model = ModelDigest::new([2; 32]);
    let people = [("Ann", &a), ("unknown_person", &b), ("Dan", &foreign), ("Cid", &c)];
    let enrollments = people.map(|(name, samples)| Enrollment::new(name, samples));
    let outcomes = gallery.enroll_many(&enrollments).unwrap();
    let outcomes: Vec<_> =
        outcomes.into_iter().map(|it| it.map(|it| it.n_added).map_err(|it| kind(&it))).collect();
    let refused = |kind: &str| Err(kind.to_owned());
    assert_eq!(outcomes, [Ok(1), refused("InvalidName"), refused("OtherModel"), Ok(3)]);
    let names: Vec<String> =
        gallery.identities().unwrap().into_iter().map(|it| it.details.name).collect();
    assert_eq!(names, ["Ann", "Cid"]);
    gallery.check().unwrap();
}

#[test]
fn what_is_kept_of_an_identity_comes_back_and_changes_only_where_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    let metadata = Metadata::from_json(r#"{"badge": 7}"#).unwrap();
    let ann = samples("Ann", 3);
    let labeled =
        Sample { quality: Some(90), label: Some("known/Ann/1.jpg".to_owned()), ..ann[0].clone() };
    let first = Enrollment {
        name: "Ann",
        external_id: Some("E-1"),
        metadata: Some(&metadata),
        samples: &[labeled],
    };
    let person = gallery.enroll_many(&[first]).unwrap().remove(0).unwrap().person;
    let again = gallery.enroll("Ann", &ann[1..2]).unwrap();
    assert_eq!(again.person, person);
    let kept = |gallery: &Gallery| gallery.identities().unwrap().remove(0).details;
    let details = Details {
        name: "Ann".to_owned(),
        external_id: Some("E-1".to_owned()),
        metadata: Some(metadata),
    };
    assert_eq!(kept(&gallery), details);

    let long = Metadata::from_json(&format!("{{\"a\":\"{}\"}}", "x".repeat(9000))).unwrap();
    let change = Enrollment { metadata: Some(&long), ..Enrollment::new("Ann", &[]) };
    assert_eq!(gallery.enroll_many(&[change]).unwrap().remove(0).unwrap().n_added, 0);
    assert_eq!(kept(&gallery), Details { metadata: Some(long), ..details });
    let templates = gallery.templates("Ann").unwrap();
    assert_eq!((templates.len(), templates[0].quality), (2, Some(90)));
    assert_eq!(templates[0].label.as_deref(), Some("known/Ann/1.jpg"));
    assert_eq!((templates[1].quality, templates[1].label.as_deref()), (None, None));
    gallery.check().unwrap();
}

#[test]
fn an_external_id_belongs_to_one_identity() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    let (a, b) = (samples("a", 2), samples("b", 1));
    let with_id =
        |name, samples| Enrollment { external_id: Some("E-1"), ..Enrollment::new(name, samples) };
    let outcomes = gallery.enroll_many(&[with_id("Ann", &a[..1]), with_id("Bob", &b)]).unwrap();
    let kinds: Vec<_> = outcomes.iter().map(|it| it.as_ref().err().map(kind)).collect();
    assert_eq!(kinds, [None, Some("ExternalIdTaken".to_owned())]);
    assert!(gallery.enroll_many(&[with_id("Ann", &a)]).unwrap()[0].is_ok());
    let _ = gallery.forget("Ann").unwrap();
    assert!(gallery.enroll_many(&[with_id("Bob", &b)]).unwrap()[0].is_ok());
}

#[test]
fn limits_and_near_duplicates_follow_the_policy_which_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    let policy = Policy { rule: ScoreRule::Mean, max_templates: 3, ..Policy::default() };
    gallery.set_policy(policy).unwrap();
    drop(gallery);
    let mut gallery = open(folder.path());
    assert_eq!(gallery.policy().unwrap(), policy);

    let too_many = gallery.enroll("Ann", &samples("Ann", 4)).unwrap_err();
    assert!(matches!(too_many, GalleryError::TooManyTemplates { wanted: 4, max: 3, .. }));
    assert!(gallery.is_empty().unwrap());
    gallery.enroll("Ann", &samples("Ann", 2)).unwrap();
    // The same face in another file, and once more.
    let again = Sample { source: SourceDigest::new([9; 32]), ..sample("Ann", 1) };
    let other = Sample { source: SourceDigest::new([8; 32]), ..sample("Ann", 2) };
    let batch = [again.clone(), other.clone(), sample("Ann", 2)];
    let outcome = gallery.enroll("Ann", &batch).unwrap();
    assert_eq!((outcome.n_added, outcome.n_near_duplicates), (1, 2));
    gallery.enroll("Bob", std::slice::from_ref(&again)).unwrap();

    let near_duplicates = NearDuplicates::Add;
    gallery.set_policy(Policy { near_duplicates, max_templates: 9, ..policy }).unwrap();
    let outcome = gallery.enroll("Ann", &[again]).unwrap();
    assert_eq!((outcome.n_added, outcome.n_near_duplicates), (1, 1));
    assert_eq!(gallery.n_templates().unwrap(), 5);
}

#[test]
fn the_rule_of_the_gallery_scores_its_identities() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = at_angles(folder.path(), &[("Ann", 0.0), ("Ann", 90.0), ("Bob", 45.0)]);
    let mut score = |rule| {
        gallery.set_policy(Policy { rule, ..Policy::default() }).unwrap();
        let found = gallery.nearest(&at_angle(0.0), 2).unwrap();
        (found[0].identity.clone(), found[0].score)
    };
    assert_eq!(score(ScoreRule::Best), ("Ann".to_owned(), 1.0));
    // Ann: (1 + 0) / 2. Bob: cos 45°.
    let (identity, score) = score(ScoreRule::Mean);
    assert!(identity == "Bob" && (score - 0.5f32.sqrt()).abs() < 1e-6, "{identity} {score}");
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
    enroll_all(&mut gallery, (0..50).map(|idx| (format!("n{idx}"), samples("n", idx))));
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
