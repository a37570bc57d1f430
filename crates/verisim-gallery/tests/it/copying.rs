//! Copies from one engine to another are the same gallery: pictures, secrets, receipts, log.

use verisim_gallery::{
    Action, Copied, Engine, Enrollment, GalleryError, Metadata, Policy, Receipt, Sample, ScoreRule,
    Secret, Thumbnail, copy,
};

use crate::child::kind;
use crate::engines::Bench;
use crate::synthetic::{DIM, sample, samples};

/// A gallery with something of everything, and the receipt of somebody who was in it.
fn with_everything(
    bench: &Bench,
    name: &str,
    secret: Option<&Secret>,
) -> (Box<dyn Engine>, Receipt) {
    let mut gallery = bench.open_of(name, DIM, secret).unwrap();
    let metadata = Metadata::from_json(r#"{"badge": 7}"#).unwrap();
    let ann = [
        Sample {
            quality: Some(90),
            label: Some("known/Ann/1.jpg".to_owned()),
            thumbnail: Some(Thumbnail(vec![7; 3000])),
            ..sample("Ann", 0)
        },
        sample("Ann", 1),
    ];
    let (bob, eve) = (samples("Bob", 3), samples("Eve", 1));
    let batch = [
        Enrollment {
            external_id: Some("E-1"),
            metadata: Some(&metadata),
            ..Enrollment::new("Ann", &ann)
        },
        Enrollment::new("Bob", &bob),
        Enrollment::new("Eve", &eve),
    ];
    assert!(gallery.enroll_many(&batch).unwrap().iter().all(Result::is_ok));
    let policy = Policy { rule: ScoreRule::Mean, max_templates: 9, ..Policy::default() };
    gallery.set_policy(policy).unwrap();
    gallery.set_setting("model", "m.onnx").unwrap();
    let receipt = gallery.forget("Eve").unwrap().receipt;
    (gallery, receipt)
}

/// Fails unless `copied` is the same gallery as `original`.
fn expect_same(original: &mut dyn Engine, copied: &mut dyn Engine, receipt: &Receipt) {
    copied.check().unwrap();
    copied.verify_receipt(receipt).unwrap();
    assert_eq!(copied.identities().unwrap(), original.identities().unwrap());
    assert_eq!(copied.templates("Ann").unwrap(), original.templates("Ann").unwrap());
    assert_eq!(copied.policy().unwrap(), original.policy().unwrap());
    assert_eq!(copied.setting("model").unwrap().as_deref(), Some("m.onnx"));
    let (there, here) = (copied.events().unwrap(), original.events().unwrap());
    assert_eq!(there[..here.len()], here, "the log goes on from there");
    assert_eq!(there.last().unwrap().action, Action::Restored);
    let probe = sample("Bob", 1).template;
    assert_eq!(copied.nearest(&probe, 9).unwrap(), original.nearest(&probe, 9).unwrap());
    let again = copied.enroll("Bob", &samples("Bob", 3)).unwrap();
    assert_eq!((again.n_added, again.n_already_there), (0, 3), "pictures are known again");
}

/// Copies from one engine to the other and back, plain and sealed.
fn there_and_back(one: &Bench, other: &Bench) {
    for (name, secret) in [("plain", None), ("sealed", Some(Secret::from_key([7; 32])))] {
        let secret = secret.as_ref();
        let (mut original, receipt) = with_everything(one, name, secret);
        let there = other.place(&format!("{name}_there"));
        let copied = copy(&mut *original, &there, secret).unwrap();
        let Copied { n_identities, n_templates, digest } = copied;
        assert_eq!((n_identities, n_templates), (2, 5));
        let mut copied = there.open(secret).unwrap();
        expect_same(&mut *original, &mut *copied, &receipt);
        let refused = copy(&mut *original, &there, secret).unwrap_err();
        assert_eq!(kind(&refused), "Occupied", "{refused}");

        let back = one.place(&format!("{name}_back"));
        let returned = copy(&mut *copied, &back, secret).unwrap();
        assert_eq!((returned.n_identities, returned.n_templates), (2, 5));
        assert_ne!(returned.digest, digest, "its log has gone on");
        let mut returned = back.open(secret).unwrap();
        returned.check().unwrap();
        returned.verify_receipt(&receipt).unwrap();
        assert_eq!(returned.identities().unwrap(), original.identities().unwrap());
        assert_eq!(returned.templates("Ann").unwrap(), original.templates("Ann").unwrap());
        let probe = sample("Ann", 0).template;
        assert_eq!(returned.nearest(&probe, 9).unwrap(), original.nearest(&probe, 9).unwrap());
    }
}

#[test]
fn a_gallery_is_copied_from_folder_to_folder() {
    there_and_back(&Bench::embedded(), &Bench::embedded());
}

#[test]
fn a_gallery_is_copied_from_folder_to_server_and_back() {
    let Some(server) = Bench::postgres() else { return };
    there_and_back(&Bench::embedded(), &server);
}

#[test]
fn a_gallery_is_copied_from_server_to_server_and_back() {
    let (Some(one), Some(other)) = (Bench::postgres(), Bench::postgres()) else { return };
    there_and_back(&one, &other);
}

#[test]
fn a_copy_that_fails_leaves_nothing() {
    let folder = Bench::embedded();
    let key = Secret::from_key([7; 32]);
    let (mut original, _) = with_everything(&folder, "original", Some(&key));
    let benches = [Some(Bench::embedded()), Bench::postgres()];
    for bench in benches.iter().flatten() {
        for wrong in [None, Some(Secret::from_key([8; 32]))] {
            let place = bench.place("copy");
            let error = copy(&mut *original, &place, wrong.as_ref()).unwrap_err();
            assert!(["Sealed", "WrongSecret"].contains(&kind(&error).as_str()), "{error}");
            let error = place.open(Some(&key)).unwrap_err();
            assert!(matches!(error, GalleryError::NotAGallery { .. }), "{error}");
        }
        copy(&mut *original, &bench.place("copy"), Some(&key)).unwrap();
    }
}
