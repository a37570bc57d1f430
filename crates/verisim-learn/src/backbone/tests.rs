//! Networks: shapes, sizes, repeatability, and what batch normalization remembers.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::layer::{Norm, host};
use super::{
    Backbone, BackboneConfig, DeepFaceConfig, DeepId2Config, Dropout, GradientsConfig, InputSize,
    MobileFaceNetConfig, ResNetConfig, VitConfig, WeightSource, l2_normalize,
};

fn small() -> BackboneConfig {
    BackboneConfig::ResNet(ResNetConfig {
        depths: vec![1, 2],
        widths: vec![8, 16],
        stem_stride: 2,
        first_stage_halves: false,
        leading_norm: true,
        embedding_dim: 12,
        dropout: 0.3,
        fixed_last_gamma: false,
    })
}

fn mobile() -> BackboneConfig {
    BackboneConfig::MobileFaceNet(MobileFaceNetConfig::default())
}

fn gradients() -> GradientsConfig {
    GradientsConfig {
        orientations: 8,
        cell: 6,
        scales: vec![1, 2, 3],
        contrast_window: 13,
        embedding_dim: 10,
        dropout: 0.0,
        mirror: false,
        align: None,
        parts: Vec::new(),
    }
}

fn vit() -> VitConfig {
    VitConfig {
        width: 24,
        depth: 3,
        heads: 4,
        embedding_dim: 10,
        drop_path: 0.3,
        masked: 0.4,
        ..VitConfig::tiny()
    }
}

fn network(config: &BackboneConfig, input: InputSize, device: &Device) -> Backbone {
    config.init(input, &mut WeightSource::new(1, device)).unwrap()
}

fn images(n: usize, size: InputSize, device: &Device) -> Tensor<4> {
    let shape = [n, size.channels, size.height, size.width];
    WeightSource::new(2, device).normal(shape, 1.0).val().detach()
}

#[test]
fn any_size_of_picture_gives_embeddings_of_unit_length() {
    let device = Device::flex();
    for (width, height, channels) in [(112, 112, 3), (80, 96, 1), (47, 55, 3)] {
        let size = InputSize { width, height, channels };
        let gradients = BackboneConfig::Gradients(gradients());
        let vit = BackboneConfig::Vit(vit());
        for (config, dim) in [(small(), 12), (mobile(), 128), (gradients, 10), (vit, 10)] {
            let embeddings = network(&config, size, &device).embed(images(2, size, &device));
            assert_eq!(embeddings.dims(), [2, dim]);
            for norm in host(embeddings.square().sum_dim(1)) {
                assert!((norm - 1.0).abs() < 1e-5, "{norm}");
            }
        }
    }
}

#[test]
fn networks_have_the_parameters_of_their_papers() {
    let size = InputSize { width: 112, height: 112, channels: 3 };
    let device = Device::flex();
    // Table 1 of the paper says 0.99 million; running statistics count as parameters here.
    let n = network(&mobile(), size, &device).num_params();
    assert!((990_000..1_030_000).contains(&n), "{n}");
    // 24,025,600 in the authors' code, less a bias of 512 that the normalization after it cancels,
    // and two running statistics for every gamma and beta.
    let config = BackboneConfig::ResNet(ResNetConfig::iresnet([2, 2, 2, 2]));
    let n = network(&config, size, &device).num_params();
    let statistics = 64 + 2 * (64 * 5 + 128 * 4 + 256 * 4 + 512 * 4) - 64;
    assert!(n.abs_diff(24_025_600 - 512 + 2 * statistics) < 20_000, "{n}");
}

#[test]
fn a_seed_decides_all_weights() {
    let size = InputSize { width: 32, height: 32, channels: 3 };
    let device = Device::flex();
    let embed = |seed| {
        let network = small().init(size, &mut WeightSource::new(seed, &device)).unwrap();
        host(network.embed(images(1, size, &device)))
    };
    assert_eq!(embed(5), embed(5));
    assert_ne!(embed(5), embed(6));
}

