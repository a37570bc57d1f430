//! One figure of several competitors with its two intervals, as dots and whiskers; it does not know
//! which figure.

use plotters::element::{Circle, PathElement};
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::Axis;
use super::canvas::{Area, Drawn, Ink, sheet, units};
use super::text;
use crate::report::number::trimmed;

const WIDTH: f64 = 640.0;
const SIZE: f64 = 11.0;
/// Height of a row, in points.
const ROW: f64 = 26.0;
/// Room for names, in points.
const NAMES: f64 = 150.0;
/// Room for the number at the end of a row, in points.
const NUMBER: f64 = 44.0;
/// Height of the legend, in points.
const TOP: f64 = 26.0;
/// Height of the axis below, in points.
const BOTTOM: f64 = 40.0;

/// A competitor.
#[derive(Clone, Debug)]
pub(crate) struct Whiskers {
    /// What it is called.
    pub(crate) name: String,
    /// The figure, a rate in `[0, 1]`.
    pub(crate) value: f64,
    /// The inner interval, if there is one.
    pub(crate) inner: Option<[f64; 2]>,
    /// The outer interval.
    pub(crate) outer: [f64; 2],
    /// Whether it is there for comparison only.
    pub(crate) is_faint: bool,
}

/// The competitors in the order given, above an axis that starts from 0. A line goes through the
/// figure of the first.
pub(crate) fn whiskers(title: &str, names: [&str; 2], rows: &[Whiskers]) -> String {
    let ends = rows
        .iter()
        .flat_map(|row| [row.value, row.outer[1]].into_iter().chain(row.inner.map(|it| it[1])));
    let high = ends.filter(|end| end.is_finite()).fold(0.05, f64::max).min(1.0);
    let (left, right) = (NAMES + 12.0, WIDTH - NUMBER - 12.0);
    let axis = Axis::linear(title, 0.0..high, 6, |rate| trimmed(100.0 * rate));
    let place = |value: f64| left + axis.position(value) * (right - left);
    let bottom = TOP + ROW * rows.len().max(1) as f64;
    let description = format!("{title}, with intervals {} and {}", names[0], names[1]);
    sheet(WIDTH, bottom + BOTTOM, &description, |area| {
        draw_legend(area, names)?;
        draw_axis(area, &axis, bottom, &place)?;
        if let Some(first) = rows.first().filter(|row| row.value.is_finite()) {
            let x = units(place(first.value));
            let line = vec![(x, units(TOP)), (x, units(bottom))];
            area.draw(&PathElement::new(line, Ink::Rule.line(1.0)))?;
        }
        rows.iter()
            .enumerate()
            .try_for_each(|(idx, row)| draw_row(area, row, TOP + (idx as f64 + 0.5) * ROW, &place))
    })
}

fn draw_row(area: &Area<'_>, row: &Whiskers, y: f64, place: &dyn Fn(f64) -> f64) -> Drawn {
    let ink = if row.is_faint { Ink::Muted } else { Ink::Mated };
    let at = |x: f64, dy: f64| (units(x), units(y + dy));
    let name = text::shortened(&row.name, NAMES / SIZE);
    area.draw_text(&name, &Ink::Text.text(SIZE, HPos::Right, VPos::Center), at(NAMES, 0.0))?;
    if !row.value.is_finite() {
        return Ok(());
    }
    let [lower, upper] = row.outer.map(place);
    area.draw(&PathElement::new(vec![at(lower, 0.0), at(upper, 0.0)], ink.line(1.2)))?;
    for end in [lower, upper] {
        area.draw(&PathElement::new(vec![at(end, -4.0), at(end, 4.0)], ink.line(1.2)))?;
    }
    if let Some(inner) = row.inner {
        let [lower, upper] = inner.map(place);
        area.draw(&PathElement::new(vec![at(lower, 0.0), at(upper, 0.0)], ink.line(4.0)))?;
    }
    area.draw(&Circle::new(at(place(row.value), 0.0), units(5.4), Ink::Surface.fill(1.0)))?;
    area.draw(&Circle::new(at(place(row.value), 0.0), units(4.0), ink.fill(1.0)))?;
    let style = Ink::Text.text(SIZE, HPos::Right, VPos::Center);
    area.draw_text(&format!("{:.2}", 100.0 * row.value), &style, at(WIDTH - 2.0, 0.0))
}

fn draw_axis(area: &Area<'_>, axis: &Axis, bottom: f64, place: &dyn Fn(f64) -> f64) -> Drawn {
    for (value, name) in axis.labels() {
        let x = units(place(*value));
        let line = vec![(x, units(TOP)), (x, units(bottom + 3.0))];
        area.draw(&PathElement::new(line, Ink::Grid.line(0.8)))?;
        let style = Ink::Muted.text(SIZE, HPos::Center, VPos::Top);
        area.draw_text(name, &style, (x, units(bottom + 6.0)))?;
    }
    let middle = f64::midpoint(place(f64::NEG_INFINITY), place(f64::INFINITY));
    let style = Ink::Text.text(SIZE, HPos::Center, VPos::Bottom);
    area.draw_text(&axis.title, &style, (units(middle), units(bottom + BOTTOM - 2.0)))
}

fn draw_legend(area: &Area<'_>, names: [&str; 2]) -> Drawn {
    let y = units(TOP - 14.0);
    let style = Ink::Muted.text(SIZE, HPos::Left, VPos::Center);
    let mut x = NAMES + 12.0;
    for (name, width) in names.into_iter().zip([4.0, 1.2]) {
        let line = vec![(units(x), y), (units(x + 22.0), y)];
        area.draw(&PathElement::new(line, Ink::Mated.line(width)))?;
        area.draw_text(name, &style, (units(x + 28.0), y))?;
        x += 28.0 + SIZE * text::width(name) + 18.0;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::markup::check_well_formed;

    fn row(value: f64, inner: Option<[f64; 2]>) -> Whiskers {
        let name = "<loss>".repeat(20);
        Whiskers { name, value, inner, outer: [value - 0.1, value + 0.1], is_faint: false }
    }

    #[test]
    fn degenerate_rows_are_drawn() {
        let lists = [
            vec![],
            vec![row(0.0, None)],
            vec![row(f64::NAN, None), row(0.4, Some([-3.0, 9.0]))],
            vec![row(1.0, Some([1.0, 1.0])); 40],
        ];
        for rows in lists {
            let svg = check_well_formed(&whiskers("MAP@R", ["a", "b"], &rows));
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn a_higher_figure_lies_farther_right() {
        let svg = whiskers("MAP@R", ["a", "b"], &[row(0.3, None), row(0.5, None)]);
        let dots: Vec<f64> = svg
            .lines()
            .filter_map(|line| line.split_once(" cx=\"")?.1.split('"').next()?.parse().ok())
            .collect();
        // Each dot has a ring of the surface around it.
        assert!(dots.len() == 4 && dots[0] < dots[2], "{dots:?}");
    }
}
