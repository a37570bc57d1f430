//! What the doctor says: findings in words and numbers, and the commands that would carry them out.

use std::collections::BTreeMap;
use std::path::Path;

use verisim_gallery::{Diagnosis, Finding, NEAR_DUPLICATE, Pair, Suggestion};

use super::quoted;
use crate::report::number::count;

/// A kind of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    order: usize,
    /// In JSON.
    pub(super) name: &'static str,
    /// Above those of the kind.
    pub(super) title: &'static str,
    /// What it means, and what it may mean instead.
    pub(super) meaning: &'static str,
}

/// Says what was found in a gallery.
pub(super) struct Words<'a> {
    pub(super) diagnosis: &'a Diagnosis,
    /// Folder of the gallery, for commands.
    pub(super) gallery: &'a Path,
}

impl<'a> Words<'a> {
    /// How many there are, and how each would be found if it were a probe.
    pub(super) fn summary(&self) -> Vec<String> {
        let diagnosis = self.diagnosis;
        let (people, templates) = (diagnosis.identities.len(), diagnosis.templates.len());
        let check = diagnosis.leave_one_out;
        vec![
            format!(
                "{} people with {} templates, {} of whom have a single one; threshold {:.4}",
                count(people),
                count(templates),
                count(self.n_single()),
                diagnosis.rules.threshold
            ),
            format!(
                "left out one by one, {} templates have another of their person: rank-1 {}, named \
                 rightly {}, refused at the threshold {}, taken for somebody else {}",
                count(check.n_mated),
                share(check.n_rank_1, check.n_mated),
                share(check.n_named, check.n_mated),
                share(check.n_refused, check.n_mated),
                share(check.n_mistaken, check.n_mated)
            ),
            format!(
                "left out with their whole person, {} of {} templates are taken for somebody (FPIR {})",
                count(check.n_false_positives),
                count(check.n_non_mated),
                share(check.n_false_positives, check.n_non_mated)
            ),
        ]
    }

    /// Findings of each kind that there are, the gravest first.
    pub(super) fn by_kind(&self) -> Vec<(Kind, Vec<&'a Finding>)> {
        let mut kinds: BTreeMap<Kind, Vec<&Finding>> = BTreeMap::new();
        for finding in &self.diagnosis.findings {
            kinds.entry(self.kind(finding)).or_default().push(finding);
        }
        kinds.into_iter().collect()
    }

    /// Number of people with a single template.
    pub(super) fn n_single(&self) -> usize {
        self.diagnosis.identities.iter().filter(|it| it.templates.len() == 1).count()
    }

    #[expect(clippy::unused_self, reason = "whoever has the findings has this")]
    pub(super) fn kind(&self, finding: &Finding) -> Kind {
        let (order, name, title, meaning) = match finding {
            Finding::Mislabeled { .. } => (
                0,
                "mislabeled",
                "Pictures that are likely under the wrong name",
                "Each matches another person and none of the main group of its own. Where the two are \
                 twins, or where a picture is very poor, that may be wrong: look first.",
            ),
            Finding::SamePerson { .. } => (
                1,
                "same_person",
                "People who are likely enrolled twice",
                "Their pictures are as alike in the mean as the threshold asks of one person. They may \
                 be twins, too.",
            ),
            Finding::LookAlikes { .. } => (
                2,
                "look_alikes",
                "Look-alikes",
                "Some of their pictures match, not all. More and better pictures of both, or a higher \
                 threshold, keep them apart.",
            ),
            Finding::Divided { .. } => (
                3,
                "divided",
                "Names that likely stand for two people",
                "Several pictures match each other, and neither the others under that name nor anybody \
                 else. It may be one person at two ages, or with and without a mask.",
            ),
            Finding::Outlier { .. } => (
                4,
                "outlier",
                "Outliers",
                "Each matches nobody, not even the others under its name: a stranger, or a picture that \
                 shows no face well.",
            ),
            Finding::NearDuplicates { .. } => (
                5,
                "near_duplicates",
                "Near duplicates",
                "They add nothing to a search, and weigh more than their share in a mean.",
            ),
            Finding::Weak { .. } => (
                6,
                "weak",
                "People with one poor picture",
                "They are hard to recognize, and others are easily taken for them.",
            ),
        };
        Kind { order, name, title, meaning }
    }

