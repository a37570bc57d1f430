//! Many dots of one color as one path: a circle for each would take eight times the room in a file.

use std::fmt::Write as _;

use super::canvas::units;

/// Dots of one color.
#[derive(Clone, Debug)]
pub(super) struct Dots {
    /// As CSS writes it.
    pub(super) color: &'static str,
    /// In points.
    pub(super) radius: f64,
    /// In points from the corner of the drawing.
    pub(super) centers: Vec<(f64, f64)>,
}

/// Adds dots above everything that was drawn.
pub(super) fn add_dots(svg: &str, layers: &[Dots]) -> String {
    let mut paths = String::new();
    for Dots { color, radius, centers } in layers.iter().filter(|it| !it.centers.is_empty()) {
        // A line of no length with round ends is a dot.
        let places: String =
            centers.iter().map(|&(x, y)| format!("M{} {}h0", units(x), units(y))).collect();
        // Writing to a string does not fail.
        let _ = write!(
            paths,
            "<path d=\"{places}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{}\" \
             stroke-linecap=\"round\" stroke-opacity=\"0.85\"/>",
            units(2.0 * radius)
        );
    }
    let end = svg.rfind("</svg>").unwrap_or(svg.len());
    format!("{}{paths}{}", &svg[..end], &svg[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_of_one_color_are_one_path() {
        let dots = |centers: &[(f64, f64)]| Dots {
            color: "#123456",
            radius: 1.5,
            centers: centers.to_vec(),
        };
        let svg = add_dots("<svg><g/></svg>", &[dots(&[(1.0, 2.0), (0.3, 4.0)]), dots(&[])]);
        assert!(svg.starts_with("<svg><g/><path d=\"M10 20h0M3 40h0\""), "{svg}");
        assert!(svg.ends_with("stroke-opacity=\"0.85\"/></svg>"), "{svg}");
        assert!(svg.contains("stroke-width=\"30\""), "{svg}");
        assert_eq!(svg.matches("<path").count(), 1);
    }
}
