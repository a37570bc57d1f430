//! A loss over classes on features and centers, through cosines and lengths, without a network.

use crate::metric::class::scene::{ClassLoss, ClassScene};
use crate::metric::distance::Distance;
use crate::metric::matrix::Matrix;

/// A loss over classes, and its gradients.
pub(crate) struct Classified {
    pub(crate) value: f64,
    pub(crate) features: Matrix,
    pub(crate) centers: Matrix,
    pub(crate) parameters: Vec<f64>,
}

pub(crate) fn classify(
    loss: &dyn ClassLoss,
    features: &Matrix,
    centers: &Matrix,
    labels: &[usize],
    parameters: &[f64],
) -> Classified {
    let compared = Distance::Cosine.compare(features, Some(centers));
    let [feature_norms, center_norms] = [features, centers].map(norms);
    let needed = |norms: &[f64]| if loss.needs_norms() { narrowed(norms) } else { Vec::new() };
    let slope = loss.evaluate(&ClassScene {
        cosines: &narrowed(compared.values.data()),
        n_centers: centers.n_rows(),
        labels,
        norms: &needed(&feature_norms),
        center_norms: &needed(&center_norms),
        sample_weights: None,
        reducer: &loss.reducer(),
        parameters,
        state: &loss.state(),
        seed: 0,
    });
    let gradient = Matrix::from_f32(&slope.cosines, compared.values.shape());
    let (mut to_features, to_centers) = compared.backward(&gradient);
    let mut to_centers = to_centers.unwrap();
    let through_norms = |to: &mut Matrix, rows: &Matrix, norms: &[f64], slopes: &[f32]| {
        for (index, &slope) in slopes.iter().enumerate() {
            for (to, value) in to.row_mut(index).iter_mut().zip(rows.row(index)) {
                *to += f64::from(slope) * value / norms[index].max(1e-12);
            }
        }
    };
    through_norms(&mut to_features, features, &feature_norms, &slope.norms);
    through_norms(&mut to_centers, centers, &center_norms, &slope.center_norms);
    Classified {
        value: slope.value,
        features: to_features,
        centers: to_centers,
        parameters: slope.parameters,
    }
}

fn narrowed(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

fn norms(rows: &Matrix) -> Vec<f64> {
    rows.rows().map(|row| row.iter().map(|it| it * it).sum::<f64>().sqrt()).collect()
}
