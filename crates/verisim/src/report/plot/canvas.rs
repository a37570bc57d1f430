//! An SVG drawing in the colors and the font of the page around it; it does not know what it shows.

use std::fmt::Write as _;
use std::io;

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::prelude::SVGBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, RGBAColor, RGBColor, ShapeStyle, TextStyle};

use crate::report::escape::escape;

/// Units in a point: plotters draws in whole units, and curves would have steps in whole points.
const UNITS: f64 = 10.0;
/// What the SVG back end divides the size of a font by.
const FONT_FACTOR: f64 = 1.24;
/// The widest drawing that a phone can show whole, in points; wider ones scroll.
const MAX_NARROW: f64 = 460.0;
/// CSS pixels a point takes where there is room.
const MAX_SCALE: f64 = 1.25;
/// Different curves of one plot have different colors up to here.
const N_SERIES: u8 = 6;

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<io::Error>>;

/// What something is drawn with; the page decides which color that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Text,
    /// Text over lines, which are kept away from it.
    Label,
    Muted,
    Grid,
    Surface,
    /// A dashed line of reference.
    Rule,
    Mated,
    NonMated,
    Heat,
    /// One of several curves, by its position.
    Series(usize),
}

impl Ink {
    /// An opaque color that stands for the ink until the drawing is done.
    pub(super) fn color(self) -> RGBColor {
        let code = match self {
            Self::Text => 1,
            Self::Label => 2,
            Self::Muted => 3,
            Self::Grid => 4,
            Self::Surface => 5,
            Self::Rule => 6,
            Self::Mated => 7,
            Self::NonMated => 8,
            Self::Heat => 9,
            Self::Series(idx) => 0x10 + (idx % usize::from(N_SERIES)) as u8,
        };
        RGBColor(code, 0, 0xED)
    }

    /// A line of a width in points.
    pub(super) fn line(self, width: f64) -> ShapeStyle {
        self.color().stroke_width(units(width).unsigned_abs())
    }

    /// A line that stays in the background.
    pub(super) fn faint_line(self, width: f64) -> ShapeStyle {
        RGBAColor::from(self.color()).mix(0.45).stroke_width(units(width).unsigned_abs())
    }

    /// A filled surface that lets `1 - opacity` of what is below through.
    pub(super) fn fill(self, opacity: f64) -> ShapeStyle {
        RGBAColor::from(self.color()).mix(opacity).filled()
    }

    /// Text of a size in points.
    pub(super) fn text(self, size: f64, h_pos: HPos, v_pos: VPos) -> TextStyle<'static> {
        let font = ("sans-serif", size * UNITS * FONT_FACTOR).into_font();
        let color = self.color().to_backend_color();
        TextStyle { color, pos: Pos::new(h_pos, v_pos), ..TextStyle::from(font) }
    }

    fn every() -> impl Iterator<Item = Self> {
        let plain = [
            Self::Text,
            Self::Label,
            Self::Muted,
            Self::Grid,
            Self::Surface,
            Self::Rule,
            Self::Mated,
            Self::NonMated,
            Self::Heat,
        ];
        plain.into_iter().chain((0..usize::from(N_SERIES)).map(Self::Series))
    }

    /// The page's variable, and the color where there is no page.
    fn css(self) -> &'static str {
        match self {
            Self::Text | Self::Label => "var(--ink, #1a1f26)",
            Self::Muted | Self::Rule => "var(--muted, #57606a)",
            Self::Grid => "var(--grid, #dfe3e8)",
            Self::Surface => "var(--surface, #ffffff)",
            Self::Mated => "var(--mated, #1769aa)",
            Self::NonMated => "var(--non-mated, #b4530a)",
            Self::Heat => "var(--heat, #1769aa)",
            Self::Series(0) => "var(--series-1, #1769aa)",
            Self::Series(1) => "var(--series-2, #b4530a)",
            Self::Series(2) => "var(--series-3, #0f766e)",
            Self::Series(3) => "var(--series-4, #7a4fbf)",
            Self::Series(4) => "var(--series-5, #b3245c)",
            Self::Series(_) => "var(--series-6, #57606a)",
        }
    }

    /// Attributes of a line beside its color. Dashes tell curves apart where colors do not.
    fn stroke_extra(self) -> &'static str {
        match self {
            Self::Rule => " stroke-dasharray=\"40 30\"",
            Self::Series(1) => " stroke-dasharray=\"80 30\"",
            Self::Series(2) => " stroke-dasharray=\"20 25\"",
            Self::Series(3) => " stroke-dasharray=\"90 30 20 30\"",
            Self::Series(4) => " stroke-dasharray=\"45 35\"",
            Self::Series(5) => " stroke-dasharray=\"120 30 20 30 20 30\"",
            _ => "",
        }
    }

    fn fill_extra(self) -> &'static str {
        if self == Self::Label {
            " paint-order=\"stroke\" stroke=\"var(--surface, #ffffff)\" stroke-width=\"35\" \
             stroke-linejoin=\"round\""
        } else {
            ""
        }
    }
}

