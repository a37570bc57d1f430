//! Features and embeddings of two components, network beside network; it does not know how they were
//! made.

use plotters::element::{Circle, PathElement};
use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{Area, Drawn, Ink, sheet, units};
use super::dots::{Dots, add_dots};
use super::text;

/// Panels in a row.
const N_COLUMNS: usize = 4;
/// Width of a panel, in points.
const WIDTH: f64 = 190.0;
/// Side of each of the two squares of a panel, in points.
const SIDE: f64 = 176.0;
/// Height of the title, in points.
const TITLE: f64 = 24.0;
/// Height of a line of text, in points.
const LINE: f64 = 15.0;
/// Room below a panel, in points.
const GAP: f64 = 14.0;
/// Room around everything, in points.
const MARGIN: f64 = 8.0;
const SIZE: f64 = 11.0;
/// Radius of a dot, in points.
const DOT: f64 = 1.5;
/// Images drawn of each identity: with more, the file grows and nothing else is seen.
const MAX_SHOWN: usize = 24;
/// Half of the side of the lower square, where the circle has radius 1.
const REACH: f64 = 1.32;
/// Distances from the middle between which identities trained on lie, and the others.
const BANDS: [(f64, f64); 2] = [(0.68, 0.96), (1.04, 1.32)];
/// Steps that fall evenly on a band however many there are: the golden ratio.
const STEP: f64 = 0.618_033_988_749_895;
/// As far apart as ten colors can be; then they come again.
const COLORS: [&str; 10] = [
    "#1769aa", "#e07b00", "#1a8f3c", "#d0312d", "#8a4fc7", "#8c5a3c", "#e05aa8", "#6b7680",
    "#a8a800", "#12a5b8",
];

/// What one network makes of two kinds of identities.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    /// What stands above.
    pub(crate) title: String,
    /// Features of each identity trained on.
    pub(crate) trained: Vec<Vec<[f32; 2]>>,
    /// Features of each of the others.
    pub(crate) unseen: Vec<Vec<[f32; 2]>>,
    /// What stands below.
    pub(crate) remarks: [String; 2],
}

/// Draws panels as a file of its own: above, features of identities trained on; below, directions, which
/// are the embeddings, those trained on inside the circle and the others outside.
pub(crate) fn planes(panels: &[Panel]) -> String {
    let n_columns = panels.len().clamp(1, N_COLUMNS);
    let height = TITLE + 2.0 * SIDE + 2.0 * LINE + GAP;
    let corner = |index: usize| {
        let [column, row] = [index % n_columns, index / n_columns].map(|it| it as f64);
        (MARGIN + column * WIDTH, MARGIN + row * height)
    };
    let n_rows = panels.len().div_ceil(n_columns) as f64;
    let (sheet_width, sheet_height) =
        (2.0 * MARGIN + n_columns as f64 * WIDTH, 2.0 * MARGIN + n_rows * height);
    let description = "Features and their directions in the plane, one panel a network";
    let svg = sheet(sheet_width, sheet_height, description, |area| {
        area.fill(&Ink::Surface.color())?;
        panels.iter().enumerate().try_for_each(|(index, it)| it.draw_frame(area, corner(index)))
    });
    let dots = panels.iter().enumerate().flat_map(|(index, it)| it.dots(corner(index)));
    let svg = add_dots(&svg, &dots.collect::<Vec<Dots>>());
    // On a page of the report the font comes from the page.
    svg.replacen("<svg ", "<svg font-family=\"sans-serif\" ", 1)
}

impl Panel {
    fn draw_frame(&self, area: &Area<'_>, (left, top): (f64, f64)) -> Drawn {
        let middle = left + WIDTH / 2.0;
        let write = |words: &str, ink: Ink, size: f64, y: f64| {
            let words = text::shortened(words, WIDTH / size);
            let style = ink.text(size, HPos::Center, VPos::Center);
            area.draw_text(&words, &style, (units(middle), units(y)))
        };
        write(&self.title, Ink::Text, 1.2 * SIZE, top + TITLE / 2.0)?;
        let [upper, lower] = middles((left, top));
        let half = SIDE / 2.0 - 4.0;
        for ((from_x, from_y), (to_x, to_y)) in
            [((-half, 0.0), (half, 0.0)), ((0.0, -half), (0.0, half))]
        {
            let ends = [(from_x, from_y), (to_x, to_y)]
                .map(|(x, y)| (units(upper.0 + x), units(upper.1 + y)));
            area.draw(&PathElement::new(ends.to_vec(), Ink::Grid.line(0.8)))?;
        }
        let center = (units(lower.0), units(lower.1));
        area.draw(&Circle::new(center, units(half / REACH), Ink::Muted.line(0.8)))?;
        for (remark, line) in self.remarks.iter().zip([0.5, 1.5]) {
            write(remark, Ink::Muted, SIZE, top + TITLE + 2.0 * SIDE + line * LINE)?;
        }
        Ok(())
    }

