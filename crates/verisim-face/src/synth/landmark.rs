//! Where the five landmarks lie on a head at rest; it does not know the camera.

use super::face::{EYEBALL_RADIUS, Face};
use super::mesh::Mesh;
use super::vector::Vec3;

/// A surface this much nearer than a landmark does not hide it, in centimeters: lids lie on the eyes,
/// and the skin is a little bent between the vertices of its mesh.
pub(super) const TOLERANCE: f32 = 0.45;
/// The tip of the nose is looked for this far around its nominal height, in centimeters.
const TIP_REACH: f32 = 0.9;
/// Corners of a triangle on the face are closer together than this, in centimeters.
const MAX_EDGE: f32 = 2.0;
/// The column of vertices in the middle of the face has `x` below this, in centimeters.
const MIDDLE_WIDTH: f32 = 0.05;

/// The left eye of the picture, the right eye, the tip of the nose, the left and the right corner of
/// the mouth, on the surface `skin` of `face`.
pub(super) fn find(face: &Face, skin: &Mesh) -> [Vec3; 5] {
    let eye = eye_center(face);
    let (corner_x, corner_y) = face.lips.corner();
    let corner = |x| on_surface(skin, x, corner_y);
    [eye.mirrored(), eye, nose_tip(face, skin), corner(-corner_x), corner(corner_x)]
}

/// The middle between wide-open lids, on the eyeball.
fn eye_center(face: &Face) -> Vec3 {
    let eyes = face.eyes();
    let y = 0.5 * (eyes.upper - eyes.lower);
    let front = (EYEBALL_RADIUS * EYEBALL_RADIUS - y * y).sqrt();
    face.eyeball + Vec3::new(0.0, y, front)
}

/// The foremost point of the nose.
fn nose_tip(face: &Face, skin: &Mesh) -> Vec3 {
    let tip_y = face.nose().tip_y;
    skin.vertices
        .iter()
        .map(|vertex| vertex.rest)
        .filter(|rest| rest.x.abs() < MIDDLE_WIDTH && (rest.y - tip_y).abs() < TIP_REACH)
        .max_by(|a, b| a.z.total_cmp(&b.z))
        .unwrap_or(Vec3::new(0.0, tip_y, face.skull.section(tip_y).front))
}

/// The foremost point of `skin` at (`x`, `y`), seen from straight ahead.
fn on_surface(skin: &Mesh, x: f32, y: f32) -> Vec3 {
    let mut foremost = Vec3::new(x, y, 0.0);
    for face in &skin.faces {
        let first = skin.vertices[face[0] as usize].rest;
        if (first.y - y).abs() > MAX_EDGE || (first.x - x).abs() > MAX_EDGE {
            continue;
        }
        let [second, third] = [face[1], face[2]].map(|index| skin.vertices[index as usize].rest);
        let (to_second, to_third) = (second - first, third - first);
        let area = to_second.x * to_third.y - to_second.y * to_third.x;
        if area <= 0.0 {
            continue;
        }
        let (right, up) = (x - first.x, y - first.y);
        let share = (right * to_third.y - up * to_third.x) / area;
        let other = (to_second.x * up - to_second.y * right) / area;
        if share >= 0.0 && other >= 0.0 && share + other <= 1.0 {
            foremost.z = foremost.z.max(first.z + share * to_second.z + other * to_third.z);
        }
    }
    foremost
}

#[cfg(test)]
mod tests {
    use super::super::Identity;
    use super::super::face::Expression;
    use super::super::head::skin;
    use super::*;

    #[test]
    fn landmarks_lie_on_the_surface_of_the_face() {
        for seed in 0..30 {
            let identity = Identity::from_seed(seed);
            let expression = Expression { smile: 0.7, open: 0.3, ..Expression::default() };
            let face = Face::new(&identity.anatomy, expression);
            let mesh = skin(&face, &identity.hairdo);
            for (index, place) in find(&face, &mesh).into_iter().enumerate() {
                let surface = on_surface(&mesh, place.x, place.y);
                // The eyes lie behind their lids; all else is on the skin.
                let depth = surface.z - place.z;
                let allowed = if index < 2 { -0.2..0.6 } else { -1e-3..1e-3 };
                assert!(allowed.contains(&depth), "{seed}, {index}: {depth}");
            }
        }
    }
}
