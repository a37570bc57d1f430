//! A line of an evaluation's table; it does not know what was measured.

use verisim_core::measure::{Estimate, FoldAccuracy, FoldedAccuracy};

/// One line of the table: what, value, and remark.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) value: String,
    pub(crate) interval: String,
    pub(crate) remark: String,
}

/// A share as hundredths, without the sign.
pub(super) fn percent(share: f64) -> String {
    format!("{:.2}", 100.0 * share)
}

impl Row {
    pub(super) fn share(
        what: impl Into<String>,
        figure: Estimate,
        remark: impl Into<String>,
    ) -> Self {
        Self {
            what: what.into(),
            value: format!("{} %", percent(figure.value)),
            interval: format!("{} – {}", percent(figure.lower), percent(figure.upper)),
            remark: remark.into(),
        }
    }

    /// The accuracy over folds.
    pub(super) fn folds(what: &str, folds: &FoldedAccuracy, remark: String) -> Self {
        Self {
            what: format!("{what}, {} folds", folds.folds.len()),
            value: format!("{} %", percent(folds.mean)),
            interval: format!("± {} (deviation)", percent(folds.standard_deviation)),
            remark,
        }
    }

    /// The accuracy of a single fold.
    pub(super) fn fitted(fitted: &FoldAccuracy) -> Self {
        Self {
            what: "accuracy, one fold".to_owned(),
            value: format!("{} %", percent(fitted.accuracy)),
            interval: String::new(),
            remark: format!(
                "at {:.4}, which fits these very pairs best: it flatters",
                fitted.threshold
            ),
        }
    }

    pub(super) fn missing(what: impl Into<String>, reason: &str) -> Self {
        let remark = format!("skipped: {reason}");
        Self { what: what.into(), value: "–".to_owned(), interval: String::new(), remark }
    }

    pub(super) fn number(
        what: impl Into<String>,
        figure: Estimate,
        remark: impl Into<String>,
    ) -> Self {
        Self {
            what: what.into(),
            value: format!("{:.4}", figure.value),
            interval: format!("{:.4} – {:.4}", figure.lower, figure.upper),
            remark: remark.into(),
        }
    }
}
