//! ElasticFace: ArcFace and CosFace with margins that are drawn for each sample.

use std::f64::consts::FRAC_PI_2;

use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use super::margin::with_margin;
use super::row::{Target, cross_entropy};
use super::scene::{ClassLoss, ClassScene, ClassSlope};
use crate::metric::{InvalidLoss, require};

/// Elastic margin loss.
///
/// It is [`ArcFaceLoss`] or [`CosFaceLoss`], with a margin of its own for each sample and step, drawn from a
/// normal distribution with the seed of the step:
///
/// ```text
/// m_i ~ N(m, σ²)
/// ```
///
/// With `sorted`, called `ElasticFace+` in the paper, the sample farthest from its center gets the largest
/// margin of the batch, the nearest the smallest. (The authors' code sorts both, but then hands the margins
/// out by the permutation instead of its inverse.) Past `θ = π - m_i` the logit keeps falling as in
/// [`ArcFaceLoss`], which the authors' code leaves out; margins on an angle are cut to `[0, π/2]`.
///
/// Boutros et al., *ElasticFace: Elastic Margin Loss for Deep Face Recognition*, CVPR Workshops 2022,
/// <https://arxiv.org/abs/2109.09416>.
///
/// [`ArcFaceLoss`]: super::ArcFaceLoss
/// [`CosFaceLoss`]: super::CosFaceLoss
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElasticFaceLoss {
    /// What the margin is added to.
    #[serde(default)]
    pub on: ElasticKind,
    /// Mean of the margins, in `[0, pi/2)`; if none, the paper's: 0.5 on the angle, 0.35 on the cosine.
    #[serde(default)]
    pub margin: Option<f64>,
    /// Standard deviation of the margins, 0 or more; 0.0125 by default, as in the authors' code.
    #[serde(default = "paper_deviation")]
    pub deviation: f64,
    /// Whether the margins go by the distance from the center; no by default.
    #[serde(default)]
    pub sorted: bool,
    /// Scale of the logits, above 0; 64 in the paper.
    #[serde(default = "paper_scale")]
    pub scale: f64,
}

/// What the margin of [`ElasticFaceLoss`] is added to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ElasticKind {
    /// The angle, as in ArcFace.
    #[default]
    Arc,
    /// The cosine, from which it is taken, as in CosFace.
    Cos,
}

fn paper_deviation() -> f64 {
    0.0125
}

fn paper_scale() -> f64 {
    64.0
}

impl ElasticFaceLoss {
    fn mean(&self) -> f64 {
        self.margin.unwrap_or(match self.on {
            ElasticKind::Arc => 0.5,
            ElasticKind::Cos => 0.35,
        })
    }

    /// The margin of each sample.
    fn margins(&self, scene: &ClassScene<'_>) -> Vec<f64> {
        let mut rng = Pcg64Mcg::seed_from_u64(scene.seed);
        let mut drawn: Vec<f64> = scene
            .labels
            .iter()
            .map(|_| {
                let draw: f64 = StandardNormal.sample(&mut rng);
                let margin = self.mean() + self.deviation * draw;
                match self.on {
                    ElasticKind::Arc => margin.clamp(0.0, FRAC_PI_2),
                    ElasticKind::Cos => margin,
                }
            })
            .collect();
        if !self.sorted {
            return drawn;
        }
        drawn.sort_by(f64::total_cmp);
        let own = |sample: usize| scene.row(sample)[scene.labels[sample]];
        let mut nearest_first: Vec<usize> = (0..drawn.len()).collect();
        nearest_first.sort_by(|&a, &b| own(b).total_cmp(&own(a)));
        let mut margins = vec![0.0; drawn.len()];
        nearest_first.iter().zip(drawn).for_each(|(&sample, margin)| margins[sample] = margin);
        margins
    }
}

impl ClassLoss for ElasticFaceLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        let in_range = (0.0..FRAC_PI_2).contains(&self.mean());
        require("margin", self.mean(), in_range, "in [0, pi/2)")?;
        require("deviation", self.deviation, self.deviation >= 0.0, "0 or more")?;
        require("scale", self.scale, self.scale > 0.0, "above 0")
    }

    fn evaluate(&self, scene: &ClassScene<'_>) -> ClassSlope {
        let margins = self.margins(scene);
        cross_entropy(scene, self.scale, |sample, cosine| {
            let with_margin = match self.on {
                ElasticKind::Arc => with_margin(cosine, margins[sample]),
                ElasticKind::Cos => (cosine - margins[sample], 1.0),
            };
            Target::new(self.scale, with_margin)
        })
        .into()
    }
}
