//! One optimizer step of some rows of a table, as Burn's optimizers do it with whole tensors.

use burn::tensor::{Tensor, TensorData};

use super::optimizer::{ADAGRAD_EPSILON, ADAMW_EPSILON, OptimizerConfig};

/// Shares that Adam's averages keep: Burn's, and everybody's.
const BETAS: [f32; 2] = [0.9, 0.999];

impl OptimizerConfig {
    /// Columns of what is remembered of each row.
    pub(crate) fn remembered(&self, dim: usize) -> Vec<usize> {
        match *self {
            Self::Sgd { momentum: 0.0, .. } => Vec::new(),
            Self::Sgd { .. } | Self::AdaGrad { .. } => vec![dim],
            // Two averages, and how many steps the row has made.
            Self::AdamW { .. } => vec![dim, dim, 1],
        }
    }

    /// Moves rows by their gradient.
    ///
    /// `tables` are the rows, `[n, dim]`, and what is remembered of them, with columns as
    /// [`remembered`](Self::remembered) says; they come back as they are after the step. A row that was
    /// away for some steps goes on from where it was: neither momentum nor decay moved it meanwhile.
    pub(crate) fn move_rows(
        &self,
        lr: f64,
        tables: Vec<Tensor<2>>,
        gradient: Tensor<2>,
    ) -> Vec<Tensor<2>> {
        let mut tables = tables.into_iter();
        let mut next = || tables.next().unwrap_or_else(|| unreachable!("as many as remembered"));
        let rows = next();
        match *self {
            Self::Sgd { momentum, weight_decay, .. } => {
                let gradient = decayed(gradient, &rows, weight_decay);
                if momentum == 0.0 {
                    return vec![rows - gradient * lr];
                }
                let velocity = gradient + next() * momentum;
                vec![rows - velocity.clone() * lr, velocity]
            }
            Self::AdamW { weight_decay, .. } => {
                let (mean, square, times) = (next(), next(), next() + 1.0);
                let mean = mean * BETAS[0] + gradient.clone() * (1.0 - BETAS[0]);
                let square = square * BETAS[1] + gradient.square() * (1.0 - BETAS[1]);
                let [mean_bias, square_bias] = BETAS.map(|beta| bias(beta, &times));
                let step = (mean.clone() / mean_bias)
                    / ((square.clone() / square_bias).sqrt() + ADAMW_EPSILON);
                let rate = lr * f64::from(weight_decay as f32);
                let rows = if rate == 0.0 { rows } else { rows * (1.0 - rate) };
                vec![rows - step * lr, mean, square, times]
            }
            Self::AdaGrad { weight_decay, .. } => {
                let gradient = decayed(gradient, &rows, weight_decay);
                let sum = next() + gradient.clone().square();
                let step = gradient / (sum.clone().sqrt() + ADAGRAD_EPSILON);
                vec![rows - step * lr, sum]
            }
        }
    }
}

fn decayed(gradient: Tensor<2>, rows: &Tensor<2>, weight_decay: f64) -> Tensor<2> {
    if weight_decay == 0.0 { gradient } else { rows.clone() * weight_decay as f32 + gradient }
}

/// What an average of so many steps is divided by, for each row: `[n, 1]`.
fn bias(beta: f32, times: &Tensor<2>) -> Tensor<2> {
    let shape = times.dims();
    let times_on_host = times.clone().into_data();
    let found = times_on_host.iter::<f32>().map(|times| 1.0 - beta.powi(times as i32));
    let data = TensorData::new(found.collect::<Vec<f32>>(), shape);
    Tensor::from_data(data, &times.device())
}
