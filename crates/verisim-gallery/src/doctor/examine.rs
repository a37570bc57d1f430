//! From scores to findings: groups within identities, pairs of identities; it reads no store.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use verisim_core::knn::{InvalidCodes, Neighbor};

use super::check::leave_one_out;
use super::nearest::of_others;
use super::{Diagnosis, DoctorRules, Finding, Pair, Roll};
use crate::policy::NEAR_DUPLICATE;

/// What an identity's templates say of each other.
struct Within {
    /// The groups that scores at or above the threshold join, the core first.
    groups: Vec<Vec<usize>>,
    /// Groups of near duplicates, of two or more, and the lowest score that joins one.
    duplicates: Vec<(Vec<usize>, f32)>,
}

/// Examines everybody.
pub(crate) fn diagnose(roll: Roll, rules: &DoctorRules) -> Result<Diagnosis, InvalidCodes> {
    let others = of_others(&roll, rules)?;
    let mut own = vec![None; roll.len()];
    let mut is_core = vec![true; roll.len()];
    let mut findings = Vec::new();
    for identity in 0..roll.identities.len() {
        let within = Within::of(&roll, identity, rules.threshold, &others, &mut own);
        for stray in within.groups.iter().skip(1).flatten() {
            is_core[*stray] = false;
        }
        within.report(&roll, identity, rules, &others, &own, &mut findings);
    }
    findings.extend(pairs(&roll, rules.threshold, &others, &is_core));
    findings.sort_by(|a, b| {
        let (a, b) = (a.gravity(), b.gravity());
        a.0.cmp(&b.0).then(b.1.total_cmp(&a.1))
    });
    let leave_one_out = leave_one_out(&roll, &own, &others, rules.threshold);
    let Roll { identities, templates, .. } = roll;
    Ok(Diagnosis { rules: *rules, identities, templates, findings, leave_one_out })
}

impl Within {
    /// Compares the templates of an identity, and enters the nearest of each into `own`.
    fn of(
        roll: &Roll,
        identity: usize,
        threshold: f32,
        others: &[Vec<Neighbor>],
        own: &mut [Option<Neighbor>],
    ) -> Self {
        let templates = &roll.identities[identity].templates;
        let mut joined = Groups::of_each(templates);
        let mut nearly = Groups::of_each(templates);
        for (idx, &a) in templates.iter().enumerate() {
            for (before, &b) in templates[..idx].iter().enumerate() {
                let score = roll.score(a, b);
                for (template, row) in [(a, b), (b, a)] {
                    if own[template].is_none_or(|it: Neighbor| score > it.score) {
                        own[template] = Some(Neighbor { row, score });
                    }
                }
                if score >= threshold {
                    joined.join(idx, before, score);
                }
                if score >= NEAR_DUPLICATE {
                    nearly.join(idx, before, score);
                }
            }
        }
        let is_at_others = |group: &[usize]| {
            let mut nearest = group.iter().filter_map(|&it| others[it].first());
            nearest.any(|it| it.score >= threshold)
        };
        let quality = |group: &[usize]| {
            group.iter().map(|&it| roll.templates[it].quality.unwrap_or(0)).max().unwrap_or(0)
        };
        let mut groups: Vec<Vec<usize>> =
            joined.finish().into_iter().map(|(group, _)| group).collect();
        // Stable: of groups that are as large, and as good, the earliest is the core.
        groups.sort_by_key(|it| (Reverse(it.len()), is_at_others(it), Reverse(quality(it))));
        let mut duplicates = nearly.finish();
        duplicates.retain(|(group, _)| group.len() > 1);
        Self { groups, duplicates }
    }