#[test]
fn dropout_acts_in_training_alone() {
    let size = InputSize { width: 32, height: 32, channels: 3 };
    let device = Device::flex();
    let network = network(&small(), size, &device);
    let forward =
        |mut dropout: Dropout| host(network.forward(images(2, size, &device), &mut dropout));
    assert_eq!(forward(Dropout::none()), forward(Dropout::none()));
    assert_ne!(forward(Dropout::none()), forward(Dropout::from_seed(1)));
}

/// The slope along a direction of one parameter's values, and what the gradient says it is.
#[track_caller]
fn check_slope<const D: usize>(
    network: &mut super::Vit,
    parameter: impl Fn(&mut super::Vit) -> &mut burn::module::Param<Tensor<D>>,
    images: &Tensor<4>,
) {
    let loss = |network: &super::Vit| {
        let features = network.forward(images.clone(), &mut Dropout::from_seed(9));
        let pull = WeightSource::new(4, &images.device()).normal(features.dims(), 1.0);
        (features * pull.val().detach()).sum()
    };
    let gradients = loss(network).backward();
    let original = parameter(network).clone();
    let gradient = original.val().grad(&gradients).unwrap();
    let direction = WeightSource::new(5, &images.device()).normal(original.dims(), 1.0);
    let direction = direction.val().detach();
    let along = (Tensor::from_inner(gradient) * direction.clone()).sum().into_scalar::<f32>();
    let mut at = |step: f64| {
        let moved = original.clone().map(|values| values + direction.clone() * step);
        *parameter(network) = moved;
        f64::from(loss(network).into_scalar::<f32>())
    };
    let slope = (at(1e-3) - at(-1e-3)) / 2e-3;
    *parameter(network) = original;
    assert!(slope.abs() > 0.2, "nothing depends on it: {slope}");
    assert!((slope - f64::from(along)).abs() < 0.02 * slope.abs() + 0.05, "{along}, not {slope}");
}

#[test]
fn gradients_reach_all_of_a_vision_transformer_through_what_is_left_out() {
    let device = Device::flex().autodiff();
    let size = InputSize { width: 28, height: 37, channels: 3 };
    let mut network = vit().init(size, &mut WeightSource::new(1, &device)).unwrap();
    let images = images(6, size, &device);
    check_slope(&mut network, |network| &mut network.mask_token, &images);
    check_slope(&mut network, |network| &mut network.positions, &images);
    check_slope(&mut network, |network| &mut network.bias, &images);
}

#[test]
fn running_statistics_follow_pytorch() {
    let device = Device::flex().autodiff();
    let norm = Norm::new(1, &mut WeightSource::new(0, &device));
    let batch = Tensor::<2>::from_floats([[1.0], [3.0], [8.0]], &device);
    let normalized = norm.forward(batch);
    // Mean 4, variance 26/3 over the batch, 13 unbiased.
    let expected = [-3.0f32, -1.0, 4.0].map(|it| it / (26.0f32 / 3.0 + 1e-5).sqrt());
    for (found, expected) in host(normalized).iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6);
    }
    // torch.nn.BatchNorm1d: 0.9 * 0 + 0.1 * 4 and 0.9 * 1 + 0.1 * 13.
    let inference = norm.valid();
    let found = host(inference.forward(Tensor::<2>::from_floats([[0.4]], &Device::flex())));
    assert!(found[0].abs() < 1e-6, "{found:?}");
    let found = host(inference.forward(Tensor::<2>::from_floats([[1.4]], &Device::flex())));
    assert!((found[0] - 1.0 / (2.2f32 + 1e-5).sqrt()).abs() < 1e-6, "{found:?}");
}

#[test]
fn rows_of_zeros_stay_zero_when_normalized() {
    let rows = Tensor::<2>::from_floats([[0.0, 0.0], [3.0, 4.0]], &Device::flex());
    assert_eq!(host(l2_normalize(rows)), [0.0, 0.0, 0.6, 0.8]);
}

