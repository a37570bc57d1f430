//! The identities that no decision may rest on, under lock until all decisions are made.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use verisim_learn::data::ChipSource;

use super::entry::{Entry, Values};
use super::part::Part;
use super::plan::{Plan, PlannedLoss};
use super::space::own_values;
use super::tune::{Trial, best};

/// The test identities. Whoever wants to embed them must show that nothing is left to decide.
pub(crate) struct TestHalf {
    part: Part,
}

/// The hyper-parameters of every loss, settled. There is no other way to make one than from all
/// trials of all losses.
pub(crate) struct Decided {
    values: BTreeMap<String, Values>,
}

impl TestHalf {
    /// Locks the chips of the identities with these labels away.
    pub(crate) fn lock(source: &Arc<dyn ChipSource>, labels: &[u64]) -> Self {
        Self { part: Part::of(source, labels) }
    }

    /// The chips, now that nothing can be chosen by what comes of them.
    pub(crate) fn open(&self, _: &Decided) -> &Part {
        &self.part
    }
}

impl Decided {
    /// Settles on the best trial of each loss, or on its own values if none was planned; fails while
    /// a trial is missing.
    pub(crate) fn new(plan: &Plan, trials: &BTreeMap<String, Vec<Trial>>) -> anyhow::Result<Self> {
        let n_trials = plan.budget.n_trials;
        let settled = |loss: &PlannedLoss| {
            if n_trials == 0 {
                return Ok((loss.name.clone(), own_values(&loss.space)));
            }
            let trials = trials.get(&loss.name).filter(|trials| trials.len() == n_trials);
            let best = trials.and_then(|trials| best(trials));
            let best = best.with_context(|| format!("{} was not tuned to the end", loss.name))?;
            Ok((loss.name.clone(), best.values.clone()))
        };
        Ok(Self { values: plan.losses.iter().map(settled).collect::<anyhow::Result<_>>()? })
    }

    /// What an entry is trained with in the end.
    pub(crate) fn values(&self, entry: &Entry) -> &Values {
        &self.values[&entry.name]
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::entries;
    use super::super::entry::tests::recipe;
    use super::super::plan::tests::plan;
    use super::*;

    #[test]
    fn nothing_is_decided_while_a_trial_is_missing() {
        let entry = &entries(vec![recipe("it", "{ kind = 'softmax' }")], false).unwrap()[0];
        let mut plan = plan(entry);
        let trial = |lr: f64, objective| Trial {
            values: Values::from([("optimizer.lr".to_owned(), lr)]),
            objective,
        };
        plan.budget.n_trials = 2;
        let mut trials = BTreeMap::from([("it".to_owned(), vec![trial(0.1, 0.4)])]);
        assert!(Decided::new(&plan, &trials).is_err());
        trials.get_mut("it").unwrap().push(trial(0.2, 0.6));
        let decided = Decided::new(&plan, &trials).unwrap();
        assert_eq!(decided.values(entry)["optimizer.lr"], 0.2);

        plan.budget.n_trials = 0;
        let decided = Decided::new(&plan, &BTreeMap::new()).unwrap();
        assert_eq!(decided.values(entry)["optimizer.lr"], 1e-3);
    }
}
