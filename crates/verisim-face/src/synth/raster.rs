//! Which triangle is in front at each sample of a picture; it does not know colors.

/// Samples per pixel along each side: four per pixel smooth the edges.
pub(super) const SAMPLES: usize = 2;
/// Triangles of less than this area in square samples hit no sample, or a neighbor hits it too.
const MIN_AREA: f32 = 1e-6;

/// The triangle that is in front at one sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    /// Index of its mesh, or [`NOTHING`].
    pub(crate) part: u16,
    pub(crate) face: u32,
}

/// Which triangles of a mesh are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sides {
    /// Those that face the viewer.
    Front,
    /// Those that face away.
    Back,
    /// All.
    Both,
}

/// The part of a sample that shows the background.
pub(crate) const NOTHING: u16 = u16::MAX;

/// A grid of samples.
pub(crate) struct Layer {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) hits: Vec<Hit>,
    /// How near each hit is: the nearer, the higher.
    pub(crate) nearness: Vec<f32>,
}

/// A corner of a triangle: column and row in samples, and how near it is.
pub(crate) type Corner = [f32; 3];

impl Layer {
    /// An empty layer of `width` x `height` samples.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let nothing = Hit { part: NOTHING, face: 0 };
        let n_samples = width * height;
        Self {
            width,
            height,
            hits: vec![nothing; n_samples],
            nearness: vec![f32::NEG_INFINITY; n_samples],
        }
    }

    /// Draws the triangles `faces` between `corners`, each hidden by what is nearer.
    pub(crate) fn draw(&mut self, part: u16, corners: &[Corner], faces: &[[u32; 3]], sides: Sides) {
        for (face, indices) in faces.iter().enumerate() {
            let [a, b, c] = indices.map(|index| corners[index as usize]);
            // Rows grow downwards, so a triangle that faces the viewer has a negative area.
            let area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
            let drawn = match sides {
                Sides::Front => area < -MIN_AREA,
                Sides::Back => area > MIN_AREA,
                Sides::Both => area.abs() > MIN_AREA,
            };
            if !drawn {
                continue;
            }
            self.fill(part, face as u32, [a, b, c], 1.0 / area);
        }
    }

    fn fill(&mut self, part: u16, face: u32, [a, b, c]: [Corner; 3], inverse_area: f32) {
        let Some((left, right)) =
            span(a[0].min(b[0]).min(c[0]), a[0].max(b[0]).max(c[0]), self.width)
        else {
            return;
        };
        let Some((top, bottom)) =
            span(a[1].min(b[1]).min(c[1]), a[1].max(b[1]).max(c[1]), self.height)
        else {
            return;
        };
        // Shares of b and c grow by a constant from sample to sample; that of a falls by both.
        let b_right = (c[1] - a[1]) * inverse_area;
        let b_down = (a[0] - c[0]) * inverse_area;
        let c_right = (a[1] - b[1]) * inverse_area;
        let c_down = (b[0] - a[0]) * inverse_area;
        let (to_b, to_c) = (b[2] - a[2], c[2] - a[2]);
        let right_of_a = left as f32 + 0.5 - a[0];
        for row in top..=bottom {
            let below_a = row as f32 + 0.5 - a[1];
            let mut share_b = right_of_a * b_right + below_a * b_down;
            let mut share_c = right_of_a * c_right + below_a * c_down;
            let line = row * self.width + left..=row * self.width + right;
            let mut entered = false;
            for (hit, nearest) in self.hits[line.clone()].iter_mut().zip(&mut self.nearness[line]) {
                if share_b.min(share_c).min(1.0 - share_b - share_c) >= 0.0 {
                    entered = true;
                    let nearness = a[2] + share_b * to_b + share_c * to_c;
                    if nearness > *nearest {
                        *nearest = nearness;
                        *hit = Hit { part, face };
                    }
                } else if entered {
                    // A triangle has no holes.
                    break;
                }
                share_b += b_right;
                share_c += c_right;
            }
        }
    }
}

/// Shares of the corners of a triangle at a column and row, in samples; they sum to 1.
///
/// Outside of the triangle they go on as if its plane did.
pub(crate) fn shares([a, b, c]: [Corner; 3], [column, row]: [f32; 2]) -> [f32; 3] {
    let area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
    let (right, down) = ((column - a[0]) / area, (row - a[1]) / area);
    let share_b = right * (c[1] - a[1]) - down * (c[0] - a[0]);
    let share_c = down * (b[0] - a[0]) - right * (b[1] - a[1]);
    [1.0 - share_b - share_c, share_b, share_c]
}

/// The samples whose centers lie between `low` and `high`.
fn span(low: f32, high: f32, length: usize) -> Option<(usize, usize)> {
    // Towards zero is down for these; `f32::floor` is a call where the oldest processors must run it.
    let first = (low + 0.5).max(0.0) as usize;
    let beyond = (high + 0.5).max(0.0) as usize;
    let last = beyond.min(length);
    (first < last).then(|| (first, last - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACES: [[u32; 3]; 2] = [[0, 2, 1], [1, 2, 3]];

    fn square(nearness: f32) -> [Corner; 4] {
        [[1.0, 1.0, nearness], [5.0, 1.0, nearness], [1.0, 5.0, nearness], [5.0, 5.0, nearness]]
    }

    #[test]
    fn two_triangles_fill_a_square_without_a_gap() {
        let mut layer = Layer::new(6, 6);
        layer.draw(3, &square(1.0), &FACES, Sides::Front);
        let n_hit = layer.hits.iter().filter(|hit| hit.part == 3).count();
        assert_eq!(n_hit, 16);
    }

    #[test]
    fn the_nearer_one_wins_in_any_order() {
        for order in [[1.0, 2.0], [2.0, 1.0]] {
            let mut layer = Layer::new(6, 6);
            for nearness in order {
                layer.draw(nearness as u16, &square(nearness), &FACES, Sides::Front);
            }
            assert_eq!(layer.hits[3 * 6 + 3].part, 2);
        }
    }

    #[test]
    fn what_faces_away_or_lies_outside_is_left_out() {
        let mut layer = Layer::new(6, 6);
        let flipped = FACES.map(|[a, b, c]| [a, c, b]);
        layer.draw(0, &square(1.0), &flipped, Sides::Front);
        let beyond = square(1.0).map(|[x, y, z]| [x + 20.0, y - 20.0, z]);
        layer.draw(0, &beyond, &FACES, Sides::Front);
        assert!(layer.hits.iter().all(|hit| hit.part == NOTHING));
    }
}
