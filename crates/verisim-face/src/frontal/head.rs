//! A head like all: the mean of drawn ones, as depths behind its front view; it knows no picture.
//!
//! In centimeters: `x` to the right of the picture, `y` up from the line of the eyes, `z` out of the face. Each
//! head is first scaled to common distances from eye to eye and from eyes to mouth, so that their noses and lips
//! fall on each other.

use std::sync::LazyLock;

use crate::synth::raster::{Corner, Layer, NOTHING, Sides};
use crate::synth::resting::{RestingHead, resting_head};

/// Heads whose mean is taken.
const N_HEADS: u64 = 24;
/// Distance of neighboring depths in centimeters.
pub(super) const STEP: f64 = 0.25;
/// Columns and rows of depths, and the place of the first one.
pub(super) const COLUMNS: usize = 97;
pub(super) const ROWS: usize = 101;
const LEFT: f64 = -12.0;
const TOP: f64 = 12.0;
/// Half of the distance between the eyes.
const EYE_X: f32 = 3.2;
/// Height of the corners of the mouth.
const MOUTH_Y: f32 = -6.9;
/// So far below its foremost point detectors put the tip of a nose, and cameras at arm's length see it, in
/// centimeters. It brings the mean pitch of drawn frontal heads from -5 degrees to 1, and that of the faces of LFW
/// with `YuNet` from -12 to -6; the two disagree, so neither is brought to 0.
const NOSE_LOWERED: f64 = 0.33;

static GENERIC: LazyLock<Head> = LazyLock::new(|| Head::mean(N_HEADS));

/// The front of a head, which is the same on both sides.
pub(super) struct Head {
    /// Depths, row after row from the top left.
    depths: Vec<f32>,
    /// The five landmarks.
    pub(super) landmarks: [[f64; 3]; 5],
    /// The usual 68 landmarks (iBUG, 300-W): jaw, brows, nose, eyes, lips.
    pub(super) landmarks_68: [[f64; 3]; 68],
}

impl Head {
    /// The head that stands for all.
    pub(super) fn generic() -> &'static Self {
        &GENERIC
    }

    fn mean(n_heads: u64) -> Self {
        let mut sums = vec![(0.0, 0u64); COLUMNS * ROWS];
        let mut landmarks = [[0.0; 3]; 5];
        let mut jaw = [[0.0; 3]; 17];
        let mut features = [[0.0; 2]; 51];
        for seed in 0..n_heads {
            let head = scaled(resting_head(seed));
            let layer = front(&head);
            for ((sum, n), (hit, z)) in sums.iter_mut().zip(layer.hits.iter().zip(&layer.nearness))
            {
                if hit.part != NOTHING {
                    *sum += f64::from(*z);
                    *n += 1;
                }
            }
            add(&mut landmarks, &head.landmarks);
            add(&mut jaw, &head.jaw);
            add(&mut features, &head.features);
        }
        let share = 1.0 / n_heads as f64;
        // Where fewer heads reach, the mean would have a step.
        let known: Vec<Option<f32>> = sums
            .iter()
            .map(|&(sum, n)| (2 * n > n_heads).then(|| (sum / n as f64) as f32))
            .collect();
        let depths = smoothed(&mirrored(&filled(known)));
        let mut head = Self { depths, landmarks: [[0.0; 3]; 5], landmarks_68: [[0.0; 3]; 68] };
        let mean = |point: [f64; 3]| point.map(|value| value * share);
        head.landmarks = landmarks.map(mean);
        head.landmarks[2][1] -= NOSE_LOWERED;
        for (index, point) in head.landmarks_68.iter_mut().enumerate() {
            *point = if index < 17 { mean(jaw[index]) } else { [0.0; 3] };
        }
        for (index, [x, y]) in features.into_iter().enumerate() {
            let (x, y) = (x * share, y * share);
            head.landmarks_68[17 + index] = [x, y, head.depth(x, y)];
        }
        head
    }

    /// How far the surface stands out at a place of the front view; beyond the known part as at its edge.
    pub(super) fn depth(&self, x: f64, y: f64) -> f64 {
        let place = |value: f64, n: usize| {
            let value = value.clamp(0.0, n as f64 - 1.001);
            (value as usize, value - value as usize as f64)
        };
        let (column, right) = place((x - LEFT) / STEP, COLUMNS);
        let (row, down) = place((TOP - y) / STEP, ROWS);
        let start = row * COLUMNS + column;
        let at = |index: usize| f64::from(self.depths[index]);
        let above = at(start) * (1.0 - right) + at(start + 1) * right;
        let below = at(start + COLUMNS) * (1.0 - right) + at(start + COLUMNS + 1) * right;
        above * (1.0 - down) + below * down
    }

    /// Direction that the surface faces at a place of the front view, of length 1.
    pub(super) fn normal(&self, x: f64, y: f64) -> [f64; 3] {
        let across = (self.depth(x + STEP, y) - self.depth(x - STEP, y)) / (2.0 * STEP);
        let up = (self.depth(x, y + STEP) - self.depth(x, y - STEP)) / (2.0 * STEP);
        let length = (1.0 + across * across + up * up).sqrt();
        [-across / length, -up / length, 1.0 / length]
    }

    /// The points of the surface, row after row, each [`COLUMNS`] long.
    pub(super) fn points(&self) -> impl Iterator<Item = [f64; 3]> {
        self.depths.iter().enumerate().map(|(index, z)| {
            let (column, row) = (index % COLUMNS, index / COLUMNS);
            [LEFT + STEP * column as f64, TOP - STEP * row as f64, f64::from(*z)]
        })
    }
}

