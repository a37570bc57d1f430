//! What was learned over embeddings, beside the cosine, and makes of the pairs of an evaluation; it knows no
//! table.

use serde::Serialize;
use verisim_core::Head;
use verisim_core::fusion::{Fusion, Projection};
use verisim_core::measure::{
    Bootstrap, Comparison, Estimate, FoldedAccuracy, FoldedComparison, Verification,
    folded_accuracy,
};

use super::row::{Row, percent};
use super::show::FigureDto;
use super::{Samples, ScoredPair};

/// Log-odds of a comparison with a picture that has no embedding: it never matches.
const NO_ODDS: f32 = f32::MIN;

/// What decides beside the cosine.
#[derive(Clone, Debug)]
pub(crate) enum Learned {
    /// The head that a model carries.
    Head(Head),
    /// What was fitted to the embeddings of several models.
    Fusion(Fusion),
}

impl Learned {
    fn decider(&self) -> Decider {
        match self {
            Self::Head(_) => Decider::Head,
            Self::Fusion(_) => Decider::JointBayesian,
        }
    }

    /// Logarithm of the odds that two samples show the same person.
    fn log_odds<'a>(&'a self, samples: &'a Samples) -> Box<dyn Fn([usize; 2]) -> f32 + 'a> {
        match self {
            Self::Head(head) => {
                Box::new(|[a, b]| match (&samples.embeddings[a], &samples.embeddings[b]) {
                    (Some(a), Some(b)) => head.log_odds(a, b),
                    _ => NO_ODDS,
                })
            }
            Self::Fusion(fusion) => {
                let project = |it: &Option<_>| it.as_ref().map(|it| fusion.project(it));
                let projections: Vec<Option<Projection>> =
                    samples.embeddings.iter().map(project).collect();
                Box::new(move |[a, b]| match (&projections[a], &projections[b]) {
                    (Some(a), Some(b)) => fusion.log_odds(a, b),
                    _ => NO_ODDS,
                })
            }
        }
    }
}

/// Figures of what decides beside the cosine.
pub(crate) struct LearnedFigures {
    decider: Decider,
    auc: Estimate,
    eer: Estimate,
    /// Error rates where it finds the same person more probable than not.
    fmr: f64,
    fnmr: f64,
    folds: Option<FoldedAccuracy>,
}

/// Which of them.
#[derive(Clone, Copy)]
enum Decider {
    Head,
    JointBayesian,
}

/// Figures of what decides beside the cosine, under its name.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LearnedDto {
    /// Of a head.
    Head(LearnedFiguresDto),
    /// Of what was fitted to the embeddings of several models.
    JointBayesian(LearnedFiguresDto),
}

/// Figures of what decides beside the cosine, for programs.
#[derive(Debug, Serialize)]
pub(crate) struct LearnedFiguresDto {
    auc: FigureDto,
    eer: FigureDto,
    /// Mean of the true match and the true non-match rate at a probability of 1/2.
    balanced_accuracy: f64,
    fmr: f64,
    fnmr: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    fold_accuracy: Option<f64>,
}

impl LearnedFigures {
    /// Lets it score the pairs, which belong to `folds` if there are any.
    pub(crate) fn of(
        learned: &Learned,
        samples: &Samples,
        pairs: &[ScoredPair],
        folds: &[FoldedComparison],
        bootstrap: &Bootstrap,
    ) -> Option<Self> {
        let log_odds = learned.log_odds(samples);
        let comparisons: Vec<Comparison> = pairs
            .iter()
            .map(|pair| Comparison {
                score: log_odds(pair.samples),
                reference: samples.labels[pair.samples[0]],
                probe: samples.labels[pair.samples[1]],
            })
            .collect();
        let verification = Verification::new(&comparisons).ok()?;
        let figures = verification.figures(bootstrap, &[]);
        let point = verification.at_threshold(0.0);
        let folds: Vec<FoldedComparison> = folds
            .iter()
            .zip(&comparisons)
            .map(|(fold, learned)| FoldedComparison { score: learned.score, ..*fold })
            .collect();
        Some(Self {
            decider: learned.decider(),
            auc: figures.auc,
            eer: figures.eer,
            fmr: point.fmr,
            fnmr: point.fnmr,
            folds: folded_accuracy(&folds).ok(),
        })
    }

    fn balanced_accuracy(&self) -> f64 {
        1.0 - f64::midpoint(self.fmr, self.fnmr)
    }

    /// The figures, a row each.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let by = match self.decider {
            Decider::Head => "the head",
            Decider::JointBayesian => "Joint Bayesian",
        };
        if let Some(folds) = &self.folds {
            let remark = "each with the threshold that is best on the others".to_owned();
            rows.push(Row::folds(&format!("accuracy by {by}"), folds, remark));
        }
        rows.push(Row {
            what: format!("accuracy by {by}"),
            value: format!("{} %", percent(self.balanced_accuracy())),
            interval: String::new(),
            remark: format!(
                "at P(same) 1/2, mated and non-mated weighed alike; FMR {:.2e}, FNMR {:.2e}",
                self.fmr, self.fnmr
            ),
        });
        rows.push(Row::number(format!("AUC by {by}"), self.auc, ""));
        rows.push(Row::share(format!("EER by {by}"), self.eer, ""));
        rows
    }

    /// The figures for programs.
    pub(crate) fn dto(&self) -> LearnedDto {
        let figures = LearnedFiguresDto {
            auc: self.auc.into(),
            eer: self.eer.into(),
            balanced_accuracy: self.balanced_accuracy(),
            fmr: self.fmr,
            fnmr: self.fnmr,
            fold_accuracy: self.folds.as_ref().map(|folds| folds.mean),
        };
        match self.decider {
            Decider::Head => LearnedDto::Head(figures),
            Decider::JointBayesian => LearnedDto::JointBayesian(figures),
        }
    }
}
