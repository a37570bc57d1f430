//! What is left of the forgotten in the files: nothing.

use std::collections::HashSet;
use std::fs;

use verisim_gallery::{Gallery, Sample};

use crate::synthetic::{Random, enroll_all, open, samples, traces, traces_of};

/// With this seed, deleting rows in the place of overwriting them leaves copies, which is rare.
const SEED: u64 = 1;

/// Names, and how many samples of each were enrolled.
type Identities = Vec<(String, usize)>;

#[test]
fn no_byte_of_a_forgotten_template_is_left_while_the_gallery_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    let ann = samples("Ann", 5);
    gallery.enroll("Ann", &ann).unwrap();
    gallery.enroll("Bob", &samples("Bob", 5)).unwrap();
    assert!(!traces(folder.path(), &ann).is_empty(), "the search finds what is there");

    let forgotten = gallery.forget("Ann").unwrap();
    assert_eq!((forgotten.receipt.n_templates, forgotten.is_wiped), (5, true));
    assert_eq!(traces(folder.path(), &ann), [""; 0]);
    assert!(!traces(folder.path(), &samples("Bob", 5)).is_empty());
}

#[test]
fn the_name_and_the_digests_go_with_the_templates() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    enroll_all(&mut gallery, [("Annabelle", samples("a", 3)), ("Bob", samples("b", 3))]);
    let digest = samples("a", 3)[1].source;
    let is_trace = |window: &[u8; 8]| window == b"Annabell" || *window == digest.as_bytes()[..8];
    assert!(!traces_of(folder.path(), is_trace).is_empty());
    assert!(gallery.forget("Annabelle").unwrap().is_wiped);
    assert_eq!(traces_of(folder.path(), is_trace), [""; 0]);
}

/// Enrolls and forgets in random order, so that the engine moves rows between pages: it may leave
/// copies of them behind. Returns who is left and who was forgotten, with the numbers of samples.
fn churn(gallery: &mut Gallery, seed: u64) -> (Identities, Identities) {
    let mut random = Random(seed);
    let (mut enrolled, mut forgotten) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        let new: Identities = (0..80)
            .map(|_| (format!("{:016x}", random.next()).repeat(1 + random.below(4)), 4))
            .collect();
        // One after the other, so that the templates of an identity are far apart.
        for n in 1..=4 {
            let up_to_n = new.iter().map(|(identity, _)| (identity, samples(identity, n)));
            enroll_all(gallery, up_to_n);
        }
        enrolled.extend(new);
        for _ in 0..64 {
            let (identity, n) = enrolled.swap_remove(random.below(enrolled.len()));
            let outcome = gallery.forget(&identity).unwrap();
            assert_eq!((outcome.receipt.n_templates, outcome.is_wiped), (n, true));
            forgotten.push((identity, n));
        }
    }
    gallery.check().unwrap();
    (enrolled, forgotten)
}

fn samples_of(identities: &[(String, usize)]) -> Vec<Sample> {
    identities.iter().flat_map(|(identity, n)| samples(identity, *n)).collect()
}

#[test]
fn no_byte_is_left_after_hundreds_of_changes_in_random_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    let (enrolled, forgotten) = churn(&mut gallery, SEED);
    assert_eq!(traces(folder.path(), &samples_of(&forgotten)), [""; 0]);
    for (identity, n) in enrolled {
        for probe in samples(&identity, n) {
            assert_eq!(gallery.nearest(&probe.template, 1).unwrap()[0].identity, identity);
        }
    }
}

#[test]
fn names_and_digests_go_with_the_templates_and_compacting_keeps_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let mut gallery = open(folder.path());
    let (enrolled, forgotten) = churn(&mut gallery, SEED);
    let secrets = |people: &Identities| -> HashSet<[u8; 8]> {
        let names = people.iter().map(|(name, _)| name.as_bytes()[..8].try_into().unwrap());
        let samples = samples_of(people);
        let digests = samples.iter().flat_map(|it| it.source.as_bytes().as_chunks::<8>().0);
        names.chain(digests.copied()).collect()
    };
    let (gone, kept) = (secrets(&forgotten), secrets(&enrolled));
    assert!(!traces_of(folder.path(), |window| kept.contains(window)).is_empty());
    assert_eq!(traces_of(folder.path(), |window| gone.contains(window)), [""; 0]);

    let free = gallery.stats().unwrap().n_free_bytes;
    gallery.compact().unwrap();
    gallery.check().unwrap();
    assert_eq!(gallery.stats().unwrap().n_free_bytes, free);
    assert_eq!(traces_of(folder.path(), |window| gone.contains(window)), [""; 0]);
    assert_eq!(gallery.n_identities().unwrap(), enrolled.len());
    for (identity, n) in enrolled {
        for probe in samples(&identity, n) {
            assert_eq!(gallery.nearest(&probe.template, 1).unwrap()[0].identity, identity);
        }
    }
}

#[test]
fn closing_the_gallery_leaves_one_file_and_where_its_log_ends() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).enroll("Ann", &samples("Ann", 2)).unwrap();
    let files = fs::read_dir(&folder).unwrap();
    let mut names: Vec<_> = files.map(|it| it.unwrap().file_name()).collect();
    names.sort_unstable();
    assert_eq!(names, ["gallery.head", "gallery.sqlite"]);
}
