//! The nearest templates of everybody else, for every template; it decides nothing.

use std::collections::BTreeMap;
use std::convert::Infallible;

use verisim_core::knn::{Codes, Found, InvalidCodes, Neighbor, Precision, RowSet, Search};

use super::{DoctorRules, Roll};

/// Templates that are looked for at once: more gain little, and few let a pass over all pay off.
const AT_ONCE: usize = 256;
/// Nearest templates of each, itself among them, that are looked at.
const N_NEAREST: usize = 16;

/// The nearest templates of other identities, best first, for every template.
///
/// They are those among the 16 nearest of all, and the nearest one in any case, unless there is no
/// other identity.
pub(super) fn of_others(
    roll: &Roll,
    rules: &DoctorRules,
) -> Result<Vec<Vec<Neighbor>>, InvalidCodes> {
    let Some(dim) = roll.embeddings.first().map(verisim_core::Embedding::dim) else {
        return Ok(Vec::new());
    };
    let mut codes = Codes::new(dim, Precision::Int8)?;
    codes.reserve(roll.len());
    for embedding in &roll.embeddings {
        codes.push(embedding);
    }
    let mut others: Vec<Vec<Neighbor>> = Vec::with_capacity(roll.len());
    // Templates that are surrounded by their own, by identity.
    let mut surrounded: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for first in (0..roll.len()).step_by(AT_ONCE) {
        let probes: Vec<usize> = (first..roll.len().min(first + AT_ONCE)).collect();
        for (probe, found) in probes.iter().zip(search(roll, &codes, rules, None, &probes)) {
            let owner = roll.owner(*probe);
            let mut neighbors = found.neighbors;
            neighbors.retain(|it| roll.owner(it.row) != owner);
            if neighbors.is_empty() {
                surrounded.entry(owner).or_default().push(*probe);
            }
            others.push(neighbors);
        }
    }
    if roll.identities.len() > 1 {
        for (owner, probes) in surrounded {
            let is_other = |row| roll.owner(row) != owner;
            let rows = RowSet::of(roll.len(), is_other);
            let found = search(roll, &codes, rules, Some(&rows), &probes);
            for (probe, found) in probes.into_iter().zip(found) {
                others[probe] = found.neighbors;
            }
        }
    }
    Ok(others)
}

fn search(
    roll: &Roll,
    codes: &Codes,
    rules: &DoctorRules,
    among: Option<&RowSet>,
    probes: &[usize],
) -> Vec<Found> {
    let mut search = Search::new(N_NEAREST);
    if let Some(n_threads) = rules.n_threads {
        search = search.on(n_threads);
    }
    if let Some(rows) = among {
        search = search.among(rows);
    }
    let probes: Vec<_> = probes.iter().map(|&probe| &roll.embeddings[probe]).collect();
    let exact = |row: usize, values: &mut [f32]| {
        values.copy_from_slice(roll.embeddings[row].as_slice());
        Ok::<(), Infallible>(())
    };
    let Ok(found) = search.nearest(&codes.view(), &probes, exact);
    found
}
