//! What every engine does alike: enrolling, listing, forgetting, the log, and what is refused.

use verisim_core::{Embedding, ModelDigest, Template};
use verisim_gallery::{
    Action, Details, Engine, Enrolled, Enrollment, GalleryError, Metadata, NearDuplicates, Policy,
    Sample, ScoreRule, Secret, SourceDigest, Thumbnail,
};

use crate::child::kind;
use crate::engines::{Bench, on_every_engine};
use crate::synthetic::{DIM, model, sample, samples};

on_every_engine!(
    many_are_enrolled_at_once_and_each_is_identified,
    the_same_picture_is_enrolled_once,
    everything_is_there_after_closing_and_opening,
    the_forgotten_are_not_found_and_may_return,
    forgetting_an_unknown_name_suggests_the_right_one,
    one_of_many_that_is_refused_leaves_nothing_and_keeps_nobody_out,
    details_come_back_and_change_only_where_they_are_given,
    an_external_id_belongs_to_one_identity_and_may_be_handed_on,
    one_batch_may_name_a_person_twice,
    limits_and_near_duplicates_follow_the_policy_which_is_kept,
    an_identity_without_samples_is_not_enrolled,
    templates_of_another_model_or_size_are_refused_everywhere,
    only_the_right_secret_opens_a_sealed_gallery,
    a_place_without_a_gallery_is_told,
    the_log_says_what_was_done_in_the_same_words,
    receipts_hold_until_the_person_returns,
    others_see_what_one_has_changed,
    several_at_once_lose_nothing,
    debug_output_shows_no_names_and_no_keys,
);

fn enroll_all(gallery: &mut dyn Engine, people: &[(&str, Vec<Sample>)]) -> usize {
    let enrollments: Vec<Enrollment<'_>> =
        people.iter().map(|(name, samples)| Enrollment::new(name, samples)).collect();
    let outcomes = gallery.enroll_many(&enrollments).unwrap();
    outcomes.into_iter().map(|outcome| outcome.unwrap().n_added).sum()
}

fn names(gallery: &dyn Engine) -> Vec<String> {
    gallery.identities().unwrap().into_iter().map(|it| it.details.name).collect()
}

fn many_are_enrolled_at_once_and_each_is_identified(bench: &Bench) {
    let mut gallery = bench.open("g");
    let names: Vec<String> = (0..100).map(|idx| format!("identity {idx}")).collect();
    let people: Vec<_> = names.iter().map(|it| (it.as_str(), samples(it, 2))).collect();
    assert_eq!(enroll_all(&mut *gallery, &people), 200);
    assert_eq!((gallery.n_identities().unwrap(), gallery.n_templates().unwrap()), (100, 200));
    gallery.set_policy(Policy { record_searches: false, ..Policy::default() }).unwrap();
    for name in &names {
        let found = gallery.identify(&sample(name, 1).template, 0.9, 10).unwrap();
        let found: Vec<&str> = found.iter().map(|it| it.identity.as_str()).collect();
        assert_eq!(found, [name]);
        assert_eq!(gallery.identify(&sample(name, 2).template, 0.9, 10).unwrap(), []);
    }
    let stats = gallery.stats().unwrap();
    assert_eq!((stats.n_identities, stats.n_templates, stats.most_templates), (100, 200, 2));
    assert_eq!(stats.n_records, 102);
    assert!(stats.n_bytes > 200 * 4 * DIM as u64);
    gallery.check().unwrap();
}

fn the_same_picture_is_enrolled_once(bench: &Bench) {
    let mut gallery = bench.open("g");
    let ann = samples("Ann", 3);
    let counts = |it: Enrolled| (it.n_added, it.n_already_there);
    assert_eq!(counts(gallery.enroll("Ann", &ann[..2]).unwrap()), (2, 0));
    assert_eq!(counts(gallery.enroll("Ann", &ann).unwrap()), (1, 2));
    assert_eq!(counts(gallery.enroll("Ann", &ann).unwrap()), (0, 3));
    assert_eq!(counts(gallery.enroll("Bob", &[ann[0].clone(), ann[0].clone()]).unwrap()), (1, 1));
    assert_eq!(gallery.n_templates().unwrap(), 4);
    let is_there = |name, idx: usize| gallery.has_picture(name, ann[idx].source).unwrap();
    assert_eq!([is_there("Ann", 2), is_there("Bob", 0)], [true, true]);
    assert_eq!([is_there("Bob", 1), is_there("Nobody", 0)], [false, false]);
}