/// Points to the units of the drawing.
pub(super) fn units(points: f64) -> i32 {
    (points * UNITS).round() as i32
}

/// Width and height of an area, in points.
pub(super) fn size_of(area: &Area<'_>) -> (f64, f64) {
    let (width, height) = area.dim_in_pixel();
    (f64::from(width) / UNITS, f64::from(height) / UNITS)
}

/// Draws an SVG of a size in points; `description` is what someone hears who cannot see it.
pub(super) fn sheet(
    width: f64,
    height: f64,
    description: &str,
    paint: impl FnOnce(&Area<'_>) -> Drawn,
) -> String {
    let (width_units, height_units) = (units(width), units(height));
    let mut drawing = String::new();
    let size = (width_units.unsigned_abs(), height_units.unsigned_abs());
    let area = SVGBackend::with_string(&mut drawing, size).into_drawing_area();
    let outcome = paint(&area).and_then(|()| area.present());
    drop(area);
    let body = match outcome {
        Ok(()) => body_of(&drawing),
        // Writing to memory does not fail, and yet a reader must not take a part for the whole.
        Err(error) => {
            let reason = escape(&error.to_string());
            format!(
                "<text y=\"200\" font-size=\"120\">This plot could not be drawn: {reason}</text>"
            )
        }
    };
    let class = if width > MAX_NARROW { "plot wide" } else { "plot" };
    let mut svg = String::new();
    // Writing to a string does not fail.
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"{class}\" role=\"img\" aria-label=\"{}\" \
         viewBox=\"0 0 {width_units} {height_units}\" width=\"100%\" style=\"max-width:{:.0}px\" \
         stroke-linejoin=\"round\">{body}</svg>",
        escape(description),
        MAX_SCALE * width,
    );
    svg
}

/// What plotters drew, without its outer element, in the colors of the page.
fn body_of(drawing: &str) -> String {
    let start = drawing.find('>').map_or(0, |end| end + 1);
    let end = drawing.rfind("</svg>").unwrap_or(drawing.len());
    let mut body = drawing[start..end]
        .replace(" font-family=\"sans-serif\"", "")
        .replace(" opacity=\"1\"", "")
        .replace(" \"/>", "\"/>");
    for ink in Ink::every() {
        let RGBColor(red, green, blue) = ink.color();
        for (attribute, extra) in [("fill", ink.fill_extra()), ("stroke", ink.stroke_extra())] {
            // A text cannot hold this: its quotes are escaped.
            let drawn = format!(" {attribute}=\"#{red:02X}{green:02X}{blue:02X}\"");
            body = body.replace(&drawn, &format!(" {attribute}=\"{}\"{extra}", ink.css()));
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use plotters::element::PathElement;

    use super::*;

    #[test]
    fn every_ink_becomes_a_color_of_the_page() {
        let svg = sheet(100.0, 50.0, "lines", |area| {
            for ink in Ink::every() {
                area.draw(&PathElement::new(vec![(0, 0), (10, 10)], ink.line(1.0)))?;
                area.draw_text("x", &ink.text(10.0, HPos::Left, VPos::Top), (0, 0))?;
            }
            Ok(())
        });
        let has_color = |line: &&str| line.contains(" stroke=\"#") || line.contains(" fill=\"#");
        assert_eq!(svg.lines().find(has_color), None);
        assert_eq!(svg.matches("<polyline").count(), Ink::every().count());
        assert!(svg.contains("fill=\"var(--series-6, #57606a)\""), "{svg}");
    }

    #[test]
    fn the_description_and_the_texts_are_escaped() {
        let svg = sheet(100.0, 50.0, "<a> \"b\"", |area| {
            let style = Ink::Text.text(10.0, HPos::Left, VPos::Top);
            area.draw_text("</text><script> stroke=\"#0100ED\"", &style, (0, 0))
        });
        assert!(svg.contains("aria-label=\"&lt;a&gt; &quot;b&quot;\""), "{svg}");
        assert!(svg.contains("&lt;script&gt; stroke=&quot;#0100ED&quot;"), "{svg}");
    }

    #[test]
    fn a_drawing_is_as_wide_as_the_page_lets_it() {
        let svg = sheet(420.0, 300.0, "", |_| Ok(()));
        assert!(svg.contains("viewBox=\"0 0 4200 3000\" width=\"100%\""), "{svg}");
        assert!(svg.contains("class=\"plot\""), "{svg}");
        assert!(sheet(700.0, 300.0, "", |_| Ok(())).contains("class=\"plot wide\""));
    }

    #[test]
    fn what_cannot_be_drawn_says_so() {
        let svg = sheet(480.0, 300.0, "", |_| Err(DrawingAreaErrorKind::LayoutError));
        assert!(svg.contains("could not be drawn"), "{svg}");
    }
}
