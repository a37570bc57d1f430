//! What a network computes in while it is trained, and the scale that keeps small gradients in half
//! precision; it knows no network.

use burn::tensor::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::device::is_cpu;

/// The numbers that a network computes with while it is trained.
///
/// In half precision pictures are narrowed before the first layer, and each layer brings its weights to
/// its input. Normalizations take their statistics in single precision, and features are widened before
/// the loss, which is computed in single precision like the steps of the weights. Validation and the
/// model are of single precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Precision {
    /// Single precision.
    #[default]
    #[serde(rename = "float32")]
    Float32,
    /// Eight bits of digits, and the range of single precision.
    #[serde(rename = "bf16")]
    Bf16,
    /// Eleven bits of digits, from 6e-8 to 65,504: the loss is scaled, see [`LossScale`].
    #[serde(rename = "f16")]
    F16,
}

/// A precision that a device does not compute in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("precision is {found:?}, but {reason}; {advice}, or set precision = \"float32\"")]
pub struct UnsupportedPrecision {
    found: &'static str,
    reason: &'static str,
    advice: &'static str,
}

impl Precision {
    /// What recipes call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        }
    }

    fn dtype(self) -> DType {
        match self {
            Self::Float32 => DType::F32,
            Self::Bf16 => DType::BF16,
            Self::F16 => DType::F16,
        }
    }

    /// Whether a device computes in it, and fast: the CPU would only be slower.
    pub(crate) fn check(self, device: &Device) -> Result<(), UnsupportedPrecision> {
        let found = self.name();
        if self == Self::Float32 {
            return Ok(());
        }
        if is_cpu(device) {
            let reason = "the CPU computes in \"float32\" alone";
            let advice = "train on a GPU (--device cuda or wgpu)";
            return Err(UnsupportedPrecision { found, reason, advice });
        }
        if device.clone().inner().supports_dtype(self.dtype()) {
            return Ok(());
        }
        let reason = "this device says that it has no arithmetic of it";
        let advice = if self == Self::F16 { "try \"bf16\"" } else { "try \"f16\"" };
        Err(UnsupportedPrecision { found, reason, advice })
    }

    /// Pictures as the network takes them.
    pub(crate) fn narrowed(self, images: Tensor<4>) -> Tensor<4> {
        if self == Self::Float32 { images } else { images.cast(self.dtype()) }
    }

    /// The scale that training begins with, where the range of the numbers asks for one.
    pub(super) fn first_scale(self) -> Option<LossScale> {
        (self == Self::F16).then(LossScale::default)
    }
}

/// What the loss is multiplied by before the backward pass, and the gradient divided by afterwards, so
/// that small gradients are not rounded to 0.
///
/// Where the gradient of a step is not finite, the step is left out and the scale halved; after 2,000
/// steps in a row with a finite one it is doubled. Micikevicius et al., *Mixed Precision Training*, ICLR
/// 2018, <https://arxiv.org/abs/1710.03740>; the numbers are those of PyTorch's `GradScaler`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossScale {
    /// The scale is 2 to the power of it, so that it changes no digit.
    exponent: u32,
    /// Steps in a row with a finite gradient, since the scale changed.
    n_finite: u32,
}

/// 65,536 at first, and never so large that a loss of single precision could overflow.
const FIRST_EXPONENT: u32 = 16;
const MAX_EXPONENT: u32 = 24;
/// Steps in a row after which a larger scale is tried.
const PATIENCE: u32 = 2000;

impl Default for LossScale {
    fn default() -> Self {
        Self { exponent: FIRST_EXPONENT, n_finite: 0 }
    }
}

impl LossScale {
    /// What the loss is multiplied by.
    pub fn factor(self) -> f64 {
        2f64.powi(self.exponent.cast_signed())
    }

    /// Takes note of a step, by whether its gradient was finite.
    pub fn note(&mut self, is_finite: bool) {
        if !is_finite {
            *self = Self { exponent: self.exponent.saturating_sub(1), n_finite: 0 };
            return;
        }
        self.n_finite += 1;
        if self.n_finite == PATIENCE {
            *self = Self { exponent: (self.exponent + 1).min(MAX_EXPONENT), n_finite: 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_halves_at_once_and_doubles_after_a_while() {
        let mut scale = LossScale::default();
        let mut after = |steps: &[(usize, bool)]| {
            for &(n, is_finite) in steps {
                (0..n).for_each(|_| scale.note(is_finite));
            }
            scale.factor()
        };
        assert_eq!(after(&[]), 65_536.0);
        assert_eq!(after(&[(1999, true)]), 65_536.0);
        assert_eq!(after(&[(1, true)]), 131_072.0);
        // A step that overflows begins the count again.
        assert_eq!(after(&[(1999, true), (1, false)]), 65_536.0);
        assert_eq!(after(&[(1999, true)]), 65_536.0);
        assert_eq!(after(&[(2, false)]), 16_384.0);
        assert_eq!(after(&[(40, false)]), 1.0);
        assert_eq!(after(&[(2000 * 40, true)]), 16_777_216.0);
    }

    #[test]
    fn the_cpu_computes_in_single_precision_alone() {
        let device = Device::flex();
        for device in [device.clone(), device.autodiff()] {
            assert_eq!(Precision::Float32.check(&device), Ok(()));
            let message = Precision::Bf16.check(&device).unwrap_err().to_string();
            let expected = "precision is \"bf16\", but the CPU computes in \"float32\" alone; train on a \
                            GPU (--device cuda or wgpu), or set precision = \"float32\"";
            assert_eq!(message, expected);
            assert!(Precision::F16.check(&device).is_err());
        }
    }
}
