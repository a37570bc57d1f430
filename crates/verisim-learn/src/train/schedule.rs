//! The learning rate as a function of the step.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// How the learning rate changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ScheduleConfig {
    /// The same throughout, after the warm-up.
    Constant {
        /// Epochs over which the rate rises linearly from near 0.
        #[serde(default)]
        warmup_epochs: f64,
    },
    /// Half a cosine from the full rate to `floor` times it.
    Cosine {
        /// Epochs over which the rate rises linearly from near 0.
        #[serde(default)]
        warmup_epochs: f64,
        /// Share of the rate that is left at the end, in `[0, 1]`.
        #[serde(default)]
        floor: f64,
    },
    /// Multiplied by `factor` at each milestone.
    MultiStep {
        /// Epochs over which the rate rises linearly from near 0.
        #[serde(default)]
        warmup_epochs: f64,
        /// Epochs after which the rate falls, in rising order.
        milestones: Vec<f64>,
        /// What the rate is multiplied by, in `(0, 1)`.
        #[serde(default = "tenth")]
        factor: f64,
    },
}

fn tenth() -> f64 {
    0.1
}

impl ScheduleConfig {
    /// What is wrong with it, if anything: parameter, value, expectation.
    pub(crate) fn problem(&self) -> Option<(&'static str, String, &'static str)> {
        let warmup = self.warmup_epochs();
        if !(0.0..f64::INFINITY).contains(&warmup) {
            return Some(("schedule.warmup_epochs", warmup.to_string(), "0 or more"));
        }
        match self {
            Self::Constant { .. } => None,
            Self::Cosine { floor, .. } => (!(0.0..=1.0).contains(floor))
                .then(|| ("schedule.floor", floor.to_string(), "in [0, 1]")),
            Self::MultiStep { milestones, factor, .. } => {
                if !milestones.is_sorted() {
                    let found = format!("{milestones:?}");
                    return Some(("schedule.milestones", found, "in rising order"));
                }
                (!(*factor > 0.0 && *factor < 1.0))
                    .then(|| ("schedule.factor", factor.to_string(), "between 0 and 1"))
            }
        }
    }

    fn warmup_epochs(&self) -> f64 {
        match *self {
            Self::Constant { warmup_epochs }
            | Self::Cosine { warmup_epochs, .. }
            | Self::MultiStep { warmup_epochs, .. } => warmup_epochs,
        }
    }

    /// Share of the full learning rate at `epoch` (a fraction: the middle of the first epoch is 0.5)
    /// of `n_epochs`, in `[0, 1]`.
    pub fn share(&self, epoch: f64, n_epochs: f64) -> f64 {
        let warmup = self.warmup_epochs();
        if epoch < warmup {
            return epoch / warmup;
        }
        match self {
            Self::Constant { .. } => 1.0,
            Self::Cosine { floor, .. } => {
                let progress = (epoch - warmup) / (n_epochs - warmup).max(f64::MIN_POSITIVE);
                let falling = f64::midpoint(1.0, (PI * progress.min(1.0)).cos());
                floor + (1.0 - floor) * falling
            }
            Self::MultiStep { milestones, factor, .. } => {
                let passed = milestones.iter().filter(|milestone| **milestone <= epoch).count();
                factor.powi(i32::try_from(passed).unwrap_or(i32::MAX))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schedule: &ScheduleConfig, epoch: f64, expected: f64) {
        let found = schedule.share(epoch, 10.0);
        assert!((found - expected).abs() < 1e-12, "{found} at {epoch}, not {expected}");
    }

    #[test]
    fn the_cosine_rises_in_the_warm_up_and_falls_to_its_floor() {
        let schedule = ScheduleConfig::Cosine { warmup_epochs: 2.0, floor: 0.1 };
        check(&schedule, 0.5, 0.25);
        check(&schedule, 2.0, 1.0);
        check(&schedule, 6.0, 0.55);
        check(&schedule, 10.0, 0.1);
    }

    #[test]
    fn milestones_take_effect_when_reached() {
        let milestones = vec![4.0, 8.0];
        let schedule = ScheduleConfig::MultiStep { warmup_epochs: 0.0, milestones, factor: 0.1 };
        check(&schedule, 0.0, 1.0);
        check(&schedule, 3.9, 1.0);
        check(&schedule, 4.0, 0.1);
        check(&schedule, 9.0, 0.01);
    }

    #[test]
    fn a_warm_up_as_long_as_the_run_only_rises() {
        let schedule = ScheduleConfig::Cosine { warmup_epochs: 10.0, floor: 0.0 };
        check(&schedule, 9.0, 0.9);
        check(&schedule, 10.0, 1.0);
    }

    #[test]
    fn nonsense_is_named() {
        let problem =
            |schedule: ScheduleConfig| schedule.problem().map(|(parameter, ..)| parameter);
        let cosine = |floor| ScheduleConfig::Cosine { warmup_epochs: 0.0, floor };
        assert_eq!(problem(cosine(2.0)), Some("schedule.floor"));
        let milestones = vec![8.0, 4.0];
        let steps = ScheduleConfig::MultiStep { warmup_epochs: 0.0, milestones, factor: 0.1 };
        assert_eq!(problem(steps), Some("schedule.milestones"));
        let constant = ScheduleConfig::Constant { warmup_epochs: f64::NAN };
        assert_eq!(problem(constant), Some("schedule.warmup_epochs"));
    }
}
