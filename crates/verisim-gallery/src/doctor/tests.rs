//! Small galleries with one thing wrong each, on the unit circle, where scores are cosines of angles.

use verisim_core::Embedding;

use super::*;

/// Cosine of 30 degrees: what lies within 30 degrees matches.
const THRESHOLD: f32 = 0.8660;

/// Examines templates, each the position of its identity, an angle in degrees and a quality.
fn examine(templates: &[(usize, f32, Option<u8>)]) -> Diagnosis {
    let mut roll = Roll::default();
    let n_identities = templates.iter().map(|it| it.0 + 1).max().unwrap_or(0);
    for identity in 0..n_identities {
        roll.introduce(format!("id{identity}"));
    }
    for (idx, &(identity, angle, quality)) in (0..).zip(templates) {
        let id = RandomId::new([idx; 16]);
        let (sin, cos) = angle.to_radians().sin_cos();
        let embedding = Embedding::new(vec![cos, sin]).unwrap();
        roll.push(ExaminedTemplate { id, identity, quality, label: None }, embedding);
    }
    let n_threads = NonZero::new(1);
    diagnose(roll, &DoctorRules { threshold: THRESHOLD, min_quality: 40, n_threads }).unwrap()
}

/// The suggestions for templates at angles, each of an identity.
fn suggestions(templates: &[(usize, f32)]) -> Vec<Suggestion> {
    let templates: Vec<_> = templates.iter().map(|&(it, angle)| (it, angle, None)).collect();
    let diagnosis = examine(&templates);
    diagnosis.findings.iter().map(|it| it.suggestion(&diagnosis)).collect()
}

#[test]
fn people_who_lie_apart_need_nothing() {
    assert_eq!(suggestions(&[(0, 0.0), (0, 20.0), (1, 90.0), (1, 110.0), (2, 200.0)]), []);
    assert_eq!(suggestions(&[]), []);
}

#[test]
fn a_template_at_another_identity_is_to_be_moved_there() {
    let templates = [(0, 0.0), (0, 10.0), (1, 90.0), (1, 100.0), (0, 95.0)];
    assert_eq!(suggestions(&templates), [Suggestion::Move { template: 4, to: 1 }]);
    // Of two templates the one that is at nobody else is the core, whichever came first.
    for templates in [[(0, 95.0), (0, 0.0), (1, 90.0)], [(0, 0.0), (0, 95.0), (1, 90.0)]] {
        let stray = templates.iter().position(|it| it.1 == 95.0).unwrap();
        assert_eq!(suggestions(&templates), [Suggestion::Move { template: stray, to: 1 }]);
    }
}

#[test]
fn templates_that_were_swapped_are_moved_both_and_nobody_is_merged() {
    let templates = [(0, 0.0), (0, 90.0), (1, 92.0), (1, 2.0)];
    let expected = [(1, 1), (3, 0)].map(|(template, to)| Suggestion::Move { template, to });
    assert_eq!(suggestions(&templates), expected);
}

#[test]
fn identities_that_are_alike_in_the_mean_are_one_person_and_the_larger_stays() {
    let templates = [(0, 10.0), (1, 0.0), (1, 20.0)];
    assert_eq!(suggestions(&templates), [Suggestion::Merge { keep: 1, other: 0 }]);
    let templates = [(0, 10.0), (1, 12.0)];
    assert_eq!(suggestions(&templates), [Suggestion::Merge { keep: 0, other: 1 }]);
}

#[test]
fn identities_of_which_few_templates_match_are_look_alikes() {
    let templates = [(0, 0.0), (0, 25.0), (1, 50.0), (1, 75.0)];
    let diagnosis = examine(&templates.map(|(it, angle)| (it, angle, None)));
    let [Finding::LookAlikes { identities: [0, 1], nearest, mean }] = diagnosis.findings[..] else {
        panic!("{:?}", diagnosis.findings);
    };
    assert_eq!(nearest.templates, [1, 2]);
    assert!((nearest.score - 25f32.to_radians().cos()).abs() < 1e-6, "{nearest:?}");
    let cosines = [50f32, 75.0, 25.0, 50.0].map(|it| it.to_radians().cos());
    assert!((mean - cosines.iter().sum::<f32>() / 4.0).abs() < 1e-6, "{mean}");
}

