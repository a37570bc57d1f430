//! Tiles of Winograd's F(4 x 4, 3 x 3), channels last, and their transforms.

use super::simd::{Lanes, WIDTH, vectorized};

/// Outputs of a tile along one side.
pub(crate) const TILE: usize = 4;
/// Inputs of a tile along one side: the outputs and the window's overhang.
const SIDE: usize = 6;
/// Products of a tile.
pub(crate) const POSITIONS: usize = SIDE * SIDE;

/// `Bᵀ d`.
#[inline(always)]
fn input_side(d: [Lanes; 6]) -> [Lanes; 6] {
    let (even, odd) = (d[4] - d[2] * 4.0, d[3] - d[1] * 4.0);
    let (outer, inner) = (d[4] - d[2], (d[3] - d[1]) * 2.0);
    [
        d[0] * 4.0 - d[2] * 5.0 + d[4],
        even + odd,
        even - odd,
        outer + inner,
        outer - inner,
        d[1] * 4.0 - d[3] * 5.0 + d[5],
    ]
}

/// `B v`, the transpose of [`input_side`].
#[inline(always)]
fn input_side_back(v: [Lanes; 6]) -> [Lanes; 6] {
    let (near, far) = (v[1] + v[2], v[3] + v[4]);
    let (near_odd, far_odd) = (v[1] - v[2], v[3] - v[4]);
    [
        v[0] * 4.0,
        v[5] * 4.0 - near_odd * 4.0 - far_odd * 2.0,
        Lanes::ZERO - v[0] * 5.0 - near * 4.0 - far,
        near_odd + far_odd * 2.0 - v[5] * 5.0,
        v[0] + near + far,
        v[5],
    ]
}

/// `Aᵀ m`.
#[inline(always)]
fn output_side(m: [Lanes; 6]) -> [Lanes; 4] {
    let (near, far) = (m[1] + m[2], m[3] + m[4]);
    let (near_odd, far_odd) = (m[1] - m[2], m[3] - m[4]);
    [m[0] + near + far, near_odd + far_odd * 2.0, near + far * 4.0, near_odd + far_odd * 8.0 + m[5]]
}

/// `A g`, the transpose of [`output_side`].
#[inline(always)]
fn output_side_back(g: [Lanes; 4]) -> [Lanes; 6] {
    let (even, odd) = (g[0] + g[2], g[1] + g[3]);
    let (even_far, odd_far) = (g[0] + g[2] * 4.0, g[1] * 2.0 + g[3] * 8.0);
    [g[0], even + odd, even - odd, even_far + odd_far, even_far - odd_far, g[3]]
}

/// `G w`.
#[inline(always)]
fn filter_side(w: [Lanes; 3]) -> [Lanes; 6] {
    let near = (w[0] + w[2]) * (-1.0 / 6.0);
    let near_odd = w[1] * (1.0 / 6.0);
    let far = w[0] * (1.0 / 24.0) + w[2] * (1.0 / 6.0);
    let far_odd = w[1] * (1.0 / 12.0);
    [w[0] * 0.25, near - near_odd, near + near_odd, far + far_odd, far - far_odd, w[2]]
}

/// `Gᵀ u`, the transpose of [`filter_side`].
#[inline(always)]
fn filter_side_back(u: [Lanes; 6]) -> [Lanes; 3] {
    let (near, far) = ((u[1] + u[2]) * (1.0 / 6.0), u[3] + u[4]);
    [
        u[0] * 0.25 - near + far * (1.0 / 24.0),
        (u[2] - u[1]) * (1.0 / 6.0) + (u[3] - u[4]) * (1.0 / 12.0),
        far * (1.0 / 6.0) - near + u[5],
    ]
}

/// Applies `side` to the columns and then to the rows of a square of `N` x `N`, giving `M` x `M`.
#[inline(always)]
fn both_sides<const N: usize, const M: usize>(
    square: &[[Lanes; N]; N],
    side: impl Fn([Lanes; N]) -> [Lanes; M],
) -> [[Lanes; M]; M] {
    let mut half = [[Lanes::ZERO; N]; M];
    for x in 0..N {
        let column = side(std::array::from_fn(|y| square[y][x]));
        for y in 0..M {
            half[y][x] = column[y];
        }
    }
    half.map(side)
}

/// `G w Gᵀ` of 16 filters.
#[inline(always)]
pub(crate) fn filter_transform(taps: &[Lanes; 9]) -> [Lanes; POSITIONS] {
    let square = std::array::from_fn(|y| std::array::from_fn(|x| taps[3 * y + x]));
    let transformed = both_sides::<3, 6>(&square, filter_side);
    std::array::from_fn(|position| transformed[position / SIDE][position % SIDE])
}

