//! Looking for what is wrong among the templates themselves; it changes nothing and knows no store.
//!
//! A gallery can be whole to the last byte and still hold a picture under the wrong name. What shows
//! it is how templates lie to each other. The templates of an identity fall into groups, joined by
//! scores that reach the threshold; the largest is its core. From there on:
//!
//! | what lies so | is called |
//! |---|---|
//! | outside the core, at another identity | [`Finding::Mislabeled`] |
//! | outside the core, several together, at nobody | [`Finding::Divided`] |
//! | outside the core, alone, at nobody | [`Finding::Outlier`] |
//! | cores of two identities, as near in the mean as one person's | [`Finding::SamePerson`] |
//! | cores of two identities, near in single scores | [`Finding::LookAlikes`] |
//! | templates of an identity that are nearly one | [`Finding::NearDuplicates`] |
//! | an identity's only template, of poor quality | [`Finding::Weak`] |
//!
//! None of it is certain: two people may be twins. Hence every finding has a [`Suggestion`], which
//! somebody has to carry out.

mod check;
mod examine;
mod nearest;
mod roll;
#[cfg(test)]
mod tests;

use std::num::NonZero;

use crate::id::RandomId;
pub use check::LeaveOneOut;
pub(crate) use examine::diagnose;
pub(crate) use roll::Roll;

/// What counts as alike, and as poor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DoctorRules {
    /// Least score at which two templates match, from -1 to 1: the one that the gallery is used with.
    pub threshold: f32,
    /// Qualities below this are poor, from 0 to 100.
    pub min_quality: u8,
    /// Threads to compute on; all cores if nothing is said. The result does not depend on it.
    pub n_threads: Option<NonZero<usize>>,
}

/// What was found in a gallery.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// What it was examined by.
    pub rules: DoctorRules,
    /// Everybody enrolled, in the order of enrollment.
    pub identities: Vec<ExaminedIdentity>,
    /// Every template, in the order of enrollment.
    pub templates: Vec<ExaminedTemplate>,
    /// What to look at: the gravest kind first, and of a kind the surest.
    pub findings: Vec<Finding>,
    /// How each template would be found if it were a probe.
    pub leave_one_out: LeaveOneOut,
}

/// An identity that was examined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExaminedIdentity {
    /// Its name.
    pub name: String,
    /// Positions of its templates in [`Diagnosis::templates`]; at least one.
    pub templates: Vec<usize>,
}

/// A template that was examined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExaminedTemplate {
    /// Its random id.
    pub id: RandomId,
    /// Position of its identity in [`Diagnosis::identities`].
    pub identity: usize,
    /// How good the picture is, from 0 to 100, if somebody judged it.
    pub quality: Option<u8>,
    /// What the caller calls the picture.
    pub label: Option<String>,
}

/// Two templates and how alike they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Positions in [`Diagnosis::templates`]: first the one that the finding is about.
    pub templates: [usize; 2],
    /// Their similarity.
    pub score: f32,
}

/// Something to look at. Numbers are positions in the [`Diagnosis`].
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// A template that matches another identity and none of the core of its own.
    Mislabeled {
        /// The template, and the nearest of the other identity.
        other: Pair,
        /// The template, and the nearest of its own identity.
        own: Pair,
    },
    /// Two identities that are as alike in the mean as pictures of one person.
    SamePerson {
        /// The one to keep: that with more templates, or the earlier one.
        keep: usize,
        /// The one that may be the same person.
        other: usize,
        /// The most similar templates of the two, in this order.
        nearest: Pair,
        /// Mean score of their templates with each other.
        mean: f32,
    },
    /// Two identities of which some templates match.
    LookAlikes {
        /// The two, the earlier one first.
        identities: [usize; 2],
        /// The most similar templates of the two, in this order.
        nearest: Pair,
        /// Mean score of their templates with each other.
        mean: f32,
    },
    /// Several templates that match each other and nobody, least of all the core of their identity.
    Divided {
        /// The identity.
        identity: usize,
        /// The templates.
        templates: Vec<usize>,
        /// The most similar of them and of the others of the identity.
        nearest: Pair,
    },
    /// A template that matches nobody, not even its own identity.
    Outlier {
        /// The template, and the nearest of its identity.
        own: Pair,
    },
    /// Templates of an identity that are nearly one.
    NearDuplicates {
        /// The identity.
        identity: usize,
        /// The one of the best quality, or the earliest.
        keep: usize,
        /// Those that add nothing.
        templates: Vec<usize>,
        /// Their lowest score with a template of this group.
        score: f32,
    },
    /// An identity whose only template is of poor quality.
    Weak {
        /// The template.
        template: usize,
        /// Its quality, from 0 to 100.
        quality: u8,
    },
}

/// What would set a finding right, if it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Suggestion {
    /// Give a template to another identity.
    Move {
        /// The template.
        template: usize,
        /// The identity.
        to: usize,
    },
    /// Make one identity of two.
    Merge {
        /// The identity that stays.
        keep: usize,
        /// The identity whose templates it gets.
        other: usize,
    },
    /// Make an identity of its own of some templates.
    Split {
        /// The identity that they belong to.
        identity: usize,
        /// The templates.
        templates: Vec<usize>,
    },
    /// Remove templates for good.
    Remove {
        /// The templates.
        templates: Vec<usize>,
    },
    /// Enroll better pictures.
    Enroll {
        /// The identity.
        identity: usize,
    },
    /// Look at both identities: they are one person, or need a threshold above their score.
    Compare {
        /// The two identities.
        identities: [usize; 2],
    },
}

impl Finding {
    /// What would set it right.
    pub fn suggestion(&self, diagnosis: &Diagnosis) -> Suggestion {
        match self {
            Self::Mislabeled { other, .. } => Suggestion::Move {
                template: other.templates[0],
                to: diagnosis.templates[other.templates[1]].identity,
            },
            &Self::SamePerson { keep, other, .. } => Suggestion::Merge { keep, other },
            &Self::LookAlikes { identities, .. } => Suggestion::Compare { identities },
            Self::Divided { identity, templates, .. } => {
                Suggestion::Split { identity: *identity, templates: templates.clone() }
            }
            Self::Outlier { own } => Suggestion::Split {
                identity: diagnosis.templates[own.templates[0]].identity,
                templates: vec![own.templates[0]],
            },
            Self::NearDuplicates { templates, .. } => {
                Suggestion::Remove { templates: templates.clone() }
            }
            &Self::Weak { template, .. } => {
                Suggestion::Enroll { identity: diagnosis.templates[template].identity }
            }
        }
    }

    /// The order of kinds, and how sure this one is among its kind.
    pub(crate) fn gravity(&self) -> (usize, f32) {
        match self {
            Self::Mislabeled { other, own } => (0, other.score - own.score),
            Self::SamePerson { mean, .. } => (1, *mean),
            Self::LookAlikes { nearest, .. } => (2, nearest.score),
            Self::Divided { nearest, .. } => (3, -nearest.score),
            Self::Outlier { own } => (4, -own.score),
            Self::NearDuplicates { score, .. } => (5, *score),
            Self::Weak { quality, .. } => (6, -f32::from(*quality)),
        }
    }
}
