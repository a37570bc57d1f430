//! An evaluation as a table to read and as JSON to process.

use std::fmt::Write;

use serde::Serialize;
use verisim_core::measure::{
    Estimate, FoldAccuracy, SpreadFigures, error_rate_bound_without_errors,
};

use super::discard::{Discard, DiscardDto};
use super::kmeans::Clustering;
use super::learned::{LearnedDto, LearnedFigures};
use super::row::{Row, percent};
use super::{Basis, Evaluation, Failure, SearchFigures};

/// A figure with its 95 % interval.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct FigureDto {
    value: f64,
    lower: f64,
    upper: f64,
}

/// An evaluation, for programs.
#[derive(Debug, Serialize)]
pub(crate) struct EvaluationDto<'a> {
    basis: &'a Basis,
    n_images: usize,
    n_identities: usize,
    failures: &'a [Failure],
    verification: VerificationDto,
    #[serde(skip_serializing_if = "Option::is_none")]
    folds: Option<FoldsDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fitted: Option<FittedDto>,
    #[serde(flatten)]
    learned: Option<LearnedDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discard: Option<DiscardDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_set: Option<SearchDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_set: Option<SearchDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retrieval: Option<RetrievalDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spread: Option<SpreadDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clusters: Option<ClustersDto>,
}

#[derive(Debug, Serialize)]
struct VerificationDto {
    n_mated: usize,
    n_non_mated: usize,
    auc: FigureDto,
    eer: FigureDto,
    eer_threshold: f32,
    at_fmr: Vec<AtFmrDto>,
}

#[derive(Debug, Serialize)]
struct AtFmrDto {
    demanded_fmr: f64,
    threshold: f32,
    fmr: FigureDto,
    tar: FigureDto,
}

#[derive(Debug, Serialize)]
struct FoldsDto {
    mean_accuracy: f64,
    standard_deviation: f64,
    accuracies: Vec<f64>,
    thresholds: Vec<f32>,
}

/// A single fold at the threshold that fits it best.
#[derive(Debug, Serialize)]
struct FittedDto {
    accuracy: f64,
    threshold: f32,
}

#[derive(Debug, Serialize)]
struct SearchDto {
    n_enrolled: usize,
    n_mated: usize,
    n_non_mated: usize,
    ranks: Vec<RankDto>,
    at_fpir: Vec<AtFpirDto>,
}

#[derive(Debug, Serialize)]
struct RankDto {
    rank: usize,
    share: FigureDto,
}

#[derive(Debug, Serialize)]
struct AtFpirDto {
    demanded_fpir: f64,
    threshold: f32,
    fnir: FigureDto,
}

#[derive(Debug, Serialize)]
struct RetrievalDto {
    recall_at_1: FigureDto,
    r_precision: FigureDto,
    map_at_r: FigureDto,
    mean_reciprocal_rank: FigureDto,
}

/// Distances of unit vectors, in `[0, 2]`, and their ratio; a figure without two samples to compare is
/// left out.
#[derive(Debug, Serialize)]
struct SpreadDto {
    #[serde(skip_serializing_if = "Option::is_none")]
    mean_within: Option<FigureDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_within: Option<FigureDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean_between: Option<FigureDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_between: Option<FigureDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio: Option<FigureDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    misplaced: Option<FigureDto>,
}

/// Clusters by k-means: how far they agree with the identities, or why they were not looked for.
#[derive(Debug, Serialize)]
struct ClustersDto {
    n_clusters: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    nmi: Option<FigureDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ami: Option<FigureDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
}

impl From<&Clustering> for ClustersDto {
    fn from(Clustering { n_clusters, figures }: &Clustering) -> Self {
        let found = figures.as_ref().ok();
        Self {
            n_clusters: *n_clusters,
            nmi: found.map(|it| it.nmi.into()),
            ami: found.map(|it| it.ami.into()),
            skipped: figures.as_ref().err().cloned(),
        }
    }
}

