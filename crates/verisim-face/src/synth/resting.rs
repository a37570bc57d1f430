//! The bare shape of a head, for whoever needs one without its colors, hair or pictures.

use super::face::{Expression, Face};
use super::head;
use super::identity::Identity;
use super::landmark;
use super::vector::Vec3;

/// Points along half of a jaw, from the chin to the temple, without the chin.
const N_HALF_JAW: u8 = 8;
/// The jaw's points that lie on the level of the chin; the others go up before the ear.
const N_CHIN: u8 = 4;
/// Direction of the upper end of a jaw from the front, as sine and cosine.
const BEFORE_EAR: (f32, f32) = (0.98, 0.2);

/// Faces in photographs smile a little more often than not; this is the mean of those drawn.
const SMILE: f32 = 0.3;

/// A head in centimeters: `x` to the right of the picture, `y` up from the eyes, `z` out of the face.
pub(crate) struct RestingHead {
    /// Places of the skin's vertices.
    pub(crate) points: Vec<[f32; 3]>,
    /// Its triangles, as for [`raster`](super::raster).
    pub(crate) faces: Vec<[u32; 3]>,
    /// The five landmarks, in the order of all.
    pub(crate) landmarks: [[f32; 3]; 5],
    /// The 17 points of the jaw, of the usual 68 landmarks.
    pub(crate) jaw: [[f32; 3]; 17],
    /// The other 51 of the usual 68, as seen from the front: brows, nose, eyes and lips.
    pub(crate) features: [[f32; 2]; 51],
}

/// The head of the identity of `seed`, shaved and with the mean expression.
pub(crate) fn resting_head(seed: u64) -> RestingHead {
    let Identity { anatomy, mut hairdo, .. } = Identity::from_seed(seed);
    (hairdo.beard, hairdo.goatee, hairdo.mustache) = (0.0, 0.0, 0.0);
    let face = Face::new(&anatomy, Expression { smile: SMILE, ..Expression::default() });
    let skin = head::skin(&face, &hairdo);
    let of = |point: Vec3| [point.x, point.y, point.z];
    let landmarks = landmark::find(&face, &skin).map(of);
    let points = skin.vertices.iter().map(|vertex| of(vertex.rest)).collect();
    RestingHead { points, faces: skin.faces, landmarks, jaw: jaw(&face), features: features(&face) }
}

/// From the temple on the left of the picture over the chin to the one on the right.
fn jaw(face: &Face) -> [[f32; 3]; 17] {
    let chin_y = face.skull.chin_y();
    let chin = face.skull.section(chin_y);
    let corner = face.skull.point(chin_y, &chin, BEFORE_EAR);
    let half = |step: u8| {
        if step <= N_CHIN {
            let angle = f32::from(step) / f32::from(N_CHIN) * 1.2;
            return face.skull.point(chin_y, &chin, (angle.sin(), angle.cos()));
        }
        let up = f32::from(step - N_CHIN) / f32::from(N_HALF_JAW - N_CHIN);
        face.skull.at_height(corner.y * (1.0 - up), BEFORE_EAR)
    };
    std::array::from_fn(|index| {
        let step = (index as u8).abs_diff(N_HALF_JAW);
        let Vec3 { x, y, z } = half(step);
        [if index < usize::from(N_HALF_JAW) { -x } else { x }, y, z]
    })
}

