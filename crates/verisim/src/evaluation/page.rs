//! An evaluation as a page to look at: figures, curves, the worst comparisons, the nearest identities.

use std::collections::BTreeMap;

use verisim_core::measure::{
    Estimate, IdentificationPoint, OperatingPoint, Verification, VerificationFigures,
};

use super::hardest::{mean_scores, nearest_identities, worst_mated, worst_non_mated};
use super::{Evaluation, Row, ScoredPair, SearchFigures};
use crate::report::number::{count, percent, percent_interval, score, short_percent};
use crate::report::plot::{self, Curve, Mark, NamedThreshold, NearestPair, RankCurve};
use crate::report::{Highlight, NoteKind, Page, PicturePair, glossary};

/// Points of a curve: more cannot be told apart in a plot.
const MAX_POINTS: usize = 300;
const N_BINS: usize = 100;
/// Ranks of the CMC.
const MAX_RANK: usize = 20;
/// Worst comparisons shown of each kind.
const N_WORST: usize = 12;
/// Pairs in the list of nearest identities.
const N_NEAREST: usize = 15;
/// Share of discarded photographs up to which the curve of quality is drawn.
const SHOWN_DISCARD: f64 = 0.5;
/// Identities in the matrix.
const N_IN_MATRIX: usize = 14;
/// The false match rate of the operating point that the page speaks of, or the lowest above it.
const SHOWN_FMR: f64 = 1e-3;

/// A threshold and what it was chosen for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operating {
    pub(crate) fmr: f64,
    pub(crate) threshold: f32,
}

impl Evaluation {
    /// The whole report.
    pub(crate) fn page(&self) -> String {
        let basis = &self.basis;
        let mut page = Page::new(
            &format!("How well {} tells people apart", basis.model),
            &format!("measured on {}, {}", basis.data, basis.protocol),
        );
        self.add_facts(&mut page);
        page.section("In short", "");
        page.highlights(&self.highlights());
        self.add_failures(&mut page);
        self.add_table(&mut page);
        page.section("Verification", VERIFICATION);
        add_verification(&mut page, &self.verification, self.operating());
        self.add_discard(&mut page);
        self.add_identification(&mut page);
        self.add_worst(&mut page);
        self.add_nearest(&mut page);
        page.section("Words", "").glossary(&glossary::VERIFICATION);
        if self.closed_set.is_some() {
            page.glossary(&glossary::IDENTIFICATION);
        }
        page.finish()
    }

    /// What was measured on what.
    pub(crate) fn add_facts(&self, page: &mut Page) {
        let basis = &self.basis;
        let digest = basis.model_sha256.as_deref().unwrap_or("unknown: the embeddings were given");
        let mirrored = if basis.mirrored { "yes" } else { "no" };
        let comparisons = format!(
            "{} mated, {} non-mated",
            count(self.figures.n_mated),
            count(self.figures.n_non_mated)
        );
        page.facts(&[
            ("Model", &basis.model),
            ("Data", &basis.data),
            ("Protocol", &basis.protocol),
            ("Images", &count(self.n_images)),
            ("Identities", &count(self.n_identities)),
            ("Comparisons", &comparisons),
            ("Without an embedding", &count(self.failures.len())),
            ("Mirror images added", mirrored),
            ("Written by", concat!("verisim ", env!("CARGO_PKG_VERSION"))),
            ("SHA-256 of the model", &format!("`{digest}`")),
        ]);
    }

    /// The figures to be seen first.
    pub(crate) fn highlights(&self) -> Vec<Highlight> {
        let mut highlights = Vec::new();
        let mut add = |label: String, value: String, detail: String| {
            highlights.push(Highlight { label, value, detail });
        };
        let interval = |it: Estimate| percent_interval(it.lower, it.upper, 1);
        if let Some(folds) = &self.folds {
            let label = format!("accuracy over {} folds", folds.folds.len());
            let deviation = percent(folds.standard_deviation, 2);
            add(label, percent(folds.mean, 2), format!("± {deviation} between folds"));
        }
        if let Some(fitted) = &self.fitted {
            let detail = "at the threshold that fits these pairs best".to_owned();
            add("accuracy of one fold".to_owned(), percent(fitted.accuracy, 2), detail);
        }
        let auc = self.figures.auc;
        let detail = format!("{:.4}–{:.4}", auc.lower, auc.upper);
        add("AUC".to_owned(), format!("{:.4}", auc.value), detail);
        add("EER".to_owned(), percent(self.figures.eer.value, 1), interval(self.figures.eer));
        let operating = self.operating().map(|it| it.fmr);
        let at_fmr = self.figures.at_fmr.iter().find(|it| Some(it.demanded_fmr) == operating);
        if let Some(it) = at_fmr {
            let label = format!("TAR at FMR {}", short_percent(it.demanded_fmr));
            add(label, percent(it.tar.value, 1), interval(it.tar));
        }
        if let Some(search) = &self.closed_set
            && let Some((rank, share)) = search.ranks.first()
        {
            let detail = format!("{}; {} enrolled", interval(*share), count(search.n_enrolled));
            add(format!("rank-{rank}, closed set"), percent(share.value, 1), detail);
        }
        highlights
    }

