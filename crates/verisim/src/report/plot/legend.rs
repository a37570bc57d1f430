//! The names of what a plot shows, in rows above it; it does not know the plot.

use plotters::element::{PathElement, Rectangle};
use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{Area, Drawn, Ink, units};
use super::text;

/// Height of a row, in points.
const ROW: f64 = 17.0;
/// Size of the text, in points.
const SIZE: f64 = 11.0;
/// Length of the piece of line before a name, in points.
const SWATCH: f64 = 22.0;
/// Room between a swatch and its name, in points.
const GAP: f64 = 6.0;
/// Room between a name and the next swatch, in points.
const SPACE: f64 = 18.0;

/// What a plot shows, and how it is drawn.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) ink: Ink,
    pub(super) kind: KeyKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Line,
    FaintLine,
    Area,
}

/// Where the names stand in a given width.
#[derive(Debug)]
pub(super) struct Legend {
    placed: Vec<(f64, f64, Key)>, // left and middle of each, in points
    n_rows: usize,
}

impl Legend {
    /// Sets the keys one after the other, in a new row where the one before is full.
    pub(super) fn new(keys: &[Key], width: f64) -> Self {
        let mut placed = Vec::new();
        let (mut left, mut row) = (0.0, 0usize);
        for key in keys {
            let name = text::shortened(&key.name, (width - SWATCH - GAP) / SIZE);
            let own = SWATCH + GAP + SIZE * text::width(&name);
            if left > 0.0 && left + own > width {
                (left, row) = (0.0, row + 1);
            }
            placed.push((left, (row as f64 + 0.5) * ROW, Key { name, ..key.clone() }));
            left += own + SPACE;
        }
        let n_rows = if placed.is_empty() { 0 } else { row + 1 };
        Self { placed, n_rows }
    }

    /// Height in points; 0 without keys.
    pub(super) fn height(&self) -> f64 {
        self.n_rows as f64 * ROW
    }

    /// Draws the legend with its corner at `left` and `top`, in points.
    pub(super) fn draw(&self, area: &Area<'_>, left: f64, top: f64) -> Drawn {
        for (x, y, key) in &self.placed {
            let (x, y) = (left + x, top + y);
            let (start, end) = (units(x), units(x + SWATCH));
            if key.kind == KeyKind::Area {
                let corners = [(start, units(y - 5.0)), (end, units(y + 5.0))];
                area.draw(&Rectangle::new(corners, key.ink.fill(0.3)))?;
                let edge = vec![(start, units(y - 5.0)), (end, units(y - 5.0))];
                area.draw(&PathElement::new(edge, key.ink.line(1.6)))?;
            } else {
                let line = vec![(start, units(y)), (end, units(y))];
                let style = match key.kind {
                    KeyKind::FaintLine => key.ink.faint_line(1.0),
                    _ => key.ink.line(1.8),
                };
                area.draw(&PathElement::new(line, style))?;
            }
            let style = Ink::Text.text(SIZE, HPos::Left, VPos::Center);
            area.draw_text(&key.name, &style, (end + units(GAP), units(y)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn legend(names: &[&str], width: f64) -> Legend {
        let key =
            |name: &&str| Key { name: (*name).to_owned(), ink: Ink::Mated, kind: KeyKind::Line };
        Legend::new(&names.iter().map(key).collect::<Vec<_>>(), width)
    }

    #[test]
    fn names_share_a_row_while_there_is_room() {
        assert_eq!(legend(&["a", "b", "c"], 300.0).n_rows, 1);
        assert_eq!(legend(&["a", "b", "c"], 100.0).n_rows, 2);
        assert_eq!(legend(&[], 80.0).height(), 0.0);
    }

    #[test]
    fn a_name_longer_than_a_row_is_shortened() {
        let legend = legend(&[&"name".repeat(50), "b"], 200.0);
        let name = &legend.placed[0].2.name;
        assert!(SWATCH + GAP + SIZE * text::width(name) <= 200.0, "{name}");
        assert_eq!(legend.n_rows, 2);
    }
}
