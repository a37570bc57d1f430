//! How the time of a search grows with what is searched; it does not know how it is searched.

use super::axis::Axis;
use super::canvas::Ink;
use super::frame::Frame;
use super::keys;
use crate::report::number::{count, trimmed};

/// One way of searching.
#[derive(Clone, Debug)]
pub(crate) struct GrowthCurve {
    /// What the legend calls it.
    pub(crate) name: String,
    /// The number of templates, in rising order, and milliseconds a probe.
    pub(crate) points: Vec<(f64, f64)>,
}

/// Milliseconds by number of templates, both on logarithmic axes, on which what grows in proportion is a
/// line that rises at half a right angle.
pub(crate) fn growth(curves: &[GrowthCurve]) -> String {
    let is_drawn = |(x, y): &(f64, f64)| x.is_finite() && y.is_finite() && *x > 0.0 && *y > 0.0;
    let lines: Vec<Vec<(f64, f64)>> = curves
        .iter()
        .map(|curve| curve.points.iter().copied().filter(is_drawn).collect())
        .collect();
    let axis = |title: &str, value: fn(&(f64, f64)) -> f64, name: fn(f64) -> String| {
        let values = lines.iter().flatten().map(value);
        let low = values.clone().reduce(f64::min).unwrap_or(1.0);
        let high = values.reduce(f64::max).unwrap_or(10.0);
        // Room beside the outermost, which is the middle of the axis if it is the only one.
        Axis::logarithmic(title, low / 1.25, 1.25 * high, name)
    };
    let x = axis("Templates", |point| point.0, |n| count(n.round() as usize));
    let y = axis("Milliseconds a probe", |point| point.1, trimmed);
    let mut frame = Frame::new(x, y);
    frame.keys = keys(curves.iter().map(|curve| curve.name.as_str()));
    frame.draw("Time of a search by number of templates", |plot| {
        if lines.iter().all(Vec::is_empty) {
            return plot.say("nothing was measured");
        }
        for (idx, line) in lines.iter().enumerate() {
            plot.line(line, Ink::Series(idx), 1.8)?;
            line.iter().try_for_each(|&point| plot.dot(point, Ink::Series(idx)))?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::markup::check_well_formed;

    fn curve(points: &[(f64, f64)]) -> GrowthCurve {
        GrowthCurve { name: "<one>".to_owned(), points: points.to_vec() }
    }

    #[test]
    fn degenerate_curves_are_drawn() {
        assert!(check_well_formed(&growth(&[])).contains("nothing was measured"));
        let odd = [(0.0, 1.0), (1e4, 0.0), (1e5, f64::NAN), (f64::INFINITY, 2.0)];
        for points in [&[][..], &odd, &[(1e4, 2.0)], &[(1e4, 1e-9), (1e9, 1e9)]] {
            let svg = check_well_formed(&growth(&[curve(points), curve(points)]));
            assert!(svg.contains("&lt;one&gt;") && !svg.contains("NaN"), "{svg}");
        }
    }

    #[test]
    fn sizes_are_named_and_measurements_are_dots() {
        let svg = growth(&[curve(&[(1e4, 0.5), (1e5, 5.0), (1e6, 50.0)])]);
        assert!(svg.contains("100,000") && svg.contains("1,000,000"), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 6); // each with its rim
    }
}
