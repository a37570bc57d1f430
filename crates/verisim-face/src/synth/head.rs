//! Builds the meshes of one head: skin from shoulders to crown, and ears.

use std::f32::consts::PI;

use super::anatomy::HeadShape;
use super::curve::{bump, mix, sin_cos, smoothstep};
use super::face::Face;
use super::hairdo::Hairdo;
use super::mesh::{Material, Mesh, Vertex};
use super::sculpt::sculpted;
use super::skin::beard_at;
use super::skull::{COLLAR_Y, rows};
use super::vector::Vec3;

/// Columns around the head.
const N_COLUMNS: usize = 70;
/// Of the steps between columns, those in front are this part of the mean.
const FRONT_DENSITY: f32 = 0.42;
/// Depth of a beard against the thickness of its hair.
const BEARD_DEPTH: f32 = 0.8;
/// Rows and columns of an ear.
const EAR_GRID: (usize, usize) = (9, 16);

/// How far something at `y` turns with the head: the chin does, the collar does not.
pub(super) fn turn_at(chin_y: f32, y: f32) -> f32 {
    smoothstep(COLLAR_Y - 1.0, chin_y - 0.4, y)
}

/// The skin of a head, closed around the back.
pub(super) fn skin(face: &Face, hairdo: &Hairdo) -> Mesh {
    // From the back over the left of the picture and the front to the back again.
    let directions: Vec<(f32, (f32, f32))> = (0..N_COLUMNS)
        .map(|column| {
            let s = 2.0 * column as f32 / N_COLUMNS as f32 - 1.0;
            let half_turns = s * (FRONT_DENSITY + (1.0 - FRONT_DENSITY) * s * s);
            (half_turns, sin_cos(PI * half_turns))
        })
        .collect();
    let chin_y = face.skull.chin_y();
    let rows = rows(&face.skull);
    let bearded = hairdo.mustache.max(hairdo.goatee).max(hairdo.beard) > 0.0;
    let mut vertices = Vec::with_capacity(rows.len() * N_COLUMNS);
    for &y in &rows {
        let section = face.skull.section(y);
        // Below the chin the surface goes on down the throat, at the level where the row began.
        let turn = if y < chin_y - 1.0 { turn_at(chin_y, y) } else { 1.0 };
        for &(half_turns, direction) in &directions {
            let mut rest = sculpted(face, face.skull.point(y, &section, direction));
            if bearded && rest.z > -1.0 && rest.y < 0.0 && rest.y > chin_y - 1.4 {
                let grown = beard_at(face, hairdo, rest.x.abs(), rest.y).grown;
                rest += Vec3::new(0.10 * rest.x, -0.25, 0.75) * (BEARD_DEPTH * grown);
            }
            let along = half_turns.abs();
            vertices.push(Vertex { rest, along, turn, openness: 1.0, ..Vertex::default() });
        }
    }
    let mut mesh = Mesh::new(Material::Skin);
    mesh.add_grid(&vertices, rows.len(), true);
    mesh
}

/// Both ears.
pub(super) fn ears(face: &Face) -> Mesh {
    let mut mesh = Mesh::new(Material::Ear);
    for side in [-1.0, 1.0] {
        mesh.add_grid(&ear(&face.anatomy.head, face, side), EAR_GRID.0, true);
    }
    mesh
}

/// A shell: a disk bent into a bowl with a rolled rim, hinged to the side of the head.
fn ear(head: &HeadShape, face: &Face, side: f32) -> Vec<Vertex> {
    let (n_rings, n_spokes) = EAR_GRID;
    let level = face.skull.section(-0.6);
    let (sin_flare, cos_flare) = sin_cos(head.ear_flare.to_radians());
    let mut vertices = Vec::with_capacity(n_rings * n_spokes);
    for ring in 0..n_rings {
        let radius = ring as f32 / (n_rings - 1) as f32;
        for spoke in 0..n_spokes {
            let angle = 2.0 * PI * spoke as f32 / n_spokes as f32;
            // Rings go outwards, so spokes turn so that the surface faces away from the head.
            let (sin, cos) = sin_cos(-side * angle);
            let lobe = 1.0 - 0.28 * smoothstep(0.1, 0.9, -cos);
            let up = 3.0 * head.ear_size * radius * cos;
            let back = 1.75 * head.ear_size * radius * sin * lobe + 1.35 * head.ear_size;
            // Out of the head: deep in the bowl, high on the rim, rolled back at its edge.
            let out = 0.25 + 0.55 * bump((radius - 0.78) / 0.45) - 0.35 * bump(radius / 0.6);
            let out = out - 0.5 * smoothstep(0.9, 1.0, radius);
            let rest = Vec3::new(
                side * (level.width - 0.35 + out * cos_flare + back * sin_flare),
                -1.0 + up - 0.12 * back,
                0.6 - back * cos_flare + out * sin_flare,
            );
            let openness = mix(0.45, 1.0, smoothstep(0.25, 0.85, radius));
            vertices.push(Vertex { rest, along: radius, across: 0.0, turn: 1.0, openness });
        }
    }
    vertices
}

#[cfg(test)]
mod tests {
    use super::super::Identity;
    use super::super::face::Expression;
    use super::*;

    #[test]
    fn every_head_is_finite_and_its_nose_stands_out() {
        for seed in 0..40 {
            let identity = Identity::from_seed(seed);
            let face = Face::new(&identity.anatomy, Expression::default());
            let mut shaved = identity.hairdo.clone();
            (shaved.beard, shaved.goatee, shaved.mustache) = (0.0, 0.0, 0.0);
            let mesh = skin(&face, &shaved);
            assert!(mesh.vertices.iter().all(|vertex| vertex.rest.length().is_finite()));
            // Lips may stand out farther than a small nose.
            let above_lips = face.lips.y + 2.0;
            let rest = mesh.vertices.iter().map(|vertex| vertex.rest);
            let tip =
                rest.filter(|rest| rest.y > above_lips).max_by(|a, b| a.z.total_cmp(&b.z)).unwrap();
            assert!((tip.y - identity.anatomy.nose.tip_y).abs() < 1.2, "{seed}: {tip:?}");
            assert!(tip.x.abs() < 0.5, "{seed}: {tip:?}");
        }
    }

    #[test]
    fn a_head_faces_outwards_and_is_the_same_on_both_sides() {
        let identity = Identity::from_seed(8);
        let face = Face::new(&identity.anatomy, Expression { open: 0.6, ..Expression::default() });
        let placed = skin(&face, &identity.hairdo).placed(|vertex| vertex.rest);
        for (place, normal) in placed.place.iter().zip(&placed.normals) {
            if (3.0..6.0).contains(&place.y) {
                assert!(place.dot(*normal) > 0.0, "{place:?} {normal:?}");
            }
            let mirrored = place.mirrored();
            let nearest = placed.place.iter().map(|other| (*other - mirrored).length());
            assert!(nearest.fold(1.0, f32::min) < 1e-3, "{place:?}");
        }
    }

    #[test]
    fn ears_stand_off_to_both_sides() {
        let identity = Identity::from_seed(8);
        let face = Face::new(&identity.anatomy, Expression::default());
        let placed = ears(&face).placed(|vertex| vertex.rest);
        let half = placed.place.len() / 2;
        assert!(placed.place[..half].iter().all(|place| place.x < -6.0));
        assert!(placed.place[half..].iter().all(|place| place.x > 6.0));
        // The bowl, which is the first ring, faces away from the head.
        assert!(placed.normals[0].x < 0.0 && placed.normals[half].x > 0.0);
    }
}
