//! How alike identities are, as a matrix of colors; it does not know how the scores were made.

use plotters::element::{PathElement, Rectangle};
use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{Area, Drawn, Ink, sheet, units};
use super::text;
use crate::report::number::signed;

/// Side of a cell where there is room, in points; its score fits in.
const MAX_CELL: f64 = 40.0;
/// Width of all cells, in points, where there are many.
const MAX_WIDTH: f64 = 560.0;
/// Height of the numbers of the columns and of the scale of colors, in points.
const MARGIN: f64 = 24.0;
/// Room for names, in points.
const MAX_NAME: f64 = 150.0;
/// Room for the scale of colors and what the edge means, in points.
const SCALE_WIDTH: f64 = 310.0;
const SIZE: f64 = 11.0;
/// Text stays readable on the darkest cell, in light and in dark.
const MAX_OPACITY: f64 = 0.55;
const N_SHADES: usize = 6;

/// The score of each pair of identities, by color and by number; `scores` has a row for each name.
///
/// Cells at or above `threshold` have an edge: were such a comparison decided, it would match.
/// About 20 identities are still readable. Missing scores, and those that are not finite, are left
/// empty.
pub(crate) fn similarities(
    names: &[&str],
    scores: &[Vec<Option<f32>>],
    threshold: Option<f32>,
) -> String {
    let names: Vec<String> = (1..)
        .zip(names)
        .map(|(number, name)| text::shortened(&format!("{number}  {name}"), MAX_NAME / SIZE))
        .collect();
    let left = SIZE * names.iter().map(|name| text::width(name)).fold(0.0, f64::max) + 8.0;
    let cell = (MAX_WIDTH / names.len().max(1) as f64).min(MAX_CELL);
    let range = range_of(scores);
    let widest = [range.0, range.1].map(|score| text::width(&signed(f64::from(score), 2)));
    let number_size = SIZE.min((cell - 6.0) / widest[0].max(widest[1]));
    let matrix = Matrix { names, scores, threshold, left, cell, number_size, range };
    let side = matrix.names.len() as f64 * cell;
    let width = left + side.max(SCALE_WIDTH) + 6.0;
    sheet(width, 2.0 * MARGIN + side + 6.0, "Scores between identities", |area| {
        if matrix.names.is_empty() {
            let style = Ink::Muted.text(SIZE, HPos::Center, VPos::Center);
            return area.draw_text("no identities", &style, (units(width / 2.0), units(MARGIN)));
        }
        matrix.draw(area)?;
        matrix.draw_scale(area, 2.0 * MARGIN + side - 8.0)
    })
}

struct Matrix<'a> {
    names: Vec<String>,
    scores: &'a [Vec<Option<f32>>],
    threshold: Option<f32>,
    left: f64,
    cell: f64,
    number_size: f64, // such that the widest number fits into a cell
    range: (f32, f32),
}

