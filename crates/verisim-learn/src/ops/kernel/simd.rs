//! Sixteen numbers at once, in portable Rust that compiles to vector registers.

use std::ops::{Add, AddAssign, Mul, Neg, Sub};

/// Numbers in one [`Lanes`].
pub(crate) const WIDTH: usize = 16;

/// Sixteen `f32`, operated on element by element.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Lanes(pub(crate) [f32; WIDTH]);

/// Runs `work` compiled for the widest vectors of this processor.
///
/// Closures given to it, and what they call, must be `#[inline(always)]` to profit.
#[inline]
pub(crate) fn vectorized<T>(work: impl FnOnce() -> T) -> T {
    pulp::Arch::new().dispatch(work)
}

impl Lanes {
    pub(crate) const ZERO: Self = Self([0.0; WIDTH]);

    #[inline(always)]
    pub(crate) fn splat(value: f32) -> Self {
        Self([value; WIDTH])
    }

    /// Reads the first 16 numbers of `slice`.
    #[inline(always)]
    pub(crate) fn load(slice: &[f32]) -> Self {
        let mut lanes = [0.0; WIDTH];
        lanes.copy_from_slice(&slice[..WIDTH]);
        Self(lanes)
    }

    /// Overwrites the first 16 numbers of `slice`.
    #[inline(always)]
    pub(crate) fn store(self, slice: &mut [f32]) {
        slice[..WIDTH].copy_from_slice(&self.0);
    }

    #[inline(always)]
    fn zip(self, other: Self, op: impl Fn(f32, f32) -> f32) -> Self {
        let mut out = [0.0; WIDTH];
        for ((out, a), b) in out.iter_mut().zip(self.0).zip(other.0) {
            *out = op(a, b);
        }
        Self(out)
    }

    /// Sum of the sixteen, in a fixed order.
    #[inline(always)]
    pub(crate) fn sum(self) -> f32 {
        self.0.iter().sum()
    }
}

impl Add for Lanes {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
}

impl AddAssign for Lanes {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Lanes {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
}

impl Mul<f32> for Lanes {
    type Output = Self;
    #[inline(always)]
    fn mul(self, factor: f32) -> Self {
        self.zip(Self::splat(factor), |a, b| a * b)
    }
}

impl Mul for Lanes {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
}

impl Neg for Lanes {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self::ZERO - self
    }
}