#[test]
fn impossible_sizes_are_refused() {
    let refusal = |change: fn(&mut ResNetConfig)| {
        let mut config = ResNetConfig::iresnet([1, 1, 1, 1]);
        change(&mut config);
        BackboneConfig::ResNet(config).check().unwrap_err().to_string()
    };
    let found = refusal(|config| config.depths.clear());
    assert_eq!(found, "depths is [], but must be one or more numbers above 0");
    let found = refusal(|config| config.widths = vec![64]);
    assert!(found.starts_with("widths is [64]"), "{found}");
    assert_eq!(refusal(|config| config.dropout = 1.0), "dropout is 1, but must be in [0, 1)");
    assert_eq!(refusal(|config| config.stem_stride = 4), "stem_stride is 4, but must be 1 or 2");
    let mobile = BackboneConfig::MobileFaceNet(MobileFaceNetConfig {
        embedding_dim: 0,
        ..MobileFaceNetConfig::default()
    });
    assert!(mobile.check().is_err());
    let refusal = |change: fn(&mut VitConfig)| {
        let mut config = vit();
        change(&mut config);
        let size = InputSize { width: 28, height: 37, channels: 3 };
        let found = config.init(size, &mut WeightSource::new(1, &Device::flex()));
        found.unwrap_err().to_string()
    };
    let found = refusal(|config| config.heads = 5);
    assert_eq!(found, "heads is 5, but must be a divisor of width");
    assert_eq!(refusal(|config| config.depth = 0), "depth is 0, but must be above 0");
    assert_eq!(refusal(|config| config.masked = 1.0), "masked is 1, but must be in [0, 1)");
    let found = refusal(|config| config.patch = 30);
    let expected =
        "patch is 30 for pictures of 28x37 RGB, but must be at most their width and height";
    assert_eq!(found, expected);
}

#[test]
fn impossible_gradients_are_refused() {
    let refusal = |change: fn(&mut GradientsConfig)| {
        let mut config = gradients();
        change(&mut config);
        let mut weights = WeightSource::new(1, &Device::flex());
        let size = InputSize { width: 36, height: 48, channels: 1 };
        config.init(size, &mut weights).unwrap_err().to_string()
    };
    let found = refusal(|config| config.scales = vec![1, 4]);
    assert_eq!(found, "scales is [1, 4], but must be one or more numbers that divide the cell");
    assert!(refusal(|config| config.scales = vec![0]).starts_with("scales is [0]"));
    assert!(refusal(|config| config.scales.clear()).starts_with("scales is []"));
    let found = refusal(|config| config.cell = 42);
    let expected =
        "cell is 42 for pictures of 36x48 grey, but must be at most their width and height";
    assert_eq!(found, expected);
    assert_eq!(refusal(|config| config.cell = 0), "cell is 0, but must be above 0");
    let found = refusal(|config| config.orientations = 7);
    assert_eq!(found, "orientations is 7, but must be even, from 4");
    let found = refusal(|config| config.contrast_window = 4);
    assert_eq!(found, "contrast_window is 4, but must be odd, from 3");
    assert_eq!(
        refusal(|config| config.embedding_dim = 0),
        "embedding_dim is 0, but must be above 0"
    );
    assert_eq!(refusal(|config| config.dropout = 1.0), "dropout is 1, but must be in [0, 1)");
}

#[test]
fn impossible_windows_of_deepface_are_refused() {
    let refusal = |windows, side| {
        let (channels, embedding_dim, dropout) = ([4; 5], 8, 0.5);
        let config = DeepFaceConfig { channels, windows, embedding_dim, dropout };
        let size = InputSize { width: 152, height: side, channels: 3 };
        config.init(size, &mut WeightSource::new(1, &Device::flex())).map(|_| ())
    };
    // 152, 142, 71, 63, 55, 25, 21: a height of 68 leaves 58, 29, 21, 13, 4, which 5 do not fit into.
    assert!(refusal([11, 9, 9, 7, 5], 72).is_ok());
    let found = refusal([11, 9, 9, 7, 5], 68).unwrap_err().to_string();
    let expected =
        "windows is [11, 9, 9, 7, 5] for pictures of 152x68 RGB, but must be windows that";
    assert!(found.starts_with(expected), "{found}");
    let found = refusal([11, 9, 0, 7, 5], 152).unwrap_err().to_string();
    assert_eq!(found, "windows is [11, 9, 0, 7, 5], but must be five numbers above 0");
}

