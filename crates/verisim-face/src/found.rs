//! A face that was found in a photograph; it does not know by which detector, nor whose it is.

use std::fmt;

/// A place in a photograph, in pixels from its top left corner; pixel centers lie at whole numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// From the left edge.
    pub x: f32,
    /// From the upper edge.
    pub y: f32,
}

/// A rectangle in a photograph, in pixels; it may reach beyond the photograph's edges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width, at least 0.
    pub width: f32,
    /// Height, at least 0.
    pub height: f32,
}

/// Five places of a face, named from the viewer's side: the *left* eye lies left in the picture, and is the
/// right one of the person who looks into the camera.
///
/// This is the order of ArcFace's template and of all detectors here.
#[derive(Clone, Copy, PartialEq)]
pub struct Landmarks {
    /// Left eye, right eye, tip of the nose, left corner of the mouth, right corner of the mouth.
    pub points: [Point; 5],
}

/// A face that a detector found.
#[derive(Clone, Copy, PartialEq)]
pub struct FoundFace {
    /// Where it is.
    pub area: Area,
    /// Its landmarks, if the detector finds any.
    pub landmarks: Option<Landmarks>,
    /// How sure the detector is, in `[0, 1]`; it is no similarity and no probability.
    pub score: f32,
}

impl Area {
    /// Its middle.
    pub fn center(&self) -> Point {
        Point { x: self.x + self.width / 2.0, y: self.y + self.height / 2.0 }
    }

    /// Its size in square pixels.
    pub fn size(&self) -> f32 {
        self.width * self.height
    }

    /// Intersection over union with another, in `[0, 1]`; 0 if both are empty.
    pub fn overlap(&self, other: &Self) -> f32 {
        let shared = |start: f32, end: f32, other_start: f32, other_end: f32| {
            (end.min(other_end) - start.max(other_start)).max(0.0)
        };
        let across = shared(self.x, self.x + self.width, other.x, other.x + other.width);
        let down = shared(self.y, self.y + self.height, other.y, other.y + other.height);
        let both = across * down;
        let either = self.size() + other.size() - both;
        if either > 0.0 { both / either } else { 0.0 }
    }
}

/// A face is personal data: its `Debug` output does not show where its landmarks are.
impl fmt::Debug for Landmarks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Landmarks(5)")
    }
}

impl fmt::Debug for FoundFace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Area { width, height, .. } = self.area;
        write!(f, "FoundFace({width:.0} x {height:.0}, score {:.2})", self.score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_is_shared_area_over_covered_area() {
        let area = |x, y, width, height| Area { x, y, width, height };
        let square = area(0.0, 0.0, 10.0, 10.0);
        assert_eq!(square.overlap(&square), 1.0);
        assert_eq!(square.overlap(&area(5.0, 0.0, 10.0, 10.0)), 50.0 / 150.0);
        assert_eq!(square.overlap(&area(10.0, 0.0, 10.0, 10.0)), 0.0);
        assert_eq!(square.overlap(&area(-9.0, -9.0, 10.0, 10.0)), 1.0 / 199.0);
        let nothing = area(3.0, 3.0, 0.0, 0.0);
        assert_eq!(nothing.overlap(&nothing), 0.0);
    }

    #[test]
    fn debug_output_shows_no_landmarks() {
        let points = [Point { x: 12.5, y: 77.25 }; 5];
        let area = Area { x: 1.0, y: 2.0, width: 30.0, height: 40.0 };
        let face = FoundFace { area, landmarks: Some(Landmarks { points }), score: 0.987 };
        assert_eq!(format!("{face:?}"), "FoundFace(30 x 40, score 0.99)");
        assert_eq!(format!("{:?}", face.landmarks), "Some(Landmarks(5))");
    }
}
