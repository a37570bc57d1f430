//! Triangles with what the painter needs at their corners; it does not know what they depict.

use super::vector::Vec3;

/// What a mesh is made of; the painter has a recipe for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Material {
    /// Head, neck and clothes.
    Skin,
    /// The ears.
    Ear,
    /// Hair or a headscarf.
    Hair,
    /// The rims and arms of spectacles.
    Frame,
    /// The lenses of spectacles, which are seen through.
    Lens,
    /// A mask or scarf over the face, or a hat.
    Cloth,
    /// A hand before the face.
    Hand,
}

impl Material {
    /// How much a hollow darkens that lies one centimeter below its neighbors.
    fn hollow_darkening(self) -> f32 {
        match self {
            Self::Skin => 3.5,
            Self::Hair => 1.2,
            Self::Cloth => 1.0,
            Self::Ear | Self::Frame | Self::Lens | Self::Hand => 0.0,
        }
    }
}

/// One corner of a mesh.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Vertex {
    /// Place on the head at rest, for the painter.
    pub(super) rest: Vec3,
    /// Coordinates of the material's own: along and across hair, for instance.
    pub(super) along: f32,
    pub(super) across: f32,
    /// How far it turns with the head, from 0 for the shoulders to 1.
    pub(super) turn: f32,
    /// How much of the sky it sees, 0 to 1.
    pub(super) openness: f32,
}

/// A surface of triangles.
#[derive(Clone, Debug)]
pub(super) struct Mesh {
    pub(super) material: Material,
    pub(super) vertices: Vec<Vertex>,
    pub(super) faces: Vec<[u32; 3]>,
}

/// A mesh in the place and light of one picture.
pub(super) struct Placed {
    pub(super) mesh: Mesh,
    pub(super) place: Vec<Vec3>,
    pub(super) normals: Vec<Vec3>,
    /// Share of the main light that arrives, 0 to 1.
    pub(super) lit: Vec<f32>,
}

impl Mesh {
    /// An empty mesh.
    pub(super) fn new(material: Material) -> Self {
        Self { material, vertices: Vec::new(), faces: Vec::new() }
    }

    /// Appends a grid of `rows` lines of vertices, joined end to end if `closed`.
    ///
    /// Seen from outside, rows go down and columns go to the right, or both the other way.
    pub(super) fn add_grid(&mut self, vertices: &[Vertex], rows: usize, closed: bool) {
        let columns = vertices.len() / rows;
        let base = self.vertices.len();
        self.vertices.extend_from_slice(vertices);
        let last = if closed { columns } else { columns - 1 };
        for row in 0..rows - 1 {
            for column in 0..last {
                let next = (column + 1) % columns;
                let corner = |row: usize, column: usize| (base + row * columns + column) as u32;
                let (a, b) = (corner(row, column), corner(row, next));
                let (c, d) = (corner(row + 1, column), corner(row + 1, next));
                self.faces.push([a, c, b]);
                self.faces.push([b, c, d]);
            }
        }
    }

    /// False for what light passes.
    pub(super) fn casts_shadow(&self) -> bool {
        self.material != Material::Lens
    }

    /// Moves every vertex, and computes the normals and the hollows of the result.
    pub(super) fn placed(mut self, to_place: impl Fn(&Vertex) -> Vec3) -> Placed {
        let place: Vec<Vec3> = self.vertices.iter().map(to_place).collect();
        let mut around = vec![Around::default(); place.len()];
        for face in &self.faces {
            let [a, b, c] = face.map(|index| place[index as usize]);
            let normal = (b - a).cross(c - a);
            let sum = a + b + c;
            for &index in face {
                let around = &mut around[index as usize];
                around.normal += normal;
                around.sum += sum;
                around.n_faces += 1.0;
            }
        }
        let darkening = self.material.hollow_darkening();
        let mut normals = Vec::with_capacity(place.len());
        for ((vertex, &at), around) in self.vertices.iter_mut().zip(&place).zip(&around) {
            let normal = around.normal.normalized();
            normals.push(normal);
            // Every triangle adds the vertex itself and two neighbors, each of which has two triangles.
            let n_faces = around.n_faces.max(1.0);
            let depth = (around.sum * (1.0 / n_faces) - at * 3.0).dot(normal) * 0.5;
            vertex.openness = (vertex.openness - darkening * depth.max(0.0)).clamp(0.0, 1.0);
        }
        let lit = vec![1.0; place.len()];
        Placed { mesh: self, place, normals, lit }
    }
}

/// Sums over the triangles around a vertex.
#[derive(Clone, Copy, Default)]
struct Around {
    normal: Vec3,
    sum: Vec3,
    n_faces: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(height: impl Fn(usize, usize) -> f32) -> Mesh {
        let vertices: Vec<Vertex> = (0..5usize)
            .flat_map(|row| (0..5usize).map(move |column| (row, column)))
            .map(|(row, column)| Vertex {
                rest: Vec3::new(column as f32, -(row as f32), height(row, column)),
                openness: 1.0,
                ..Vertex::default()
            })
            .collect();
        let mut mesh = Mesh::new(Material::Skin);
        mesh.add_grid(&vertices, 5, false);
        mesh
    }

    #[test]
    fn a_grid_that_goes_down_and_right_faces_the_viewer() {
        let placed = grid(|_, _| 0.0).placed(|vertex| vertex.rest);
        assert_eq!(placed.mesh.faces.len(), 32);
        assert!(placed.normals.iter().all(|normal| normal.z > 0.99));
    }

    #[test]
    fn only_hollows_are_darkened() {
        let middle = |height: f32| {
            let bent = grid(|row, column| if (row, column) == (2, 2) { height } else { 0.0 });
            bent.placed(|vertex| vertex.rest).mesh.vertices[12].openness
        };
        assert!(middle(-0.1) < 0.8);
        assert_eq!(middle(0.1), 1.0);
    }
}
