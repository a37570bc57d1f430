//! One byte changed anywhere in the files of a gallery: answers are right, or somebody says so.

use std::fs;
use std::path::Path;

use verisim_gallery::{
    Candidate, Decision, DecisionRule, Gallery, GalleryError, Policy, Sample, ScoreRule, Secret,
    Winner,
};

use crate::synthetic::{DIM, Random, model, samples};

const FILES: [&str; 2] = ["gallery.sqlite", "gallery.matrix"];

fn secret(is_sealed: bool) -> Option<Secret> {
    is_sealed.then(|| Secret::from_key([7; 32]))
}

/// A gallery of whose everything is something, with its packed templates; forgotten ones, too.
fn make(folder: &Path, is_sealed: bool) {
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
fn intact(is_sealed: bool) -> ([Vec<u8>; 2], Answers) {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), is_sealed);
    let files = FILES.map(|it| fs::read(folder.path().join(it)).unwrap());
    (files, answers_if_whole(folder.path(), is_sealed).unwrap())
}

#[test]
#[expect(clippy::print_stdout, reason = "shown if the test fails, to repeat it")]
fn a_byte_that_was_changed_anywhere_changes_no_answer_unnoticed() {
    let seed = u64::from(std::process::id());
    let mut random = Random(seed);
    let n_rounds = if std::env::var_os("RUN_SLOW_TESTS").is_some() { 2000 } else { 200 };
    for is_sealed in [false, true] {
        let (files, expected) = intact(is_sealed);
        let (mut n_noticed, mut n_harmless) = ([0; 2], [0; 2]);
        for round in 0..n_rounds {
            let which = random.below(2);
            let mut bytes = files[which].clone();
            // Every fourth in the first page or the header, where most depends on each byte.
            let end = if round % 4 == 0 { 4096 } else { bytes.len() };
            // Mostly of what is in use: the rest of a page is zeros.
            let mut at = random.below(end);
            while round % 8 != 1 && bytes[at] == 0 {
                at = random.below(end);
            }
            let change = 1 + random.below(255) as u8;
            println!("seed {seed}, sealed {is_sealed}: {} at {at} ^ {change}", FILES[which]);
            bytes[at] ^= change;
            let folder = tempfile::tempdir().unwrap();
            for (idx, file) in FILES.iter().enumerate() {
                let bytes = if idx == which { &bytes } else { &files[idx] };
                fs::write(folder.path().join(file), bytes).unwrap();
            }
            match answers_if_whole(folder.path(), is_sealed) {
                Err(_) => n_noticed[which] += 1,
                Ok(found) => {
                    n_harmless[which] += 1;
                    assert_eq!(found, expected);
                }
            }
        }
        println!("sealed {is_sealed}: noticed {n_noticed:?}, harmless {n_harmless:?}");
        assert!(n_noticed[0] > 10 && n_harmless[1] > 10, "{n_noticed:?} {n_harmless:?}");
        assert_eq!(n_noticed[1], 0, "the packed templates are made anew");
    }
}