/// Brows, bridge and foot of the nose, eyes, outer and inner edge of the lips, each from left to right, and
/// around the eyes and lips clockwise.
fn features(face: &Face) -> [[f32; 2]; 51] {
    let mut points = Vec::with_capacity(51);
    let brows = &face.anatomy.brows;
    let brow = |share: f32| {
        let x = brows.inner_x + share * (brows.outer_x - brows.inner_x);
        [x, face.brow(x).0]
    };
    let shares = [0.98, 0.75, 0.5, 0.25, 0.0];
    points.extend(shares.map(|share| mirrored(brow(share))));
    points.extend(shares.into_iter().rev().map(brow));
    let nose = face.nose();
    points.extend(
        [0.3, 0.3 + (nose.tip_y - 0.3) / 3.0, 0.3 + (nose.tip_y - 0.3) / 1.5, nose.tip_y]
            .map(|y| [0.0, y]),
    );
    let foot = nose.tip_y - 0.9;
    points.extend(
        [-0.85, -0.45, 0.0, 0.45, 0.85]
            .map(|share: f32| [share * nose.wing_x, foot - 0.15 * (1.0 - share.abs())]),
    );
    let eyes = face.eyes();
    // From the inner corner, at -1, to the outer one.
    let lid = |along: f32, upper: bool| {
        let (above, below) = face.lid_edges(along);
        let outwards = along * eyes.half_width;
        [eyes.spacing + outwards, if upper { above } else { below } + eyes.tilt * outwards]
    };
    let around =
        [(-1.0, true), (-0.35, true), (0.35, true), (1.0, true), (0.35, false), (-0.35, false)];
    // The left eye begins at its outer corner, the right one at its inner corner.
    points.extend(
        [3, 2, 1, 0, 5, 4].map(|index: usize| mirrored(lid(around[index].0, around[index].1))),
    );
    points.extend(around.map(|(along, upper)| lid(along, upper)));
    let lips = &face.lips;
    let edge = |along: f32, edges: (f32, f32), upper: bool| {
        [along * lips.half_width, if upper { edges.0 } else { edges.1 }]
    };
    let outer = |along: f32, upper| edge(along, lips.outer_edges(along), upper);
    let inner = |along: f32, upper| edge(along, lips.inner_edges(along), upper);
    points.extend([-1.0, -0.6, -0.22, 0.0, 0.22, 0.6, 1.0].map(|along| outer(along, true)));
    points.extend([0.6, 0.22, 0.0, -0.22, -0.6].map(|along| outer(along, false)));
    points.extend([-0.85, -0.3, 0.0, 0.3, 0.85].map(|along| inner(along, true)));
    points.extend([0.3, 0.0, -0.3].map(|along| inner(along, false)));
    std::array::from_fn(|index| points[index])
}

fn mirrored([x, y]: [f32; 2]) -> [f32; 2] {
    [-x, y]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_68_landmarks_are_where_their_names_say() {
        for seed in 0..40 {
            let RestingHead { landmarks, jaw, features, .. } = resting_head(seed);
            let [left_eye, right_eye, nose, left_mouth, right_mouth] = landmarks;
            assert!(jaw.windows(2).all(|pair| pair[0][0] < pair[1][0]), "{seed}: {jaw:?}");
            let chin = jaw[8];
            assert!(jaw.iter().all(|point| point[1] >= chin[1]) && chin[0].abs() < 1e-4);
            assert!(jaw[0][2] < 4.0 && chin[2] > 5.0, "{seed}: {jaw:?}");
            let near = |a: [f32; 2], b: [f32; 3], reach: f32| {
                assert!((a[0] - b[0]).hypot(a[1] - b[1]) < reach, "{seed}: {a:?} {b:?}");
            };
            let mean = |range: std::ops::Range<usize>| {
                let n = range.len() as f32;
                let sum = features[range].iter().fold([0.0; 2], |s, p| [s[0] + p[0], s[1] + p[1]]);
                sum.map(|value| value / n)
            };
            near(mean(19..25), left_eye, 0.35);
            near(mean(25..31), right_eye, 0.35);
            near(features[13], nose, 1.0);
            near(features[31], left_mouth, 0.1);
            near(features[37], right_mouth, 0.1);
            // Brows above eyes, and each point left of the next.
            assert!(features[..10].windows(2).all(|pair| pair[0][0] < pair[1][0]));
            assert!(features[..10].iter().all(|point| point[1] > 1.0));
        }
    }
}
