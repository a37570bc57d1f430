//! Metric learning: networks that turn samples into vectors whose distances mean identity.
//!
//! | module | what it is for |
//! |---|---|
//! | [`loss`] | every loss by the name that a recipe gives it, and its way into a network |
//! | [`metric`] | the same without any network: distances, relevance, miners, losses and their slopes, on plain matrices |
//! | [`sampler`] | which samples make up a batch |
//! | [`backbone`], [`data`], [`train`] | networks over pictures, and the loop that trains them from one TOML recipe |
//! | [`pretrained`] | weights of others to begin with |
//! | [`export`] | a trained network as ONNX |
//!
//! # A first network
//!
//! Twenty lines that learn to embed vectors of four classes in a plane. Pictures, recipes, checkpoints and validation on
//! unseen identities are [`train::Trainer`]'s; the folder `examples/` has losses and relevance of one's own.
//!
//! ```
//! use burn::nn::LinearConfig;
//! use burn::optim::{AdamConfig, GradientsParams};
//! use burn::tensor::{Device, Distribution, Tensor};
//! use verisim_learn::backbone::WeightSource;
//! use verisim_learn::loss::{LossConfig, LossState};
//!
//! let device = Device::flex().autodiff();
//! device.seed(1);
//! let labels: Vec<u64> = (0..64).map(|index| index % 4).collect();
//! // Noise around one corner for each class.
//! let corners: Vec<f32> = labels.iter().flat_map(|&it| [(it % 2) as f32, (it / 2) as f32, 1.0]).collect();
//! let samples = Tensor::<1>::from_floats(corners.as_slice(), &device).reshape([64, 3]);
//! let samples = samples + Tensor::random([64, 3], Distribution::Normal(0.0, 0.1), &device);
//!
//! let config: LossConfig = toml::from_str("kind = 'triplet'\nmargin = 0.3\nreducer = { kind = 'mean' }")?;
//! let loss = config.init(4, 2, &mut WeightSource::new(1, &device))?;
//! let mut model = LinearConfig::new(3, 2).init(&device);
//! let mut optimizer = AdamConfig::new().init();
//! let (mut state, mut values) = (LossState::default(), Vec::new());
//! for step in 0..200 {
//!     let found = loss.forward(model.forward(samples.clone()), &labels, &mut state, step);
//!     values.push(found.loss.clone().into_scalar::<f32>());
//!     let gradients = GradientsParams::from_grads(found.loss.backward(), &model);
//!     model = optimizer.step(0.02, model, gradients);
//! }
//! assert!(values[199] < 0.1 * values[0], "{} to {}", values[0], values[199]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod backbone;
pub mod bench;
pub mod bench_centers;
pub mod data;
pub mod device;
pub mod export;
pub mod loss;
pub mod metric;
mod ops;
pub mod pretrained;
mod random;
pub mod sampler;
pub mod train;