    fn dots(&self, corner: (f64, f64)) -> Vec<Dots> {
        let [upper, lower] = middles(corner);
        let half = SIDE / 2.0 - 4.0;
        let shown = |features: &[[f32; 2]]| -> Vec<[f64; 2]> {
            let finite = features.iter().filter(|it| it.iter().all(|value| value.is_finite()));
            finite.take(MAX_SHOWN).map(|it| it.map(f64::from)).collect()
        };
        let of_color = |index: usize, centers: Vec<(f64, f64)>| Dots {
            color: COLORS[index % COLORS.len()],
            radius: DOT,
            centers,
        };
        let trained: Vec<Vec<[f64; 2]>> = self.trained.iter().map(|it| shown(it)).collect();
        let longest = trained.iter().flatten().map(|[x, y]| x.hypot(*y)).fold(0.0, f64::max);
        let mut dots = Vec::new();
        for (index, features) in trained.iter().enumerate() {
            let scale = if longest > 0.0 { half / longest } else { 0.0 };
            // Up is up, as in mathematics, and down on a sheet.
            let place = |[x, y]: &[f64; 2]| (upper.0 + scale * x, upper.1 - scale * y);
            dots.push(of_color(index, features.iter().map(place).collect()));
        }
        let unseen: Vec<Vec<[f64; 2]>> = self.unseen.iter().map(|it| shown(it)).collect();
        for (group, (low, high)) in [trained, unseen].iter().zip(BANDS) {
            for (index, features) in group.iter().enumerate() {
                let place = |(number, [x, y]): (usize, &[f64; 2])| {
                    let length = x.hypot(*y).max(f64::MIN_POSITIVE);
                    let share = ((number + index) as f64 * STEP).fract();
                    let radius = (low + (high - low) * share) * half / REACH;
                    (lower.0 + radius * x / length, lower.1 - radius * y / length)
                };
                dots.push(of_color(index, features.iter().enumerate().map(place).collect()));
            }
        }
        dots
    }
}

/// The middles of the two squares of a panel.
fn middles((left, top): (f64, f64)) -> [(f64, f64); 2] {
    [0.5, 1.5].map(|squares| (left + WIDTH / 2.0, top + TITLE + squares * SIDE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::markup::check_well_formed;

    fn panel(trained: &[&[[f32; 2]]], unseen: &[&[[f32; 2]]]) -> Panel {
        let owned = |groups: &[&[[f32; 2]]]| groups.iter().map(|it| it.to_vec()).collect();
        Panel {
            title: "<i>".to_owned(),
            trained: owned(trained),
            unseen: owned(unseen),
            remarks: ["ratio 2".to_owned(), "ratio 1".to_owned()],
        }
    }

    /// Distance of each dot of some identities from the middle of the circle, whose radius is 1.
    fn distances(dots: &[Dots]) -> Vec<f64> {
        let lower = middles((0.0, 0.0))[1];
        let unit = (SIDE / 2.0 - 4.0) / REACH;
        let centers = dots.iter().flat_map(|it| &it.centers);
        centers.map(|(x, y)| (x - lower.0).hypot(y - lower.1) / unit).collect()
    }

    #[test]
    fn identities_trained_on_lie_inside_the_circle_and_others_outside() {
        let points: Vec<[f32; 2]> = (1..60).map(|i| [i as f32, 60.0 - i as f32]).collect();
        let dots = panel(&[&points, &points], &[&points]).dots((0.0, 0.0));
        assert_eq!(dots.len(), 2 + 2 + 1);
        assert!(dots.iter().all(|it| it.centers.len() == MAX_SHOWN));
        assert!(distances(&dots[2..4]).iter().all(|&it| (0.68..0.97).contains(&it)));
        assert!(distances(&dots[4..]).iter().all(|&it| (1.03..1.33).contains(&it)));
        assert!(dots[0].color == dots[2].color && dots[0].color != dots[1].color);
    }

    #[test]
    fn features_keep_their_shape_and_fill_the_square() {
        let dots = panel(&[&[[3.0, 0.0], [0.0, -1.5]]], &[]).dots((0.0, 0.0));
        let (x, y) = middles((0.0, 0.0))[0];
        let half = SIDE / 2.0 - 4.0;
        assert_eq!(dots[0].centers, [(x + half, y), (x, y + half / 2.0)]);
    }

    #[test]
    fn panels_stand_in_rows_of_four() {
        let rows = |n: usize| {
            let svg = check_well_formed(&planes(&vec![panel(&[&[[1.0, 1.0]]], &[]); n]));
            assert_eq!(svg.matches("&lt;i&gt;").count(), n);
            let height = svg.split("viewBox=\"0 0 ").nth(1).unwrap().split(['"', ' ']).nth(1);
            height.unwrap().parse::<f64>().unwrap()
        };
        assert_eq!(rows(1), rows(4));
        assert!(rows(5) > 1.9 * rows(4));
    }

    #[test]
    fn degenerate_features_are_drawn() {
        for features in [[[0.0, 0.0]], [[f32::NAN, 1.0]], [[f32::INFINITY, 1.0]]] {
            let svg = check_well_formed(&planes(&[panel(&[&features, &[]], &[&features])]));
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
        check_well_formed(&planes(&[]));
    }
}
