//! Codes of vectors that lie anywhere, such as in a mapped file; it does not know how they got there.

use super::probe_codes::ProbeCodes;
use super::row_set::RowSet;
use super::simd::{Panel, Simd, TILE, Work};
use super::{kernel, quantize};
use crate::Embedding;

/// More components than this, and products of codes would no longer be sure to fit 32 bits.
pub const MAX_DIM: usize = 65_536;

/// Codes of rows that somebody else keeps, for [`Search::nearest`](super::Search::nearest).
///
/// The exact rows are not among them (unless the codes are the rows themselves): a search asks for
/// those that it needs.
#[derive(Clone, Copy)]
pub struct CodesView<'a> {
    dim: usize,
    len: usize,
    numbers: Numbers<'a>,
    live: Option<&'a RowSet>,
}

#[derive(Clone, Copy)]
pub(super) enum Numbers<'a> {
    Int8 { codes: &'a [i8], scales: &'a [f32], errors: &'a [f32] },
    Bf16 { codes: &'a [u16], errors: &'a [f32] },
    F32 { rows: &'a [f32] },
}

/// Why slices are not the codes of a set of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCodes {
    /// Vectors of that many components are not searched.
    #[error("the codes have {dim} components, but a search takes 1 to {MAX_DIM}")]
    Dim {
        /// Components of a row.
        dim: usize,
    },
    /// The codes end within a row.
    #[error("there are {n_codes} codes, which are no whole rows of {dim}")]
    BrokenRow {
        /// Number of codes.
        n_codes: usize,
        /// Components of a row.
        dim: usize,
    },
    /// Not every row has a scale and an error.
    #[error("{n_rows} rows of codes have {found} {what}, but each row has one")]
    Beside {
        /// Number of rows.
        n_rows: usize,
        /// What is missing or too many.
        what: &'static str,
        /// How many there are.
        found: usize,
    },
}

impl<'a> CodesView<'a> {
    /// Codes as [`quantize`](super::quantize()) writes them: `codes` is `[n, dim]`, row after row.
    ///
    /// # Errors
    ///
    /// Fails if the slices are not of one number of rows.
    pub fn int8(
        dim: usize,
        codes: &'a [i8],
        scales: &'a [f32],
        errors: &'a [f32],
    ) -> Result<Self, InvalidCodes> {
        let beside = [("scales", scales.len()), ("errors", errors.len())];
        Self::new(dim, codes.len(), &beside, Numbers::Int8 { codes, scales, errors })
    }

    /// Codes as [`to_bf16`](super::to_bf16) writes them: `codes` is `[n, dim]`, row after row.
    ///
    /// # Errors
    ///
    /// Fails if the slices are not of one number of rows.
    pub fn bf16(dim: usize, codes: &'a [u16], errors: &'a [f32]) -> Result<Self, InvalidCodes> {
        let beside = [("errors", errors.len())];
        Self::new(dim, codes.len(), &beside, Numbers::Bf16 { codes, errors })
    }

    /// The rows themselves, `[n, dim]`.
    ///
    /// # Errors
    ///
    /// Fails if the rows end within one.
    pub fn f32(dim: usize, rows: &'a [f32]) -> Result<Self, InvalidCodes> {
        Self::new(dim, rows.len(), &[], Numbers::F32 { rows })
    }

    fn new(
        dim: usize,
        n_codes: usize,
        beside: &[(&'static str, usize)],
        numbers: Numbers<'a>,
    ) -> Result<Self, InvalidCodes> {
        if dim == 0 || dim > MAX_DIM {
            return Err(InvalidCodes::Dim { dim });
        }
        if !n_codes.is_multiple_of(dim) {
            return Err(InvalidCodes::BrokenRow { n_codes, dim });
        }
        let n_rows = n_codes / dim;
        if let Some(&(what, found)) = beside.iter().find(|(_, found)| *found != n_rows) {
            return Err(InvalidCodes::Beside { n_rows, what, found });
        }
        Ok(Self { dim, len: n_rows, numbers, live: None })
    }

    /// The same codes, of which only the rows of a set may be found; those beyond its end may not.
    #[must_use]
    pub fn with_live(self, live: &'a RowSet) -> Self {
        Self { live: Some(live), ..self }
    }

    /// Components of a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number of rows, those that may not be found among them.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn live(&self) -> Option<&'a RowSet> {
        self.live
    }

    /// The row itself, if the codes are the rows.
    pub(super) fn exact_row(&self, row: usize) -> Option<&'a [f32]> {
        match self.numbers {
            Numbers::F32 { rows } => Some(&rows[row * self.dim..][..self.dim]),
            _ => None,
        }
    }
}

