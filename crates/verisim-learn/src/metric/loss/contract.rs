//! What every loss over tuples must bear, whatever it computes.

use super::super::matrix::Matrix;
use super::super::relevance::{Relations, SameLabel};
use super::super::scene::{Batch, Evaluation, Options, TupleLoss, evaluate};

/// Random rows, clustered by label.
pub(crate) fn clustered(labels: &[u64], dim: usize, spread: f64, seed: u64) -> Matrix {
    use rand_pcg::rand_core::SeedableRng;
    let mut draw = {
        let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(seed);
        move || f64::from(crate::random::symmetric(&mut rng, 1.0))
    };
    let centers: Vec<f64> = (0..16 * dim).map(|_| draw()).collect();
    let mut rows = Vec::new();
    for &label in labels {
        let center = &centers[(label as usize % 16) * dim..][..dim];
        rows.extend(center.iter().map(|center| center + spread * draw()));
    }
    Matrix::new(rows, [labels.len(), dim])
}

/// The loss of a batch against itself.
pub(crate) fn within(loss: &dyn TupleLoss, rows: &Matrix, labels: &[u64]) -> Evaluation {
    let relations = Relations::within(labels);
    let batch =
        Batch { embeddings: rows, references: None, relations: &relations, labels: Some(labels) };
    let n_identities = labels.iter().max().map_or(0, |&max| max as usize + 1);
    let parameters = loss.parameters(n_identities, rows.n_columns());
    evaluate(loss, batch, &Options { parameters: &parameters, ..Options::default() })
}

/// The loss of a batch against a memory of other samples.
fn against(loss: &dyn TupleLoss, rows: &Matrix, references: &Matrix) -> Evaluation {
    let relations = Relations::new(
        [rows.n_rows(), references.n_rows()],
        &SameLabel { probes: &LABELS, references: &REFERENCE_LABELS },
    );
    let batch = Batch {
        embeddings: rows,
        references: Some(references),
        relations: &relations,
        labels: Some(&LABELS),
    };
    let parameters = loss.parameters(3, 5);
    evaluate(loss, batch, &Options { parameters: &parameters, ..Options::default() })
}

const LABELS: [u64; 9] = [0, 1, 2, 0, 1, 2, 0, 1, 0];
const REFERENCE_LABELS: [u64; 7] = [2, 0, 0, 1, 2, 1, 0];

/// Checks a loss against everything that is asked of all.
///
/// # Panics
///
/// Panics, with the name, where it does not hold.
#[track_caller]
pub(crate) fn check(name: &str, loss: &dyn TupleLoss) {
    loss.check().unwrap();
    gradients_agree_with_differences(name, loss);
    order_does_not_matter(name, loss);
    degenerate_batches_are_finite(name, loss);
}

/// Checks the gradients of all that a loss is a function of; embeddings are 5 long.
pub(crate) fn gradients_agree_with_differences(name: &str, loss: &dyn TupleLoss) {
    let step = 1e-6;
    let close = |what: &str, found: f64, slope: f64| {
        let allowed = 1e-5 * slope.abs().max(1.0);
        assert!((found - slope).abs() <= allowed, "{name}: {what} is {found}, not {slope}");
    };
    for (spread, seed) in [(0.3, 1), (1.0, 2)] {
        let rows = clustered(&LABELS, 5, spread, seed);
        let references = clustered(&REFERENCE_LABELS, 5, spread, seed + 10);
        let found = within(loss, &rows, &LABELS);
        let apart = against(loss, &rows, &references);
        for index in 0..rows.data().len() {
            let moved = |by: f64| {
                let mut rows = rows.clone();
                rows.data_mut()[index] += by;
                (within(loss, &rows, &LABELS).value, against(loss, &rows, &references).value)
            };
            let (up, down) = (moved(step), moved(-step));
            let slope = (up.0 - down.0) / (2.0 * step);
            close("gradient", found.embeddings.data()[index], slope);
            let slope = (up.1 - down.1) / (2.0 * step);
            close("gradient against references", apart.embeddings.data()[index], slope);
        }
        let to_references = apart.references.unwrap_or_else(|| Matrix::zeros(references.shape()));
        for index in 0..references.data().len() {
            let moved = |by: f64| {
                let mut references = references.clone();
                references.data_mut()[index] += by;
                against(loss, &rows, &references).value
            };
            let slope = (moved(step) - moved(-step)) / (2.0 * step);
            close("gradient of references", to_references.data()[index], slope);
        }
        parameters_agree_with_differences(name, loss, &rows);
    }
}

