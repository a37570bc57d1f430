//! The memory of a process over time; it does not know what the process does.

use super::axis::Axis;
use super::canvas::Ink;
use super::frame::Frame;
use crate::report::number::trimmed;

/// Megabytes by minutes, from 0 up, so that a flat line is one.
pub(crate) fn memory(points: &[(f64, f64)]) -> String {
    let is_drawn = |(x, y): &(f64, f64)| x.is_finite() && y.is_finite() && *x >= 0.0 && *y >= 0.0;
    let line: Vec<(f64, f64)> = points.iter().copied().filter(is_drawn).collect();
    let most = |value: fn(&(f64, f64)) -> f64| line.iter().map(value).fold(0.0, f64::max);
    let end = |most: f64| if most > 0.0 { most } else { 1.0 };
    let x = Axis::linear("Minutes", 0.0..end(most(|it| it.0)), 6, trimmed);
    let y = Axis::linear("Memory (MB)", 0.0..1.1 * end(most(|it| it.1)), 6, trimmed);
    Frame::new(x, y).draw("Memory of the process over time", |plot| match line[..] {
        [] => plot.say("the system does not tell"),
        [point] => plot.dot(point, Ink::Mated),
        _ => plot.line(&line, Ink::Mated, 1.8),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::markup::check_well_formed;

    #[test]
    fn degenerate_measurements_are_drawn() {
        assert!(check_well_formed(&memory(&[])).contains("the system does not tell"));
        for points in [&[(0.0, 0.0)][..], &[(0.0, 5.0)], &[(0.0, 5.0), (f64::NAN, 6.0), (1.0, 5.0)]]
        {
            let svg = check_well_formed(&memory(points));
            assert!(!svg.contains("NaN"), "{svg}");
        }
    }
}
