//! How the losses of pairs, triplets or samples become one number; it does not know what they are of.

use serde::{Deserialize, Serialize};

use super::{InvalidLoss, require};

/// How losses become one number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Reducer {
    /// The mean.
    Mean,
    /// The sum.
    Sum,
    /// The mean of those above 0.
    NonZeroMean,
    /// The mean of those between two bounds, both excluded.
    Threshold {
        /// Lower bound.
        #[serde(default)]
        low: Option<f64>,
        /// Upper bound.
        #[serde(default)]
        high: Option<f64>,
    },
    /// The mean, each loss times the weight of its anchor's class.
    ClassWeighted {
        /// Weight of each class, by label; 1 for those beyond the end.
        weights: Vec<f64>,
    },
    /// The mean of each anchor's losses first, 0 for an anchor without any; then another reduction.
    PerAnchor {
        /// The other reduction.
        then: Box<Reducer>,
    },
    /// The sum, divided by a number: the loss's own, if none is given.
    Divisor {
        /// The number, above 0.
        #[serde(default)]
        divisor: Option<f64>,
    },
}

/// Losses of pairs, triplets or samples.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a> {
    /// The losses.
    pub losses: &'a [f64],
    /// Position of the anchor of each.
    pub anchors: &'a [usize],
    /// Number of anchors in the batch.
    pub n_anchors: usize,
    /// Label of each anchor of the batch; none where only relations are known.
    pub labels: Option<&'a [u64]>,
    /// What the loss itself would divide by.
    pub divisor: f64,
}

/// One number, and what each loss has to do with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reduced {
    /// The number; 0 if there are no losses.
    pub value: f64,
    /// How it changes with each loss.
    pub weights: Vec<f64>,
    /// Losses above 0.
    pub n_active: usize,
}

impl Reducer {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// Names the first that is out of range.
    pub fn check(&self) -> Result<(), InvalidLoss> {
        match self {
            Self::Mean | Self::Sum | Self::NonZeroMean => Ok(()),
            Self::Threshold { low, high } => {
                let (low, high) = (low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY));
                let is_valid = low < high;
                if is_valid { Ok(()) } else { require("reducer.high", high, false, "above low") }
            }
            Self::ClassWeighted { weights } => weights.iter().try_for_each(|&weight| {
                require("reducer.weights", weight, weight >= 0.0, "0 or more, each")
            }),
            Self::PerAnchor { then } => then.check(),
            Self::Divisor { divisor } => divisor.map_or(Ok(()), |divisor| {
                require("reducer.divisor", divisor, divisor > 0.0, "above 0")
            }),
        }
    }

    /// Reduces losses.
    ///
    /// # Panics
    ///
    /// Panics if there is not one anchor for each loss.
    pub fn reduce(&self, elements: &Elements<'_>) -> Reduced {
        let Elements { losses, anchors, .. } = *elements;
        assert_eq!(losses.len(), anchors.len(), "not one anchor for each loss");
        let weights = self.weights(elements);
        let value = losses.iter().zip(&weights).map(|(loss, weight)| loss * weight).sum();
        let n_active = losses.iter().filter(|loss| **loss > 0.0).count();
        Reduced { value, weights, n_active }
    }

    fn weights(&self, elements: &Elements<'_>) -> Vec<f64> {
        let Elements { losses, anchors, .. } = *elements;
        let n = losses.len().max(1) as f64;
        match self {
            Self::Mean => vec![1.0 / n; losses.len()],
            Self::Sum => vec![1.0; losses.len()],
            Self::NonZeroMean => mean_of(losses, |loss| loss > 0.0),
            Self::Threshold { low, high } => mean_of(losses, |loss| {
                low.is_none_or(|low| loss > low) && high.is_none_or(|high| loss < high)
            }),
            Self::ClassWeighted { weights } => anchors
                .iter()
                .map(|&anchor| {
                    let label = elements.labels.map(|labels| labels[anchor] as usize);
                    label.and_then(|label| weights.get(label)).unwrap_or(&1.0) / n
                })
                .collect(),
            Self::PerAnchor { then } => per_anchor(then, elements),
            Self::Divisor { divisor } => {
                let divisor = divisor.unwrap_or(elements.divisor);
                vec![if divisor > 0.0 { 1.0 / divisor } else { 0.0 }; losses.len()]
            }
        }
    }
}

