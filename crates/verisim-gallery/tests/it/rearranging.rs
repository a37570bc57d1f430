//! Merging, moving and splitting people, undoing it, and forgetting afterwards.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;
use verisim_gallery::{
    Action, ChangeKind, Enrollment, Gallery, GalleryError, Metadata, Policy, RandomId, Sample,
    Secret, Thumbnail,
};

use crate::child::kind;
use crate::synthetic::{DIM, Random, model, open, sample, samples, traces, traces_of};

/// What can be seen of everybody: name, id, external id, date, and ids of templates with pictures.
type Seen = BTreeMap<String, (RandomId, Option<String>, i64, Vec<(RandomId, Option<Thumbnail>)>)>;

fn seen(gallery: &Gallery) -> Seen {
    let identities = gallery.identities().unwrap().into_iter();
    identities
        .map(|it| {
            let templates = gallery.templates(&it.details.name).unwrap().into_iter();
            let mut templates: Vec<_> = templates.map(|it| (it.id, it.thumbnail)).collect();
            templates.sort_unstable_by_key(|it| it.0);
            (it.details.name, (it.person, it.details.external_id, it.enrolled_at, templates))
        })
        .collect()
}

fn ids(gallery: &Gallery, name: &str) -> Vec<RandomId> {
    gallery.templates(name).unwrap().into_iter().map(|it| it.id).collect()
}

