//! Plots of identification: at which rank the right identity comes, and what a threshold costs.

use verisim_core::measure::IdentificationPoint;

use super::axis::Axis;
use super::canvas::Ink;
use super::frame::Frame;
use super::stairs::stairs;
use super::{Curve, floor_of, keys, lowest_rate, marks};
use crate::report::number::{count, trimmed};

/// Up to so many ranks each is a dot of its own; more stand on a logarithmic axis.
const MAX_DOTS: usize = 20;

/// The rates of one model by rank.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RankCurve<'a> {
    /// What the legend calls it.
    pub(crate) name: &'a str,
    /// Share of mated searches with the right identity at rank 1 or above, at rank 2, and so on.
    pub(crate) rates: &'a [f64],
}

/// The cumulative match characteristic: the share of mated searches with the right identity among
/// the first `k`.
pub(crate) fn cmc(curves: &[RankCurve<'_>]) -> String {
    let n_ranks = curves.iter().map(|curve| curve.rates.len()).max().unwrap_or(0);
    let rates = curves.iter().flat_map(|curve| curve.rates).copied();
    let rank = |rank: f64| {
        if rank >= 1.0 && rank.fract() == 0.0 { count(rank as usize) } else { String::new() }
    };
    let x = if n_ranks > MAX_DOTS {
        Axis::logarithmic("Rank k", 1.0, n_ranks as f64, rank)
    } else {
        Axis::linear("Rank k", 0.5..n_ranks.max(1) as f64 + 0.5, 8, rank).naming(1.0, "1")
    };
    let name = |rate: f64| trimmed(100.0 * rate);
    let title = "Right identity among the first k (%)";
    let y = Axis::linear(title, floor_of(rates)..1.0, 6, name);
    let mut frame = Frame::new(x, y);
    frame.keys = keys(curves.iter().map(|curve| curve.name));
    frame.draw("CMC: share of mated searches with the right identity among the first k", |plot| {
        if n_ranks == 0 {
            return plot.say("no mated searches");
        }
        for (idx, curve) in curves.iter().enumerate() {
            let ranks = (1..).map(f64::from).zip(curve.rates.iter().copied());
            let points: Vec<_> = ranks.filter(|(_, rate)| rate.is_finite()).collect();
            plot.line(&points, Ink::Series(idx), 1.8)?;
            if n_ranks <= MAX_DOTS {
                points.iter().try_for_each(|&point| plot.dot(point, Ink::Series(idx)))?;
            }
        }
        Ok(())
    })
}

/// False negative over false positive identification rate, both logarithmic, as NIST FRTE 1:N plots
/// them. Points that lack either rate are left out.
pub(crate) fn open_set(curves: &[Curve<'_, IdentificationPoint>]) -> String {
    let rates = |point: &IdentificationPoint| Some((point.fpir?, point.fnir?));
    let lines: Vec<Vec<(f64, f64)>> =
        curves.iter().map(|curve| stairs(curve.points.iter().filter_map(rates))).collect();
    let low = |n_searches: &dyn Fn(&Curve<'_, IdentificationPoint>) -> usize| {
        lowest_rate(curves.iter().map(n_searches))
    };
    let x_low = low(&|curve| curve.n_non_mated);
    let x = Axis::log_rates("False positive identification rate FPIR (%)", x_low, 1.0).with_zero();
    let y_low = low(&|curve| curve.n_mated);
    let y = Axis::log_rates("False negative identification rate FNIR (%)", y_low, 1.0).with_zero();
    let mut frame = Frame::new(x, y);
    frame.keys = keys(curves.iter().map(|curve| curve.name));
    let description = "False negative over false positive identification rate";
    frame.draw(description, |plot| {
        if lines.iter().all(Vec::is_empty) {
            return plot.say("no searches of both kinds");
        }
        for (idx, line) in lines.iter().enumerate() {
            plot.line(line, Ink::Series(idx), 1.8)?;
        }
        plot.marks(&marks(curves, |point| rates(&point)))
    })
}

#[cfg(test)]
mod tests {
    use super::super::Mark;
    use super::*;
    use crate::report::markup::check_well_formed;

    fn point(positive: Option<f64>, negative: Option<f64>) -> IdentificationPoint {
        IdentificationPoint { threshold: 0.4, fpir: positive, fnir: negative }
    }

    #[test]
    fn degenerate_ranks_are_drawn() {
        assert!(check_well_formed(&cmc(&[])).contains("no mated searches"));
        for rates in [[].as_slice(), &[1.0], &[f64::NAN, 0.5], &[0.0; 3], &[0.999; 1000]] {
            let curve = RankCurve { name: "<i>", rates };
            let svg = check_well_formed(&cmc(&[curve, curve]));
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn only_whole_ranks_are_named() {
        let svg = cmc(&[RankCurve { name: "", rates: &[0.96, 0.97] }]);
        assert!(svg.contains("\n1\n") && svg.contains("\n2\n"), "{svg}");
        assert!(!svg.contains("\n1.5\n") && !svg.contains("\n0\n"), "{svg}");
    }

    #[test]
    fn degenerate_searches_are_drawn() {
        let of = |points: &[IdentificationPoint], n: usize| {
            let marks: Vec<_> = points
                .first()
                .map(|&point| Mark { point, label: "<m>".to_owned() })
                .into_iter()
                .collect();
            let curve = Curve { name: "<i>", points, n_mated: n, n_non_mated: n, marks: &marks };
            check_well_formed(&open_set(&[curve]))
        };
        for n in [0, 1, 3, 10_000_000] {
            assert!(of(&[], n).contains("no searches of both kinds"));
            assert!(of(&[point(None, Some(0.5))], n).contains("no searches of both kinds"));
            let separable = [point(Some(0.0), Some(0.0)), point(Some(1.0), Some(0.0))];
            for points in [&separable[..1], &separable] {
                let svg = of(points, n);
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
                assert!(svg.contains("&lt;m&gt;"), "{svg}");
            }
        }
    }
}
