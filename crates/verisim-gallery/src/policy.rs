//! How a gallery scores and what it lets in: rules that are stored with it; it knows no rows.

/// A sample without a quality weighs as one of this quality.
const UNKNOWN_QUALITY: f32 = 50.0;

/// Samples whose templates are at least this similar show the same picture, maybe compressed anew.
pub const NEAR_DUPLICATE: f32 = 0.9999;

/// What a gallery keeps of how it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How the scores of an identity's templates become its score; [`ScoreRule::Best`] at first.
    pub rule: ScoreRule,
    /// Most templates that an identity may have; 1000 at first.
    pub max_templates: u32,
    /// What happens to a sample that is nearly one of the same identity's; kept out at first.
    pub near_duplicates: NearDuplicates,
    /// Whether each search leaves a record in the log before it is answered; yes at first.
    ///
    /// A record is a durable write, which takes milliseconds; see
    /// [`Gallery::decide_many`](crate::Gallery::decide_many), which writes one for all its probes.
    pub record_searches: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            rule: ScoreRule::Best,
            max_templates: 1000,
            near_duplicates: NearDuplicates::KeepOut,
            record_searches: true,
        }
    }
}

/// How the scores of an identity's templates become the score of the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScoreRule {
    /// The greatest one.
    Best,
    /// Their mean.
    Mean,
    /// Their mean, weighted by the qualities of the samples; a sample without one weighs as 50.
    ///
    /// If all weigh nothing, this is the plain mean.
    Weighted,
}

/// What happens to a sample whose similarity to a template of the same identity is at least
/// [`NEAR_DUPLICATE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NearDuplicates {
    /// It is reported and not added.
    KeepOut,
    /// It is reported and added.
    Add,
}

/// One identity's score in the making.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally {
    best: f32,
    sum: f64,
    n: u32,
    weighted_sum: f64,
    weight: f64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { best: f32::NEG_INFINITY, sum: 0.0, n: 0, weighted_sum: 0.0, weight: 0.0 }
    }
}

impl Tally {
    /// Counts the score of one template; `quality` is from 0 to 100.
    pub(crate) fn add(&mut self, score: f32, quality: Option<u8>) {
        let weight = f64::from(quality.map_or(UNKNOWN_QUALITY, f32::from));
        self.best = self.best.max(score);
        self.sum += f64::from(score);
        self.n += 1;
        self.weighted_sum += weight * f64::from(score);
        self.weight += weight;
    }

    /// Whether no template was counted.
    pub(crate) fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// The identity's score: a cosine, as those of its templates.
    pub(crate) fn score(&self, rule: ScoreRule) -> f32 {
        let mean = self.sum / f64::from(self.n.max(1));
        match rule {
            ScoreRule::Best => self.best,
            ScoreRule::Weighted if self.weight > 0.0 => (self.weighted_sum / self.weight) as f32,
            ScoreRule::Mean | ScoreRule::Weighted => mean as f32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(scores: &[(f32, Option<u8>)]) -> [f32; 3] {
        let mut tally = Tally::default();
        for &(score, quality) in scores {
            tally.add(score, quality);
        }
        [ScoreRule::Best, ScoreRule::Mean, ScoreRule::Weighted].map(|rule| tally.score(rule))
    }

    #[test]
    fn scores_worked_by_hand() {
        // (0.8·100 + 0.4·50) / 150 = 100 / 150
        assert_eq!(tally(&[(0.8, Some(100)), (0.4, None)]), [0.8, 0.6, 100.0 / 150.0]);
        // (0.5·75 − 0.25·25) / 100 = 31.25 / 100
        assert_eq!(tally(&[(0.5, Some(75)), (-0.25, Some(25))]), [0.5, 0.125, 0.3125]);
        assert_eq!(tally(&[(-0.5, Some(9))]), [-0.5; 3]);
    }

    #[test]
    fn weights_of_nothing_leave_the_plain_mean() {
        assert_eq!(tally(&[(0.5, Some(0)), (0.25, Some(0))]), [0.5, 0.375, 0.375]);
    }
}