    /// The operating point that plots and pictures refer to.
    pub(crate) fn operating(&self) -> Option<Operating> {
        operating(&self.figures)
    }

    fn add_failures(&self, page: &mut Page) {
        if !self.failures.is_empty() {
            let n = count(self.failures.len());
            let text = format!(
                "{n} images have no embedding. They match nothing, and count as errors in every \
                 figure of verification."
            );
            page.note(NoteKind::Problem, &text);
        }
    }

    /// All figures with their intervals.
    pub(crate) fn add_table(&self, page: &mut Page) {
        let rows: Vec<Vec<String>> = self
            .rows()
            .into_iter()
            .map(|Row { what, value, interval, remark }| vec![what, value, interval, remark])
            .collect();
        let caption = "Figures, with 95 % intervals by bootstrap over identities";
        page.table(caption, &["Figure", "Value", "95 % interval", "Remark"], &rows);
    }

    /// What quality says about photographs, if it was judged.
    fn add_discard(&self, page: &mut Page) {
        let Some(discard) = &self.discard else { return };
        page.section("Quality", QUALITY);
        let fmr = short_percent(discard.operating.fmr);
        let caption = format!(
            "Error versus discard: FNMR at the threshold of FMR {fmr}, as photographs of low quality are \
             left out. The lower, the more quality says."
        );
        let svg = plot::error_versus_discard(&discard.points, SHOWN_DISCARD);
        page.figure(&svg, &caption);
    }

    /// Curves of identification, if there was any.
    pub(crate) fn add_identification(&self, page: &mut Page) {
        let Some(closed) = &self.closed_set else { return };
        page.section("Identification", IDENTIFICATION);
        let mut figures = Vec::new();
        if let Some(rates) = closed.identification.cmc(MAX_RANK.min(closed.n_enrolled)) {
            let svg = plot::cmc(&[RankCurve { name: "closed set", rates: &rates }]);
            figures.push((svg, "CMC: how often the right identity is among the first k."));
        }
        if let Some(open) = &self.open_set {
            let points = open_set_points(open);
            let curve = Curve {
                name: "open set",
                points: &points,
                n_mated: open.identification.n_mated(),
                n_non_mated: open.identification.n_non_mated(),
                marks: &[],
            };
            let caption = "What it costs to turn strangers away: 30 % of the identities are not \
                           enrolled. Lower is better.";
            figures.push((plot::open_set(&[curve]), caption));
        }
        page.figures(&figures);
    }

    /// The worst comparisons as pictures, if there are pictures.
    pub(crate) fn add_worst(&self, page: &mut Page) {
        if self.set.is_none() {
            return;
        }
        page.section("The worst comparisons", WORST);
        let non_mated = worst_non_mated(&self.pairs, &self.labels, N_WORST);
        let caption = "Different identities with the highest scores, one of each pair";
        page.pictures(caption, &self.picture_pairs(&non_mated));
        let mated = worst_mated(&self.pairs, &self.labels, N_WORST);
        let caption = "The same identity with the lowest scores, one of each identity";
        page.pictures(caption, &self.picture_pairs(&mated));
    }

    fn picture_pairs(&self, pairs: &[ScoredPair]) -> Vec<PicturePair> {
        let threshold = self.operating().map(|it| it.threshold);
        let pair = |pair: &ScoredPair| {
            // A picture that cannot be read has no embedding either, and stands in the failures.
            let [left, right] = pair.samples.map(|sample| self.picture(sample));
            let verdict = match threshold {
                Some(threshold) if pair.score >= threshold && pair.is_mated => ", match",
                Some(threshold) if pair.score >= threshold => ", false match",
                Some(_) if pair.is_mated => ", false non-match",
                Some(_) => ", no match",
                None => "",
            };
            Some(PicturePair {
                left: left?,
                right: right?,
                names: pair.samples.map(|sample| self.name(self.labels[sample])),
                label: format!("score {}{verdict}", score(pair.score)),
            })
        };
        pairs.iter().filter_map(pair).collect()
    }