/// Half the width of the known part, and its lowest and highest place.
pub(super) fn reach() -> (f64, f64, f64) {
    (-LEFT, TOP - STEP * (ROWS - 1) as f64, TOP)
}

fn add<const N: usize, const M: usize>(sums: &mut [[f64; N]; M], values: &[[f32; N]; M]) {
    for (sum, value) in sums.as_flattened_mut().iter_mut().zip(values.as_flattened()) {
        *sum += f64::from(*value);
    }
}

/// The head with its eyes and mouth at the common distances.
fn scaled(mut head: RestingHead) -> RestingHead {
    let across = EYE_X / head.landmarks[1][0];
    let along = MOUTH_Y / head.landmarks[4][1];
    let deep = 0.5 * (across + along);
    let points = head.points.iter_mut().chain(&mut head.landmarks).chain(&mut head.jaw);
    for point in points {
        *point = [across * point[0], along * point[1], deep * point[2]];
    }
    for point in &mut head.features {
        *point = [across * point[0], along * point[1]];
    }
    head
}

fn front(head: &RestingHead) -> Layer {
    let mut layer = Layer::new(COLUMNS, ROWS);
    let place = |value: f32, start: f64| ((f64::from(value) - start) / STEP + 0.5) as f32;
    let corner = |&[x, y, z]: &[f32; 3]| [place(x, LEFT), place(-y, -TOP), z];
    let corners: Vec<Corner> = head.points.iter().map(corner).collect();
    layer.draw(0, &corners, &head.faces, Sides::Front);
    layer
}

/// Continues the depths at the edge of the head over what lies beside it.
fn filled(mut depths: Vec<Option<f32>>) -> Vec<f32> {
    while depths.iter().any(Option::is_none) {
        let before = depths.clone();
        for index in 0..depths.len() {
            if before[index].is_some() {
                continue;
            }
            let known = neighbors(index).filter_map(|other| before[other]);
            let (sum, n) = known.fold((0.0, 0u8), |(sum, n), depth| (sum + depth, n + 1));
            if n > 0 {
                depths[index] = Some(sum / f32::from(n));
            }
        }
    }
    depths.into_iter().flatten().collect()
}

/// Positions around one, and itself.
fn neighbors(index: usize) -> impl Iterator<Item = usize> {
    let (column, row) = (index % COLUMNS, index / COLUMNS);
    let columns = column.saturating_sub(1)..=(column + 1).min(COLUMNS - 1);
    let rows = row.saturating_sub(1)..=(row + 1).min(ROWS - 1);
    rows.flat_map(move |row| columns.clone().map(move |column| row * COLUMNS + column))
}

/// The mean of both sides: rounding at edges of triangles differs between them.
fn mirrored(depths: &[f32]) -> Vec<f32> {
    let other = |index: usize| depths[index - index % COLUMNS + COLUMNS - 1 - index % COLUMNS];
    (0..depths.len()).map(|index| 0.5 * (depths[index] + other(index))).collect()
}

fn smoothed(depths: &[f32]) -> Vec<f32> {
    let mean = |index: usize| {
        let around = neighbors(index).map(|other| depths[other]);
        let (sum, n) = around.fold((0.0, 0u8), |(sum, n), depth| (sum + depth, n + 1));
        sum / f32::from(n)
    };
    (0..depths.len()).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generic_head_has_a_face_in_front_and_is_the_same_on_both_sides() {
        let head = Head::generic();
        let [left_eye, right_eye, nose, left_mouth, right_mouth] = head.landmarks;
        for (left, right) in [(left_eye, right_eye), (left_mouth, right_mouth)] {
            assert!((left[0] + right[0]).abs() < 1e-3 && (left[1] - right[1]).abs() < 1e-3);
        }
        assert!((right_eye[0] - 3.2).abs() < 1e-3 && (right_mouth[1] + 6.9).abs() < 1e-3);
        assert!(nose[2] > right_eye[2] + 1.5 && nose[2] > right_mouth[2] + 1.0, "{nose:?}");
        for (x, y) in [(1.0, 0.0), (5.0, -3.0), (7.0, 4.0), (9.0, -9.0)] {
            assert!((head.depth(x, y) - head.depth(-x, y)).abs() < 1e-3);
        }
        // The nose stands out of the cheeks, and the face out of the temples.
        assert!(head.depth(0.0, nose[1]) > head.depth(4.0, nose[1]) + 1.5);
        assert!(head.depth(0.0, 0.0) > head.depth(7.0, 0.0) + 3.0);
        assert!(head.normal(0.0, 4.0)[2] > 0.8 && head.normal(6.5, -2.0)[0] > 0.5);
    }

    #[test]
    fn landmarks_lie_on_the_surface() {
        let head = Head::generic();
        for [x, y, z] in head.landmarks {
            assert!((head.depth(x, y) - z).abs() < 0.6, "{x} {y} {z} {}", head.depth(x, y));
        }
        for [x, y, z] in &head.landmarks_68[17..] {
            assert_eq!(head.depth(*x, *y), *z);
        }
        assert!(head.depths.iter().all(|depth| (-12.0..13.0).contains(depth)));
    }
}