/// Ann, Bob and Cy, with three, two and one templates; Bob has an external id and a picture.
fn three(gallery: &mut Gallery) {
    gallery.enroll("Ann", &samples("Ann", 3)).unwrap();
    let thumbnail = Some(Thumbnail(b"a picture of Bob".to_vec()));
    let bob: Vec<Sample> = samples("Bob", 2)
        .into_iter()
        .map(|it| Sample { thumbnail: thumbnail.clone(), ..it })
        .collect();
    let metadata = Metadata::from_json(r#"{"team":7}"#).unwrap();
    let external_id = Some("EMPLOYEE-7");
    let bob = Enrollment { external_id, metadata: Some(&metadata), ..Enrollment::new("Bob", &bob) };
    gallery.enroll_many(&[bob]).unwrap().remove(0).unwrap();
    gallery.enroll("Cy", &samples("Cy", 1)).unwrap();
}

/// A plain and a sealed gallery of three.
fn both() -> Vec<(tempfile::TempDir, Gallery)> {
    [None, Some(Secret::from_key([7; 32]))]
        .into_iter()
        .map(|secret| {
            let folder = tempfile::tempdir().unwrap();
            let gallery = Gallery::create_or_open(folder.path(), model(), DIM, secret.as_ref());
            let mut gallery = gallery.unwrap();
            three(&mut gallery);
            (folder, gallery)
        })
        .collect()
}

/// Whom each sample of everybody is taken for.
fn found(gallery: &mut Gallery) -> Vec<String> {
    let probes = [("Ann", 3), ("Bob", 2), ("Cy", 1)];
    let probes = probes.into_iter().flat_map(|(name, n)| (0..n).map(move |idx| sample(name, idx)));
    let mut nearest = |it: Sample| gallery.identify(&it.template, 0.9999, 1).unwrap();
    probes.map(|it| nearest(it).pop().map(|it| it.identity).unwrap_or_default()).collect()
}

fn actions(gallery: &Gallery) -> Vec<Action> {
    let events = gallery.events().unwrap().into_iter().map(|it| it.action);
    events.filter(|it| !matches!(it, Action::Searched { .. })).collect()
}

#[test]
fn what_was_merged_is_found_as_one_and_undone_to_the_last_detail() {
    for (_folder, mut gallery) in both() {
        let before = (seen(&gallery), found(&mut gallery));
        assert_eq!(gallery.merge("Ann", "Bob").unwrap(), 2);
        gallery.check().unwrap();
        assert_eq!(found(&mut gallery), ["Ann", "Ann", "Ann", "Ann", "Ann", "Cy"]);
        assert_eq!(gallery.n_identities().unwrap(), 2);

        let undoable = gallery.undoable().unwrap();
        assert_eq!(undoable.len(), 1);
        let names = (undoable[0].taker.as_deref(), undoable[0].giver.as_deref());
        assert_eq!((undoable[0].kind, names), (ChangeKind::Merge, (Some("Ann"), Some("Bob"))));
        let undone = gallery.undo().unwrap();
        assert_eq!((&undone.change, undone.n_templates), (&undoable[0], 2));
        gallery.check().unwrap();
        assert_eq!((seen(&gallery), found(&mut gallery)), before);
        let details = &gallery.identities().unwrap()[1].details;
        assert_eq!(details.metadata.as_ref().unwrap().as_json(), r#"{"team":7}"#);
        assert_eq!(kind(&gallery.undo().unwrap_err()), "NothingToUndo");

        let [ann, bob] = ["Ann", "Bob"].map(|name| before.0[name].0);
        let expected = [
            Action::Merged { person: ann, other: bob, n_templates: 2, is_undoing: false },
            Action::Split { person: bob, other: ann, n_templates: 2, is_undoing: true },
        ];
        assert!(actions(&gallery).ends_with(&expected), "{:?}", actions(&gallery));
    }
}

#[test]
fn a_template_moves_and_comes_back() {
    for (_folder, mut gallery) in both() {
        let before = (seen(&gallery), found(&mut gallery));
        let stray = ids(&gallery, "Ann")[1];
        gallery.move_template(stray, "Cy").unwrap();
        gallery.check().unwrap();
        assert_eq!(found(&mut gallery), ["Ann", "Cy", "Ann", "Bob", "Bob", "Cy"]);
        assert!(ids(&gallery, "Cy").contains(&stray), "it keeps its id");
        assert_eq!(gallery.undo().unwrap().n_templates, 1);
        gallery.check().unwrap();
        assert_eq!((seen(&gallery), found(&mut gallery)), before);
    }
}

#[test]
fn some_become_another_person_and_one_again() {
    for (_folder, mut gallery) in both() {
        let before = seen(&gallery);
        let some = ids(&gallery, "Ann")[1..].to_vec();
        assert_eq!(gallery.split("Ann", &some, "Eve").unwrap(), 2);
        gallery.check().unwrap();
        assert_eq!(found(&mut gallery), ["Ann", "Eve", "Eve", "Bob", "Bob", "Cy"]);
        gallery.undo().unwrap();
        gallery.check().unwrap();
        assert_eq!(seen(&gallery), before);

        gallery.split("Ann", &some, "Eve").unwrap();
        gallery.enroll("Eve", &samples("Eve", 1)).unwrap();
        assert_eq!(gallery.undo().unwrap().n_templates, 2);
        gallery.check().unwrap();
        assert_eq!(ids(&gallery, "Eve").len(), 1, "who was enrolled since stays");
        assert_eq!(seen(&gallery)["Ann"], before["Ann"]);
    }
}

#[test]
fn a_chain_of_changes_is_undone_link_by_link() {
    for (_folder, mut gallery) in both() {
        let mut states = vec![seen(&gallery)];
        let template = ids(&gallery, "Ann")[0];
        gallery.move_template(template, "Bob").unwrap();
        states.push(seen(&gallery));
        gallery.merge("Bob", "Cy").unwrap();
        states.push(seen(&gallery));
        gallery.merge("Ann", "Bob").unwrap();
        states.push(seen(&gallery));
        gallery.split("Ann", &ids(&gallery, "Ann")[2..4], "Dee").unwrap();
        states.push(seen(&gallery));
        gallery.merge("Dee", "Ann").unwrap();
        assert_eq!(gallery.n_identities().unwrap(), 1);
        while let Some(state) = states.pop() {
            gallery.check().unwrap();
            gallery.undo().unwrap();
            assert_eq!(seen(&gallery), state);
        }
        gallery.check().unwrap();
        assert_eq!(gallery.undoable().unwrap(), []);
    }
}

#[test]
fn any_changes_are_undone_in_reverse() {
    for (seed, (_folder, mut gallery)) in (1..).zip(both().into_iter().chain(both())) {
        let mut random = Random(seed);
        gallery.enroll("Dee", &samples("Dee", 4)).unwrap();
        gallery.enroll("Eve", &samples("Eve", 3)).unwrap();
        let mut states = Vec::new();
        for idx in 0..14 {
            let before = seen(&gallery);
            let names: Vec<&String> = before.keys().collect();
            let any = |random: &mut Random| names[random.below(names.len())];
            let (one, other) = (any(&mut random), any(&mut random));
            let its = ids(&gallery, one);
            let some = &its[..=random.below(its.len())];
            // What cannot be, such as a merge with itself, changes nothing.
            let is_done = match random.below(3) {
                0 => gallery.merge(one, other).is_ok(),
                1 => gallery.move_template(some[0], other).is_ok(),
                _ => gallery.split(one, some, &format!("new {idx}")).is_ok(),
            };
            gallery.check().unwrap();
            if is_done {
                states.push(before);
            }
        }
        assert!(states.len() > 4, "seed {seed}: {} changes", states.len());
        assert_eq!(gallery.undoable().unwrap().len(), states.len());
        while let Some(state) = states.pop() {
            gallery.undo().unwrap();
            gallery.check().unwrap();
            assert_eq!(seen(&gallery), state, "seed {seed}");
        }
    }
}

#[test]
fn forgetting_after_a_merge_erases_both_and_what_an_undo_would_need() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    three(&mut gallery);
    let all: Vec<Sample> = samples("Ann", 3).into_iter().chain(samples("Bob", 2)).collect();
    let is_trace = |window: &[u8; 8]| {
        let digests = all.iter().flat_map(|it| it.source.as_bytes().as_chunks::<8>().0);
        [b"a pictur", b"EMPLOYEE", b"team\":7}"].contains(&window)
            || digests.copied().any(|it| it == *window)
    };
    gallery.merge("Ann", "Bob").unwrap();
    assert!(!traces(folder.path(), &samples("Bob", 2)).is_empty());
    assert!(!traces_of(folder.path(), is_trace).is_empty(), "kept for an undo");
    let forgotten = gallery.forget("Ann").unwrap();
    assert_eq!((forgotten.receipt.n_templates, forgotten.is_wiped), (5, true));
    assert_eq!(traces(folder.path(), &all), [""; 0]);
    assert_eq!(traces_of(folder.path(), is_trace), [""; 0]);
    gallery.check().unwrap();
    gallery.verify_receipt(&forgotten.receipt).unwrap();
    assert_eq!(kind(&gallery.undo().unwrap_err()), "NothingToUndo");
    assert_eq!(seen(&gallery).into_keys().collect::<Vec<_>>(), ["Cy"]);
}

#[test]
fn what_moved_away_leaves_no_trace_with_whoever_forgets() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    three(&mut gallery);
    gallery.move_template(ids(&gallery, "Ann")[0], "Cy").unwrap();
    assert!(gallery.forget("Cy").unwrap().is_wiped);
    let moved = [sample("Ann", 0), sample("Cy", 0)];
    assert_eq!(traces(folder.path(), &moved), [""; 0]);
    assert!(!traces(folder.path(), &[sample("Ann", 1)]).is_empty());
    assert_eq!(gallery.undoable().unwrap(), []);
    gallery.check().unwrap();
}

