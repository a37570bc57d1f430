//! How time and memory of a search grow with what is searched; it does not know how it is searched.

use super::axis::Axis;
use super::canvas::{Drawn, Ink, sheet, units};
use super::frame::{Frame, HEIGHT, WIDTH};
use super::keys;
use crate::report::number::{count, trimmed};

/// Height of the panel of the memory, in points.
const LOWER_HEIGHT: f64 = 150.0;

/// One way of searching.
#[derive(Clone, Debug)]
pub(crate) struct GrowthCurve {
    /// What the legend calls it.
    pub(crate) name: String,
    /// The number of templates, in rising order, and milliseconds a probe.
    pub(crate) points: Vec<(f64, f64)>,
}

/// Milliseconds by number of templates, and below them megabytes, all on logarithmic axes, on which what
/// grows in proportion is a line that rises evenly.
pub(crate) fn growth(curves: &[GrowthCurve], megabytes: &[(f64, f64)]) -> String {
    let lines: Vec<Vec<(f64, f64)>> = curves.iter().map(|curve| drawn(&curve.points)).collect();
    let memory = drawn(megabytes);
    let sizes = || lines.iter().flatten().chain(&memory).map(|it| it.0);
    let x = |title| axis(title, sizes(), |n| count(n.round() as usize));
    let times = lines.iter().flatten().map(|it| it.1);
    let mut upper = Frame::new(x(""), axis("Milliseconds a probe", times, trimmed));
    upper.keys = keys(curves.iter().map(|curve| curve.name.as_str()));
    let mut lower = Frame::new(x("Templates"), axis("MB", memory.iter().map(|it| it.1), trimmed));
    let widest = upper.label_width().max(lower.label_width());
    (upper.min_label_width, lower.min_label_width) = (widest, widest);

    let upper_height = HEIGHT - 40.0 + upper.header_height();
    let description = "Time and memory of a search by number of templates";
    sheet(WIDTH, upper_height + LOWER_HEIGHT, description, |area| -> Drawn {
        let (above, below) = area.split_vertically(units(upper_height));
        upper.draw_on(&above, |plot| {
            if lines.iter().all(Vec::is_empty) {
                return plot.say("nothing was measured");
            }
            for (idx, line) in lines.iter().enumerate() {
                plot.line(line, Ink::Series(idx), 1.8)?;
                line.iter().try_for_each(|&point| plot.dot(point, Ink::Series(idx)))?;
            }
            Ok(())
        })?;
        lower.draw_on(&below, |plot| {
            if memory.is_empty() {
                return plot.say("the system does not tell");
            }
            plot.line(&memory, Ink::Mated, 1.8)?;
            memory.iter().try_for_each(|&point| plot.dot(point, Ink::Mated))
        })
    })
}

/// What a logarithm has a place for.
fn drawn(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let is_drawn = |(x, y): &(f64, f64)| x.is_finite() && y.is_finite() && *x > 0.0 && *y > 0.0;
    points.iter().copied().filter(is_drawn).collect()
}

/// An axis with room beside the outermost, which is its middle if it is the only one.
fn axis(title: &str, values: impl Iterator<Item = f64> + Clone, name: fn(f64) -> String) -> Axis {
    let low = values.clone().reduce(f64::min).unwrap_or(1.0);
    let high = values.reduce(f64::max).unwrap_or(10.0);
    Axis::logarithmic(title, low / 1.25, 1.25 * high, name)
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
        let empty = check_well_formed(&growth(&[], &[]));
        assert!(
            empty.contains("nothing was measured") && empty.contains("does not tell"),
            "{empty}"
        );
        let odd = [(0.0, 1.0), (1e4, 0.0), (1e5, f64::NAN), (f64::INFINITY, 2.0)];
        for points in [&[][..], &odd, &[(1e4, 2.0)], &[(1e4, 1e-9), (1e9, 1e9)]] {
            let svg = check_well_formed(&growth(&[curve(points), curve(points)], points));
            assert!(svg.contains("&lt;one&gt;") && !svg.contains("NaN"), "{svg}");
        }
    }

    #[test]
    fn sizes_are_named_and_measurements_are_dots() {
        let points = [(1e4, 0.5), (1e5, 5.0), (1e6, 50.0)];
        let svg = growth(&[curve(&points)], &[(1e4, 6.0), (1e6, 600.0)]);
        assert!(svg.contains("100,000") && svg.contains("1,000,000"), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 10); // each with its rim
    }
}