    fn report(
        self,
        roll: &Roll,
        identity: usize,
        rules: &DoctorRules,
        others: &[Vec<Neighbor>],
        own: &[Option<Neighbor>],
        findings: &mut Vec<Finding>,
    ) {
        let Self { groups, duplicates } = self;
        let own_of = |template: usize| {
            own[template].map(|it| Pair { templates: [template, it.row], score: it.score })
        };
        for group in groups.iter().skip(1) {
            let mut at_nobody = Vec::new();
            for &template in group {
                let other = others[template].first().filter(|it| it.score >= rules.threshold);
                match (other, own_of(template)) {
                    (Some(it), Some(own)) => {
                        let other = Pair { templates: [template, it.row], score: it.score };
                        findings.push(Finding::Mislabeled { other, own });
                    }
                    _ => at_nobody.push(template),
                }
            }
            let nearest = at_nobody.iter().filter_map(|&it| nearest_beyond(roll, it, group));
            let nearest = nearest.max_by(|a, b| a.score.total_cmp(&b.score));
            match (at_nobody.as_slice(), nearest) {
                (_, None) | ([], _) => {}
                ([_], Some(own)) => findings.push(Finding::Outlier { own }),
                (_, Some(nearest)) => {
                    findings.push(Finding::Divided { identity, templates: at_nobody, nearest });
                }
            }
        }
        for (mut templates, score) in duplicates {
            let quality = |&it: &usize| Reverse(roll.templates[it].quality);
            templates.sort_by_key(quality);
            let keep = templates.remove(0);
            templates.sort_unstable();
            findings.push(Finding::NearDuplicates { identity, keep, templates, score });
        }
        if let [template] = roll.identities[identity].templates[..]
            && let Some(quality) = roll.templates[template].quality
            && quality < rules.min_quality
        {
            findings.push(Finding::Weak { template, quality });
        }
    }
}

/// The nearest template of the same identity outside the group.
fn nearest_beyond(roll: &Roll, template: usize, group: &[usize]) -> Option<Pair> {
    let siblings = &roll.identities[roll.owner(template)].templates;
    siblings
        .iter()
        .filter(|it| !group.contains(it))
        .map(|&it| Pair { templates: [template, it], score: roll.score(template, it) })
        .max_by(|a, b| a.score.total_cmp(&b.score))
}

/// Identities whose cores match. What lies outside a core is a finding of its own, and no reason to
/// take two people for one.
fn pairs(roll: &Roll, threshold: f32, others: &[Vec<Neighbor>], is_core: &[bool]) -> Vec<Finding> {
    let mut nearest: BTreeMap<[usize; 2], Pair> = BTreeMap::new();
    for (template, others) in others.iter().enumerate().filter(|(it, _)| is_core[*it]) {
        let matching = others.iter().take_while(|it| it.score >= threshold);
        for &Neighbor { row, score } in matching.filter(|it| is_core[it.row]) {
            let mut templates = [template, row];
            templates.sort_by_key(|&it| roll.owner(it));
            let found = nearest.entry(templates.map(|it| roll.owner(it)));
            let found = found.or_insert(Pair { templates, score });
            if score > found.score {
                *found = Pair { templates, score };
            }
        }
    }
    let core = |identity: usize| {
        roll.identities[identity].templates.iter().copied().filter(|&it| is_core[it])
    };
    let finding = |(identities, nearest): ([usize; 2], Pair)| {
        let [first, second] = identities;
        let (mut sum, mut n) = (0.0, 0.0);
        for a in core(first) {
            for b in core(second) {
                sum += f64::from(roll.score(a, b));
                n += 1.0;
            }
        }
        let mean = (sum / n) as f32;
        if mean < threshold {
            return Finding::LookAlikes { identities, nearest, mean };
        }
        let n_templates = |it: usize| roll.identities[it].templates.len();
        if n_templates(second) > n_templates(first) {
            let [a, b] = nearest.templates;
            let nearest = Pair { templates: [b, a], ..nearest };
            Finding::SamePerson { keep: second, other: first, nearest, mean }
        } else {
            Finding::SamePerson { keep: first, other: second, nearest, mean }
        }
    };
    nearest.into_iter().map(finding).collect()
}

/// Templates in groups that grow together.
struct Groups<'a> {
    templates: &'a [usize],
    group: Vec<usize>, // [templates.len()]: position of the first of its group
    lowest: Vec<f32>,  // [templates.len()]: by that position
}

impl<'a> Groups<'a> {
    fn of_each(templates: &'a [usize]) -> Self {
        let n = templates.len();
        Self { templates, group: (0..n).collect(), lowest: vec![f32::INFINITY; n] }
    }

    /// Makes one group of those of two positions.
    fn join(&mut self, a: usize, b: usize, score: f32) {
        let (a, b) = (self.group[a], self.group[b]);
        let (first, second) = (a.min(b), a.max(b));
        self.lowest[first] = self.lowest[first].min(self.lowest[second]).min(score);
        if first != second {
            self.group.iter_mut().filter(|it| **it == second).for_each(|it| *it = first);
        }
    }

    /// The groups, the earliest first, with the lowest score that joined each.
    fn finish(self) -> Vec<(Vec<usize>, f32)> {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (&template, group) in self.templates.iter().zip(self.group) {
            groups.entry(group).or_default().push(template);
        }
        groups.into_iter().map(|(first, group)| (group, self.lowest[first])).collect()
    }
}
