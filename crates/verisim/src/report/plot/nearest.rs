//! The pairs of identities that are hardest to tell apart, as a ranked list; it ranks nothing.

use plotters::element::{Circle, PathElement};
use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{Area, Drawn, Ink, sheet, units};
use super::text;
use crate::report::number::signed;

const WIDTH: f64 = 420.0;
const SIZE: f64 = 11.0;
/// Height of a row, in points.
const ROW: f64 = 20.0;
/// Room for names, in points.
const NAMES: f64 = 190.0;
/// Room for the number at the end of a row, in points.
const NUMBER: f64 = 40.0;
/// Height of the legend, in points.
const TOP: f64 = 24.0;

/// Two identities and the scores of the comparisons between them.
#[derive(Clone, Debug)]
pub(crate) struct NearestPair {
    /// The two names.
    pub(crate) names: [String; 2],
    /// The highest score of all comparisons.
    pub(crate) highest: f32,
    /// The mean score.
    pub(crate) mean: f32,
}

/// The pairs in the order given, each with its mean and its highest score, and the threshold as a
/// line: what lies right of it is a false match. About 15 pairs make a readable list.
pub(crate) fn nearest_pairs(pairs: &[NearestPair], threshold: Option<f32>) -> String {
    let threshold = threshold.filter(|threshold| threshold.is_finite());
    let scores = || pairs.iter().flat_map(|pair| [pair.mean, pair.highest]).chain(threshold);
    let finite = || scores().filter(|score| score.is_finite()).map(f64::from);
    let low = finite().fold(0.0, f64::min);
    let high = finite().fold(low + 0.1, f64::max);
    let place = |score: f32| {
        let share = (f64::from(score) - low) / (high - low);
        NAMES + 12.0 + share * (WIDTH - NAMES - NUMBER - 24.0)
    };
    let height = TOP + ROW * pairs.len().max(1) as f64 + 4.0;
    sheet(WIDTH, height, "The pairs of identities with the highest scores", |area| {
        if pairs.is_empty() {
            let style = Ink::Muted.text(SIZE, HPos::Center, VPos::Center);
            return area.draw_text("no pairs", &style, (units(WIDTH / 2.0), units(TOP)));
        }
        draw_legend(area)?;
        if let Some(threshold) = threshold {
            let x = units(place(threshold));
            let line = vec![(x, units(TOP - 2.0)), (x, units(height))];
            area.draw(&PathElement::new(line, Ink::Rule.line(1.3)))?;
            let name = format!("threshold {}", signed(f64::from(threshold), 2));
            let half = SIZE * text::width(&name) / 2.0;
            let middle = units(place(threshold).min(WIDTH - half));
            let style = Ink::Muted.text(SIZE, HPos::Center, VPos::Center);
            area.draw_text(&name, &style, (middle, units(TOP - 12.0)))?;
        }
        let row = |idx: usize| TOP + (idx as f64 + 0.5) * ROW;
        pairs.iter().enumerate().try_for_each(|(idx, pair)| draw_row(area, pair, row(idx), &place))
    })
}

fn draw_row(area: &Area<'_>, pair: &NearestPair, y: f64, place: &dyn Fn(f32) -> f64) -> Drawn {
    let at = |x: f64| (units(x), units(y));
    let half = (NAMES / SIZE - text::width(" – ")) / 2.0;
    let [first, second] = &pair.names;
    // What one name does not need, the other may have.
    let spare = |other: &str| half + (half - text::width(other)).max(0.0);
    let names = format!(
        "{} – {}",
        text::shortened(first, spare(second)),
        text::shortened(second, spare(first))
    );
    area.draw_text(&names, &Ink::Text.text(SIZE, HPos::Right, VPos::Center), at(NAMES))?;
    if !pair.mean.is_finite() || !pair.highest.is_finite() {
        return Ok(());
    }
    let (mean, highest) = (place(pair.mean), place(pair.highest));
    area.draw(&PathElement::new(vec![at(mean), at(highest)], Ink::NonMated.faint_line(2.4)))?;
    draw_mean(area, at(mean))?;
    area.draw(&Circle::new(at(highest), units(4.0), Ink::NonMated.fill(1.0)))?;
    let style = Ink::Text.text(SIZE, HPos::Right, VPos::Center);
    area.draw_text(&signed(f64::from(pair.highest), 4), &style, at(WIDTH - 2.0))
}

fn draw_mean(area: &Area<'_>, at: (i32, i32)) -> Drawn {
    area.draw(&Circle::new(at, units(3.8), Ink::NonMated.fill(1.0)))?;
    area.draw(&Circle::new(at, units(2.4), Ink::Surface.fill(1.0)))
}

fn draw_legend(area: &Area<'_>) -> Drawn {
    let y = units(TOP - 12.0);
    let style = Ink::Muted.text(SIZE, HPos::Left, VPos::Center);
    draw_mean(area, (units(6.0), y))?;
    area.draw_text("mean", &style, (units(14.0), y))?;
    area.draw(&Circle::new((units(60.0), y), units(4.0), Ink::NonMated.fill(1.0)))?;
    area.draw_text("highest score", &style, (units(68.0), y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::markup::check_well_formed;

    fn pair(highest: f32, mean: f32) -> NearestPair {
        NearestPair { names: ["<a>".repeat(50), "b".to_owned()], highest, mean }
    }

    #[test]
    fn degenerate_lists_are_drawn() {
        assert!(check_well_formed(&nearest_pairs(&[], None)).contains("no pairs"));
        let lists = [
            vec![pair(0.0, 0.0)],
            vec![pair(f32::NAN, 0.1), pair(0.5, f32::NEG_INFINITY)],
            vec![pair(-0.5, -0.9); 40],
        ];
        for pairs in lists {
            for threshold in [None, Some(f32::NEG_INFINITY), Some(-1.0), Some(1.0)] {
                let svg = check_well_formed(&nearest_pairs(&pairs, threshold));
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            }
        }
    }

    #[test]
    fn a_pair_above_the_threshold_lies_right_of_it() {
        let svg = nearest_pairs(&[pair(0.5, 0.2)], Some(0.4));
        let number = |line: &str, name: &str| -> f64 {
            line.split_once(name).unwrap().1.split([' ', ',', '"']).next().unwrap().parse().unwrap()
        };
        let rule = svg.lines().find(|line| line.contains("stroke-dasharray")).unwrap();
        let highest = svg.lines().rfind(|line| line.contains("<circle")).unwrap();
        assert!(number(rule, "points=\"") < number(highest, "cx=\""), "{svg}");
    }
}