fn parameters_agree_with_differences(name: &str, loss: &dyn TupleLoss, rows: &Matrix) {
    let relations = Relations::within(&LABELS);
    let run = |parameters: &[f64]| {
        let batch = Batch {
            embeddings: rows,
            references: None,
            relations: &relations,
            labels: Some(&LABELS),
        };
        evaluate(loss, batch, &Options { parameters, ..Options::default() })
    };
    let parameters = loss.parameters(3, 5);
    let found = run(&parameters).parameters;
    assert_eq!(found.len(), parameters.len(), "{name}");
    for (index, found) in found.iter().enumerate() {
        let moved = |by: f64| {
            let mut parameters = parameters.clone();
            parameters[index] += by;
            run(&parameters).value
        };
        let slope = (moved(1e-6) - moved(-1e-6)) / 2e-6;
        assert!(
            (found - slope).abs() <= 1e-5 * slope.abs().max(1.0),
            "{name}: {found}, not {slope}"
        );
    }
}

/// Checks that another order of a batch changes neither value nor gradients.
pub(crate) fn order_does_not_matter(name: &str, loss: &dyn TupleLoss) {
    let rows = clustered(&LABELS, 5, 0.6, 3);
    let order = [5, 2, 7, 0, 8, 1, 6, 3, 4];
    let shuffled = Matrix::new(
        order.iter().flat_map(|&index| rows.row(index)).copied().collect(),
        rows.shape(),
    );
    let labels = order.map(|index| LABELS[index]);
    let (one, other) = (within(loss, &rows, &LABELS), within(loss, &shuffled, &labels));
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(1.0);
    assert!(close(one.value, other.value), "{name}: {} and {}", one.value, other.value);
    for (row, &index) in other.embeddings.rows().zip(&order) {
        for (found, expected) in row.iter().zip(one.embeddings.row(index)) {
            assert!(close(*found, *expected), "{name}: {found}, not {expected}");
        }
    }
}

/// Checks that equal, zero, opposite and huge embeddings give finite numbers; embeddings are 3 long.
pub(crate) fn degenerate_batches_are_finite(name: &str, loss: &dyn TupleLoss) {
    let equal = Matrix::new([1.0, 2.0, -1.0].repeat(4), [4, 3]);
    let zeros = Matrix::zeros([4, 3]);
    let with_zero =
        Matrix::new(vec![0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0], [4, 3]);
    let opposite =
        Matrix::new(vec![1.0, 0.0, 0.0, -1.0, 0.0, 0.0, 1.0, 0.0, 0.0, -1.0, 0.0, 0.0], [4, 3]);
    let mut huge = with_zero.clone();
    huge.scale(1e15);
    for rows in [&equal, &zeros, &with_zero, &opposite, &huge] {
        for labels in [[0, 0, 1, 1], [0, 0, 0, 0], [0, 1, 2, 3], [0, 1, 1, 1]] {
            for n in 1..=4 {
                let some = Matrix::new(rows.data()[..3 * n].to_vec(), [n, 3]);
                let found = within(loss, &some, &labels[..n]);
                let is_finite = found.value.is_finite()
                    && found.embeddings.is_finite()
                    && found.parameters.iter().all(|value| value.is_finite());
                assert!(is_finite, "{name} on {:?}: {:?}", &labels[..n], found.embeddings.data());
            }
        }
    }
}
