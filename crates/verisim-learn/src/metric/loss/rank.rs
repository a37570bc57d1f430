//! Ranks that have a slope: how many references come before another, counted by sigmoids.

use crate::metric::scene::Scene;

/// Beyond this the sigmoid is 0 or 1 to the last digit of a sum.
const SATURATES: f64 = 40.0;

/// The positions that count in the ranking of one anchor.
#[derive(Debug)]
pub(super) struct Ranking {
    /// Those that belong to the anchor.
    pub(super) mated: Vec<usize>,
    /// Those that do not.
    pub(super) non_mated: Vec<usize>,
}

impl Ranking {
    /// The references of one anchor; in a batch against itself the anchor counts as its own mate, as in
    /// the code of the authors of `SmoothAP` and PNP.
    pub(super) fn of(scene: &Scene<'_>, anchor: usize) -> Self {
        let relations = scene.batch.relations;
        let mut mated: Vec<usize> = relations.mated(anchor).collect();
        if scene.is_within() {
            mated.push(anchor);
        }
        Self { mated, non_mated: relations.non_mated(anchor).collect() }
    }
}

/// `σ((s_j - s_i) / t)`: how surely each reference `j` of an anchor comes before its reference `of`.
pub(super) fn precede(
    scene: &Scene<'_>,
    anchor: usize,
    of: usize,
    references: &[usize],
    temperature: f64,
) -> Vec<f64> {
    let row = scene.values().row(anchor);
    let sure = |&reference: &usize| {
        let ahead = scene.distance.margin(row[of], row[reference]) / temperature;
        if ahead > SATURATES {
            1.0
        } else if ahead < -SATURATES {
            0.0
        } else {
            1.0 / (1.0 + (-ahead).exp())
        }
    };
    references.iter().map(sure).collect()
}

/// Adds what `factor` times the sum of [`precede`] changes with the values of the anchor's row.
pub(super) fn add_slope(
    scene: &Scene<'_>,
    of: usize,
    references: &[usize],
    sure: &[f64],
    factor: f64,
    row: &mut [f64],
) {
    for (&reference, &sure) in references.iter().zip(sure) {
        // A larger similarity comes earlier, a larger distance later.
        let slope = -scene.distance.sign() * factor * sure * (1.0 - sure);
        row[reference] += slope;
        row[of] -= slope;
    }
}