/// `Gᵀ u G`: the gradient of 16 filters from that of their transforms.
#[inline(always)]
pub(crate) fn filter_gradient(values: &[Lanes; POSITIONS]) -> [Lanes; 9] {
    let square = std::array::from_fn(|y| std::array::from_fn(|x| values[SIDE * y + x]));
    let folded = both_sides::<6, 3>(&square, filter_side_back);
    std::array::from_fn(|tap| folded[tap / 3][tap % 3])
}

/// Transformed tiles: `[36, tiles, channels]`.
pub(crate) struct Tiles {
    channels: usize,
    n_tiles: usize,
    values: Vec<f32>,
}

impl Tiles {
    pub(crate) fn new(channels: usize) -> Self {
        Self { channels, n_tiles: 0, values: Vec::new() }
    }

    /// Makes room for `n_tiles`; what they hold is unspecified.
    pub(crate) fn resize(&mut self, n_tiles: usize) {
        self.n_tiles = n_tiles;
        self.values.resize(POSITIONS * n_tiles * self.channels, 0.0);
    }

    /// The matrix of one position: `[tiles, channels]`.
    pub(crate) fn at(&self, position: usize) -> &[f32] {
        let len = self.n_tiles * self.channels;
        &self.values[position * len..][..len]
    }

    /// As [`at`](Self::at), to be written.
    pub(crate) fn at_mut(&mut self, position: usize) -> &mut [f32] {
        let len = self.n_tiles * self.channels;
        &mut self.values[position * len..][..len]
    }

    #[inline(always)]
    fn offset(&self, position: usize, tile: usize, channel: usize) -> usize {
        (position * self.n_tiles + tile) * self.channels + channel
    }
}

/// One picture, channels last, with a border of one zero and room for whole tiles.
pub(crate) struct Plane {
    size: [usize; 2],
    channels: usize,
    n_tiles: [usize; 2],
    values: Vec<f32>, // [4 * tile rows + 2, 4 * tile columns + 2, channels]
}

impl Plane {
    pub(crate) fn new(size: [usize; 2], channels: usize) -> Self {
        let n_tiles = size.map(|side| side.div_ceil(TILE));
        let len = n_tiles.iter().map(|n| TILE * n + 2).product::<usize>() * channels;
        Self { size, channels, n_tiles, values: vec![0.0; len] }
    }

    /// Tiles beside each other.
    pub(crate) fn tiles_per_row(&self) -> usize {
        self.n_tiles[1]
    }

    /// Sets everything to zero.
    pub(crate) fn clear(&mut self) {
        self.values.fill(0.0);
    }

    /// Position of pixel (`x`, `y`) of the picture; -1 is the border.
    #[inline(always)]
    fn offset(&self, y_padded: usize, x_padded: usize) -> usize {
        (y_padded * (TILE * self.n_tiles[1] + 2) + x_padded) * self.channels
    }

    /// Copies a picture `[channels, height, width]` in; the border stays zero.
    pub(crate) fn load(&mut self, picture: &[f32]) {
        let [height, width] = self.size;
        let channels = self.channels;
        vectorized(
            #[inline(always)]
            || {
                for start in (0..channels).step_by(WIDTH) {
                    for y in 0..height {
                        let rows: [&[f32]; WIDTH] = std::array::from_fn(|lane| {
                            &picture[((start + lane) * height + y) * width..][..width]
                        });
                        let first = self.offset(y + 1, 1) + start;
                        let row = self.values[first..].chunks_mut(channels).take(width);
                        for (x, pixel) in row.enumerate() {
                            Lanes(std::array::from_fn(|lane| rows[lane][x])).store(pixel);
                        }
                    }
                }
            },
        );
    }

    /// Copies rows `4 * row..` of the picture out, as [`set_output_tiles`](Self::set_output_tiles)
    /// left them.
    pub(crate) fn store_rows(&self, row: usize, picture: &mut [f32]) {
        let rows = row * TILE..((row + 1) * TILE).min(self.size[0]);
        self.store(rows, picture);
    }

    /// Copies the whole picture out.
    pub(crate) fn store_all(&self, picture: &mut [f32]) {
        self.store(0..self.size[0], picture);
    }

    fn store(&self, rows: std::ops::Range<usize>, picture: &mut [f32]) {
        let [height, width] = self.size;
        let channels = self.channels;
        vectorized(
            #[inline(always)]
            || {
                for y in rows {
                    let first = self.offset(y + 1, 1);
                    let row = &self.values[first..][..width * channels];
                    for channel in 0..channels {
                        let line = &mut picture[(channel * height + y) * width..][..width];
                        let values = row[channel..].iter().step_by(channels);
                        line.iter_mut().zip(values).for_each(|(to, from)| *to = *from);
                    }
                }
            },
        );
    }