impl Matrix<'_> {
    fn draw(&self, area: &Area<'_>) -> Drawn {
        let middle = |idx: usize| (idx as f64 + 0.5) * self.cell;
        for (idx, name) in self.names.iter().enumerate() {
            let style = Ink::Text.text(SIZE, HPos::Right, VPos::Center);
            let place = (units(self.left - 8.0), units(MARGIN + middle(idx)));
            area.draw_text(name, &style, place)?;
            let style = Ink::Muted.text(SIZE.min(0.6 * self.cell), HPos::Center, VPos::Center);
            let place = (units(self.left + middle(idx)), units(MARGIN - 9.0));
            area.draw_text(&(idx + 1).to_string(), &style, place)?;
        }
        for (row, scores) in self.scores.iter().take(self.names.len()).enumerate() {
            for (column, score) in scores.iter().take(self.names.len()).enumerate() {
                let top_left =
                    (self.left + column as f64 * self.cell, MARGIN + row as f64 * self.cell);
                match score.filter(|score| score.is_finite()) {
                    Some(score) => self.draw_cell(area, top_left, score)?,
                    None => self.fill(area, top_left, Ink::Grid, 0.35)?,
                }
            }
        }
        Ok(())
    }

    fn draw_cell(&self, area: &Area<'_>, (x, y): (f64, f64), score: f32) -> Drawn {
        self.fill(area, (x, y), Ink::Heat, self.opacity(score))?;
        let is_match = self.threshold.is_some_and(|threshold| score >= threshold);
        if is_match {
            let (low, high) = (1.5, self.cell - 1.5);
            let corners = [(low, low), (high, low), (high, high), (low, high), (low, low)];
            let edge = corners.map(|(dx, dy)| (units(x + dx), units(y + dy)));
            area.draw(&PathElement::new(edge.to_vec(), Ink::NonMated.line(2.0)))?;
        }
        let middle = (units(x + self.cell / 2.0), units(y + self.cell / 2.0));
        let style = Ink::Text.text(self.number_size, HPos::Center, VPos::Center);
        area.draw_text(&signed(f64::from(score), 2), &style, middle)
    }

    fn fill(&self, area: &Area<'_>, (x, y): (f64, f64), ink: Ink, opacity: f64) -> Drawn {
        let end = self.cell - 1.0;
        let corners = [(x, y), (x + end, y + end)].map(|(x, y)| (units(x), units(y)));
        area.draw(&Rectangle::new(corners, ink.fill(opacity)))
    }

    fn opacity(&self, score: f32) -> f64 {
        let (low, high) = self.range;
        let share = if low < high { (score - low) / (high - low) } else { 0.5 };
        0.03 + (MAX_OPACITY - 0.03) * f64::from(share)
    }

    /// The shades from the lowest to the highest score, and what the edge means.
    fn draw_scale(&self, area: &Area<'_>, y: f64) -> Drawn {
        let (low, high) = self.range;
        let style = |h_pos| Ink::Muted.text(SIZE, h_pos, VPos::Center);
        let name = signed(f64::from(low), 2);
        let mut x = self.left;
        area.draw_text(&name, &style(HPos::Left), (units(x), units(y)))?;
        x += SIZE * text::width(&name) + 6.0;
        for shade in 0..N_SHADES {
            let score = low + (high - low) * shade as f32 / (N_SHADES - 1) as f32;
            let corners = [(x, y - 6.0), (x + 15.0, y + 6.0)].map(|(x, y)| (units(x), units(y)));
            area.draw(&Rectangle::new(corners, Ink::Heat.fill(self.opacity(score))))?;
            x += 15.0;
        }
        x += 6.0;
        let name = signed(f64::from(high), 2);
        area.draw_text(&name, &style(HPos::Left), (units(x), units(y)))?;
        let Some(threshold) = self.threshold.filter(|threshold| threshold.is_finite()) else {
            return Ok(());
        };
        x += SIZE * text::width(&name) + 18.0;
        let corners = [(0.0, -6.0), (12.0, -6.0), (12.0, 6.0), (0.0, 6.0), (0.0, -6.0)];
        let edge = corners.map(|(dx, dy)| (units(x + dx), units(y + dy)));
        area.draw(&PathElement::new(edge.to_vec(), Ink::NonMated.line(2.0)))?;
        let name = format!("at or above {}", signed(f64::from(threshold), 2));
        area.draw_text(&name, &style(HPos::Left), (units(x + 18.0), units(y)))
    }
}

fn range_of(scores: &[Vec<Option<f32>>]) -> (f32, f32) {
    let finite = || scores.iter().flatten().flatten().filter(|score| score.is_finite());
    let low = finite().copied().fold(f32::INFINITY, f32::min);
    let high = finite().copied().fold(f32::NEG_INFINITY, f32::max);
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::markup::check_well_formed;

    fn edges(svg: &str) -> usize {
        svg.matches("<polyline").count()
    }

    #[test]
    fn degenerate_matrices_are_drawn() {
        assert!(check_well_formed(&similarities(&[], &[], None)).contains("no identities"));
        let long = "<b>".repeat(100);
        let alone = [vec![None]];
        let broken = [vec![Some(f32::NAN), Some(f32::NEG_INFINITY)], vec![Some(0.5)]];
        let short: [Vec<Option<f32>>; 1] = [vec![Some(0.5); 5]];
        for scores in [[].as_slice(), &alone, &broken, &short] {
            let svg = similarities(&[&long, "b"], scores, Some(f32::NEG_INFINITY));
            let svg = check_well_formed(&svg);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn cells_at_or_above_the_threshold_have_an_edge() {
        let scores = [vec![None, Some(0.4)], vec![Some(0.4), None]];
        let edges = |threshold| edges(&similarities(&["a", "b"], &scores, threshold));
        // One more explains it.
        assert_eq!([edges(None), edges(Some(0.4)), edges(Some(0.41))], [0, 3, 1]);
    }

    #[test]
    fn every_score_is_written_in_its_cell() {
        let scores = [vec![None, Some(-0.25)], vec![Some(0.31), None]];
        let svg = similarities(&["a", "b"], &scores, None);
        for score in ["\n\u{2212}0.25\n", "\n0.31\n"] {
            assert_eq!(svg.matches(score).count(), 2, "a cell and an end of the scale: {svg}");
        }
    }
}
