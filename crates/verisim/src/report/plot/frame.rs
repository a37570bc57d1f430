//! What all plots have in common: a legend, two axes and a grid; it does not know what is measured.

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::cartesian::Cartesian2d;
use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::prelude::SVGBackend;
use plotters::style::FontTransform;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::Axis;
use super::canvas::{Area, Drawn, Ink, sheet, size_of, units};
use super::legend::{Key, Legend};
use super::place::{Rect, beside};
use super::text;

/// Width of a plot, in points: a little more than a phone has pixels for it.
pub(super) const WIDTH: f64 = 420.0;
/// Height of a plot without its legend, in points.
pub(super) const HEIGHT: f64 = 330.0;
/// Size of labels and titles, in points.
pub(super) const SIZE: f64 = 11.0;
/// Room to the right of the plot, for half of the last label.
const RIGHT: f64 = 16.0;
/// Room above the plot, for half of the topmost label.
const TOP: f64 = 8.0;
/// Room below the plot, for labels and title.
const BOTTOM: f64 = 42.0;
/// Room at the left for the title, and between labels and axis.
const LEFT: f64 = 28.0;
/// Height of a row of names of vertical lines.
const RULE_ROW: f64 = 1.4 * SIZE;

/// A label farther than this from its point, in points, is led to it by a line.
const MAX_DISTANCE: f64 = 10.0;

/// A plot before anything is drawn into it.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) keys: Vec<Key>,
    /// Vertical lines at values of x, each named above the plot.
    pub(super) rules: Vec<(f64, String)>,
    /// Room for the labels of y at least, in points, so that plots one above the other line up.
    pub(super) min_label_width: f64,
}

/// The inside of a plot, in the values of its axes.
pub(super) struct Plot<'a, 'b> {
    area: &'a Area<'b>,
    chart: ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>,
    inside: Rect, // in points, within the area
    x: Axis,
    y: Axis,
    taken: Vec<Rect>,
    dots: Vec<(f64, f64)>,
}

impl Frame {
    /// A frame without names.
    pub(super) fn new(x: Axis, y: Axis) -> Self {
        Self { x, y, keys: Vec::new(), rules: Vec::new(), min_label_width: 0.0 }
    }

    /// Draws the plot alone, of the usual size.
    pub(super) fn draw(
        self,
        description: &str,
        paint: impl FnOnce(&mut Plot<'_, '_>) -> Drawn,
    ) -> String {
        let height = HEIGHT + self.header_height();
        let names: Vec<&str> = self.keys.iter().map(|key| key.name.as_str()).collect();
        let description = format!("{description}; shown are: {}", names.join(", "));
        sheet(WIDTH, height, &description, |area| self.draw_on(area, paint))
    }

    /// Draws the plot over a whole area, which is as wide as any plot.
    pub(super) fn draw_on(
        mut self,
        area: &Area<'_>,
        paint: impl FnOnce(&mut Plot<'_, '_>) -> Drawn,
    ) -> Drawn {
        let height = size_of(area).1;
        let (left, top) = (self.left(), TOP + self.header_height());
        let bottom = (height - self.bottom()).max(top + 1.0);
        let inside = Rect { left, top, right: WIDTH - RIGHT, bottom };
        self.legend().draw(area, left, 0.0)?;
        let (length, rise) = (inside.right - inside.left, inside.bottom - inside.top);
        self.x.keep_labels_apart(|name| (SIZE * text::width(name) + 8.0) / length);
        self.y.keep_labels_apart(|_| 1.2 * SIZE / rise);
        draw_titles(area, &inside, height, (&self.x.title, &self.y.title))?;

        let mut chart = ChartBuilder::on(area)
            .margin_top(units(top))
            .margin_right(units(RIGHT))
            .x_label_area_size(units(self.bottom()))
            .y_label_area_size(units(left))
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        let label = |h_pos, v_pos| Ink::Muted.text(SIZE, h_pos, v_pos);
        chart
            .configure_mesh()
            .light_line_style(Ink::Grid.faint_line(0.8))
            .bold_line_style(Ink::Grid.line(0.8))
            .axis_style(Ink::Muted.line(1.0))
            .x_label_style(label(HPos::Center, VPos::Top))
            .y_label_style(label(HPos::Right, VPos::Center))
            .set_all_tick_mark_size(units(3.0))
            .draw()?;
        let rows = self.rule_rows();
        let mut plot =
            Plot { area, chart, inside, x: self.x, y: self.y, taken: Vec::new(), dots: Vec::new() };
        plot.shade_zero_lanes()?;
        paint(&mut plot)?;
        plot.draw_rules(&self.rules, &rows)
    }