fn everything_is_there_after_closing_and_opening(bench: &Bench) {
    let mut gallery = bench.open("g");
    enroll_all(&mut *gallery, &[("李雷", samples("b", 2)), ("Ann", samples("a", 1))]);
    gallery.set_setting("model_path", "old.onnx").unwrap();
    gallery.set_setting("model_path", "new.onnx").unwrap();
    drop(gallery);

    let mut gallery = bench.place("g").open(None).unwrap();
    gallery.check().unwrap();
    assert_eq!((gallery.model(), gallery.dim(), gallery.is_sealed()), (model(), DIM, false));
    let listed: Vec<_> = gallery.identities().unwrap();
    assert!(listed.iter().all(|it| it.enrolled_at > 1_700_000_000));
    let listed: Vec<_> = listed.into_iter().map(|it| (it.details.name, it.n_templates)).collect();
    assert_eq!(listed, [("Ann".to_owned(), 1), ("李雷".to_owned(), 2)]);
    assert_eq!(gallery.setting("model_path").unwrap().as_deref(), Some("new.onnx"));
    assert_eq!(gallery.setting("other").unwrap(), None);
    assert_eq!(gallery.nearest(&sample("b", 1).template, 1).unwrap()[0].identity, "李雷");
}

fn the_forgotten_are_not_found_and_may_return(bench: &Bench) {
    let mut gallery = bench.open("g");
    enroll_all(&mut *gallery, &[("Ann", samples("Ann", 2)), ("Bob", samples("Bob", 1))]);
    let probe = sample("Ann", 0).template;
    assert_eq!(gallery.nearest(&probe, 1).unwrap()[0].identity, "Ann");
    let forgotten = gallery.forget("Ann").unwrap();
    assert_eq!((forgotten.receipt.n_templates, forgotten.is_wiped), (2, gallery.can_wipe()));
    let found = gallery.nearest(&probe, 9).unwrap();
    assert_eq!(found.iter().map(|it| it.identity.as_str()).collect::<Vec<_>>(), ["Bob"]);
    assert_eq!(gallery.enroll("Ann", &samples("Ann", 1)).unwrap().n_added, 1);
    assert_eq!(gallery.nearest(&probe, 1).unwrap()[0].identity, "Ann");
    gallery.compact().unwrap();
    assert_eq!(gallery.nearest(&probe, 1).unwrap()[0].identity, "Ann");
    gallery.check().unwrap();
}

fn forgetting_an_unknown_name_suggests_the_right_one(bench: &Bench) {
    let mut gallery = bench.open("g");
    enroll_all(&mut *gallery, &[("José", samples("j", 1)), ("Ann", samples("a", 1))]);
    for error in [gallery.forget(" JOSÉ").unwrap_err(), gallery.templates(" JOSÉ").unwrap_err()] {
        let GalleryError::NoSuchIdentity { name, similar, path } = error else { panic!("{error}") };
        assert_eq!((name.as_str(), similar), (" JOSÉ", vec!["José".to_owned()]));
        assert_eq!(path, gallery.place());
    }
    assert_eq!(gallery.n_identities().unwrap(), 2);
}

fn one_of_many_that_is_refused_leaves_nothing_and_keeps_nobody_out(bench: &Bench) {
    let mut gallery = bench.open("g");
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
    assert_eq!(names(&*gallery), ["Ann", "Cid"]);
    gallery.check().unwrap();
}