    /// Why it was found, in words and numbers.
    pub(super) fn why(&self, finding: &Finding) -> String {
        let threshold = self.diagnosis.rules.threshold;
        match finding {
            Finding::Mislabeled { other, own } => format!(
                "{} of {} scores {:.4} with {} of {}, but at most {:.4} with its own person's ({}); the \
                 threshold is {threshold:.4}{}",
                self.template(other.templates[0]),
                self.owner(other.templates[0]),
                other.score,
                self.template(other.templates[1]),
                self.owner(other.templates[1]),
                own.score,
                self.template(own.templates[1]),
                nearly_the_same(other)
            ),
            Finding::SamePerson { nearest, mean, .. } => {
                self.alike(nearest, *mean, "no lower than the threshold")
            }
            Finding::LookAlikes { nearest, mean, .. } => {
                self.alike(nearest, *mean, "below the threshold")
            }
            Finding::Divided { identity, templates, nearest } => format!(
                "{} of {} pictures of {} score at most {:.4} with the others ({} with {}); the threshold \
                 is {threshold:.4}",
                templates.len(),
                self.diagnosis.identities[*identity].templates.len(),
                self.name(*identity),
                nearest.score,
                self.template(nearest.templates[0]),
                self.template(nearest.templates[1])
            ),
            Finding::Outlier { own } => format!(
                "{} of {} scores at most {:.4} with the others ({}); the threshold is {threshold:.4}",
                self.template(own.templates[0]),
                self.owner(own.templates[0]),
                own.score,
                self.template(own.templates[1])
            ),
            Finding::NearDuplicates { identity, keep, templates, score } => format!(
                "{} of {} {} nearly {}: {score:.4} or more; near duplicates reach {NEAR_DUPLICATE}",
                list(&templates.iter().map(|&it| self.template(it)).collect::<Vec<_>>()),
                self.name(*identity),
                if templates.len() == 1 { "is" } else { "are" },
                self.template(*keep)
            ),
            Finding::Weak { template, quality } => format!(
                "{} is all there is of {}, and of quality {quality}; {} is asked for",
                self.template(*template),
                self.owner(*template),
                self.diagnosis.rules.min_quality
            ),
        }
    }

    /// The command that would carry out what is suggested.
    pub(super) fn command(&self, finding: &Finding) -> String {
        let gallery = quoted(&self.gallery.to_string_lossy());
        let name = |identity: usize| quoted(self.name(identity));
        match finding.suggestion(self.diagnosis) {
            Suggestion::Move { template, to } => {
                format!("verisim gallery move {gallery} {} --to {}", self.id(template), name(to))
            }
            Suggestion::Merge { keep, other } => {
                format!("verisim gallery merge {gallery} {} {}", name(keep), name(other))
            }
            Suggestion::Split { identity, templates } => format!(
                "verisim gallery split {gallery} {} {} --into {}",
                name(identity),
                self.ids(&templates),
                quoted(&self.free_name(identity))
            ),
            Suggestion::Remove { templates } => {
                format!("verisim gallery remove {gallery} {}", self.ids(&templates))
            }
            Suggestion::Enroll { identity } => {
                format!(
                    "verisim enroll --gallery {gallery} known/   # with better pictures of {}",
                    name(identity)
                )
            }
            Suggestion::Compare { identities: [first, second] } => format!(
                "verisim gallery merge {gallery} {} {}   # only if they are one person",
                name(first),
                name(second)
            ),
        }
    }