    /// `Bᵀ x B` of one row of tiles, the `index`-th of `tiles`.
    pub(crate) fn input_tiles(&self, row: usize, tiles: &mut Tiles, index: usize) {
        self.each_tile(index, |this, tile, column, start| {
            let square: [[Lanes; 6]; 6] = std::array::from_fn(|y| {
                std::array::from_fn(|x| {
                    let offset = this.offset(TILE * row + y, TILE * column + x) + start;
                    Lanes::load(&this.values[offset..])
                })
            });
            write_square(&both_sides::<6, 6>(&square, input_side), tiles, tile, start);
        });
    }

    /// `A g Aᵀ` of one row of tiles of an output gradient, the `index`-th of `tiles`.
    pub(crate) fn gradient_tiles(&self, row: usize, tiles: &mut Tiles, index: usize) {
        self.each_tile(index, |this, tile, column, start| {
            let square: [[Lanes; 4]; 4] = std::array::from_fn(|y| {
                std::array::from_fn(|x| {
                    // Zeros where the last tile reaches past the picture.
                    let offset = this.offset(TILE * row + y + 1, TILE * column + x + 1) + start;
                    Lanes::load(&this.values[offset..])
                })
            });
            write_square(&both_sides::<4, 6>(&square, output_side_back), tiles, tile, start);
        });
    }

    /// Replaces one row of tiles by `Aᵀ m A` of the `index`-th row of `tiles`.
    pub(crate) fn set_output_tiles(&mut self, row: usize, tiles: &Tiles, index: usize) {
        let line_len = self.offset(1, 0);
        let first = self.offset(TILE * row + 1, 1);
        let (per_row, channels) = (self.n_tiles[1], self.channels);
        let values = &mut self.values[first..];
        vectorized(
            #[inline(always)]
            || {
                for column in 0..per_row {
                    for start in (0..channels).step_by(WIDTH) {
                        let square = read_square(tiles, index * per_row + column, start);
                        let square = both_sides::<6, 4>(&square, output_side);
                        for (y, line) in square.into_iter().enumerate() {
                            for (x, value) in line.into_iter().enumerate() {
                                // The last pixel of a full last tile lies before the border's end.
                                let offset = y * line_len + (TILE * column + x) * channels + start;
                                value.store(&mut values[offset..]);
                            }
                        }
                    }
                }
            },
        );
    }

    /// Adds `B v Bᵀ` of the `index`-th row of `tiles` to one row of tiles, border included.
    pub(crate) fn add_input_tiles(&mut self, row: usize, tiles: &Tiles, index: usize) {
        let line_len = self.offset(1, 0);
        let first = self.offset(TILE * row, 0);
        let (per_row, channels) = (self.n_tiles[1], self.channels);
        let values = &mut self.values[first..];
        vectorized(
            #[inline(always)]
            || {
                for column in 0..per_row {
                    for start in (0..channels).step_by(WIDTH) {
                        let square = read_square(tiles, index * per_row + column, start);
                        let square = both_sides::<6, 6>(&square, input_side_back);
                        for (y, line) in square.into_iter().enumerate() {
                            for (x, value) in line.into_iter().enumerate() {
                                let offset = y * line_len + (TILE * column + x) * channels + start;
                                let sum = Lanes::load(&values[offset..]) + value;
                                sum.store(&mut values[offset..]);
                            }
                        }
                    }
                }
            },
        );
    }

    /// Runs `work` for every tile of a row and every 16 channels.
    #[inline(always)]
    fn each_tile(&self, index: usize, mut work: impl FnMut(&Self, usize, usize, usize)) {
        vectorized(
            #[inline(always)]
            || {
                for column in 0..self.n_tiles[1] {
                    for start in (0..self.channels).step_by(WIDTH) {
                        work(self, index * self.n_tiles[1] + column, column, start);
                    }
                }
            },
        );
    }
}

#[inline(always)]
fn write_square(square: &[[Lanes; 6]; 6], tiles: &mut Tiles, tile: usize, start: usize) {
    for position in 0..POSITIONS {
        let offset = tiles.offset(position, tile, start);
        square[position / SIDE][position % SIDE].store(&mut tiles.values[offset..]);
    }
}

#[inline(always)]
fn read_square(tiles: &Tiles, tile: usize, start: usize) -> [[Lanes; 6]; 6] {
    std::array::from_fn(|y| {
        std::array::from_fn(|x| {
            Lanes::load(&tiles.values[tiles.offset(SIDE * y + x, tile, start)..])
        })
    })
}