#[test]
fn what_is_at_nobody_is_split_off_alone_or_together() {
    let alone = [(0, 0.0), (0, 10.0), (0, 180.0)];
    let split =
        |templates: &[usize]| Suggestion::Split { identity: 0, templates: templates.into() };
    assert_eq!(suggestions(&alone), [split(&[2])]);
    let together = [(0, 0.0), (0, 10.0), (0, 180.0), (0, 20.0), (0, 190.0)];
    assert_eq!(suggestions(&together), [split(&[2, 4])]);
}

#[test]
fn of_near_duplicates_the_best_stays() {
    let templates = [(0, 0.0, Some(50)), (0, 0.1, Some(70)), (0, 0.2, None), (0, 20.0, None)];
    let diagnosis = examine(&templates);
    let [Finding::NearDuplicates { identity: 0, keep: 1, ref templates, .. }] =
        diagnosis.findings[..]
    else {
        panic!("{:?}", diagnosis.findings);
    };
    assert_eq!(templates, &[0, 2]);
}

#[test]
fn a_lone_template_is_weak_if_its_quality_is() {
    let found = |quality, n| {
        let templates: Vec<_> = (0..n).map(|idx| (0, 10.0 * idx as f32, quality)).collect();
        examine(&templates).findings.len()
    };
    assert_eq!([found(Some(39), 1), found(Some(40), 1), found(None, 1)], [1, 0, 0]);
    assert_eq!(found(Some(39), 2), 0);
}

#[test]
fn the_gravest_and_surest_come_first() {
    let templates = [
        (0, 0.0, Some(3)), // alone and weak
        (1, 90.0, None),   // of one person with the next
        (2, 95.0, None),   //
        (3, 180.0, None),  // whose second is at the next, less surely than
        (3, 240.0, None),  //
        (4, 265.0, None),  // the second of this
        (4, 182.0, None),  //
    ];
    let findings = examine(&templates).findings;
    let kinds: Vec<usize> = findings.iter().map(|it| it.gravity().0).collect();
    assert!(kinds.is_sorted() && kinds.len() >= 4, "{findings:?}");
    assert!(findings[0].gravity().1 > findings[1].gravity().1, "{findings:?}");
}

#[test]
fn a_check_worked_by_hand() {
    let templates = [
        (0, 0.0),
        (0, 20.0), // named rightly, both
        (1, 90.0),
        (1, 130.0), // refused: 40 degrees apart; the first 15 from
        (2, 105.0), // one who has no other
    ];
    let check = examine(&templates.map(|(it, angle)| (it, angle, None))).leave_one_out;
    let expected = LeaveOneOut {
        n_mated: 4,
        n_rank_1: 2, // those of id1 are 15 and 25 degrees from id2's
        n_named: 2,
        n_refused: 0,
        n_mistaken: 2,
        n_non_mated: 5,
        n_false_positives: 3,
    };
    assert_eq!(check, expected);
}

#[test]
fn those_surrounded_by_their_own_still_meet_the_nearest_other() {
    // Twenty of one, all nearer to each other than to the one beside them.
    let mut templates: Vec<_> = (0..20).map(|idx| (0, 0.1 * idx as f32, None)).collect();
    templates.push((1, 25.0, None));
    templates.push((2, 180.0, None));
    let diagnosis = examine(&templates);
    assert_eq!(diagnosis.leave_one_out.n_false_positives, 21);
    let is_merge = |it: &Finding| matches!(it, Finding::SamePerson { keep: 0, other: 1, .. });
    assert!(diagnosis.findings.iter().any(is_merge), "{:?}", diagnosis.findings);
}