#[test]
fn whoever_gave_and_was_forgotten_does_not_come_back() {
    for (_folder, mut gallery) in both() {
        gallery.move_template(ids(&gallery, "Ann")[0], "Cy").unwrap();
        gallery.merge("Bob", "Ann").unwrap();
        let _ = gallery.forget("Bob").unwrap();
        gallery.check().unwrap();
        assert_eq!(kind(&gallery.undo().unwrap_err()), "NothingToUndo");
        assert_eq!(ids(&gallery, "Cy").len(), 2);
    }
}

#[test]
fn a_picture_that_both_have_is_kept_twice_and_given_back() {
    for (_folder, mut gallery) in both() {
        gallery.enroll("Ann", &samples("Cy", 1)).unwrap();
        gallery.merge("Ann", "Cy").unwrap();
        gallery.check().unwrap();
        assert_eq!(ids(&gallery, "Ann").len(), 5);
        gallery.undo().unwrap();
        for name in ["Ann", "Cy"] {
            assert_eq!(gallery.enroll(name, &samples("Cy", 1)).unwrap().n_already_there, 1);
        }
    }
}

#[test]
fn other_processes_see_a_change_at_their_next_call() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ours, mut theirs) = (open(folder.path()), open(folder.path()));
    three(&mut ours);
    assert_eq!(found(&mut theirs)[0], "Ann");
    // The newest template, whose row is the highest, goes last.
    ours.merge("Bob", "Cy").unwrap();
    assert_eq!(found(&mut theirs), ["Ann", "Ann", "Ann", "Bob", "Bob", "Bob"]);
    ours.undo().unwrap();
    assert_eq!(found(&mut theirs), ["Ann", "Ann", "Ann", "Bob", "Bob", "Cy"]);
}

