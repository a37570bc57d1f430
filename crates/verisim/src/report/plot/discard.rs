//! False non-matches as pictures of low quality are discarded; it does not know how quality is judged.

use verisim_core::measure::DiscardPoint;

use super::axis::Axis;
use super::canvas::Ink;
use super::frame::Frame;
use super::keys;
use crate::report::number::trimmed;

/// The error versus discard characteristic, in steps, beside the level line of a quality that says nothing; to the
/// right of `max_discard` it is not drawn, since too little is left there.
pub(crate) fn error_versus_discard(points: &[DiscardPoint], max_discard: f64) -> String {
    let is_drawn = |it: &&DiscardPoint| it.discarded.is_finite() && it.fnmr.is_finite();
    let points: Vec<&DiscardPoint> = points.iter().filter(is_drawn).collect();
    let mut steps: Vec<(f64, f64)> = Vec::new();
    for point in points.iter().filter(|it| it.discarded <= max_discard) {
        steps.extend(steps.last().map(|(_, before)| (point.discarded, *before)));
        steps.push((point.discarded, point.fnmr));
    }
    // The last rate lasts until the next are discarded, if there are any.
    steps.extend(steps.last().map(|(_, last)| (max_discard, *last)));
    let highest = steps.iter().map(|(_, fnmr)| *fnmr).fold(0.0, f64::max);
    let percent = |rate: f64| trimmed(100.0 * rate);
    let title = "Photographs discarded, lowest quality first (%)";
    let x = Axis::linear(title, 0.0..max_discard, 6, percent);
    // Room above the highest; any where there is no error.
    let top = if highest > 0.0 { 1.1 * highest } else { 0.01 };
    let y = Axis::linear("False non-match rate FNMR (%)", 0.0..top, 6, percent);
    let mut frame = Frame::new(x, y);
    frame.keys = keys(["by quality", "at random"].into_iter());
    frame.draw("False non-match rate over the share of photographs discarded", |plot| {
        let Some(&(_, first)) = steps.first() else { return plot.say("nothing was compared") };
        plot.line(&[(0.0, first), (max_discard, first)], Ink::Series(1), 1.2)?;
        plot.line(&steps, Ink::Series(0), 1.8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::markup::check_well_formed;

    fn of(points: &[(f64, f64)]) -> String {
        let point = |&(discarded, fnmr): &(f64, f64)| DiscardPoint { discarded, fnmr };
        let points: Vec<DiscardPoint> = points.iter().map(point).collect();
        check_well_formed(&error_versus_discard(&points, 0.5))
    }

    #[test]
    fn degenerate_curves_are_drawn() {
        assert!(of(&[]).contains("nothing was compared"));
        for points in
            [&[(0.0, 0.0)][..], &[(0.0, 1.0), (1.0, f64::NAN)], &[(0.0, 1e-9), (0.9, 0.0)]]
        {
            let svg = of(points);
            assert!(
                svg.contains("by quality") && !svg.contains("NaN") && !svg.contains("inf"),
                "{svg}"
            );
        }
    }

    #[test]
    fn a_rate_is_level_until_more_is_discarded() {
        let svg = of(&[(0.0, 0.2), (0.25, 0.1), (0.75, 0.0)]);
        let line = svg.lines().rfind(|line| line.contains("polyline") && line.contains("series-1"));
        // Level, down, level to the edge: four corners, and nothing of what lies beyond the edge.
        let corners = line.unwrap().split("points=\"").nth(1).unwrap();
        assert_eq!(corners.split('"').next().unwrap().split_whitespace().count(), 4, "{svg}");
    }
}