    /// The identities that are hardest to tell apart.
    pub(crate) fn add_nearest(&self, page: &mut Page) {
        let nearest = nearest_identities(&self.pairs, &self.labels, N_NEAREST);
        if nearest.is_empty() {
            return;
        }
        let threshold = self.operating().map(|it| it.threshold);
        let mut shown: Vec<u64> = Vec::new();
        for label in nearest.iter().flat_map(|pair| pair.labels) {
            if shown.len() < N_IN_MATRIX && !shown.contains(&label) {
                shown.push(label);
            }
        }
        let pairs: Vec<NearestPair> = nearest
            .iter()
            .map(|it| NearestPair {
                names: it.labels.map(|label| self.name(label)),
                highest: it.highest,
                mean: it.mean,
            })
            .collect();
        let names: Vec<String> = shown.iter().map(|&label| self.name(label)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let scores = mean_scores(&self.pairs, &self.labels, &shown);
        page.section("The nearest identities", NEAREST);
        page.figures(&[
            (plot::nearest_pairs(&pairs, threshold), "Pairs of identities, hardest first."),
            (
                plot::similarities(&names, &scores, threshold),
                "Mean scores between these identities, and within each on the diagonal.",
            ),
        ]);
    }

    /// What an identity is called.
    pub(crate) fn name(&self, label: u64) -> String {
        self.names.get(label as usize).cloned().unwrap_or_else(|| label.to_string())
    }
}

/// The operating point that the page speaks of.
pub(super) fn operating(figures: &VerificationFigures) -> Option<Operating> {
    let reached = figures.at_fmr.iter().filter(|it| it.demanded_fmr >= SHOWN_FMR);
    let lowest = reached.min_by(|a, b| a.demanded_fmr.total_cmp(&b.demanded_fmr))?;
    Some(Operating { fmr: lowest.demanded_fmr, threshold: lowest.threshold })
}

/// ROC, DET and histogram of any verification experiment.
pub(crate) fn add_verification(
    page: &mut Page,
    verification: &Verification,
    operating: Option<Operating>,
) {
    let points = verification.roc_thinned(MAX_POINTS);
    let eer = verification.eer();
    let mut marks = vec![Mark {
        point: verification.at_threshold(eer.threshold),
        label: format!("EER {}", percent(eer.rate, 1)),
    }];
    let mut thresholds = vec![NamedThreshold { score: eer.threshold, name: "EER".to_owned() }];
    if let Some(Operating { fmr, threshold }) = operating {
        let label = format!("FMR {}", short_percent(fmr));
        thresholds.push(NamedThreshold { score: threshold, name: label.clone() });
        marks.push(Mark { point: verification.at_threshold(threshold), label });
    }
    let curve = [Curve::<OperatingPoint> {
        name: "all comparisons",
        points: &points,
        n_mated: verification.n_mated(),
        n_non_mated: verification.n_non_mated(),
        marks: &marks,
    }];
    page.figures(&[
        (plot::roc(&curve), "ROC, with a logarithmic axis of FMR: higher is better."),
        (plot::det(&curve), "DET, both axes spaced by normal deviates: lower is better."),
    ]);
    let histogram = plot::score_histogram(&verification.histogram(N_BINS), &thresholds);
    page.figure(
        &histogram,
        "Scores of mated and of non-mated comparisons, each adding up to 100 %.",
    );
}

/// Error rates of the open set at false positive rates from one search to all.
fn open_set_points(search: &SearchFigures) -> Vec<IdentificationPoint> {
    let n_strangers = search.identification.n_non_mated().max(1) as f64;
    let fpir = |step: usize| n_strangers.powf(step as f64 / MAX_POINTS as f64 - 1.0);
    let points = (0..=MAX_POINTS).filter_map(|step| search.identification.at_fpir(fpir(step)));
    // Steps between two strangers are the same point.
    let distinct: BTreeMap<u32, IdentificationPoint> =
        points.map(|point| (point.threshold.to_bits(), point)).collect();
    distinct.into_values().collect()
}

const VERIFICATION: &str = "Every comparison asks whether two pictures show the same identity. The \
    curves show what a lower false match rate costs in false non-matches.";
const IDENTIFICATION: &str = "Every search asks who it is. One image of each identity is enrolled, \
    the others are searched for.";
const QUALITY: &str = "A quality from 0 to 100 is to say which photographs will not be recognized. If it \
    does, errors become rarer as those of low quality are discarded. Pictures without a face go first.";
const WORST: &str = "Where errors come from: look for poses, light, hidden faces, and for pictures \
    that stand under a wrong name.";
const NEAREST: &str = "Two identities that stand near each other look alike, are relatives, or are the \
    same person under two names.";
