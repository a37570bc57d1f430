//! From a part of a photograph to the input of a detector, and back to places in the photograph; it
//! knows no faces but their coordinates.

use super::card::{DetectorInput, InputSize, Padding, Resize};
use super::decode::Canvas;
use super::plan::{Pass, Trusted, Window};
use crate::chip::{Channels, resize, to_channels};
use crate::{Area, FoundFace, Landmarks, Picture, Point};

/// What a network is given, and where it lies in the photograph.
pub(super) struct Seen {
    /// Its input, `[channels, height, width]`.
    pub(super) values: Vec<f32>,
    /// Size of the input in pixels.
    pub(super) canvas: Canvas,
    place: Place,
}

/// Where an input lies in a photograph.
struct Place {
    /// Upper left corner of the part, in pixels of the photograph.
    origin: [f32; 2],
    /// Pixels of padding left and above.
    padding: [f32; 2],
    /// Pixels of the photograph for each of the input, across and down.
    scale: [f32; 2],
}

/// Cuts out what a pass looks at, resizes, pads and normalizes it.
pub(super) fn see(photograph: &Picture, pass: &Pass, input: &DetectorInput) -> Seen {
    let canvas = match input.size {
        InputSize::Fixed([width, height]) => Canvas { width, height },
        InputSize::MultipleOf(step) => Canvas {
            width: pass.resized.width.next_multiple_of(step),
            height: pass.resized.height.next_multiple_of(step),
        },
    };
    // The tiles at the edges would be stretched by another ratio than the whole.
    let stretches = input.resize == Resize::Stretch && pass.level == 0;
    let size = if stretches { canvas } else { pass.resized };
    let is_whole =
        (pass.window.width, pass.window.height) == (photograph.width(), photograph.height());
    let part = if is_whole { photograph } else { &cut(photograph, pass.window) };
    let part = resize(part, size.width, size.height);
    let [left, top] = match input.padding {
        Padding::RightAndBottom => [0, 0],
        Padding::AllSides => [(canvas.width - size.width) / 2, (canvas.height - size.height) / 2],
    };
    let n_channels = input.channels.count();
    let pixels = match input.channels {
        Channels::Gray => to_channels(&part, Channels::Gray),
        Channels::Rgb | Channels::Bgr => part.into_rgb(),
    };
    let n_pixels = canvas.width * canvas.height;
    let mut values = Vec::with_capacity(n_channels * n_pixels);
    for channel in 0..n_channels {
        let (mean, std) = (input.mean[channel], input.std[channel]);
        let normalized = |value: u8| (f32::from(value) - mean) / std;
        let start = values.len();
        values.resize(start + n_pixels, normalized(input.padding_value));
        let rows = values[start..].chunks_exact_mut(canvas.width).skip(top);
        for (row, source) in rows.zip(pixels.chunks_exact(n_channels * size.width)) {
            let channel = if input.channels == Channels::Bgr { 2 - channel } else { channel };
            let source = source[channel..].iter().step_by(n_channels);
            for (value, pixel) in row[left..].iter_mut().zip(source) {
                *value = normalized(*pixel);
            }
        }
    }
    let Window { x, y, width, height } = pass.window;
    let place = Place {
        origin: [x as f32, y as f32],
        padding: [left as f32, top as f32],
        scale: [width as f32 / size.width as f32, height as f32 / size.height as f32],
    };
    Seen { values, canvas, place }
}

impl Seen {
    /// A face that was found in this input, in pixels of the photograph.
    ///
    /// Coordinates are scaled as they are, without the half pixel by which the centers of large and small
    /// pixels differ: detectors are trained that way. YuNet's landmarks, found at 1/3 and at full size, differ
    /// by 0.4 +- 0.5 pixels on average so, and by 1.4 with it.
    pub(super) fn to_photograph(&self, face: &FoundFace) -> FoundFace {
        let Place { origin, padding, scale } = self.place;
        let point = |point: Point| Point {
            x: origin[0] + (point.x - padding[0]) * scale[0],
            y: origin[1] + (point.y - padding[1]) * scale[1],
        };
        let corner = point(Point { x: face.area.x, y: face.area.y });
        let area = Area {
            x: corner.x,
            y: corner.y,
            width: face.area.width * scale[0],
            height: face.area.height * scale[1],
        };
        let landmarks = face.landmarks.map(|it| Landmarks { points: it.points.map(point) });
        FoundFace { area, landmarks, ..*face }
    }
}

impl Trusted {
    /// Whether a face lies within, as far as the part was cut.
    pub(super) fn holds(&self, area: &Area) -> bool {
        self.left <= area.x
            && self.top <= area.y
            && area.x + area.width <= self.right
            && area.y + area.height <= self.bottom
    }
}