    /// Room for the widest label of y, in points.
    pub(super) fn label_width(&self) -> f64 {
        let widest = self.y.names().map(text::width).fold(0.0, f64::max);
        (SIZE * widest).max(self.min_label_width)
    }

    /// Height of what is above the plot, in points.
    pub(super) fn header_height(&self) -> f64 {
        let n_rows = self.rule_rows().iter().map(|(row, _)| row + 1).max().unwrap_or(0);
        self.legend().height() + n_rows as f64 * RULE_ROW
    }

    fn legend(&self) -> Legend {
        Legend::new(&self.keys, WIDTH - RIGHT - self.left())
    }

    fn left(&self) -> f64 {
        LEFT + self.label_width()
    }

    fn bottom(&self) -> f64 {
        if self.x.title.is_empty() { BOTTOM - 1.4 * SIZE } else { BOTTOM }
    }

    /// The row (from the plot upward) and the middle of each rule's name; names that would touch
    /// share no row.
    fn rule_rows(&self) -> Vec<(usize, f64)> {
        let (left, right) = (self.left(), WIDTH - RIGHT);
        let mut taken: Vec<(usize, f64, f64)> = Vec::new();
        let place = |(x, name): &(f64, String)| {
            let half = SIZE * text::width(name) / 2.0 + 4.0;
            let at = left + self.x.position(*x) * (right - left);
            let middle = at.min(WIDTH - half).max(left + half);
            let (start, end) = (middle - half, middle + half);
            let mut row = 0;
            while taken.iter().any(|&(other, from, to)| other == row && start < to && from < end) {
                row += 1;
            }
            taken.push((row, start, end));
            (row, middle)
        };
        self.rules.iter().map(place).collect()
    }
}

impl Plot<'_, '_> {
    /// Draws a line through points.
    pub(super) fn line(&mut self, points: &[(f64, f64)], ink: Ink, width: f64) -> Drawn {
        let places: Vec<(f64, f64)> = points.iter().map(|&point| self.place(point)).collect();
        self.taken.extend(places.windows(2).map(|pair| Rect::around(pair[0], pair[1])));
        self.chart.plotting_area().draw(&PathElement::new(self.distinct(points), ink.line(width)))
    }

    /// Draws a line that is there for comparison, and that labels may cover.
    pub(super) fn faint_line(&mut self, points: &[(f64, f64)], ink: Ink) -> Drawn {
        let line = PathElement::new(self.distinct(points), ink.faint_line(1.0));
        self.chart.plotting_area().draw(&line)
    }

