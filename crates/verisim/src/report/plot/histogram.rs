//! How scores are distributed, mated and non-mated; it does not know where a threshold comes from.

use verisim_core::measure::ScoreHistogram;

use super::axis::Axis;
use super::canvas::Ink;
use super::frame::Frame;
use super::legend::{Key, KeyKind};
use crate::report::number::trimmed;

/// A threshold, and what to call it.
#[derive(Clone, Debug)]
pub(crate) struct NamedThreshold {
    /// Score at or above which a comparison matches; drawn if it is a similarity.
    pub(crate) score: f32,
    /// A few words above the line.
    pub(crate) name: String,
}

/// The share of comparisons in each bin of scores, of mated and of non-mated ones each for itself,
/// with lines at thresholds.
pub(crate) fn score_histogram(histogram: &ScoreHistogram, thresholds: &[NamedThreshold]) -> String {
    let mated = outline(histogram, &histogram.mated);
    let non_mated = outline(histogram, &histogram.non_mated);
    let rules: Vec<(f64, String)> = thresholds
        .iter()
        .filter(|it| (-1.0..=1.0).contains(&it.score))
        .map(|it| (f64::from(it.score), it.name.clone()))
        .collect();
    let corners = || mated.iter().chain(&non_mated);
    let highest = corners().map(|(_, share)| *share).fold(0.0, f64::max);
    let shown = || corners().map(|(score, _)| *score).chain(rules.iter().map(|(score, _)| *score));
    let low = shown().fold(f64::INFINITY, f64::min);
    let high = shown().fold(f64::NEG_INFINITY, f64::max);
    let (low, high) = if low < high { (low, high) } else { (-1.0, 1.0) };
    let x = Axis::linear("Score (cosine similarity)", low..high, 8, trimmed);
    let top = if highest > 0.0 { highest * 1.04 } else { 1.0 };
    let name = |share: f64| trimmed(100.0 * share);
    let y = Axis::linear("Share of comparisons in a bin (%)", 0.0..top, 5, name);
    let mut frame = Frame::new(x, y);
    let key = |name: &str, ink| Key { name: name.to_owned(), ink, kind: KeyKind::Area };
    frame.keys = vec![key("non-mated", Ink::NonMated), key("mated", Ink::Mated)];
    frame.rules = rules;
    frame.draw("Histogram of the scores of mated and non-mated comparisons", |plot| {
        if mated.is_empty() && non_mated.is_empty() {
            return plot.say("no comparisons");
        }
        for (line, ink) in [(&non_mated, Ink::NonMated), (&mated, Ink::Mated)] {
            plot.area_below(line, ink)?;
            plot.line(line, ink, 1.6)?;
        }
        Ok(())
    })
}

/// The outline of the bins from the first that holds a score to the last.
fn outline(histogram: &ScoreHistogram, counts: &[u64]) -> Vec<(f64, f64)> {
    let all: u64 = counts.iter().sum();
    let is_used = |count: &u64| *count > 0;
    let (Some(first), Some(last)) =
        (counts.iter().position(is_used), counts.iter().rposition(is_used))
    else {
        return Vec::new();
    };
    let mut corners = vec![(histogram.lower_edge(first), 0.0)];
    for (bin, count) in counts.iter().enumerate().take(last + 1).skip(first) {
        let share = *count as f64 / all as f64;
        let edges = [histogram.lower_edge(bin), histogram.lower_edge(bin + 1)];
        corners.extend(edges.map(|edge| (edge, share)));
    }
    corners.push((histogram.lower_edge(last + 1), 0.0));
    corners
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::markup::check_well_formed;

    fn drawn(mated: &[u64], non_mated: &[u64], thresholds: &[f32]) -> String {
        let histogram = ScoreHistogram { mated: mated.to_vec(), non_mated: non_mated.to_vec() };
        let named = |&score: &f32| NamedThreshold { score, name: format!("at {score} <b>") };
        let thresholds: Vec<_> = thresholds.iter().map(named).collect();
        check_well_formed(&score_histogram(&histogram, &thresholds))
    }

    #[test]
    fn degenerate_histograms_are_drawn() {
        assert!(drawn(&[], &[], &[]).contains("no comparisons"));
        assert!(drawn(&[0, 0], &[0, 0], &[0.5]).contains("no comparisons"));
        for svg in [
            drawn(&[1], &[1], &[]),
            drawn(&[0, 0, 0, 3], &[0, 0, 0, 0], &[1.0, -1.0]),
            drawn(&[0, 0, 1, 0], &[0, 2, 0, 0], &[0.1, 0.11, 0.12, 0.13]),
        ] {
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn each_kind_is_normalized_for_itself() {
        let histogram = ScoreHistogram { mated: vec![0, 3, 1], non_mated: vec![600, 200, 0] };
        let highest = |counts: &[u64]| {
            outline(&histogram, counts).iter().map(|(_, share)| *share).fold(0.0, f64::max)
        };
        assert_eq!((highest(&histogram.mated), highest(&histogram.non_mated)), (0.75, 0.75));
        let third = 1.0 / 3.0;
        let corners = outline(&histogram, &histogram.mated);
        assert!((corners[0].0 + third).abs() < 1e-12 && corners[0].1 == 0.0, "{corners:?}");
        assert_eq!(corners.len(), 6);
    }

    #[test]
    fn a_threshold_that_is_no_similarity_has_no_line() {
        let svg = drawn(&[0, 1], &[1, 0], &[f32::NEG_INFINITY, 0.25, 1.5]);
        assert!(svg.contains("at 0.25 &lt;b&gt;"), "{svg}");
        assert_eq!(svg.matches("stroke-dasharray").count(), 1, "{svg}");
    }
}