fn deepid2(windows: [usize; 4], regions: [usize; 2]) -> DeepId2Config {
    DeepId2Config { channels: [3, 4, 5, 6], windows, regions, embedding_dim: 8 }
}

#[test]
fn impossible_sizes_of_deepid2_are_refused() {
    let refusal = |windows, regions, side| {
        let size = InputSize { width: 47, height: side, channels: 3 };
        let found =
            deepid2(windows, regions).init(size, &mut WeightSource::new(1, &Device::flex()));
        found.map(|_| ()).map_err(|error| error.to_string())
    };
    // 27, 24, 12, 10, 5, 3, 1: not 2.
    assert_eq!(refusal([4, 3, 3, 2], [2, 1], 33), Ok(()));
    let found = refusal([4, 3, 3, 2], [2, 1], 27).unwrap_err();
    assert!(found.starts_with("windows is [4, 3, 3, 2] for pictures of 47x27 RGB"), "{found}");
    let found = refusal([4, 3, 3, 0], [2, 1], 55).unwrap_err();
    assert_eq!(found, "windows is [4, 3, 3, 0], but must be four numbers above 0");
    let found = refusal([4, 3, 3, 2], [0, 1], 55).unwrap_err();
    assert_eq!(found, "regions is [0, 1], but must be two numbers above 0");
}

#[test]
fn parts_of_a_picture_are_seen_by_a_layer_of_their_own() {
    let device = Device::flex();
    let size = InputSize { width: 36, height: 72, channels: 1 };
    let parts = vec![[0, 0, 6, 3], [1, 8, 5, 4]];
    let config =
        BackboneConfig::Gradients(GradientsConfig { embedding_dim: 30, parts, ..gradients() });
    let network = network(&config, size, &device);
    let picture = images(1, size, &device);
    let below = images(1, InputSize { height: 24, ..size }, &device);
    let changed = Tensor::cat(vec![picture.clone().narrow(2, 0, 48), below], 2);
    let [before, after] = [picture, changed].map(|it| host(network.embed(it)));
    let moved = |dims: std::ops::Range<usize>| {
        let pairs = before[dims.clone()].iter().zip(&after[dims]);
        pairs.map(|(before, after)| (before - after).abs()).fold(0.0, f32::max)
    };
    // The whole, the top, and what lies below, of which the top knows nothing.
    assert!(moved(0..10) > 0.01 && moved(20..30) > 0.01, "{} {}", moved(0..10), moved(20..30));
    assert!(moved(10..20) < 1e-6, "{}", moved(10..20));
    for part in before.chunks(10) {
        let squared: f32 = part.iter().map(|it| it * it).sum();
        assert!((squared - 1.0 / 3.0).abs() < 1e-5, "{squared}");
    }
}

#[test]
fn impossible_parts_are_refused() {
    let refusal = |parts: Vec<[usize; 4]>, embedding_dim| {
        let size = InputSize { width: 36, height: 48, channels: 1 };
        let config = GradientsConfig { embedding_dim, parts, ..gradients() };
        let found = config.init(size, &mut WeightSource::new(1, &Device::flex()));
        found.map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(refusal(vec![[0, 4, 6, 4]], 10), Ok(()));
    for part in [[0, 5, 6, 4], [6, 0, 1, 1], [0, 0, 0, 1], [usize::MAX, 0, 2, 1]] {
        let expected = format!("parts is {:?} for 6x8 cells, but must be inside the grid", [part]);
        assert!(refusal(vec![part], 10).unwrap_err().starts_with(&expected), "{part:?}");
    }
    let found = refusal(vec![[0, 0, 1, 1]; 2], 10).unwrap_err();
    assert!(
        found.starts_with("embedding_dim is 10 for 2 parts, but must be a multiple"),
        "{found}"
    );
}
