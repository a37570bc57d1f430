//! What the head that a model carries makes of the pairs of an evaluation; it knows no table.

use serde::Serialize;
use verisim_core::Head;
use verisim_core::measure::{
    Bootstrap, Comparison, Estimate, FoldedAccuracy, FoldedComparison, Verification,
    folded_accuracy,
};

use super::show::{FigureDto, Row, percent};
use super::{Samples, ScoredPair};

/// Log-odds of a comparison with a picture that has no embedding: it never matches.
const NO_ODDS: f32 = f32::MIN;

/// Figures of a head.
pub(crate) struct HeadFigures {
    auc: Estimate,
    eer: Estimate,
    /// Error rates where the head finds the same person more probable than not.
    fmr: f64,
    fnmr: f64,
    folds: Option<FoldedAccuracy>,
}

/// Figures of a head, for programs.
#[derive(Debug, Serialize)]
pub(crate) struct HeadDto {
    auc: FigureDto,
    eer: FigureDto,
    /// Mean of the true match and the true non-match rate at a probability of 1/2.
    balanced_accuracy: f64,
    fmr: f64,
    fnmr: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    fold_accuracy: Option<f64>,
}

impl HeadFigures {
    /// Lets the head score the pairs, which belong to `folds` if there are any.
    pub(crate) fn of(
        head: &Head,
        samples: &Samples,
        pairs: &[ScoredPair],
        folds: &[FoldedComparison],
        bootstrap: &Bootstrap,
    ) -> Option<Self> {
        let log_odds = |[a, b]: [usize; 2]| match (&samples.embeddings[a], &samples.embeddings[b]) {
            (Some(a), Some(b)) => head.log_odds(a, b),
            _ => NO_ODDS,
        };
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
            .map(|(fold, by_head)| FoldedComparison { score: by_head.score, ..*fold })
            .collect();
        Some(Self {
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
        if let Some(folds) = &self.folds {
            let remark = "each with the threshold that is best on the others".to_owned();
            rows.push(Row::folds("accuracy by the head", folds, remark));
        }
        rows.push(Row {
            what: "accuracy by the head".to_owned(),
            value: format!("{} %", percent(self.balanced_accuracy())),
            interval: String::new(),
            remark: format!(
                "at P(same) 1/2, mated and non-mated weighed alike; FMR {:.2e}, FNMR {:.2e}",
                self.fmr, self.fnmr
            ),
        });
        rows.push(Row::number("AUC by the head", self.auc, ""));
        rows.push(Row::share("EER by the head", self.eer, ""));
        rows
    }

    /// The figures for programs.
    pub(crate) fn dto(&self) -> HeadDto {
        HeadDto {
            auc: self.auc.into(),
            eer: self.eer.into(),
            balanced_accuracy: self.balanced_accuracy(),
            fmr: self.fmr,
            fnmr: self.fnmr,
            fold_accuracy: self.folds.as_ref().map(|folds| folds.mean),
        }
    }
}