fn mean_of(losses: &[f64], counts: impl Fn(f64) -> bool) -> Vec<f64> {
    let n = losses.iter().filter(|loss| counts(**loss)).count().max(1) as f64;
    losses.iter().map(|&loss| if counts(loss) { 1.0 / n } else { 0.0 }).collect()
}

fn per_anchor(then: &Reducer, elements: &Elements<'_>) -> Vec<f64> {
    let mut sums = vec![0.0; elements.n_anchors];
    let mut counts = vec![0usize; elements.n_anchors];
    for (&loss, &anchor) in elements.losses.iter().zip(elements.anchors) {
        sums[anchor] += loss;
        counts[anchor] += 1;
    }
    let shares: Vec<f64> = counts.iter().map(|&count| 1.0 / count.max(1) as f64).collect();
    let means: Vec<f64> = sums.iter().zip(&shares).map(|(sum, share)| sum * share).collect();
    let anchors: Vec<usize> = (0..elements.n_anchors).collect();
    let weights = then.weights(&Elements { losses: &means, anchors: &anchors, ..*elements });
    elements.anchors.iter().map(|&anchor| weights[anchor] * shares[anchor]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOSSES: [f64; 4] = [0.0, 1.0, 3.0, 8.0];

    fn value(reducer: &Reducer) -> f64 {
        reducer
            .reduce(&Elements {
                losses: &LOSSES,
                anchors: &[0, 0, 2, 2],
                n_anchors: 3,
                labels: Some(&[1, 0, 0]),
                divisor: 6.0,
            })
            .value
    }

    #[test]
    fn reductions_agree_with_those_worked_by_hand() {
        assert_eq!(value(&Reducer::Mean), 3.0);
        assert_eq!(value(&Reducer::Sum), 12.0);
        assert_eq!(value(&Reducer::NonZeroMean), 4.0);
        assert_eq!(value(&Reducer::Threshold { low: Some(0.0), high: Some(8.0) }), 2.0);
        assert_eq!(value(&Reducer::Threshold { low: Some(1.0), high: None }), 5.5);
        assert_eq!(value(&Reducer::ClassWeighted { weights: vec![2.0, 4.0] }), 6.5);
        assert_eq!(value(&Reducer::Divisor { divisor: None }), 2.0);
        assert_eq!(value(&Reducer::Divisor { divisor: Some(4.0) }), 3.0);
        // Means of 0.5, nothing and 5.5 by anchor.
        assert_eq!(value(&Reducer::PerAnchor { then: Box::new(Reducer::Mean) }), 2.0);
        assert_eq!(value(&Reducer::PerAnchor { then: Box::new(Reducer::NonZeroMean) }), 3.0);
    }

    #[test]
    fn no_losses_are_0() {
        let nothing =
            Elements { losses: &[], anchors: &[], n_anchors: 2, labels: None, divisor: 0.0 };
        for reducer in [Reducer::Mean, Reducer::NonZeroMean, Reducer::Divisor { divisor: None }] {
            assert_eq!(
                reducer.reduce(&nothing),
                Reduced { value: 0.0, weights: vec![], n_active: 0 }
            );
        }
    }

    #[test]
    fn bounds_in_the_wrong_order_are_refused() {
        let reducer = Reducer::Threshold { low: Some(1.0), high: Some(0.5) };
        assert_eq!(
            reducer.check().unwrap_err().to_string(),
            "reducer.high is 0.5, but must be above low"
        );
    }
}
