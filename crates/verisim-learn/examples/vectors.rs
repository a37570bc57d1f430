//! An embedding network over vectors instead of pictures, judged on classes that it never saw.
//!
//! Run with: `cargo run --release -p verisim-learn --example vectors`

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Distribution, Tensor};
use verisim_core::Embedding;
use verisim_core::knn::PackedEmbeddings;
use verisim_core::measure::{Retrieval, Spread};
use verisim_learn::backbone::WeightSource;
use verisim_learn::loss::{LossConfig, LossState};
use verisim_learn::sampler::SamplerConfig;

/// Components of a sample; the first 4 say its class, the others are noise.
const DIM: usize = 32;

#[derive(Module, Debug)]
struct Network {
    first: Linear,
    second: Linear,
}

impl Network {
    fn forward(&self, samples: Tensor<2>) -> Tensor<2> {
        self.second.forward(relu(self.first.forward(samples)))
    }
}

/// Ten samples of each class.
fn samples(n_classes: usize, device: &Device) -> (Tensor<2>, Vec<u64>) {
    let labels: Vec<u64> = (0..10 * n_classes as u64).map(|index| index / 10).collect();
    let centers = Tensor::<2>::random([n_classes, 4], Distribution::Normal(0.0, 1.0), device);
    let centers = centers.unsqueeze_dim::<3>(1).repeat_dim(1, 10).reshape([10 * n_classes, 4]);
    let around = Tensor::random([10 * n_classes, 4], Distribution::Normal(0.0, 0.2), device);
    let noise = Tensor::random([10 * n_classes, DIM - 4], Distribution::Normal(0.0, 2.0), device);
    (Tensor::cat(vec![centers + around, noise], 1), labels)
}

fn judge(name: &str, features: Tensor<2>, labels: &[u64]) -> Result<(), Box<dyn Error>> {
    let [_, dim] = features.dims();
    let values: Vec<f32> = features.into_data().iter::<f32>().collect();
    let mut packed = PackedEmbeddings::new(dim);
    for row in values.chunks(dim) {
        packed.push(&Embedding::new(row.to_vec())?);
    }
    let retrieval = Retrieval::leave_one_out(&packed, labels).figures();
    let map_at_r = retrieval.map_or(0.0, |figures| figures.map_at_r);
    let ratio = Spread::new(&packed, labels).figures().ratio.unwrap_or_default();
    println!("{name:16} MAP@R {map_at_r:.3}, distance between classes / within {ratio:.2}");
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::flex().autodiff();
    device.seed(1);
    let (train, labels) = samples(60, &device);
    let (unseen, unseen_labels) = samples(20, &device);
    let config: LossConfig = toml::from_str("kind = 'multi-similarity'")?;
    let loss = config.init(60, 16, &mut WeightSource::new(1, &device))?;
    let mut network = Network {
        first: LinearConfig::new(DIM, 64).init(&device),
        second: LinearConfig::new(64, 16).init(&device),
    };
    judge("raw", unseen.clone().inner(), &unseen_labels)?;
    judge("before training", network.forward(unseen.clone()).inner(), &unseen_labels)?;
    let sampler = SamplerConfig::Identities { identities: 12, images: 5 };
    let mut optimizer = AdamConfig::new().init();
    let (mut state, mut step) = (LossState::default(), 0);
    for epoch in 0..60 {
        for batch in sampler.epoch(&labels, 1, epoch) {
            let chosen =
                batch.iter().map(|&index| i64::try_from(index)).collect::<Result<Vec<_>, _>>()?;
            let classes: Vec<u64> = batch.iter().map(|&index| labels[index]).collect();
            let rows = train.clone().select(0, Tensor::from_ints(chosen.as_slice(), &device));
            let found = loss.forward(network.forward(rows), &classes, &mut state, step);
            let gradients = GradientsParams::from_grads(found.loss.backward(), &network);
            network = optimizer.step(1e-3, network, gradients);
            step += 1;
        }
    }
    judge("after training", network.forward(unseen).inner(), &unseen_labels)
}
