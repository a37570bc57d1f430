//! Spectacles and sunglasses: their shape and how they sit on a face.

use std::f32::consts::PI;

use super::color::Rgb;
use super::curve::{mix, sin_cos};
use super::dice::Dice;
use super::face::{EYEBALL_RADIUS, Face};
use super::mesh::{Material, Mesh, Vertex};
use super::sculpt::sculpted;
use super::vector::Vec3;

/// Colors of rims.
const RIMS: [u32; 7] =
    [0x0014_1414, 0x0038_2418, 0x0068_3c20, 0x0090_7848, 0x0088_8c94, 0x0048_1820, 0x001c_3050];
/// Points around a lens.
const N_AROUND: usize = 28;
/// Distance from the eyeball to the lens, in centimeters, unless brow or cheek is in the way.
const VERTEX_DISTANCE: f32 = 1.1;
/// Distance from the skin to the rim, in centimeters.
const CLEARANCE: f32 = 0.22;
/// How much a lens recedes per centimeter outwards.
const WRAP: f32 = 0.16;

/// The shape of a pair of spectacles, in centimeters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spectacles {
    /// Half the width of a lens.
    half_width: f32,
    /// Half the height of a lens.
    half_height: f32,
    /// From 0, round, to 1, square.
    squareness: f32,
    /// How much wider a lens is at its top than at its bottom.
    taper: f32,
    /// Width of the rim.
    rim: f32,
    pub(super) color: Rgb,
    /// Color of the lens and how much it hides.
    pub(super) tint: (Rgb, f32),
}

impl Spectacles {
    /// Draws a pair with clear lenses.
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let thin = dice.chance(0.4);
        Self {
            half_width: dice.between(2.0, 2.65),
            half_height: dice.between(1.35, 2.1),
            squareness: dice.unit(),
            taper: dice.between(0.0, 0.16),
            rim: if thin { dice.between(0.10, 0.16) } else { dice.between(0.22, 0.42) },
            color: Rgb::hex(dice.one_of(&RIMS)),
            tint: (Rgb::gray(0.6), 0.04),
        }
    }

    /// Draws sunglasses.
    pub(super) fn draw_dark(dice: &mut Dice) -> Self {
        let tint = Rgb::gray(0.012).mix(Rgb::hex(dice.one_of(&RIMS)), 0.12);
        Self {
            half_width: dice.between(2.4, 2.9),
            half_height: dice.between(1.8, 2.4),
            tint: (tint, dice.between(0.86, 0.985)),
            ..Self::draw(dice)
        }
    }

    /// True if eyes are not seen behind them.
    pub(super) fn is_dark(&self) -> bool {
        self.tint.1 > 0.5
    }

    /// The rims, the bridge and the arms.
    pub(super) fn frame(&self, face: &Face) -> Mesh {
        let mut mesh = Mesh::new(Material::Frame);
        let center = self.center(face);
        for side in [-1.0, 1.0] {
            let mut vertices = Vec::with_capacity(3 * N_AROUND);
            for (reach, out) in [(-0.5, 0.0), (0.0, 0.14), (0.5, 0.0)] {
                for step in 0..N_AROUND {
                    let rest = self.around(center, side, step, 1.0, reach * self.rim);
                    vertices.push(vertex(rest + Vec3::new(0.0, 0.0, out)));
                }
            }
            mesh.add_grid(&vertices, 3, true);
            self.add_arm(face, center, side, &mut mesh);
        }
        self.add_bridge(center, &mut mesh);
        mesh
    }

    /// Both lenses.
    pub(super) fn lenses(&self, face: &Face) -> Mesh {
        let mut mesh = Mesh::new(Material::Lens);
        let center = self.center(face);
        for side in [-1.0, 1.0] {
            let mut vertices = Vec::with_capacity(2 * N_AROUND);
            for reach in [0.02, 1.0] {
                vertices.extend((0..N_AROUND).map(|step| {
                    let rest = self.around(center, side, step, reach, 0.0);
                    Vertex { along: rest.y / self.half_height, ..vertex(rest) }
                }));
            }
            mesh.add_grid(&vertices, 2, true);
        }
        mesh
    }

    fn center(&self, face: &Face) -> Vec3 {
        let x = mix(face.eyeball.x, self.half_width + 0.95, 0.5);
        let close = Vec3::new(x, -0.2, face.eyeball.z + EYEBALL_RADIUS + VERTEX_DISTANCE);
        let ahead = (0..N_AROUND)
            .map(|step| {
                let rim = self.around(close, 1.0, step, 1.0, 0.0);
                surface(face, rim.x, rim.y) + CLEARANCE - rim.z
            })
            .fold(0.0, f32::max);
        close + Vec3::new(0.0, 0.0, ahead)
    }

    /// A point on the outline of a lens scaled by `scale`, `more` centimeters farther out.
    fn around(&self, center: Vec3, side: f32, step: usize, scale: f32, more: f32) -> Vec3 {
        let (sin, cos) = sin_cos(-2.0 * PI * step as f32 / N_AROUND as f32);
        let corner = (sin * sin * sin * sin + cos * cos * cos * cos).sqrt().sqrt();
        let radius = mix(1.0, 1.0 / corner, self.squareness);
        let wide = 1.0 + self.taper * sin;
        let x = (self.half_width * scale * radius * wide + more) * cos;
        let y = (self.half_height * scale * radius + more) * sin;
        // Both sides run the same way around, so that both face the viewer.
        Vec3::new(side * center.x + x, center.y + y, center.z - WRAP * side * x)
    }

    fn add_arm(&self, face: &Face, center: Vec3, side: f32, mesh: &mut Mesh) {
        let hinge_x = center.x + self.half_width;
        let hinge = Vec3::new(side * hinge_x, 0.5, center.z - WRAP * self.half_width);
        let ear = Vec3::new(side * (face.skull.section(0.6).width + 0.45), 0.9, -0.5);
        let height = Vec3::new(0.0, 0.11 + 0.4 * self.rim, 0.0);
        let mut vertices = Vec::new();
        for edge in [height, -height] {
            for step in 0..6u8 {
                let share = f32::from(step) / 5.0;
                let bent = hinge.mix(ear, share);
                // Around the corner of the face first, then straight back.
                let x = side * mix(hinge_x, ear.x.abs(), (2.5 * share).min(1.0));
                vertices.push(vertex(Vec3::new(x, bent.y, bent.z) + edge));
            }
        }
        mesh.add_grid(&vertices, 2, false);
    }

    fn add_bridge(&self, center: Vec3, mesh: &mut Mesh) {
        let inner_x = center.x - self.half_width;
        let front = center.z + WRAP * self.half_width + 0.1;
        let mut vertices = Vec::new();
        for edge in [0.5, -0.5] {
            for step in 0..7u8 {
                let share = f32::from(step) / 3.0 - 1.0;
                let arch = 0.35 * (1.0 - share * share);
                let y = 0.25 + arch + edge * (self.rim + 0.06);
                vertices.push(vertex(Vec3::new(inner_x * 1.08 * share, y, front + arch)));
            }
        }
        mesh.add_grid(&vertices, 2, false);
    }
}