#[test]
fn removed_templates_are_gone_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    three(&mut gallery);
    let [first, second, third] = ids(&gallery, "Ann")[..] else { panic!() };
    let removed = gallery.remove_templates(&[first, third]).unwrap();
    assert_eq!((removed.n_templates, removed.is_wiped), (2, true));
    gallery.check().unwrap();
    assert_eq!(traces(folder.path(), &[sample("Ann", 0), sample("Ann", 2)]), [""; 0]);
    assert_eq!(ids(&gallery, "Ann"), [second]);
    assert_eq!(found(&mut gallery)[..3], ["", "Ann", ""]);
    assert_eq!(kind(&gallery.remove_templates(&[second]).unwrap_err()), "WouldBeEmpty");
}

#[test]
fn what_cannot_be_is_refused_and_nothing_changes() {
    for (_folder, mut gallery) in both() {
        let policy = gallery.policy().unwrap();
        gallery.set_policy(Policy { max_templates: 3, ..policy }).unwrap();
        let before = (seen(&gallery), actions(&gallery).len());
        let (ann, cy) = (ids(&gallery, "Ann"), ids(&gallery, "Cy"));
        let nobody = RandomId::new([0; 16]);
        let refused = |error: GalleryError| kind(&error);
        for (found, expected) in [
            (refused(gallery.merge("Ann", "Zoe").unwrap_err()), "NoSuchIdentity"),
            (refused(gallery.merge("Ann", "Ann").unwrap_err()), "SameIdentity"),
            (refused(gallery.merge("Ann", "Bob").unwrap_err()), "TooManyTemplates"),
            (refused(gallery.move_template(nobody, "Ann").unwrap_err()), "NoSuchTemplate"),
            (refused(gallery.move_template(ann[0], "Ann").unwrap_err()), "SameIdentity"),
            (refused(gallery.move_template(cy[0], "Bob").unwrap_err()), "WouldBeEmpty"),
            (refused(gallery.move_template(cy[0], "Ann").unwrap_err()), "TooManyTemplates"),
            (refused(gallery.split("Ann", &cy, "Eve").unwrap_err()), "NoSuchTemplate"),
            (refused(gallery.split("Ann", &ann, "Eve").unwrap_err()), "WouldBeEmpty"),
            (refused(gallery.split("Ann", &ann[..1], "Bob").unwrap_err()), "NameTaken"),
            (refused(gallery.split("Ann", &ann[..1], " Eve").unwrap_err()), "InvalidName"),
            (refused(gallery.remove_templates(&ann).unwrap_err()), "WouldBeEmpty"),
        ] {
            assert_eq!(found, expected);
        }
        assert_eq!((seen(&gallery), actions(&gallery).len()), before);
    }
}

#[test]
fn a_name_that_was_given_anew_keeps_its_bearer_and_the_undo_waits() {
    for (_folder, mut gallery) in both() {
        gallery.merge("Ann", "Bob").unwrap();
        gallery.enroll("Bob", &samples("another Bob", 1)).unwrap();
        let before = seen(&gallery);
        assert_eq!(kind(&gallery.undo().unwrap_err()), "NameTaken");
        assert_eq!(seen(&gallery), before);
        let _ = gallery.forget("Bob").unwrap();
        let other = samples("Dee", 1);
        let dee = Enrollment { external_id: Some("EMPLOYEE-7"), ..Enrollment::new("Dee", &other) };
        gallery.enroll_many(&[dee]).unwrap().remove(0).unwrap();
        assert_eq!(kind(&gallery.undo().unwrap_err()), "ExternalIdTaken");
        let _ = gallery.forget("Dee").unwrap();
        gallery.undo().unwrap();
        gallery.check().unwrap();
    }
}

fn tamper(folder: &Path, statement: &str) {
    let connection = Connection::open(folder.join("gallery.sqlite")).unwrap();
    assert_eq!(connection.execute(statement, []).unwrap(), 1, "{statement}");
}

#[test]
fn a_tampered_change_is_noticed_and_not_undone() {
    for statement in [
        "UPDATE change SET kind = 1",
        "UPDATE change SET giver = zeroblob(16)",
        "UPDATE change SET keeper = (SELECT max(id) FROM identity)",
        "UPDATE slot SET content = zeroblob(length(content)) WHERE id = (SELECT slot FROM change)",
        "DELETE FROM change",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut gallery = open(folder.path());
        three(&mut gallery);
        gallery.merge("Ann", "Bob").unwrap();
        tamper(folder.path(), statement);
        let error = gallery.check().unwrap_err();
        assert!(matches!(error, GalleryError::Damaged { .. }), "{statement}: {error}");
        assert!(gallery.undo().is_err(), "{statement}");
        assert_eq!(gallery.n_identities().unwrap(), 2);
    }
}
