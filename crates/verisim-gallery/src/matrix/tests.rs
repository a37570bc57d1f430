//! Searches of a gallery beside the plain scan: the same people, the same bits, whatever happened.

use std::path::Path;

use proptest::prelude::*;
use verisim_core::{Embedding, ModelDigest, Template};

use crate::decision::{Candidate, Decision, DecisionRule, Scores, Winner};
use crate::policy::Tally;
use crate::{
    Gallery, MatrixState, NearDuplicates, Policy, Sample, ScoreRule, Secret, SourceDigest,
};

const DIM: usize = 5;

/// What happens to a gallery.
#[derive(Clone, Debug)]
enum Happening {
    /// Somebody is enrolled, or more of him, by one of those who have the gallery open.
    Enrolled { by: usize, name: usize, templates: Vec<([i8; DIM], Option<u8>)> },
    /// Somebody is forgotten, if he is enrolled.
    Forgotten { by: usize, name: usize },
    /// Somebody gets all templates of another, if both are enrolled and not the same.
    Merged { by: usize, name: usize, other: usize },
    /// Somebody gets one template of another who has several.
    Moved { by: usize, name: usize, other: usize, which: usize },
    /// Somebody who has several loses one.
    Removed { by: usize, name: usize, which: usize },
    /// Somebody closes the gallery and opens it again.
    Reopened { by: usize },
    /// Somebody looks for probes.
    Searched { by: usize, probes: Vec<[i8; DIM]> },
}

fn happening() -> impl Strategy<Value = Happening> {
    let quality = prop::option::of(0u8..=100);
    // Few directions, so that many tie; with -1, 0 and 1 also to the bit.
    let vector = || prop::array::uniform5(-2i8..=2);
    let templates = prop::collection::vec((vector(), quality), 1..5);
    prop_oneof![
        3 => (0usize..2, 0usize..7, templates).prop_map(|(by, name, templates)| {
            Happening::Enrolled { by, name, templates }
        }),
        2 => (0usize..2, 0usize..7).prop_map(|(by, name)| Happening::Forgotten { by, name }),
        1 => (0usize..2, 0usize..7, 0usize..7).prop_map(|(by, name, other)| {
            Happening::Merged { by, name, other }
        }),
        1 => (0usize..2, 0usize..7, 0usize..7, 0usize..9).prop_map(|(by, name, other, which)| {
            Happening::Moved { by, name, other, which }
        }),
        1 => (0usize..2, 0usize..7, 0usize..9).prop_map(|(by, name, which)| {
            Happening::Removed { by, name, which }
        }),
        1 => (0usize..2).prop_map(|by| Happening::Reopened { by }),
        2 => (0usize..2, prop::collection::vec(vector(), 1..4))
            .prop_map(|(by, probes)| Happening::Searched { by, probes }),
    ]
}

fn embedding(values: [i8; DIM]) -> Embedding {
    let values: Vec<f32> = values.iter().map(|&it| f32::from(it)).collect();
    // What has no direction gets one.
    Embedding::new(values).unwrap_or_else(|_| Embedding::new(vec![1.0; DIM]).unwrap())
}

fn template(values: [i8; DIM]) -> Template {
    Template { embedding: embedding(values), model: ModelDigest::new([1; 32]) }
}

/// Who is enrolled, in the order of the templates: what a search goes by.
#[derive(Default)]
struct Plain {
    templates: Vec<(String, Embedding, Option<u8>)>,
}

impl Plain {
    /// The positions of somebody's templates.
    fn of(&self, name: &str) -> Vec<usize> {
        let templates = self.templates.iter().enumerate();
        templates.filter(|(_, it)| it.0 == name).map(|(at, _)| at).collect()
    }

    /// Gives somebody templates, which come last from then on.
    fn give(&mut self, which: Vec<usize>, name: &str) {
        for &at in &which {
            let (_, embedding, quality) = self.templates[at].clone();
            self.templates.push((name.to_owned(), embedding, quality));
        }
        for at in which.into_iter().rev() {
            self.templates.remove(at);
        }
    }