/// `z` of the skin at (`x`, `y`), seen from straight ahead.
fn surface(face: &Face, x: f32, y: f32) -> f32 {
    let section = face.skull.section(y);
    let sin = (x / section.width).clamp(-1.0, 1.0);
    let on_skull = face.skull.at_height(y, (sin, (1.0 - sin * sin).sqrt()));
    sculpted(face, on_skull).z
}

fn vertex(rest: Vec3) -> Vertex {
    Vertex { rest, turn: 1.0, openness: 1.0, ..Vertex::default() }
}

#[cfg(test)]
mod tests {
    use super::super::Identity;
    use super::super::face::Expression;
    use super::*;

    #[test]
    fn lenses_are_before_the_eyes_and_clear_of_the_skin() {
        for seed in 0..60 {
            let identity = Identity::from_seed(seed);
            let face = Face::new(&identity.anatomy, Expression::default());
            let lenses = identity.spectacles.lenses(&face);
            for vertex in &lenses.vertices {
                let skin = surface(&face, vertex.rest.x, vertex.rest.y);
                assert!(vertex.rest.z > skin, "{seed}: {:?} {skin}", vertex.rest);
            }
            let eye = face.eyeball;
            let right = lenses.vertices.iter().filter(|vertex| vertex.rest.x > 0.0);
            let reach = right.fold((99.0f32, -99.0f32), |(low, high), vertex| {
                (low.min(vertex.rest.x), high.max(vertex.rest.x))
            });
            assert!(reach.0 < eye.x - 1.0 && reach.1 > eye.x + 1.0, "{seed}: {reach:?}");
        }
    }

    #[test]
    fn sunglasses_are_dark_and_spectacles_are_not() {
        let mut dice = Dice::new(4);
        assert!(!Spectacles::draw(&mut dice).is_dark());
        assert!(Spectacles::draw_dark(&mut dice).is_dark());
    }
}
