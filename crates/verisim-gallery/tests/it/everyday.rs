//! What holds of a gallery in a folder beside what the conformance of engines asks of it.

use verisim_gallery::Policy;

use crate::synthetic::{enroll_all, open, sample, samples};

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
