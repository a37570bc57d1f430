//! Boxes and landmarks drawn into a photograph; it knows no files.

use verisim_face::{Area, FoundFace, Picture, Point};

/// Color of a box: seen on skin and on most else.
const BOX: [u8; 3] = [0, 255, 80];
/// Colors of the landmarks, in their order: the viewer's left is red, right is blue.
const POINTS: [[u8; 3]; 5] =
    [[255, 40, 40], [60, 120, 255], [255, 230, 0], [255, 40, 40], [60, 120, 255]];
/// A line is so many times thinner than the longer side of the photograph.
const THINNESS: usize = 400;

/// The photograph with a box around each face and a dot on each landmark.
pub(crate) fn drawn(photograph: &Picture, faces: &[FoundFace]) -> Picture {
    let (width, height) = (photograph.width(), photograph.height());
    let thickness = (width.max(height) / THINNESS).max(1) as f32;
    let mut sheet = Sheet { width, height, pixels: photograph.as_rgb().to_vec() };
    // The surest last, on top of the others.
    for face in faces.iter().rev() {
        sheet.outline(face.area, thickness);
        let points = face.landmarks.iter().flat_map(|it| it.points);
        // Small faces have small dots, so that they can still be seen.
        let radius = (face.area.width / 40.0).clamp(0.5, 2.0 * thickness);
        for (point, color) in points.zip(POINTS) {
            sheet.dot(point, radius, color);
        }
    }
    Picture::new(width, height, sheet.pixels)
}

struct Sheet {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Sheet {
    /// Four lines around an area, inside of it.
    fn outline(&mut self, area: Area, thickness: f32) {
        let Area { x, y, width, height } = area;
        let (right, bottom) = (x + width, y + height);
        self.fill([x, y, right, y + thickness], BOX);
        self.fill([x, bottom - thickness, right, bottom], BOX);
        self.fill([x, y, x + thickness, bottom], BOX);
        self.fill([right - thickness, y, right, bottom], BOX);
    }

    fn dot(&mut self, center: Point, radius: f32, color: [u8; 3]) {
        let Point { x, y } = center;
        self.fill([x - radius, y - radius, x + radius + 1.0, y + radius + 1.0], color);
    }

    /// Fills from the left and upper edge up to the right and lower one, as far as there is a photograph.
    fn fill(&mut self, [left, top, right, bottom]: [f32; 4], color: [u8; 3]) {
        // What lies left of the photograph becomes 0 in the cast, which is where it begins.
        let pixels = |from: f32, to: f32, side: usize| {
            (from.round() as usize).min(side)..(to.round() as usize).min(side)
        };
        let columns = pixels(left, right, self.width);
        for row in pixels(top, bottom, self.height) {
            for column in columns.clone() {
                self.pixels[3 * (row * self.width + column)..][..3].copy_from_slice(&color);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use verisim_face::Landmarks;

    use super::*;

    #[test]
    fn a_box_is_an_outline_and_landmarks_are_dots() {
        let photograph = Picture::new(20, 10, vec![9; 600]);
        let area = Area { x: 2.0, y: 1.0, width: 10.0, height: 6.0 };
        let points = [4.0, 8.0, 6.0, 4.0, 8.0].map(|x| Point { x, y: 3.0 });
        let face = FoundFace { area, landmarks: Some(Landmarks { points }), score: 0.5 };
        let found = drawn(&photograph, &[face]);
        for (x, y) in [(2, 1), (11, 1), (2, 6), (11, 6), (7, 1), (2, 3)] {
            assert_eq!(found.pixel(x, y), BOX, "{x}, {y}");
        }
        for (x, y) in [(1, 1), (12, 1), (3, 2), (10, 5), (7, 7)] {
            assert_eq!(found.pixel(x, y), [9; 3], "{x}, {y}");
        }
        assert_eq!((found.pixel(6, 3), found.pixel(8, 3)), (POINTS[2], POINTS[4]));
    }

    #[test]
    fn what_lies_beyond_the_photograph_is_cut_off() {
        let photograph = Picture::new(8, 8, vec![9; 192]);
        let at = |x, y, width, height| FoundFace {
            area: Area { x, y, width, height },
            landmarks: None,
            score: 0.5,
        };
        let edge = drawn(&photograph, &[at(-3.0, -3.0, 6.0, 100.0)]);
        assert_eq!((edge.pixel(2, 7), edge.pixel(0, 0), edge.pixel(4, 0)), (BOX, [9; 3], [9; 3]));
        let far = [at(50.0, 50.0, 9.0, 9.0), at(-50.0, -50.0, 9.0, 9.0), at(1e30, 0.0, 1e30, 1e30)];
        assert_eq!(drawn(&photograph, &far).as_rgb(), photograph.as_rgb());
    }
}
