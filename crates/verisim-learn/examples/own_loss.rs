//! A loss of one's own: the slope by each distance is all that it must say; distances, miners, reductions
//! and the way into the network are there.
//!
//! Run with: `cargo run --release -p verisim-learn --example own_loss`

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use verisim_learn::metric::InvalidLoss;
use verisim_learn::metric::matrix::Matrix;
use verisim_learn::metric::miner::{BatchHardMiner, Miner};
use verisim_learn::metric::relevance::Relations;
use verisim_learn::metric::scene::{Batch, Options, Scene, Slope, TupleLoss, evaluate};

/// Pulls mated pairs together with the square of their distance, and pushes the others apart with its
/// exponential: `mean (d² if mated, e^-d if not)`.
struct SpringLoss;

impl TupleLoss for SpringLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        Ok(())
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let pairs = scene.pairs();
        let n = (pairs.mated.len() + pairs.non_mated.len()).max(1) as f64;
        let mut slope = Slope::default();
        let mut values = Matrix::zeros(scene.values().shape());
        for &[anchor, other] in &pairs.mated {
            let distance = scene.values()[(anchor, other)];
            slope.value += distance * distance / n;
            values[(anchor, other)] += 2.0 * distance / n;
        }
        for &[anchor, other] in &pairs.non_mated {
            let closeness = (-scene.values()[(anchor, other)]).exp();
            slope.value += closeness / n;
            values[(anchor, other)] -= closeness / n;
        }
        Slope { values: Some(values), ..slope }
    }
}

fn main() {
    let labels = [0, 0, 1, 1];
    let mut rows = Matrix::new(vec![1.0, 0.1, 0.2, 1.0, 0.9, 0.0, 0.3, -0.9], [4, 2]);
    let relations = Relations::within(&labels);
    let miner = Miner::BatchHard(BatchHardMiner {});
    for step in 0..=40 {
        let batch = Batch {
            embeddings: &rows,
            references: None,
            relations: &relations,
            labels: Some(&labels),
        };
        let options = Options { miner: Some(&miner), ..Options::default() };
        let found = evaluate(&SpringLoss, batch, &options);
        if step % 10 == 0 {
            println!("step {step:2}: loss {:.4}", found.value);
        }
        let mut change = found.embeddings;
        change.scale(-0.2);
        rows.add(&change);
    }
}