    /// Compares a probe with every template.
    fn scores<T>(
        &self,
        probe: &Embedding,
        rule: ScoreRule,
        answer: impl Fn(&Scores<'_>) -> T,
    ) -> T {
        let mut names: Vec<String> = self.templates.iter().map(|it| it.0.clone()).collect();
        names.sort_unstable();
        names.dedup();
        let owners: Vec<usize> =
            self.templates.iter().map(|it| names.binary_search(&it.0).unwrap()).collect();
        let templates: Vec<f32> = self.templates.iter().map(|it| it.1.similarity(probe)).collect();
        let mut tallies = vec![Tally::default(); names.len()];
        for ((&owner, &score), it) in owners.iter().zip(&templates).zip(&self.templates) {
            tallies[owner].add(score, it.2);
        }
        let identities: Vec<f32> = tallies.iter().map(|it| it.score(rule)).collect();
        answer(&Scores {
            templates: &templates,
            owners: &owners,
            identities: &identities,
            names: &names,
        })
    }

    fn nearest(&self, probe: &Embedding, rule: ScoreRule, limit: usize) -> Vec<Candidate> {
        self.scores(probe, rule, |it| {
            it.nearest(limit).into_iter().map(|at| it.candidate(at)).collect()
        })
    }
}

fn bits(candidates: &[Candidate]) -> Vec<(&str, u32)> {
    candidates.iter().map(|it| (it.identity.as_str(), it.score.to_bits())).collect()
}

fn all_bits(decision: &Decision) -> (Vec<(&str, u32)>, String) {
    (bits(&decision.nearest), format!("{decision:?}"))
}

/// All rules and some queries give what the plain scan gives.
fn check(gallery: &mut Gallery, plain: &Plain, probes: &[[i8; DIM]]) -> Result<(), TestCaseError> {
    let templates: Vec<Template> = probes.iter().map(|&it| template(it)).collect();
    for rule in [ScoreRule::Best, ScoreRule::Mean, ScoreRule::Weighted] {
        set_rule(gallery, rule);
        for probe in &templates {
            let probe_of = &probe.embedding;
            for limit in [0, 1, 2, 4, 99] {
                let found = gallery.nearest(probe, limit).unwrap();
                let expected = plain.nearest(probe_of, rule, limit);
                prop_assert_eq!(bits(&found), bits(&expected), "{:?} {}", rule, limit);
                let found = gallery.identify(probe, 0.5, limit).unwrap();
                let n_alike = expected.iter().take_while(|it| it.score >= 0.5).count();
                prop_assert_eq!(bits(&found), bits(&expected[..n_alike]), "{:?} {}", rule, limit);
            }
        }
        for winner in [Winner::Best, Winner::Vote { k: 1 }, Winner::Vote { k: 5 }] {
            for (threshold, limit) in [(0.4, 3), (-1.0, 0), (0.9, 1)] {
                let decision = DecisionRule { threshold, winner, limit };
                let found = gallery.decide_many(&templates, &decision).unwrap();
                for (probe, found) in templates.iter().zip(&found) {
                    let expected = plain.scores(&probe.embedding, rule, |it| it.decide(&decision));
                    prop_assert_eq!(all_bits(found), all_bits(&expected), "{:?}", rule);
                }
            }
        }
    }
    Ok(())
}

fn set_rule(gallery: &mut Gallery, rule: ScoreRule) {
    let near_duplicates = NearDuplicates::Add;
    let policy = Policy { rule, near_duplicates, record_searches: false, ..Policy::default() };
    gallery.set_policy(policy).unwrap();
}

fn open(folder: &Path, is_sealed: bool) -> Gallery {
    let secret = is_sealed.then(|| Secret::from_key([7; 32]));
    let model = ModelDigest::new([1; 32]);
    let gallery = Gallery::create_or_open(folder, model, DIM, secret.as_ref()).unwrap();
    // Nothing here is killed: flushing would take most of the time.
    gallery.store.tamper("PRAGMA synchronous = OFF");
    gallery
}

/// The file of a gallery in which templates just went elsewhere gives what is enrolled, or there is none.
fn expect_followed(gallery: &Gallery) {
    gallery.check().unwrap();
    assert_ne!(gallery.stats().unwrap().matrix, Some(MatrixState::Worthless));
}

/// Lets everything happen to a gallery that two have open, and to a list.
fn check_all(happenings: &[Happening], is_sealed: bool) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let mut galleries = [0, 1].map(|_| open(folder.path(), is_sealed));
    set_rule(&mut galleries[0], ScoreRule::Best);
    let mut plain = Plain::default();
    let mut n_sources = 0u64;
    for happening in happenings {
        match happening {
            Happening::Enrolled { by, name, templates } => {
                let name = format!("n{name}");
                let samples: Vec<Sample> = templates
                    .iter()
                    .map(|&(values, quality)| {
                        n_sources += 1;
                        let mut source = [0; 32];
                        source[..8].copy_from_slice(&n_sources.to_le_bytes());
                        let sample = Sample::new(template(values), SourceDigest::new(source));
                        plain.templates.push((name.clone(), embedding(values), quality));
                        Sample { quality, ..sample }
                    })
                    .collect();
                galleries[*by].enroll(&name, &samples).unwrap();
            }
            Happening::Forgotten { by, name } => {
                let name = format!("n{name}");
                let before = plain.templates.len();
                plain.templates.retain(|it| it.0 != name);
                if plain.templates.len() < before {
                    let forgotten = galleries[*by].forget(&name).unwrap();
                    prop_assert!(forgotten.is_wiped);
                }
            }
            Happening::Merged { by, name, other } => {
                let (name, other) = (format!("n{name}"), format!("n{other}"));
                let theirs = plain.of(&other);
                if name != other && !theirs.is_empty() && !plain.of(&name).is_empty() {
                    assert_eq!(galleries[*by].merge(&name, &other).unwrap(), theirs.len());
                    plain.give(theirs, &name);
                    expect_followed(&galleries[*by]);
                }
            }
            Happening::Moved { by, name, other, which } => {
                let (name, other) = (format!("n{name}"), format!("n{other}"));
                let theirs = plain.of(&other);
                if name != other && theirs.len() > 1 && !plain.of(&name).is_empty() {
                    let which = which % theirs.len();
                    let template = galleries[*by].templates(&other).unwrap()[which].id;
                    galleries[*by].move_template(template, &name).unwrap();
                    plain.give(vec![theirs[which]], &name);
                    expect_followed(&galleries[*by]);
                }
            }
            Happening::Removed { by, name, which } => {
                let name = format!("n{name}");
                let its = plain.of(&name);
                if its.len() > 1 {
                    let which = which % its.len();
                    let template = galleries[*by].templates(&name).unwrap()[which].id;
                    assert!(galleries[*by].remove_templates(&[template]).unwrap().is_wiped);
                    plain.templates.remove(its[which]);
                    expect_followed(&galleries[*by]);
                }
            }
            Happening::Reopened { by } => galleries[*by] = open(folder.path(), is_sealed),
            Happening::Searched { by, probes } => check(&mut galleries[*by], &plain, probes)?,
        }
    }
    for gallery in &mut galleries {
        check(gallery, &plain, &[[1, -1, 0, 2, 1]])?;
        gallery.check().unwrap();
    }
    Ok(())
}

#[test]
fn of_very_many_equal_templates_the_earlier_names_are_near_and_vote() {
    let enrolled =
        |name: usize, vector| Happening::Enrolled { by: 0, name, templates: vec![(vector, None)] };
    // The later the name, the earlier the row; three are nearer than all these.
    let mut happenings: Vec<Happening> =
        (10..60).rev().map(|name| enrolled(name, [1, 1, 1, 0, 0])).collect();
    let near = [[2, 0, 0, 0, 0], [2, 1, 0, 0, 0], [2, 1, 1, 0, 0]];
    happenings.extend((70..).zip(near).map(|(name, vector)| enrolled(name, vector)));
    happenings.push(Happening::Searched { by: 1, probes: vec![near[0], [1, 1, 1, 0, 0]] });
    check_all(&happenings, false).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..Default::default() })]

    #[test]
    fn every_answer_is_that_of_the_plain_scan(
        happenings in prop::collection::vec(happening(), 1..40), is_sealed: bool,
    ) {
        check_all(&happenings, is_sealed)?;
    }
}