/// Probes in the numbers of a view, and what is known of each.
pub(super) struct Probes<'a> {
    codes: Option<ProbeCodes>,
    rows: Vec<&'a [f32]>,
    pub(super) bounds: Vec<Bound>,
}

/// What turns a product into a similarity, and how far that is from the exact one at most.
///
/// With `x = s·c + r` a row, its codes, scale and rest, and `q = t·d + p` the same of a probe,
///
/// ```text
/// |<q, x> - s t <c, d>| = |<t·d, r> + <p, x>| <= ‖t·d‖ ‖r‖ + ‖p‖ ‖x‖
/// ```
///
/// by Cauchy and Schwarz; `‖r‖` is the error that a row is stored with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    scale: f32,
    norm: f32,
    slack: f32,
}

impl Bound {
    /// The least that the similarity to a row can be, and the most.
    #[expect(clippy::inline_always, reason = "compiled anew for each width of registers")]
    #[inline(always)]
    pub(super) fn of(&self, product: f32, row_scale: f32, row_error: f32) -> (f32, f32) {
        let (middle, error) =
            (product * (row_scale * self.scale), row_error * self.norm + self.slack);
        (middle - error, middle + error)
    }
}

/// Lengths of embeddings differ from 1 by rounding, and by less than this.
const UNIT: f32 = 1.000_01;

/// How far rounding may carry a similarity, both the one of codes and the exact one, at most.
///
/// [`kernel::similarity`] rounds each sum of `dim / 16` products, and some thirty times more; twice
/// that, for the sum of 16-bit numbers rounds as often. The rest is for the few operations above,
/// for lengths that are not quite 1, and for the exact similarity's being kept within -1 and 1.
fn rounding(dim: usize) -> f32 {
    (dim as f32 / 16.0 + 64.0) * f32::EPSILON
}

