//! Measured error rates as a line of steps; it does not know which rates they are.

/// The corners of the line that says which rate of the second kind is reached where one of the first
/// kind is demanded: it falls at every measured point, and is level between them.
///
/// Straight lines between the points would promise what no threshold keeps. Points that are worse
/// in both rates than another are left out, and so is what is not a rate.
pub(super) fn stairs(points: impl IntoIterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let is_rate = |value: f64| (0.0..=1.0).contains(&value);
    let mut points: Vec<(f64, f64)> =
        points.into_iter().filter(|&(x, y)| is_rate(x) && is_rate(y)).collect();
    points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut corners: Vec<(f64, f64)> = Vec::new();
    for (x, y) in points {
        match corners.last() {
            Some(&(_, before)) if before <= y => {}
            Some(&(_, before)) => corners.extend([(x, before), (x, y)]),
            None => corners.push((x, y)),
        }
    }
    // The last rate is reached wherever more is allowed.
    if let Some(&(_, y)) = corners.last() {
        corners.push((1.0, y));
    }
    corners
}

/// The part of the steps where both rates are at most `max_x` and `max_y`.
pub(super) fn cut(corners: &[(f64, f64)], max_x: f64, max_y: f64) -> Vec<(f64, f64)> {
    let mut kept = Vec::new();
    for pair in corners.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let is_beyond = (x0 > max_x && x1 > max_x) || (y0 > max_y && y1 > max_y);
        if !is_beyond {
            kept.extend([(x0, y0), (x1, y1)].map(|(x, y)| (x.min(max_x), y.min(max_y))));
        }
    }
    kept.dedup();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_level_up_to_the_next_measured_point() {
        let line = stairs([(0.0, 0.5), (0.1, 0.2), (0.4, 0.0)]);
        let corners = [(0.0, 0.5), (0.1, 0.5), (0.1, 0.2), (0.4, 0.2), (0.4, 0.0), (1.0, 0.0)];
        assert_eq!(line, corners);
    }

    #[test]
    fn points_that_no_one_would_choose_are_left_out() {
        let line = stairs([(0.0, 1.0), (0.0, 0.5), (0.2, 0.5), (0.3, 0.7), (0.5, 0.1)]);
        assert_eq!(line, [(0.0, 0.5), (0.5, 0.5), (0.5, 0.1), (1.0, 0.1)]);
    }

    #[test]
    fn what_is_not_a_rate_is_left_out() {
        assert_eq!(stairs([(f64::NAN, 0.5), (0.5, f64::INFINITY), (-0.1, 2.0)]), []);
    }

    #[test]
    fn the_line_is_cut_at_the_ends_of_the_axes() {
        let line = stairs([(0.0, 0.9), (0.1, 0.3), (0.6, 0.0)]);
        assert_eq!(cut(&line, 0.5, 0.5), [(0.1, 0.5), (0.1, 0.3), (0.5, 0.3)]);
        assert_eq!(cut(&line, 1.0, 1.0), line);
        assert_eq!(cut(&stairs([(0.9, 0.9)]), 0.5, 0.5), []);
    }
}
