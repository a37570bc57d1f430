//! Which values a search tries next, and which were best; it trains nothing.

use anyhow::Context;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};
use tpe::{TpeOptimizer, parzen_estimator};

use super::entry::Values;
use super::space::{Dimension, own_values};

/// Trials at random after the recipe's own values, before the search goes by what was found.
const N_RANDOM: usize = 5;
/// The greatest share that the search takes, for its ranges hold no upper end.
const MAX_SHARE: f64 = 1.0 - 1e-9;

/// A trial that is over: what was tried, and the mean of what the folds made of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trial {
    /// What was tried.
    pub(crate) values: Values,
    /// Mean MAP@R over the folds; 0 if any of them failed.
    pub(crate) objective: f64,
}

/// The values of the next trial, a function of the trials before and the seed.
///
/// The first is the recipe's own, so that tuning never leaves a loss worse than it came. Then some
/// are drawn, the same shares of the ranges for every loss, and the rest proposed by
/// tree-structured Parzen estimators.
///
/// Bergstra et al., *Algorithms for Hyper-Parameter Optimization*, NIPS 2011.
pub(crate) fn next_values(
    space: &[Dimension],
    before: &[Trial],
    seed: u64,
) -> anyhow::Result<Values> {
    if before.is_empty() {
        return Ok(own_values(space));
    }
    let mut rng = Pcg64Mcg::seed_from_u64(seed.wrapping_add(before.len() as u64));
    let mut values = Values::new();
    for dimension in space {
        let share = if before.len() <= N_RANDOM {
            // 53 bits: every value is exact.
            (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
        } else {
            proposed(dimension, before, &mut rng)
                .with_context(|| format!("cannot search {}", dimension.key))?
        };
        values.insert(dimension.key.clone(), dimension.value(share));
    }
    Ok(values)
}

fn proposed(dimension: &Dimension, before: &[Trial], rng: &mut Pcg64Mcg) -> anyhow::Result<f64> {
    let mut search = TpeOptimizer::new(parzen_estimator(), tpe::range(0.0, 1.0)?);
    for Trial { values, objective } in before {
        let value = values.get(&dimension.key).context("an earlier trial did not try it")?;
        // It looks for the least.
        search.tell(dimension.share(*value).min(MAX_SHARE), -objective)?;
    }
    Ok(search.ask(rng)?)
}

/// The best trial; of equal ones the first.
pub(crate) fn best(trials: &[Trial]) -> Option<&Trial> {
    trials.iter().rev().max_by(|a, b| a.objective.total_cmp(&b.objective))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> Vec<Dimension> {
        let dimension = |key: &str, low, high, start, is_logarithmic| Dimension {
            key: key.to_owned(),
            low,
            high,
            start,
            is_logarithmic,
        };
        vec![
            dimension("loss.margin", 0.1, 0.9, 0.2, false),
            dimension("optimizer.lr", 1e-4, 1e-2, 1e-3, true),
        ]
    }

    /// Best at a margin of 0.7 and a learning rate of 3e-3.
    fn objective(values: &Values) -> f64 {
        let margin = (values["loss.margin"] - 0.7) / 0.8;
        let lr = (values["optimizer.lr"] / 3e-3).log10() / 2.0;
        1.0 - margin.powi(2) - lr.powi(2)
    }

    fn search(n_trials: usize, seed: u64) -> Vec<Trial> {
        let mut trials = Vec::new();
        for _ in 0..n_trials {
            let values = next_values(&space(), &trials, seed).unwrap();
            trials.push(Trial { objective: objective(&values), values });
        }
        trials
    }

    #[test]
    fn the_first_trial_is_the_recipe_itself() {
        let first = next_values(&space(), &[], 3).unwrap();
        let own = [("loss.margin", 0.2), ("optimizer.lr", 1e-3)];
        assert_eq!(first, own.map(|(key, value)| (key.to_owned(), value)).into());
    }

    #[test]
    fn a_search_goes_on_where_it_was() {
        let whole = search(12, 1);
        let next = next_values(&space(), &whole[..9], 1).unwrap();
        assert_eq!(next, whole[9].values);
        assert_ne!(search(3, 2)[2], whole[2]);
    }

    #[test]
    fn values_stay_in_their_ranges_and_come_near_the_best() {
        for seed in 0..5 {
            let trials = search(40, seed);
            for trial in &trials {
                for dimension in space() {
                    let value = trial.values[&dimension.key];
                    assert!((dimension.low..=dimension.high).contains(&value), "{trial:?}");
                }
            }
            let best = best(&trials).unwrap();
            assert!(best.objective > 0.97, "seed {seed}: {best:?}");
        }
    }

    #[test]
    fn of_equal_trials_the_first_is_best() {
        let trial = |margin: f64, objective| Trial {
            values: Values::from([("loss.margin".to_owned(), margin)]),
            objective,
        };
        let trials = [trial(1.0, 0.2), trial(2.0, 0.5), trial(3.0, 0.5)];
        assert_eq!(best(&trials), Some(&trials[1]));
        assert_eq!(best(&[]), None);
    }
}