impl<'a> Probes<'a> {
    pub(super) fn new(view: &CodesView<'_>, probes: &'a [&'a Embedding]) -> Self {
        let rows: Vec<&[f32]> = probes.iter().map(|probe| probe.as_slice()).collect();
        let rounding = rounding(view.dim);
        match view.numbers {
            Numbers::Int8 { .. } => {
                let mut codes = vec![0; rows.len() * view.dim];
                let mut bounds = Vec::with_capacity(rows.len());
                for (row, codes) in rows.iter().zip(codes.chunks_exact_mut(view.dim)) {
                    let found = quantize::quantize(row, codes);
                    bounds.push(Bound {
                        scale: found.scale,
                        norm: quantize::norm_of(codes, found.scale),
                        slack: found.error * UNIT + rounding,
                    });
                }
                Self { codes: Some(ProbeCodes::new(view.dim, codes)), rows, bounds }
            }
            Numbers::Bf16 { .. } => {
                let bound = Bound { scale: 1.0, norm: UNIT, slack: rounding };
                let bounds = vec![bound; rows.len()];
                Self { codes: None, rows, bounds }
            }
            Numbers::F32 { .. } => {
                let bounds = vec![Bound { scale: 1.0, norm: 0.0, slack: 0.0 }; rows.len()];
                Self { codes: None, rows, bounds }
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}

/// A few rows on their way through the registers, and their products with all probes.
pub(super) struct Tile {
    simd: Simd,
    panel: Panel,
    products: Vec<[f32; TILE]>,
}

/// Scales and errors of the rows of a tile.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) scales: &'a [f32],
    pub(super) errors: &'a [f32],
}

impl Tile {
    pub(super) fn new(n_probes: usize) -> Self {
        let products = vec![[0.0; TILE]; n_probes];
        Self { simd: Simd::widest(), panel: Panel::default(), products }
    }

    /// Multiplies up to [`TILE`] rows from `first` with all probes.
    pub(super) fn multiply<'v>(
        &mut self,
        view: &CodesView<'v>,
        first: usize,
        probes: &Probes<'_>,
    ) -> Rows<'v> {
        let end = view.len.min(first + TILE);
        let (rows, codes) = (first..end, first * view.dim..end * view.dim);
        match (view.numbers, &probes.codes) {
            (Numbers::Int8 { codes: all, scales, errors }, Some(probes)) => {
                let ahead = &all[codes.end..all.len().min(codes.end + TILE * view.dim)];
                let (panel, out) = (&mut self.panel, &mut self.products);
                self.simd.multiply(&all[codes], ahead, probes, panel, out);
                Rows { scales: &scales[rows.clone()], errors: &errors[rows] }
            }
            (Numbers::Int8 { .. }, None) => unreachable!("probes of codes have codes"),
            (Numbers::Bf16 { codes: all, errors }, _) => {
                let (rows_bf16, probes, out) = (&all[codes], &probes.rows, &mut self.products);
                self.simd.run(Bf16Products { rows: rows_bf16, dim: view.dim, probes, out });
                Rows { scales: &[1.0; TILE][..rows.len()], errors: &errors[rows] }
            }
            (Numbers::F32 { rows: all }, _) => {
                let (rows_f32, probes, out) = (&all[codes], &probes.rows, &mut self.products);
                self.simd.run(F32Products { rows: rows_f32, dim: view.dim, probes, out });
                Rows { scales: &[1.0; TILE][..rows.len()], errors: &[0.0; TILE][..rows.len()] }
            }
        }
    }

    /// The products of a probe with the rows.
    pub(super) fn products(&self, probe: usize, rows: Rows<'_>) -> &[f32] {
        &self.products[probe][..rows.errors.len()]
    }

    /// The products of a probe with the rows, if one of these may be as similar as `cut`.
    pub(super) fn reaching(
        &self,
        probe: usize,
        rows: Rows<'_>,
        bound: &Bound,
        cut: f32,
    ) -> Option<&[f32]> {
        let products = self.products(probe, rows);
        let reaches = self.simd.run(Reaches { products, rows, bound, cut });
        reaches.then_some(products)
    }
}

/// Whether any row may be as similar as `cut`; what is not a number may be.
struct Reaches<'a> {
    products: &'a [f32],
    rows: Rows<'a>,
    bound: &'a Bound,
    cut: f32,
}

impl Work for Reaches<'_> {
    type Output = bool;

    #[expect(clippy::inline_always, reason = "compiled anew for each width of registers")]
    #[inline(always)]
    fn run(self) -> bool {
        let rows = self.rows.scales.iter().zip(self.rows.errors);
        let is_below = |(product, (scale, error)): (&f32, (&f32, &f32))| {
            self.bound.of(*product, *scale, *error).1 < self.cut
        };
        // Without a way out in the middle, many are looked at at once.
        !self.products.iter().zip(rows).fold(true, |all, row| all & is_below(row))
    }
}

/// Products of rows of 16-bit numbers with the exact probes.
struct Bf16Products<'a, 'p> {
    rows: &'a [u16],
    dim: usize,
    probes: &'a [&'p [f32]],
    out: &'a mut [[f32; TILE]],
}

impl Work for Bf16Products<'_, '_> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "compiled anew for each width of registers")]
    #[inline(always)]
    fn run(self) {
        let mut row_f32 = vec![0.0; self.dim];
        for (idx, row) in self.rows.chunks_exact(self.dim).enumerate() {
            for (value, &code) in row_f32.iter_mut().zip(row) {
                *value = quantize::from_bf16(code);
            }
            for (probe, out) in self.probes.iter().zip(self.out.iter_mut()) {
                out[idx] = kernel::dot(&row_f32, probe);
            }
        }
    }
}

/// The similarities themselves.
struct F32Products<'a, 'p> {
    rows: &'a [f32],
    dim: usize,
    probes: &'a [&'p [f32]],
    out: &'a mut [[f32; TILE]],
}

impl Work for F32Products<'_, '_> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "compiled anew for each width of registers")]
    #[inline(always)]
    fn run(self) {
        for (probe, out) in self.probes.iter().zip(self.out) {
            for (row, out) in self.rows.chunks_exact(self.dim).zip(out) {
                *out = kernel::similarity(row, probe);
            }
        }
    }
}
