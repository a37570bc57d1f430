//! One byte changed anywhere in the files of a gallery: answers are right, or somebody says so.

use std::fs;
use std::path::Path;

use verisim_gallery::{
    Candidate, Damage, Decision, DecisionRule, Gallery, GalleryError, Policy, Sample, ScoreRule,
    Secret, Winner,
};

use crate::synthetic::{DIM, Random, model, samples};

/// The store, what was written last and is not in it yet, the packed templates, and where the log ended.
const FILES: [&str; 4] = ["gallery.sqlite", "gallery.sqlite-wal", "gallery.matrix", "gallery.head"];
/// Those of which nothing that anybody is told depends.
const IS_SPARE: [bool; 4] = [false, false, true, true];

fn secret(is_sealed: bool) -> Option<Secret> {
    is_sealed.then(|| Secret::from_key([7; 32]))
}

/// A gallery of whose everything is something, with its packed templates; forgotten ones, too, and one who was
/// enrolled last, of whom everything is in the log of writes.
fn make(folder: &Path, is_sealed: bool) -> Gallery {
    let mut gallery =
        Gallery::create_or_open(folder, model(), DIM, secret(is_sealed).as_ref()).unwrap();
    gallery.set_setting("model_path", "m.onnx").unwrap();
    for idx in 0..12 {
        let name = format!("identity {idx}");
        let judged = |(at, it)| Sample { quality: Some(9 * at as u8 + 40), ..it };
        let samples: Vec<Sample> = samples(&name, 3).into_iter().enumerate().map(judged).collect();
        gallery.enroll(&name, &samples).unwrap();
    }
    let policy = Policy { rule: ScoreRule::Weighted, record_searches: false, ..Policy::default() };
    gallery.set_policy(policy).unwrap();
    answers(&mut gallery).unwrap();
    for name in ["identity 3", "identity 11"] {
        assert!(gallery.forget(name).unwrap().is_wiped);
    }
    gallery.enroll("identity 3", &samples("identity 3", 2)).unwrap();
    gallery
}

/// What a gallery says to everything that it is asked.
type Answers = (Vec<Candidate>, Vec<Decision>, usize, usize, Policy, Option<String>, Vec<String>);

fn answers(gallery: &mut Gallery) -> Result<Answers, GalleryError> {
    let probes: Vec<_> =
        (0..12).map(|idx| samples(&format!("identity {idx}"), 4)[3].template.clone()).collect();
    let rule = DecisionRule { threshold: 0.1, winner: Winner::Vote { k: 3 }, limit: 3 };
    let names = gallery.identities()?.into_iter().map(|it| it.details.name).collect();
    Ok((
        gallery.nearest(&probes[0], 20)?,
        gallery.decide_many(&probes, &rule)?,
        gallery.n_identities()?,
        gallery.n_templates()?,
        gallery.policy()?,
        gallery.setting("model_path")?,
        names,
    ))
}

/// The answers of a gallery that says that it is whole; an error if it does not.
fn answers_if_whole(folder: &Path, is_sealed: bool) -> Result<Answers, GalleryError> {
    let mut gallery = Gallery::open(folder, secret(is_sealed).as_ref())?;
    gallery.check()?;
    let answers = answers(&mut gallery)?;
    gallery.check()?;
    Ok(answers)
}

/// Files of a gallery, and what it answers.
fn intact(is_sealed: bool) -> ([Vec<u8>; 4], Answers) {
    let folder = tempfile::tempdir().unwrap();
    // The last to close it would empty the log of writes.
    let gallery = make(folder.path(), is_sealed);
    let files = FILES.map(|it| fs::read(folder.path().join(it)).unwrap());
    drop(gallery);
    (files, answers_if_whole(folder.path(), is_sealed).unwrap())
}

fn put(files: &[Vec<u8>; 4], folder: &Path) {
    for (name, bytes) in FILES.iter().zip(files) {
        fs::write(folder.join(name), bytes).unwrap();
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "shown if the test fails, to repeat it")]
fn a_byte_that_was_changed_anywhere_changes_no_answer_unnoticed() {
    let seed = u64::from(std::process::id());
    let mut random = Random(seed);
    let n_rounds = if std::env::var_os("RUN_SLOW_TESTS").is_some() { 4000 } else { 400 };
    for is_sealed in [false, true] {
        let (files, expected) = intact(is_sealed);
        let (mut n_noticed, mut n_harmless) = ([0; 4], [0; 4]);
        for round in 0..n_rounds {
            let which = random.below(4);
            let mut changed = files.clone();
            let bytes = &mut changed[which];
            // Every fourth in the first page or the header, where most depends on each byte.
            let end = if round % 4 == 0 { bytes.len().min(4096) } else { bytes.len() };
            // Mostly of what is in use: the rest of a page is zeros.
            let mut at = random.below(end);
            while round % 8 != 1 && bytes[at] == 0 {
                at = random.below(end);
            }
            let change = 1 + random.below(255) as u8;
            println!("seed {seed}, sealed {is_sealed}: {} at {at} ^ {change}", FILES[which]);
            bytes[at] ^= change;
            let folder = tempfile::tempdir().unwrap();
            put(&changed, folder.path());
            match answers_if_whole(folder.path(), is_sealed) {
                Err(_) => n_noticed[which] += 1,
                Ok(found) => {
                    n_harmless[which] += 1;
                    assert_eq!(found, expected);
                }
            }
        }
        println!("sealed {is_sealed}: noticed {n_noticed:?}, harmless {n_harmless:?} of {FILES:?}");
        for (idx, is_spare) in IS_SPARE.into_iter().enumerate() {
            assert!(if is_spare { n_harmless[idx] } else { n_noticed[idx] } > 10, "{}", FILES[idx]);
            assert!(!is_spare || n_noticed[idx] == 0, "{}: nobody depends on it", FILES[idx]);
        }
    }
}

#[test]
fn a_store_that_was_put_back_or_lost_its_last_writes_says_so_until_that_is_settled() {
    for is_sealed in [false, true] {
        let (files, expected) = intact(is_sealed);
        let folder = tempfile::tempdir().unwrap();
        put(&files, folder.path());
        fs::remove_file(folder.path().join("gallery.sqlite-wal")).unwrap();
        let put_back = |folder: &Path| {
            let error = answers_if_whole(folder, is_sealed).unwrap_err();
            let damage = match error {
                GalleryError::Damaged { damage, .. } => damage,
                other => panic!("{other}"),
            };
            assert!(matches!(damage, Damage::PutBack { .. }), "{damage}");
        };
        put_back(folder.path());
        // What is written on top does not hide it.
        let secret = secret(is_sealed);
        let mut gallery = Gallery::open(folder.path(), secret.as_ref()).unwrap();
        for idx in 0..4 {
            gallery.enroll(&format!("later {idx}"), &samples("later", 1)).unwrap();
        }
        drop(gallery);
        put_back(folder.path());
        fs::remove_file(folder.path().join("gallery.head")).unwrap();
        let found = answers_if_whole(folder.path(), is_sealed).unwrap();
        assert_eq!(found.2, expected.2 + 3);
        assert!(folder.path().join("gallery.head").exists());
    }
}