/// A part of a photograph.
fn cut(photograph: &Picture, window: Window) -> Picture {
    let Window { x, y, width, height } = window;
    let mut pixels = Vec::with_capacity(3 * width * height);
    for row in y..y + height {
        let start = 3 * (row * photograph.width() + x);
        pixels.extend_from_slice(&photograph.as_rgb()[start..start + 3 * width]);
    }
    Picture::new(width, height, pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(size: InputSize) -> DetectorInput {
        DetectorInput {
            size,
            resize: Resize::Fit,
            padding: Padding::RightAndBottom,
            padding_value: 7,
            channels: Channels::Bgr,
            mean: vec![1.0, 2.0, 3.0],
            std: vec![1.0, 1.0, 2.0],
        }
    }

    fn pass(window: [usize; 4], resized: [usize; 2]) -> Pass {
        let [x, y, width, height] = window;
        let open = f32::INFINITY;
        Pass {
            level: 0,
            window: Window { x, y, width, height },
            resized: Canvas { width: resized[0], height: resized[1] },
            trusted: Trusted { left: -open, top: -open, right: open, bottom: open },
        }
    }

    /// Red is 10 y + x, green 100, blue 200.
    fn photograph() -> Picture {
        let pixels = (0..4).flat_map(|y| (0..6).flat_map(move |x| [10 * y + x, 100, 200]));
        Picture::new(6, 4, pixels.collect())
    }

    #[test]
    fn a_part_is_cut_out_padded_and_normalized_by_channel() {
        let seen =
            see(&photograph(), &pass([2, 1, 3, 2], [3, 2]), &input(InputSize::MultipleOf(4)));
        assert_eq!(seen.canvas, Canvas { width: 4, height: 4 });
        let [blue, green, red] = [&seen.values[..16], &seen.values[16..32], &seen.values[32..]];
        let (pad, row) = (6.0, [199.0, 199.0, 199.0, 6.0]);
        assert_eq!(blue, [&row[..], &row, &[pad; 8]].concat());
        assert_eq!(green[..4], [98.0, 98.0, 98.0, 5.0]);
        assert_eq!(red[..8], [4.5, 5.0, 5.5, 2.0, 9.5, 10.0, 10.5, 2.0]);
        assert_eq!(red[8..], [2.0; 8]);
    }

    #[test]
    fn padding_may_lie_on_all_sides() {
        let all = DetectorInput { padding: Padding::AllSides, ..input(InputSize::Fixed([5, 5])) };
        let seen = see(&photograph(), &pass([2, 1, 3, 2], [3, 2]), &all);
        assert_eq!(seen.values[50..][..10], [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 4.5, 5.0, 5.5, 2.0]);
        // The upper left pixel of the part lies at (1, 1) of the input.
        let place = seen.to_photograph(&at(1.0, 1.0)).area;
        assert_eq!((place.x, place.y), (2.0, 1.0));
    }

    #[test]
    fn places_return_to_the_photograph() {
        let seen =
            see(&photograph(), &pass([2, 0, 4, 4], [2, 2]), &input(InputSize::MultipleOf(4)));
        let face = seen.to_photograph(&at(1.0, 0.5));
        assert_eq!(face.area, Area { x: 4.0, y: 1.0, width: 4.0, height: 8.0 });
        assert_eq!(face.landmarks.unwrap().points[4], Point { x: 4.0, y: 1.0 });
    }

    #[test]
    fn stretching_fills_the_input() {
        let stretch = DetectorInput { resize: Resize::Stretch, ..input(InputSize::Fixed([3, 8])) };
        let seen = see(&photograph(), &pass([0, 0, 6, 4], [3, 2]), &stretch);
        assert!(seen.values[..24].iter().all(|blue| *blue == 199.0));
        let face = seen.to_photograph(&at(1.5, 4.0));
        assert_eq!(face.area, Area { x: 3.0, y: 2.0, width: 4.0, height: 2.0 });
    }

    #[test]
    fn a_face_across_a_cut_is_not_trusted() {
        let mut trusted = pass([0, 0, 1, 1], [1, 1]).trusted;
        let area = Area { x: -3.0, y: 2.0, width: 20.0, height: 20.0 };
        assert!(trusted.holds(&area));
        trusted.right = 16.0;
        assert!(!trusted.holds(&area));
        trusted.right = 17.0;
        assert!(trusted.holds(&area));
        trusted.top = 3.0;
        assert!(!trusted.holds(&area));
    }

    /// A face of 2 x 4 pixels at a place of the input, with all landmarks in its corner.
    fn at(x: f32, y: f32) -> FoundFace {
        let area = Area { x, y, width: 2.0, height: 4.0 };
        let landmarks = Landmarks { points: [Point { x, y }; 5] };
        FoundFace { area, landmarks: Some(landmarks), score: 0.5 }
    }
}