    /// Fills what is between a line and the foot of the plot.
    pub(super) fn area_below(&mut self, points: &[(f64, f64)], ink: Ink) -> Drawn {
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return Ok(()) };
        let foot = [(last.0, f64::NEG_INFINITY), (first.0, f64::NEG_INFINITY)];
        let outline: Vec<_> = points.iter().copied().chain(foot).collect();
        self.chart.plotting_area().draw(&Polygon::new(outline, ink.fill(0.3)))
    }

    /// Marks points, then writes the label of each beside it; draw lines before.
    pub(super) fn marks(&mut self, marks: &[(Ink, (f64, f64), &str)]) -> Drawn {
        marks.iter().try_for_each(|&(ink, point, _)| self.dot(point, ink))?;
        marks.iter().try_for_each(|&(_, point, label)| self.label(point, label))
    }

    /// Marks a point.
    pub(super) fn dot(&mut self, point: (f64, f64), ink: Ink) -> Drawn {
        let (x, y) = self.place(point);
        self.taken.push(Rect::around((x - 4.0, y - 4.0), (x + 4.0, y + 4.0)));
        self.dots.push((x, y));
        let area = self.chart.plotting_area();
        area.draw(&Circle::new(point, units(5.0), Ink::Surface.fill(1.0)))?;
        area.draw(&Circle::new(point, units(3.6), ink.fill(1.0)))
    }

    /// Writes a text beside a point, where it hides least; draw lines and dots before.
    pub(super) fn label(&mut self, point: (f64, f64), label: &str) -> Drawn {
        let max_width = 0.6 * (self.inside.right - self.inside.left) / SIZE;
        let label = text::shortened(label, max_width);
        let size = (SIZE * text::width(&label), 1.25 * SIZE);
        let from = self.place(point);
        let Some(place) = beside(from, size, &self.inside, &self.taken, &self.dots) else {
            return Ok(());
        };
        self.taken.push(place);
        let to = place.nearest(from);
        let distance = (to.0 - from.0).hypot(to.1 - from.1);
        if distance > MAX_DISTANCE {
            // From the edge of the dot, so that it stays one.
            let share = 5.0 / distance;
            let start = (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
            let leader = [start, to].map(|(x, y)| (units(x), units(y)));
            self.area.draw(&PathElement::new(leader.to_vec(), Ink::Muted.line(0.8)))?;
        }
        let middle = f64::midpoint(place.top, place.bottom);
        self.write(&label, Ink::Label, HPos::Left, (place.left, middle))
    }

    /// Says in the middle of the plot why it is empty.
    pub(super) fn say(&mut self, words: &str) -> Drawn {
        let Rect { left, top, right, bottom } = self.inside;
        let middle = (f64::midpoint(left, right), f64::midpoint(top, bottom));
        self.write(words, Ink::Muted, HPos::Center, middle)
    }

    fn write(&self, words: &str, ink: Ink, h_pos: HPos, (x, y): (f64, f64)) -> Drawn {
        self.area.draw_text(words, &ink.text(SIZE, h_pos, VPos::Center), (units(x), units(y)))
    }

    /// Where values lie, in points within the area.
    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let Rect { left, top, right, bottom } = self.inside;
        (left + self.x.position(x) * (right - left), bottom - self.y.position(y) * (bottom - top))
    }

    /// The points without those that lie where the one before lies.
    fn distinct(&self, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
        let pixel = |point| {
            let (x, y) = self.place(point);
            (units(x), units(y))
        };
        let mut distinct = points.to_vec();
        distinct.dedup_by_key(|point| pixel(*point));
        distinct
    }

    fn draw_rules(&self, rules: &[(f64, String)], rows: &[(usize, f64)]) -> Drawn {
        let rule_height = |row: usize| self.inside.top - (row as f64 + 0.5) * RULE_ROW;
        for ((x, _), (row, _)) in rules.iter().zip(rows) {
            let x = units(self.place((*x, 0.0)).0);
            let top = rule_height(*row) + SIZE * 0.6;
            let line = vec![(x, units(self.inside.bottom)), (x, units(top))];
            self.area.draw(&PathElement::new(line, Ink::Rule.line(1.3)))?;
        }
        for ((_, name), (row, middle)) in rules.iter().zip(rows) {
            let y = rule_height(*row);
            // The line of a name above passes behind.
            let half = SIZE * text::width(name) / 2.0;
            let corners = [(-half, -0.6 * SIZE), (half, 0.6 * SIZE)];
            let corners = corners.map(|(dx, dy)| (units(middle + dx), units(y + dy)));
            self.area.draw(&Rectangle::new(corners, Ink::Surface.fill(1.0)))?;
            self.write(name, Ink::Text, HPos::Center, (*middle, y))?;
        }
        Ok(())
    }

    fn shade_zero_lanes(&self) -> Drawn {
        let Rect { left, top, right, bottom } = self.inside;
        let x = left + self.x.zero_lane() * (right - left);
        let y = bottom - self.y.zero_lane() * (bottom - top);
        for (start, end) in [((left, top), (x, bottom)), ((left, y), (right, bottom))] {
            let corners = [start, end].map(|(x, y)| (units(x), units(y)));
            if corners[0].0 < corners[1].0 && corners[0].1 < corners[1].1 {
                self.area.draw(&Rectangle::new(corners, Ink::Grid.fill(0.4)))?;
            }
        }
        Ok(())
    }
}

fn draw_titles(area: &Area<'_>, inside: &Rect, height: f64, (x, y): (&str, &str)) -> Drawn {
    let style = Ink::Text.text(SIZE, HPos::Center, VPos::Bottom);
    let middle = f64::midpoint(inside.left, inside.right);
    if !x.is_empty() {
        area.draw_text(x, &style, (units(middle), units(height - 2.0)))?;
    }
    let style = Ink::Text.text(SIZE, HPos::Center, VPos::Top).transform(FontTransform::Rotate270);
    let middle = f64::midpoint(inside.top, inside.bottom);
    area.draw_text(y, &style, (units(2.0), units(middle)))
}