impl From<&SpreadFigures<Option<Estimate>>> for SpreadDto {
    fn from(spread: &SpreadFigures<Option<Estimate>>) -> Self {
        let figure = |figure: Option<Estimate>| figure.map(FigureDto::from);
        Self {
            mean_within: figure(spread.mean_within),
            max_within: figure(spread.max_within),
            mean_between: figure(spread.mean_between),
            min_between: figure(spread.min_between),
            ratio: figure(spread.ratio),
            misplaced: figure(spread.misplaced),
        }
    }
}

impl From<Estimate> for FigureDto {
    fn from(Estimate { value, lower, upper }: Estimate) -> Self {
        Self { value, lower, upper }
    }
}

impl From<&SearchFigures> for SearchDto {
    fn from(search: &SearchFigures) -> Self {
        let ranks = search.ranks.iter();
        let at_fpir = search.at_fpir.iter();
        Self {
            n_enrolled: search.n_enrolled,
            n_mated: search.identification.n_mated(),
            n_non_mated: search.identification.n_non_mated(),
            ranks: ranks.map(|&(rank, share)| RankDto { rank, share: share.into() }).collect(),
            at_fpir: at_fpir
                .map(|&(demanded_fpir, threshold, fnir)| AtFpirDto {
                    demanded_fpir,
                    threshold,
                    fnir: fnir.into(),
                })
                .collect(),
        }
    }
}

