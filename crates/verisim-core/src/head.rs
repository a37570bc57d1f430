//! A decision learned on top of embeddings: how probable is it that two show the same person? It does not
//! know how it was learned.

use crate::Embedding;

/// How far two embeddings are apart, component by component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadKind {
    /// `|a - b|`, of a siamese network.
    Siamese,
    /// `(a - b)² / (|a| + |b|)`, and 0 where both are 0: the weighted χ² distance, for components that
    /// may be negative too.
    ChiSquared,
}

impl HeadKind {
    /// The distance of two components, 0 or more.
    pub fn distance(self, a: f32, b: f32) -> f32 {
        match self {
            Self::Siamese => (a - b).abs(),
            Self::ChiSquared => {
                let sum = a.abs() + b.abs();
                if sum > 0.0 { (a - b) * (a - b) / sum } else { 0.0 }
            }
        }
    }
}

/// One unit over the distances of two embeddings' components.
///
/// ```text
/// P(same) = 1 / (1 + exp(-(bias + Σ weight_i distance(a_i, b_i))))
/// ```
///
/// Taigman et al., *DeepFace*, CVPR 2014, section 4, <https://doi.org/10.1109/CVPR.2014.220>.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    kind: HeadKind,
    weights: Vec<f32>,
    bias: f32,
}

/// Numbers that make no [`Head`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHead {
    /// There is no weight.
    #[error("the head has no weights, but has one for each component of an embedding")]
    Empty,
    /// A weight or the bias is NaN or infinite.
    #[error("the head's weights and bias must be finite numbers")]
    NotFinite,
}

impl Head {
    /// Takes one weight for each component.
    ///
    /// # Errors
    ///
    /// Fails if there is no weight, or if a number is not finite.
    pub fn new(kind: HeadKind, weights: Vec<f32>, bias: f32) -> Result<Self, InvalidHead> {
        if weights.is_empty() {
            return Err(InvalidHead::Empty);
        }
        if !bias.is_finite() || weights.iter().any(|weight| !weight.is_finite()) {
            return Err(InvalidHead::NotFinite);
        }
        Ok(Self { kind, weights, bias })
    }

    /// How distances are taken.
    pub fn kind(&self) -> HeadKind {
        self.kind
    }

    /// One weight for each component.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// What the weighted distances are added to.
    pub fn bias(&self) -> f32 {
        self.bias
    }

    /// Logarithm of the odds that two embeddings show the same person: any number, above 0 if that is
    /// more probable than not.
    ///
    /// # Panics
    ///
    /// Panics if an embedding is not of the dimension of the weights: it comes from another model, which is
    /// a bug of the caller.
    pub fn log_odds(&self, a: &Embedding, b: &Embedding) -> f32 {
        let n = self.weights.len();
        assert!(a.dim() == n && b.dim() == n, "a head was asked about another model's embeddings");
        let components = a.as_slice().iter().zip(b.as_slice()).zip(&self.weights);
        let terms = components
            .map(|((a, b), weight)| f64::from(*weight) * f64::from(self.kind.distance(*a, *b)));
        (f64::from(self.bias) + terms.sum::<f64>()) as f32
    }

    /// Probability that two embeddings show the same person, in `[0, 1]`, if such pairs are as many as
    /// others: it was learned from as many of both.
    ///
    /// # Panics
    ///
    /// As [`log_odds`](Self::log_odds).
    pub fn probability(&self, a: &Embedding, b: &Embedding) -> f64 {
        1.0 / (1.0 + (-f64::from(self.log_odds(a, b))).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedding(values: &[f32]) -> Embedding {
        Embedding::new(values.to_vec()).unwrap()
    }

    #[test]
    fn distances_are_weighed_component_by_component() {
        let (a, b) = (embedding(&[0.6, 0.8]), embedding(&[0.8, -0.6]));
        let head = Head::new(HeadKind::Siamese, vec![-5.0, 1.0], 0.5).unwrap();
        // 0.5 - 5 * 0.2 + 1.4
        assert!((head.log_odds(&a, &b) - 0.9).abs() < 1e-6);
        assert!((head.probability(&a, &b) - 1.0 / (1.0 + (-0.9f64).exp())).abs() < 1e-6);
        let head = Head::new(HeadKind::ChiSquared, vec![-7.0, 1.0], 0.0).unwrap();
        // -7 * 0.04 / 1.4 + 1.96 / 1.4
        assert!((head.log_odds(&a, &b) - 1.2).abs() < 1e-6);
    }

    #[test]
    fn components_of_zero_are_not_apart() {
        let a = embedding(&[0.0, 1.0]);
        for kind in [HeadKind::Siamese, HeadKind::ChiSquared] {
            let head = Head::new(kind, vec![-1.0, -1.0], 0.25).unwrap();
            assert_eq!(head.log_odds(&a, &a), 0.25);
        }
    }

    #[test]
    fn what_is_no_number_makes_no_head() {
        let refusal = |weights: &[f32], bias| {
            Head::new(HeadKind::Siamese, weights.to_vec(), bias).unwrap_err()
        };
        assert_eq!(refusal(&[], 0.0), InvalidHead::Empty);
        assert_eq!(refusal(&[1.0, f32::NAN], 0.0), InvalidHead::NotFinite);
        assert_eq!(refusal(&[1.0], f32::INFINITY), InvalidHead::NotFinite);
    }
}
