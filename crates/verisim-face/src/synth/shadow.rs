//! Which parts of a head lie in the shadow of others; it does not know the strength of the light.

use super::mesh::{Material, Placed};
use super::raster::{Corner, Layer, Sides};
use super::vector::Vec3;

/// Side of the map of distances to the light, in samples.
const SIDE: usize = 72;
/// Half of what the map covers, in centimeters: a head with its hair.
const REACH: f32 = 16.0;
/// What is nearer to the light by less than this, in centimeters, is the same surface.
const BIAS: f32 = 0.25;
/// More of that where the light grazes an open surface, which then is steep in the map.
const SLOPE_BIAS: f32 = 1.2;
/// Where the cosine to the light is below this, not even skin lets light creep.
const UNLIT: f32 = -0.3;
/// Means over neighbors that hide the samples of the map on skin.
const N_SMOOTHINGS: u8 = 2;
/// Depth over which a shadow becomes full, in centimeters: it hides the steps of the map.
const SOFTNESS: f32 = 0.5;

/// Sets the share of the main light that arrives at the vertices of `parts`.
///
/// `direction` points to the light, and `center` is the middle of the head.
pub(super) fn cast(parts: &mut [Placed], direction: Vec3, center: Vec3) {
    let right = Vec3::new(direction.z, 0.0, -direction.x).normalized();
    let up = direction.cross(right);
    let scale = SIDE as f32 / (2.0 * REACH);
    let seen = |point: Vec3| -> Corner {
        let from = point - center;
        let half = SIDE as f32 / 2.0;
        [half + scale * from.dot(right), half - scale * from.dot(up), from.dot(direction)]
    };
    let mut map = Layer::new(SIDE, SIDE);
    let corners: Vec<Vec<Corner>> =
        parts.iter().map(|part| part.place.iter().map(|&point| seen(point)).collect()).collect();
    for (index, (part, corners)) in parts.iter().zip(&corners).enumerate() {
        if part.mesh.casts_shadow() {
            // The far side of a closed surface casts the same shadow, and none on its near side.
            let is_closed = part.mesh.material == Material::Skin;
            let sides = if is_closed { Sides::Back } else { Sides::Both };
            map.draw(index as u16, corners, &part.mesh.faces, sides);
        }
    }
    for (part, corners) in parts.iter_mut().zip(&corners) {
        let slope_bias = if part.mesh.material == Material::Skin { 0.0 } else { SLOPE_BIAS };
        for ((lit, normal), corner) in part.lit.iter_mut().zip(&part.normals).zip(corners) {
            let facing = normal.dot(direction);
            let bias = BIAS + slope_bias * (1.0 - facing);
            *lit = if facing < UNLIT { 0.0 } else { arriving(&map, *corner, bias) };
        }
        if part.mesh.material == Material::Skin {
            for _ in 0..N_SMOOTHINGS {
                smooth(&part.mesh.faces, &mut part.lit);
            }
        }
    }
}

/// Replaces the value of each vertex by the mean of the triangles around it.
fn smooth(faces: &[[u32; 3]], values: &mut [f32]) {
    let mut sums = vec![[0.0f32; 2]; values.len()];
    for face in faces {
        let mean = face.iter().map(|&index| values[index as usize]).sum::<f32>() / 3.0;
        for &index in face {
            let [sum, count] = &mut sums[index as usize];
            *sum += mean;
            *count += 1.0;
        }
    }
    for (value, [sum, count]) in values.iter_mut().zip(sums) {
        *value = sum / count.max(1.0);
    }
}

/// The mean over five samples around `corner`.
fn arriving(map: &Layer, [x, y, nearness]: Corner, bias: f32) -> f32 {
    let mut open = 0.0;
    for (across, down) in [(0.0, 0.0), (-1.2, 0.0), (1.2, 0.0), (0.0, -1.2), (0.0, 1.2)] {
        let (column, row) = (x + across, y + down);
        let inside =
            (0.0..map.width as f32).contains(&column) && (0.0..map.height as f32).contains(&row);
        if !inside {
            open += 1.0;
            continue;
        }
        let nearest = map.nearness[row as usize * map.width + column as usize];
        open += 1.0 - ((nearest - nearness - bias) / SOFTNESS).clamp(0.0, 1.0);
    }
    open / 5.0
}

#[cfg(test)]
mod tests {
    use super::super::mesh::{Mesh, Vertex};
    use super::*;

    fn square(half: f32, z: f32) -> Placed {
        const N: usize = 13;
        let place = |index: usize| half * (2.0 * index as f32 / (N - 1) as f32 - 1.0);
        let vertices: Vec<Vertex> = (0..N * N)
            .map(|index| Vertex {
                rest: Vec3::new(place(index % N), -place(index / N), z),
                ..Vertex::default()
            })
            .collect();
        let mut mesh = Mesh::new(Material::Cloth);
        mesh.add_grid(&vertices, N, false);
        mesh.placed(|vertex| vertex.rest)
    }

    #[test]
    fn a_thing_before_a_wall_casts_its_shadow_away_from_the_light() {
        let mut parts = [square(12.0, 0.0), square(2.0, 5.0)];
        // The light is as far to the right as to the front.
        cast(&mut parts, Vec3::new(1.0, 0.0, 1.0).normalized(), Vec3::ZERO);
        let lit_at = |x: f32, y: f32| {
            let distances =
                parts[0].place.iter().map(|point| (*point - Vec3::new(x, y, 0.0)).length());
            let nearest = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
            parts[0].lit[nearest.0]
        };
        assert!(lit_at(-5.0, 0.0) < 0.1, "the shadow lies to the left");
        assert!(lit_at(5.0, 0.0) > 0.9 && lit_at(-5.0, 8.0) > 0.9);
        assert!(parts[1].lit.iter().all(|&lit| lit > 0.9), "nothing is before the small square");
    }
}
