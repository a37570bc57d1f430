//! What every engine finds: the same identities, in the same order, with scores equal to the bit.

use verisim_core::{Embedding, Template};
use verisim_gallery::{
    Candidate, DecisionRule, Engine, Enrollment, NearDuplicates, Policy, Sample, ScoreRule,
    SourceDigest, Winner,
};

use crate::engines::{Bench, on_every_engine};
use crate::synthetic::{Random, model, sample};

on_every_engine!(
    candidates_reach_the_threshold_and_come_best_first_by_their_best_templates,
    ties_are_ordered_by_name_even_at_the_limit,
    the_rule_of_the_gallery_scores_its_identities,
    votes_and_margins_are_decided_over_all_templates,
    a_crowd_is_searched_as_in_a_folder,
);

fn at_angle(degrees: f32) -> Template {
    let (sin, cos) = degrees.to_radians().sin_cos();
    Template { embedding: Embedding::new(vec![cos, sin]).unwrap(), model: model() }
}

/// A gallery of two dimensions with templates at the given angles in degrees.
fn at_angles(bench: &Bench, templates: &[(&str, f32)]) -> Box<dyn Engine> {
    let mut gallery = bench.open_of("angles", 2, None).unwrap();
    for (idx, &(identity, angle)) in templates.iter().enumerate() {
        let source = SourceDigest::new([idx as u8; 32]);
        gallery.enroll(identity, &[Sample::new(at_angle(angle), source)]).unwrap();
    }
    gallery
}

fn candidates_reach_the_threshold_and_come_best_first_by_their_best_templates(bench: &Bench) {
    let templates = [("Bob", 60.0), ("Ann", 90.0), ("Eve", 180.0), ("Ann", 10.0), ("Al", 60.0)];
    let mut gallery = at_angles(bench, &templates);
    let mut names = |threshold, limit| {
        let found = gallery.identify(&at_angle(0.0), threshold, limit).unwrap();
        found.into_iter().map(|it| it.identity).collect::<Vec<_>>()
    };
    assert_eq!(names(0.49, 9), ["Ann", "Al", "Bob"]);
    assert_eq!(names(0.49, 2), ["Ann", "Al"]);
    assert_eq!(names(0.9, 9), ["Ann"]);
    assert_eq!(names(0.99, 9), [""; 0]);
    assert_eq!(names(-1.0, 9), ["Ann", "Al", "Bob", "Eve"]);
    assert_eq!(names(-1.0, 0), [""; 0]);
    let score = gallery.nearest(&at_angle(60.0), 1).unwrap()[0].score;
    assert_eq!(gallery.identify(&at_angle(60.0), score, 1).unwrap().len(), 1, "at the threshold");
    let above = gallery.identify(&at_angle(60.0), score.next_up(), 1).unwrap();
    assert!(above.is_empty(), "above it");
}

fn ties_are_ordered_by_name_even_at_the_limit(bench: &Bench) {
    let mut gallery = bench.open_of("ties", 2, None).unwrap();
    // More than a search asks for at first.
    let names: Vec<String> = (0..200).map(|idx| format!("n{:03}", 199 - idx)).collect();
    let sample = [Sample::new(at_angle(20.0), SourceDigest::new([1; 32]))];
    let enrollments: Vec<_> = names.iter().map(|it| Enrollment::new(it, &sample)).collect();
    gallery.enroll_many(&enrollments).unwrap();
    let found = gallery.nearest(&at_angle(0.0), 2).unwrap();
    assert_eq!(found.iter().map(|it| it.identity.as_str()).collect::<Vec<_>>(), ["n000", "n001"]);
}

fn the_rule_of_the_gallery_scores_its_identities(bench: &Bench) {
    let mut gallery = at_angles(bench, &[("Ann", 0.0), ("Ann", 90.0), ("Bob", 45.0)]);
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

fn votes_and_margins_are_decided_over_all_templates(bench: &Bench) {
    let templates = [("Ann", 10.0), ("Bob", 20.0), ("Bob", 25.0), ("Eve", 30.0), ("Ann", 80.0)];
    let mut gallery = at_angles(bench, &templates);
    let rule = |winner| DecisionRule { threshold: 0.5, winner, limit: 2 };
    let mut decide =
        |winner| gallery.decide_many(&[at_angle(0.0)], &rule(winner)).unwrap().remove(0);
    let best = decide(Winner::Best);
    assert_eq!((best.identity.as_deref(), best.nearest.len()), (Some("Ann"), 2));
    assert_eq!(best.runner_up.as_ref().map(|it| it.identity.as_str()), Some("Bob"));
    let voted = decide(Winner::Vote { k: 3 });
    assert_eq!(voted.identity.as_deref(), Some("Bob"));
    assert!(voted.margin.unwrap() < 0.0, "votes decided against the score");
    assert_eq!(gallery.decide_many(&[], &rule(Winner::Best)).unwrap(), []);
    let events = gallery.events().unwrap();
    assert_eq!(events.len(), 1 + templates.len() + 2, "no record of a search for nothing");
}

/// Enrolls a crowd here and in a folder, and searches both in every way.
fn a_crowd_is_searched_as_in_a_folder(bench: &Bench) {
    let folder = Bench::embedded();
    let (mut there, mut here) = (bench.open("crowd"), folder.open("crowd"));
    let mut random = Random(7);
    let crowd: Vec<(String, Vec<Sample>)> = (0..150)
        .map(|idx| {
            let name = format!("n{idx}");
            let n = 1 + random.below(4);
            let quality = |_| (random.below(3) > 0).then(|| random.below(101) as u8);
            let qualities: Vec<Option<u8>> = (0..n).map(quality).collect();
            // Some are enrolled with another's picture, so that scores tie.
            let source = if idx % 10 == 9 { "n1" } else { &name };
            let samples = qualities.into_iter().enumerate();
            let samples = samples.map(|(at, quality)| Sample { quality, ..sample(source, at) });
            (name.clone(), samples.collect())
        })
        .collect();
    let enrollments: Vec<_> =
        crowd.iter().map(|(name, samples)| Enrollment::new(name, samples)).collect();
    let probes: Vec<Template> = (0..6)
        .map(|idx| sample(&format!("n{}", 20 * idx + 1), 0).template)
        .chain((0..6).map(|idx| sample("a stranger", idx).template))
        .collect();
    for gallery in [&mut there, &mut here] {
        let near_duplicates = NearDuplicates::Add;
        gallery.set_policy(Policy { near_duplicates, ..Policy::default() }).unwrap();
        gallery.enroll_many(&enrollments).unwrap();
    }
    for rule in [ScoreRule::Best, ScoreRule::Mean, ScoreRule::Weighted] {
        for gallery in [&mut there, &mut here] {
            let policy = Policy { rule, record_searches: false, ..Policy::default() };
            gallery.set_policy(policy).unwrap();
        }
        for winner in [Winner::Best, Winner::Vote { k: 1 }, Winner::Vote { k: 7 }] {
            for (threshold, limit) in [(0.2, 3), (-1.0, 400)] {
                let decision = DecisionRule { threshold, winner, limit };
                let found = there.decide_many(&probes, &decision).unwrap();
                assert_eq!(found, here.decide_many(&probes, &decision).unwrap(), "{rule:?}");
            }
        }
        for probe in &probes {
            let found: Vec<Candidate> = there.identify(probe, 0.1, 5).unwrap();
            assert_eq!(found, here.identify(probe, 0.1, 5).unwrap());
        }
    }
}
