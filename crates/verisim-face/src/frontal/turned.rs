//! A chip as if the head had turned a little further; it does not know why.

use super::camera::{Camera, CameraError, dot};
use super::head::{COLUMNS, Head, ROWS, reach};
use super::share_between;
use crate::synth::raster::{Corner, Layer, NOTHING, Sides, shares};
use crate::warp::Source;
use crate::{Landmarks, Picture, Point};

/// Half the width of a head and its half height, around its middle below the eyes: all of that turns.
const HEAD: [f64; 2] = [8.0, 11.0];
const HEAD_Y: f64 = -0.5;

/// A face that was turned.
#[derive(Clone, Debug)]
pub struct Turned {
    /// The picture, of the size of the one before.
    pub picture: Picture,
    /// Where the landmarks are now, for those who want to align it again.
    pub landmarks: Landmarks,
}

/// A face turned further by `yaw` degrees towards the right of the picture, then `pitch` degrees up, around the
/// middle of its landmarks.
///
/// The pixels are those of the picture, moved as a generic head moves them: what the camera did not see is
/// stretched from what is beside it, and the light stays on the face. The background moves less the farther it
/// is from the head, and stays where it is at the edges. Good for some 30 degrees, as training augmentation (such
/// as <https://arxiv.org/abs/2506.04496>). It is meant for chips: every pixel of the picture is drawn.
///
/// # Errors
///
/// Fails if the landmarks are not those of a face, or if an angle is not a number.
pub fn turned(
    chip: &Picture,
    landmarks: &Landmarks,
    yaw: f32,
    pitch: f32,
) -> Result<Turned, CameraError> {
    if !yaw.is_finite() || !pitch.is_finite() {
        return Err(CameraError::Undecided);
    }
    let camera = Camera::from_landmarks(landmarks)?;
    let view = camera.view();
    let head = Head::generic();
    let turn = Turn::new(head, yaw, pitch);
    let mut sources = Vec::with_capacity(COLUMNS * ROWS);
    let corners: Vec<Corner> = head
        .points()
        .map(|point| {
            sources.push(camera.place(point));
            let moved = turn.apply(point);
            let [x, y] = camera.place(moved);
            // Samples of a layer lie half a pixel behind its corner, pixels at whole numbers.
            [(x + 0.5) as f32, (y + 0.5) as f32, dot(view, moved) as f32]
        })
        .collect();
    let (width, height) = (chip.width(), chip.height());
    let mut layer = Layer::new(width, height);
    let faces = triangles();
    layer.draw(0, &corners, &faces, Sides::Both);
    let source = Source::new(chip, 1.0, []);
    let mut pixels = Vec::with_capacity(3 * width * height);
    for row in 0..height {
        for column in 0..width {
            let hit = layer.hits[row * width + column];
            if hit.part == NOTHING {
                pixels.extend(chip.pixel(column, row));
                continue;
            }
            let face = faces[hit.face as usize].map(|index| index as usize);
            let middle = [column as f32 + 0.5, row as f32 + 0.5];
            let shares = shares(face.map(|index| corners[index]), middle);
            let mut place = [0.0; 2];
            for (index, share) in face.into_iter().zip(shares) {
                place[0] += f64::from(share) * sources[index][0];
                place[1] += f64::from(share) * sources[index][1];
            }
            pixels.extend(source.at(place));
        }
    }
    let mut moved = *landmarks;
    for (Point { x, y }, point) in moved.points.iter_mut().zip(head.landmarks) {
        let (from, to) = (camera.place(point), camera.place(turn.apply(point)));
        *x += (to[0] - from[0]) as f32;
        *y += (to[1] - from[1]) as f32;
    }
    Ok(Turned { picture: Picture::new(width, height, pixels), landmarks: moved })
}

/// A turn around the middle of the landmarks.
struct Turn {
    middle: [f64; 3],
    yaw: (f64, f64),
    pitch: (f64, f64),
}

impl Turn {
    fn new(head: &Head, yaw: f32, pitch: f32) -> Self {
        let mut middle = [0.0; 3];
        for (axis, value) in middle.iter_mut().enumerate() {
            *value = head.landmarks.iter().map(|point| point[axis]).sum::<f64>() / 5.0;
        }
        let [yaw, pitch] = [yaw, pitch].map(|degrees| f64::from(degrees).to_radians().sin_cos());
        Self { middle, yaw, pitch }
    }

    /// Where a point goes: on the head with all of the turn, at the edges with none.
    fn apply(&self, point: [f64; 3]) -> [f64; 3] {
        let [x, y, z] = [0, 1, 2].map(|axis| point[axis] - self.middle[axis]);
        let ((sin_pitch, cos_pitch), (sin_yaw, cos_yaw)) = (self.pitch, self.yaw);
        let (y, z) = (cos_pitch * y + sin_pitch * z, cos_pitch * z - sin_pitch * y);
        let (x, z) = (cos_yaw * x + sin_yaw * z, cos_yaw * z - sin_yaw * x);
        let share = follows(point);
        let turned = [x, y, z];
        [0, 1, 2].map(|axis| point[axis] + share * (turned[axis] + self.middle[axis] - point[axis]))
    }
}

/// How far a place of the front view turns with the head, from 1 on it to 0 at the edge of what is known.
fn follows([x, y, _]: [f64; 3]) -> f64 {
    let (half_width, bottom, top) = reach();
    let aside = x.abs() / HEAD[0];
    let along = (y - HEAD_Y).abs() / HEAD[1];
    let inside = (aside * aside + along * along).sqrt();
    let to_edge = (half_width - x.abs()).min(y - bottom).min(top - y);
    (1.0 - share_between([1.0, 1.6], inside)).min(share_between([0.0, 1.0], to_edge))
}

/// The triangles between the points of a head.
fn triangles() -> Vec<[u32; 3]> {
    let corner = |column: usize, row: usize| (row * COLUMNS + column) as u32;
    let mut triangles = Vec::with_capacity(2 * (COLUMNS - 1) * (ROWS - 1));
    for row in 0..ROWS - 1 {
        for column in 0..COLUMNS - 1 {
            let (a, b) = (corner(column, row), corner(column + 1, row));
            let (c, d) = (corner(column, row + 1), corner(column + 1, row + 1));
            triangles.extend([[a, c, b], [b, c, d]]);
        }
    }
    triangles
}