impl Evaluation {
    /// The evaluation for programs.
    pub(crate) fn dto(&self) -> EvaluationDto<'_> {
        let figures = &self.figures;
        EvaluationDto {
            basis: &self.basis,
            n_images: self.n_images,
            n_identities: self.n_identities,
            failures: &self.failures,
            verification: VerificationDto {
                n_mated: figures.n_mated,
                n_non_mated: figures.n_non_mated,
                auc: figures.auc.into(),
                eer: figures.eer.into(),
                eer_threshold: figures.eer_threshold,
                at_fmr: figures
                    .at_fmr
                    .iter()
                    .map(|it| AtFmrDto {
                        demanded_fmr: it.demanded_fmr,
                        threshold: it.threshold,
                        fmr: it.fmr.into(),
                        tar: it.tar.into(),
                    })
                    .collect(),
            },
            folds: self.folds.as_ref().map(|folds| FoldsDto {
                mean_accuracy: folds.mean,
                standard_deviation: folds.standard_deviation,
                accuracies: folds.folds.iter().map(|fold| fold.accuracy).collect(),
                thresholds: folds.folds.iter().map(|fold| fold.threshold).collect(),
            }),
            fitted: self
                .fitted
                .map(|FoldAccuracy { accuracy, threshold }| FittedDto { accuracy, threshold }),
            learned: self.learned.as_ref().map(LearnedFigures::dto),
            discard: self.discard.as_ref().map(Discard::dto),
            closed_set: self.closed_set.as_ref().map(Into::into),
            open_set: self.open_set.as_ref().map(Into::into),
            retrieval: self.retrieval.as_ref().map(|it| RetrievalDto {
                recall_at_1: it.recall_at_1.into(),
                r_precision: it.r_precision.into(),
                map_at_r: it.map_at_r.into(),
                mean_reciprocal_rank: it.mrr.into(),
            }),
            spread: self.spread.as_ref().map(Into::into),
            clusters: self.clustering.as_ref().map(Into::into),
        }
    }

    /// The figures, a row each.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        if let Some(folds) = &self.folds {
            let each: Vec<String> = folds.folds.iter().map(|it| percent(it.accuracy)).collect();
            rows.push(Row::folds("accuracy", folds, format!("each: {}", each.join(" "))));
        }
        rows.extend(self.fitted.as_ref().map(Row::fitted));
        rows.push(Row::number("AUC", self.figures.auc, ""));
        let remark = format!("at threshold {:.4}", self.figures.eer_threshold);
        rows.push(Row::share("EER", self.figures.eer, remark));
        for it in &self.figures.at_fmr {
            let found = if it.fmr.value > 0.0 {
                format!("FMR {:.2e} found", it.fmr.value)
            } else {
                let bound = error_rate_bound_without_errors(self.figures.n_non_mated);
                format!("no false match: FMR at most {bound:.1e}")
            };
            let remark = format!("threshold {:.4}; {found}", it.threshold);
            rows.push(Row::share(format!("TAR at FMR {}", it.demanded_fmr), it.tar, remark));
        }
        rows.extend(self.discard.iter().flat_map(Discard::rows));
        rows.extend(self.learned.iter().flat_map(LearnedFigures::rows));
        if let Some(search) = &self.closed_set {
            for &(rank, share) in &search.ranks {
                let n_probes = search.identification.n_mated();
                let remark = format!("{} enrolled, {n_probes} probes", search.n_enrolled);
                rows.push(Row::share(format!("rank-{rank}, closed set"), share, remark));
            }
        }
        if let Some(search) = &self.open_set {
            for &(fpir, threshold, fnir) in &search.at_fpir {
                let n_strangers = search.identification.n_non_mated();
                let remark = format!(
                    "{} enrolled, {n_strangers} probes of strangers; threshold {threshold:.4}",
                    search.n_enrolled
                );
                rows.push(Row::share(format!("FNIR at FPIR {fpir}, open set"), fnir, remark));
            }
        }
        if let Some(retrieval) = &self.retrieval {
            rows.push(Row::share("recall@1", retrieval.recall_at_1, "leave one out"));
            rows.push(Row::share("R-precision", retrieval.r_precision, ""));
            rows.push(Row::share("MAP@R", retrieval.map_at_r, ""));
            rows.push(Row::share("mean reciprocal rank", retrieval.mrr, ""));
        }
        if let Some(spread) = &self.spread {
            let all = [
                ("distance within identities", spread.mean_within, "mean; of unit vectors, 0 to 2"),
                ("the same, worst", spread.max_within, ""),
                ("distance between identities", spread.mean_between, "mean"),
                ("the same, worst", spread.min_between, ""),
                ("between / within", spread.ratio, "of the means: above 1 identities cluster"),
            ];
            for (what, figure, remark) in all {
                rows.extend(figure.map(|figure| Row::number(what, figure, remark)));
            }
            if let Some(misplaced) = spread.misplaced {
                let remark = "nearer to the center of another identity";
                rows.push(Row::share("misplaced", misplaced, remark));
            }
        }
        if let Some(Clustering { n_clusters, figures }) = &self.clustering {
            match figures {
                Ok(found) => {
                    let remark = format!("k-means into {n_clusters} clusters");
                    rows.push(Row::number("NMI", found.nmi, remark));
                    rows.push(Row::number("AMI", found.ami, "the same, less what chance gives"));
                }
                Err(reason) => rows.push(Row::missing("NMI, AMI", reason)),
            }
        }
        rows
    }

    /// The evaluation for people.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        let digest = self.basis.model_sha256.as_deref().map(|it| format!(" ({})", &it[..12]));
        let mirrored = if self.basis.mirrored { ", with mirror images" } else { "" };
        let _ = writeln!(
            text,
            "model     {}{}{mirrored}",
            self.basis.model,
            digest.unwrap_or_default()
        );
        let _ = writeln!(
            text,
            "data      {}: {} images of {} identities",
            self.basis.data, self.n_images, self.n_identities
        );
        let _ = writeln!(
            text,
            "protocol  {}: {} mated and {} non-mated comparisons",
            self.basis.protocol, self.figures.n_mated, self.figures.n_non_mated
        );
        if !self.failures.is_empty() {
            let n = self.failures.len();
            let _ = writeln!(text, "failures  {n} images have no embedding and match nothing");
        }
        let rows = self.rows();
        let width = |of: fn(&Row) -> &str| rows.iter().map(|row| of(row).chars().count()).max();
        let what_width = width(|row| &row.what).unwrap_or(0);
        let value_width = width(|row| &row.value).unwrap_or(0);
        let interval_width = width(|row| &row.interval).unwrap_or(0);
        let _ = writeln!(text, "\n{:what_width$}  {:>value_width$}  95 % interval", "", "");
        for Row { what, value, interval, remark } in rows {
            let line = format!(
                "{what:what_width$}  {value:>value_width$}  {interval:interval_width$}  {remark}"
            );
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text.trim_end().to_owned()
    }
}