    /// The people that a finding is about.
    pub(super) fn identities(&self, finding: &Finding) -> Vec<&'a str> {
        let mut identities: Vec<usize> = match finding {
            &Finding::SamePerson { keep, other, .. } => vec![keep, other],
            Finding::LookAlikes { identities, .. } => identities.to_vec(),
            _ => {
                let owner = |it: usize| self.diagnosis.templates[it].identity;
                self.templates(finding).into_iter().map(owner).collect()
            }
        };
        identities.dedup();
        identities.into_iter().map(|it| self.name(it)).collect()
    }

    /// The templates that a finding is about, the one in question first.
    #[expect(clippy::unused_self, reason = "whoever has the findings has this")]
    pub(super) fn templates(&self, finding: &Finding) -> Vec<usize> {
        match finding {
            Finding::Mislabeled { other: pair, .. }
            | Finding::SamePerson { nearest: pair, .. }
            | Finding::LookAlikes { nearest: pair, .. }
            | Finding::Outlier { own: pair } => pair.templates.to_vec(),
            Finding::Divided { templates, .. } => templates.clone(),
            Finding::NearDuplicates { keep, templates, .. } => {
                let mut all = templates.clone();
                all.push(*keep);
                all
            }
            Finding::Weak { template, .. } => vec![*template],
        }
    }

    /// The two that are best looked at beside each other.
    pub(super) fn pair(&self, finding: &Finding) -> Option<[usize; 2]> {
        match finding {
            Finding::Divided { nearest, .. } => Some(nearest.templates),
            Finding::NearDuplicates { keep, templates, .. } => Some([*keep, *templates.first()?]),
            _ => <[usize; 2]>::try_from(self.templates(finding)).ok(),
        }
    }

    /// The score that the finding rests on.
    #[expect(clippy::unused_self, reason = "whoever has the findings has this")]
    pub(super) fn score(&self, finding: &Finding) -> Option<f32> {
        match finding {
            Finding::Mislabeled { other: pair, .. }
            | Finding::SamePerson { nearest: pair, .. }
            | Finding::LookAlikes { nearest: pair, .. }
            | Finding::Divided { nearest: pair, .. }
            | Finding::Outlier { own: pair } => Some(pair.score),
            Finding::NearDuplicates { score, .. } => Some(*score),
            Finding::Weak { .. } => None,
        }
    }

    /// What a template is called: the name of its picture, or the beginning of its id.
    pub(super) fn template(&self, idx: usize) -> String {
        let template = &self.diagnosis.templates[idx];
        let id = template.id.to_string();
        template.label.clone().unwrap_or_else(|| format!("template {}", &id[..8]))
    }

    /// Whose a template is.
    pub(super) fn owner(&self, template: usize) -> &'a str {
        self.name(self.diagnosis.templates[template].identity)
    }

    fn name(&self, identity: usize) -> &'a str {
        &self.diagnosis.identities[identity].name
    }

    fn id(&self, template: usize) -> String {
        self.diagnosis.templates[template].id.to_string()
    }

    fn ids(&self, templates: &[usize]) -> String {
        let ids: Vec<String> = templates.iter().map(|&it| self.id(it)).collect();
        ids.join(" ")
    }

    fn alike(&self, nearest: &Pair, mean: f32, than: &str) -> String {
        let [first, second] = nearest.templates;
        format!(
            "{} and {} score {:.4} ({} with {}), and {mean:.4} in the mean, which is {than} of {:.4}{}",
            self.owner(first),
            self.owner(second),
            nearest.score,
            self.template(first),
            self.template(second),
            self.diagnosis.rules.threshold,
            nearly_the_same(nearest)
        )
    }

    /// A name that nobody bears: `Ann 2`.
    fn free_name(&self, identity: usize) -> String {
        let names = (2..).map(|number: usize| format!("{} {number}", self.name(identity)));
        let is_free = |name: &String| self.diagnosis.identities.iter().all(|it| it.name != *name);
        names.into_iter().find(is_free).unwrap_or_default()
    }
}

fn nearly_the_same(pair: &Pair) -> &'static str {
    if pair.score >= NEAR_DUPLICATE { "; it is nearly the same picture" } else { "" }
}

fn list(names: &[String]) -> String {
    const MAX: usize = 3;
    match names.len() {
        0..=MAX => names.join(", "),
        n => format!("{} and {} more", names[..MAX].join(", "), n - MAX),
    }
}

/// A share in percent, and what of.
fn share(n: usize, of: usize) -> String {
    if of == 0 {
        return "–".to_owned();
    }
    format!("{:.2} %", 100.0 * n as f64 / of as f64)
}
