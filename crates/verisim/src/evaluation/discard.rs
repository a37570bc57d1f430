//! Whether the quality value of photographs says which of them are not recognized; it knows no pictures.

use serde::Serialize;
use verisim_core::measure::{
    Bootstrap, DiscardFigures, DiscardPoint, ErrorVersusDiscard, MatedComparison,
};

use super::show::FigureDto;
use super::{Operating, Row, Samples, ScoredPair};

/// Shares of discarded photographs that rates are given at.
const SHARES: [f64; 2] = [0.1, 0.2];
/// Share up to which the area under the curve is taken: nobody discards more.
const MAX_DISCARD: f64 = 0.2;

/// False non-matches as photographs of low quality are discarded.
pub(crate) struct Discard {
    /// The threshold, and the false match rate of all comparisons that it was chosen for.
    pub(crate) operating: Operating,
    pub(crate) points: Vec<DiscardPoint>,
    pub(crate) figures: DiscardFigures,
}

/// The same, for programs.
#[derive(Debug, Serialize)]
pub(crate) struct DiscardDto {
    fmr: f64,
    threshold: f32,
    fnmr: FigureDto,
    at_discard: Vec<AtDiscardDto>,
    /// The share up to which the area is taken.
    max_discard: f64,
    /// Mean rate up to there as a multiple of the rate without: 1 if quality says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    relative_area: Option<FigureDto>,
}

#[derive(Debug, Serialize)]
struct AtDiscardDto {
    discarded: f64,
    fnmr: FigureDto,
}

impl Discard {
    /// The curve at a threshold, if the quality of the pictures was judged and there is a mated comparison.
    pub(super) fn of(
        samples: &Samples,
        pairs: &[ScoredPair],
        operating: Operating,
        bootstrap: &Bootstrap,
    ) -> Option<Self> {
        samples.qualities.iter().flatten().next()?;
        let quality = |it: &Option<u8>| it.map_or(f32::NEG_INFINITY, f32::from);
        let qualities: Vec<f32> = samples.qualities.iter().map(quality).collect();
        let mated = pairs.iter().filter(|it| it.is_mated);
        let mated: Vec<MatedComparison> =
            mated.map(|it| MatedComparison { score: it.score, samples: it.samples }).collect();
        let curve =
            ErrorVersusDiscard::new(&qualities, &samples.labels, &mated, operating.threshold);
        let curve = curve.ok()?;
        let figures = curve.figures(bootstrap, &SHARES, MAX_DISCARD)?;
        Some(Self { operating, points: curve.points(), figures })
    }

    pub(super) fn dto(&self) -> DiscardDto {
        let DiscardFigures { fnmr, at_discard, relative_area, max_discard } = &self.figures;
        let at =
            |&(discarded, fnmr): &(f64, _)| AtDiscardDto { discarded, fnmr: FigureDto::from(fnmr) };
        DiscardDto {
            fmr: self.operating.fmr,
            threshold: self.operating.threshold,
            fnmr: (*fnmr).into(),
            at_discard: at_discard.iter().map(at).collect(),
            max_discard: *max_discard,
            relative_area: relative_area.map(Into::into),
        }
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        let fmr = self.operating.fmr;
        let mut rows = vec![Row::share(format!("FNMR at FMR {fmr}"), self.figures.fnmr, "")];
        for (share, fnmr) in &self.figures.at_discard {
            let what = format!("the same, {:.0} % discarded", 100.0 * share);
            rows.push(Row::share(what, *fnmr, "photographs of the lowest quality"));
        }
        if let Some(area) = self.figures.relative_area {
            let what = format!("FNMR up to {:.0} % / without", 100.0 * self.figures.max_discard);
            rows.push(Row::number(what, area, "1 if quality says nothing, lower is better"));
        }
        rows
    }
}
