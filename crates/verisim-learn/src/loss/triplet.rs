//! Triplet loss: an anchor's positive nearer than its negative, by a margin.

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::{InvalidLoss, LossValue};
use crate::distance::{euclidean, squared_euclidean};
use crate::miner::{Triplets, mine};

/// Configuration of [`TripletLoss`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TripletConfig {
    /// Margin `m`, above 0; 0.2 in FaceNet.
    #[serde(default = "paper_margin")]
    pub margin: f64,
    /// Which triplets of a batch count.
    #[serde(default)]
    pub mining: Mining,
    /// Whether distances are squared, as in FaceNet.
    #[serde(default = "yes")]
    pub squared: bool,
}

fn paper_margin() -> f64 {
    0.2
}

fn yes() -> bool {
    true
}

/// Which triplets of a batch a loss is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mining {
    /// Those whose negative is farther than the positive, but within the margin.
    #[default]
    SemiHard,
    /// All.
    All,
}

impl TripletConfig {
    /// Creates the loss.
    ///
    /// # Errors
    ///
    /// Fails if `margin` is out of range.
    pub fn init(&self) -> Result<TripletLoss, InvalidLoss> {
        InvalidLoss::check("margin", self.margin, self.margin > 0.0, "above 0")?;
        let (margin, squared) = (self.margin, self.squared);
        Ok(TripletLoss { margin, squared, semi_hard: self.mining == Mining::SemiHard })
    }
}

/// Triplet loss with online mining.
///
/// With `d` the distance between features of unit length,
///
/// ```text
/// L = mean⁺ (d(a, p) - d(a, n) + m)₊
/// ```
///
/// over the mined triplets of an anchor, another image of its identity and an image of another
/// identity, where `mean⁺` is taken over the triplets that still have a loss. Semi-hard triplets have
/// `d(a, p) < d(a, n) <= d(a, p) + m`.
///
/// Schroff et al., *FaceNet: A Unified Embedding for Face Recognition and Clustering*, CVPR 2015,
/// <https://arxiv.org/abs/1503.03832>.
#[derive(Module, Debug)]
pub struct TripletLoss {
    margin: f64,
    squared: bool,
    semi_hard: bool,
}

impl TripletLoss {
    /// Loss of a batch.
    ///
    /// # Shapes
    ///
    /// - features: `[batch, embedding_dim]`, of any length
    /// - labels: `batch` of them
    pub fn forward(&self, features: Tensor<2>, labels: &[u64]) -> LossValue {
        let distance = if self.squared {
            squared_euclidean(features.clone())
        } else {
            euclidean(features.clone())
        };
        let host: Vec<f32> = distance.clone().inner().into_data().iter::<f32>().collect();
        let margin = self.margin as f32;
        let is_chosen = |ap: f32, an: f32| !self.semi_hard || (an > ap && an - ap <= margin);
        let Triplets { pulls, n_active } = mine(&host, labels, margin, is_chosen);
        if n_active == 0 {
            return LossValue::nothing(features);
        }
        // The sum over triplets, sorted by pair: each distance times how often it is pulled at.
        let n = labels.len();
        let pulls = Tensor::from_data(TensorData::new(pulls, [n, n]), &distance.device());
        let loss = (distance * pulls).sum() / n_active as f64 + self.margin;
        LossValue { loss, n_active: Some(n_active) }
    }
}