fn details_come_back_and_change_only_where_they_are_given(bench: &Bench) {
    let mut gallery = bench.open("g");
    let metadata = Metadata::from_json(r#"{"badge": 7}"#).unwrap();
    let ann = samples("Ann", 3);
    let labeled = Sample {
        quality: Some(90),
        label: Some("known/Ann/1.jpg".to_owned()),
        thumbnail: Some(Thumbnail(vec![7; 5000])),
        ..ann[0].clone()
    };
    let first = Enrollment {
        name: "Ann",
        external_id: Some("E-1"),
        metadata: Some(&metadata),
        samples: std::slice::from_ref(&labeled),
    };
    let person = gallery.enroll_many(&[first]).unwrap().remove(0).unwrap().person;
    assert_eq!(gallery.enroll("Ann", &ann[1..2]).unwrap().person, person);
    let kept = |gallery: &dyn Engine| gallery.identities().unwrap().remove(0).details;
    let details = Details {
        name: "Ann".to_owned(),
        external_id: Some("E-1".to_owned()),
        metadata: Some(metadata),
    };
    assert_eq!(kept(&*gallery), details);

    let long = Metadata::from_json(&format!("{{\"a\":\"{}\"}}", "x".repeat(9000))).unwrap();
    let change = Enrollment { metadata: Some(&long), ..Enrollment::new("Ann", &[]) };
    assert_eq!(gallery.enroll_many(&[change]).unwrap().remove(0).unwrap().n_added, 0);
    assert_eq!(kept(&*gallery), Details { metadata: Some(long), ..details });
    let templates = gallery.templates("Ann").unwrap();
    assert_eq!((templates.len(), templates[0].quality), (2, Some(90)));
    assert_eq!(templates[0].label.as_deref(), Some("known/Ann/1.jpg"));
    assert_eq!(templates[0].thumbnail, labeled.thumbnail);
    assert_eq!((templates[1].quality, templates[1].label.as_deref()), (None, None));
    gallery.check().unwrap();
}

fn an_external_id_belongs_to_one_identity_and_may_be_handed_on(bench: &Bench) {
    let mut gallery = bench.open("g");
    let (a, b) = (samples("a", 2), samples("b", 1));
    let with_id =
        |name, id, samples| Enrollment { external_id: Some(id), ..Enrollment::new(name, samples) };
    let outcomes =
        gallery.enroll_many(&[with_id("Ann", "E-1", &a[..1]), with_id("Bob", "E-1", &b)]).unwrap();
    let kinds: Vec<_> = outcomes.iter().map(|it| it.as_ref().err().map(kind)).collect();
    assert_eq!(kinds, [None, Some("ExternalIdTaken".to_owned())]);
    // In one batch Ann gives hers up, and Bob takes it.
    let batch = [with_id("Ann", "E-2", &a), with_id("Bob", "E-1", &b)];
    assert!(gallery.enroll_many(&batch).unwrap().iter().all(Result::is_ok));
    let ids: Vec<_> = gallery.identities().unwrap();
    let ids: Vec<_> = ids.into_iter().map(|it| it.details.external_id.unwrap()).collect();
    assert_eq!(ids, ["E-2", "E-1"]);
    let _ = gallery.forget("Ann").unwrap();
    assert!(gallery.enroll_many(&[with_id("Bob", "E-2", &[])]).unwrap()[0].is_ok());
    gallery.check().unwrap();
}

fn one_batch_may_name_a_person_twice(bench: &Bench) {
    let mut gallery = bench.open("g");
    let ann = samples("Ann", 3);
    let batch = [&ann[..2], &ann[1..]].map(|samples| Enrollment::new("Ann", samples));
    let outcomes: Vec<Enrolled> =
        gallery.enroll_many(&batch).unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!(outcomes[0].person, outcomes[1].person);
    assert_eq!((outcomes[1].n_added, outcomes[1].n_already_there), (1, 1));
    assert_eq!((gallery.n_identities().unwrap(), gallery.n_templates().unwrap()), (1, 3));
    gallery.check().unwrap();
}

fn limits_and_near_duplicates_follow_the_policy_which_is_kept(bench: &Bench) {
    let mut gallery = bench.open("g");
    let policy = Policy { rule: ScoreRule::Mean, max_templates: 3, ..Policy::default() };
    gallery.set_policy(policy).unwrap();
    drop(gallery);
    let mut gallery = bench.open("g");
    assert_eq!(gallery.policy().unwrap(), policy);

    let too_many = gallery.enroll("Ann", &samples("Ann", 4)).unwrap_err();
    assert!(matches!(too_many, GalleryError::TooManyTemplates { wanted: 4, max: 3, .. }));
    assert_eq!(gallery.n_identities().unwrap(), 0);
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

fn an_identity_without_samples_is_not_enrolled(bench: &Bench) {
    let mut gallery = bench.open("g");
    assert_eq!(gallery.enroll("Ann", &[]).unwrap(), Enrolled::default());
    assert_eq!(gallery.n_identities().unwrap(), 0);
    assert_eq!(gallery.nearest(&sample("Ann", 0).template, 5).unwrap(), []);
    gallery.check().unwrap();
}

fn templates_of_another_model_or_size_are_refused_everywhere(bench: &Bench) {
    let mut gallery = bench.open("g");
    gallery.enroll("Ann", &samples("Ann", 1)).unwrap();
    let foreign = ModelDigest::new([2; 32]);
    let mut other = sample("Bob", 0);
    other.template.model = foreign;
    for error in [
        gallery.enroll("Bob", &[sample("Bob", 1), other.clone()]).unwrap_err(),
        gallery.identify(&other.template, 0.5, 1).unwrap_err(),
        gallery.nearest(&other.template, 1).unwrap_err(),
        bench.open_for("g", foreign).unwrap_err(),
    ] {
        let GalleryError::OtherModel { path, gallery: bound, given } = error else {
            panic!("{error}")
        };
        assert_eq!((bound, given, path.as_path()), (model(), foreign, gallery.place()));
    }
    let embedding = Embedding::new(vec![1.0; DIM + 1]).unwrap();
    let template = Template { embedding, model: model() };
    for error in [
        gallery.nearest(&template, 1).unwrap_err(),
        gallery.enroll("A", &[Sample::new(template, SourceDigest::new([0; 32]))]).unwrap_err(),
        bench.open_of("g", DIM + 1, None).unwrap_err(),
    ] {
        assert!(matches!(error, GalleryError::OtherDim { gallery: 32, given: 33, .. }), "{error}");
    }
    assert_eq!(gallery.n_templates().unwrap(), 1, "the sample before it was not added either");
}

fn only_the_right_secret_opens_a_sealed_gallery(bench: &Bench) {
    let (key, other) = (Secret::from_key([7; 32]), Secret::from_key([8; 32]));
    let mut gallery = bench.open_of("sealed", DIM, Some(&key)).unwrap();
    gallery.enroll("Ann", &samples("Ann", 2)).unwrap();
    assert!(gallery.is_sealed());
    gallery.check().unwrap();
    drop(bench.open("plain"));
    let refused = |name: &str, secret| kind(&bench.place(name).open(secret).unwrap_err());
    assert_eq!(refused("sealed", None), "Sealed");
    assert_eq!(refused("sealed", Some(&other)), "WrongSecret");
    assert_eq!(refused("plain", Some(&key)), "NotSealed");
    let mut gallery = bench.place("sealed").open(Some(&key)).unwrap();
    assert_eq!(gallery.nearest(&sample("Ann", 1).template, 1).unwrap()[0].identity, "Ann");
    gallery.verify_log().unwrap();
}

fn a_place_without_a_gallery_is_told(bench: &Bench) {
    let error = bench.place("none").open(None).unwrap_err();
    assert!(matches!(error, GalleryError::NotAGallery { .. }), "{error}");
    assert!(error.to_string().contains("expected a gallery of Verisim"), "{error}");
    assert_eq!(kind(&bench.place("none").open(None).unwrap_err()), "NotAGallery", "nor made");
}

fn the_log_says_what_was_done_in_the_same_words(bench: &Bench) {
    let mut gallery = bench.open("g");
    gallery.set_actor("desk 3").unwrap();
    let ann = gallery.enroll("Ann", &samples("Ann", 2)).unwrap().person.unwrap();
    gallery.enroll("Ann", &samples("Ann", 2)).unwrap();
    gallery.nearest(&sample("Ann", 0).template, 3).unwrap();
    gallery.set_setting("model", "m.onnx").unwrap();
    gallery.set_setting("model", "m.onnx").unwrap();
    gallery.set_policy(Policy { record_searches: false, ..Policy::default() }).unwrap();
    gallery.nearest(&sample("Ann", 0).template, 3).unwrap();
    let _ = gallery.forget("Ann").unwrap();
    gallery.compact().unwrap();
    let said: Vec<_> = gallery.events().unwrap();
    assert!(said[1..].iter().all(|it| it.actor == "desk 3" && it.at > 1_700_000_000));
    let configured = |setting: &str| Action::Configured { setting: setting.to_owned() };
    let expected = [
        Action::Created,
        Action::Enrolled { person: ann, n_templates: 2 },
        Action::Searched { n_probes: 1, n_candidates: 1 },
        configured("model"),
        configured("policy"),
        Action::Forgotten { person: ann, n_templates: 2 },
        Action::Compacted,
    ];
    assert_eq!(said.into_iter().map(|it| it.action).collect::<Vec<_>>(), expected);
    assert_eq!(gallery.verify_log().unwrap().0, 7);
    assert!(matches!(gallery.set_actor(""), Err(GalleryError::InvalidDetails(_))));
}

fn receipts_hold_until_the_person_returns(bench: &Bench) {
    let mut gallery = bench.open("g");
    enroll_all(&mut *gallery, &[("Ann", samples("Ann", 2)), ("Bob", samples("Bob", 1))]);
    let receipt = gallery.forget("Ann").unwrap().receipt;
    gallery.verify_receipt(&receipt).unwrap();
    gallery.enroll("Eve", &samples("Eve", 1)).unwrap();
    gallery.verify_receipt(&receipt).unwrap();
    let bob = gallery.identities().unwrap().remove(0);
    assert_eq!(bob.details.name, "Bob");
    for wrong in [
        verisim_gallery::Receipt { person: bob.person, ..receipt.clone() },
        verisim_gallery::Receipt { position: receipt.position + 99, ..receipt.clone() },
        verisim_gallery::Receipt { gallery: bob.person, ..receipt.clone() },
        verisim_gallery::Receipt { n_templates: 3, ..receipt },
    ] {
        assert_eq!(kind(&gallery.verify_receipt(&wrong).unwrap_err()), "ReceiptMismatch");
    }
}

fn others_see_what_one_has_changed(bench: &Bench) {
    let (mut one, mut other) = (bench.open("g"), bench.open("g"));
    let probe = sample("Ann", 0).template;
    assert_eq!(other.nearest(&probe, 1).unwrap(), []);
    one.enroll("Ann", &samples("Ann", 1)).unwrap();
    assert_eq!(other.nearest(&probe, 1).unwrap()[0].identity, "Ann");
    let _ = other.forget("Ann").unwrap();
    assert_eq!(one.nearest(&probe, 1).unwrap(), []);
}

fn several_at_once_lose_nothing(bench: &Bench) {
    drop(bench.open("g"));
    std::thread::scope(|scope| {
        for worker in 0..4 {
            scope.spawn(move || {
                let mut gallery = bench.open("g");
                for idx in 0..10 {
                    // Half of the names are everybody's, with samples of each one's own.
                    let name =
                        if idx % 2 == 0 { format!("n{idx}") } else { format!("w{worker}n{idx}") };
                    let sample = sample(&format!("worker {worker}"), idx);
                    gallery.enroll(&name, &[sample]).unwrap();
                }
            });
        }
    });
    let gallery = bench.open("g");
    assert_eq!((gallery.n_identities().unwrap(), gallery.n_templates().unwrap()), (25, 40));
    gallery.check().unwrap();
}

fn debug_output_shows_no_names_and_no_keys(bench: &Bench) {
    let mut gallery = bench.open_of("g", DIM, Some(&Secret::from_key([7; 32]))).unwrap();
    gallery.enroll("Ann", &samples("Ann", 1)).unwrap();
    let shown = format!("{gallery:?}");
    let expected = format!(
        "Gallery({} of ModelDigest(010101010101), 32 components)",
        gallery.place().display()
    );
    let expected = if bench.is_embedded() { expected } else { format!("Postgres{expected}") };
    assert_eq!(shown, expected);
}
