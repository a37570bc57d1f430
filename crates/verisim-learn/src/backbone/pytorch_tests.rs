//! Networks beside PyTorch's, with the same weights: see `reference/networks.py`.

use std::fs;
use std::path::Path;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};
use serde::Deserialize;

use super::layer::host;
use super::{Backbone, BackboneConfig, InputSize, WeightSource};

const BATCH: usize = 2;

#[derive(Deserialize)]
struct Golden {
    config: String,
    width: usize,
    height: usize,
    /// Learned parameters: no running statistics.
    parameters: usize,
    embeddings: Vec<Vec<f32>>,
}

/// Numbers in [0, 1): FNV-1a of a name, then `SplitMix64`.
pub(crate) fn uniform(name: &str, n: usize) -> impl Iterator<Item = f64> {
    let key = name.bytes().fold(0xCBF2_9CE4_8422_2325u64, |key, byte| {
        (key ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    (1..=n as u64).map(move |index| {
        let mut mixed = key.wrapping_add(index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        (mixed >> 40) as f64 / f64::from(1 << 24)
    })
}

/// Gives every parameter values that follow from its name.
#[derive(Default)]
struct Draw {
    path: Vec<String>,
    n_learned: usize,
}

impl ModuleMapper for Draw {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.dims();
        // The network itself is one of several.
        let name = self.path[1..].join(".");
        let n = shape.iter().product();
        let kind = self.path.last().map_or("", String::as_str);
        if !["mean", "variance"].contains(&kind) {
            self.n_learned += n;
        }
        let fan_in = match D {
            4 => shape[1..].iter().product(),
            3 => shape[1],
            _ => shape[0],
        } as f64;
        let value = |spread: f64| match kind {
            "weight" => spread * (6.0 / fan_in).sqrt(),
            "gamma" => 1.0 + 0.2 * spread,
            "variance" => 1.5 + 0.5 * spread,
            "slopes" => 0.25 + 0.1 * spread,
            _ => 0.2 * spread,
        };
        let values: Vec<f32> = uniform(&name, n).map(|it| value(2.0 * it - 1.0) as f32).collect();
        let device = param.device();
        param.map(|_| Tensor::from_data(TensorData::new(values, shape), &device))
    }
}

/// A network with drawn weights, and how many parameters it learns.
fn drawn(config: &BackboneConfig, input: InputSize) -> (Backbone, usize) {
    let network = config.init(input, &mut WeightSource::new(1, &Device::flex())).unwrap();
    let mut draw = Draw::default();
    let network = network.map(&mut draw);
    (network, draw.n_learned)
}

#[track_caller]
fn check(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/networks");
    let text = fs::read_to_string(folder.join(name).with_extension("json")).unwrap();
    let golden: Golden = serde_json::from_str(&text).unwrap();
    let input = InputSize { width: golden.width, height: golden.height, channels: 3 };
    let (network, n_learned) = drawn(&toml::from_str(&golden.config).unwrap(), input);
    assert_eq!(n_learned, golden.parameters);
    let shape = [BATCH, 3, golden.height, golden.width];
    let pictures: Vec<f32> =
        uniform("pictures", shape.iter().product()).map(|it| (2.0 * it - 1.0) as f32).collect();
    let pictures = Tensor::from_data(TensorData::new(pictures, shape), &Device::flex());
    let found = host(network.embed(pictures));
    let expected: Vec<f32> = golden.embeddings.concat();
    assert_eq!(found.len(), expected.len());
    let differences = found.iter().zip(&expected).map(|(found, expected)| (found - expected).abs());
    let worst = differences.fold(0.0f32, f32::max);
    assert!(worst < 1e-4, "{name}: they differ by {worst}");
}

#[test]
fn iresnet_agrees_with_pytorch() {
    check("iresnet18");
}

#[test]
fn mobilefacenet_agrees_with_pytorch() {
    check("mobilefacenet");
    check("mbf");
    check("mbf-deep");
}

#[test]
fn vision_transformers_agree_with_pytorch() {
    check("vit");
}

#[test]
fn facenet_agrees_with_pytorch() {
    check("nn2");
    check("nn4-small");
    check("nn4-small-response");
}

#[test]
fn inception_resnet_agrees_with_pytorch() {
    check("inception-resnet");
}

#[test]
fn deepface_agrees_with_pytorch() {
    check("deepface");
}

#[test]
fn deepid2_agrees_with_pytorch() {
    check("deepid2");
    check("deepid2-cut");
}

#[test]
fn networks_learn_as_many_parameters_as_those_they_are_named_after() {
    let learned = |text: &str, side: usize| {
        let input = InputSize { width: side, height: side, channels: 3 };
        drawn(&toml::from_str(text).unwrap(), input).1
    };
    // Biases before a normalization, which cancels them, are theirs alone.
    let (batch, response) = (
        learned("kind = 'inception'\ntable = 'nn4-small'", 96),
        learned("kind = 'inception'\ntable = 'nn4-small'\nnorm = 'response'", 96),
    );
    let biases = batch - response;
    // `nn4.small2.def.lua` of OpenFace.
    assert_eq!(batch + biases, 3_733_968);
    // 27,910,327 with a classifier of 8,631 identities in facenet-pytorch.
    let public = learned("kind = 'inception-resnet'", 160);
    assert_eq!(public + 512 * 8_631 + 8_631, 27_910_327);
    // InsightFace's `mbf` and `mbf_large`.
    let mobile = "kind = 'mobilefacenet'\nembedding_dim = 512\n";
    assert_eq!(learned(&format!("{mobile}scale = 2"), 112), 2_059_520);
    let large = format!("{mobile}scale = 4\nblocks = [2, 8, 12, 4]");
    assert_eq!(learned(&large, 112), 6_314_880);
    // InsightFace's `vit_t`, as PyTorch counts it.
    assert_eq!(learned("kind = 'vit'\nwidth = 256", 112), vit_parameters(256));
    assert_eq!(vit_parameters(256), 19_137_792);
    assert_eq!(vit_parameters(512), 76_023_296);
    // Table of the layers; with F8 for 8,631 identities 137,774,071, as Keras counts `FbDeepFace`.
    let places = |side: usize, window: usize| side * side * 16 * (window * window * 16 + 1);
    let convolved = 32 * (11 * 11 * 3 + 1) + 16 * (9 * 9 * 32 + 1);
    let expected = convolved + places(55, 9) + places(25, 7) + places(21, 5);
    let expected = expected + 21 * 21 * 16 * 4_096 + 4_096;
    assert_eq!(expected + 4_096 * 8_631 + 8_631, 137_774_071);
    assert_eq!(learned("kind = 'deepface'", 152), expected);
    // 55x47, 52x44, 26x22, 24x20, 12x10, 10x8, 5x4, 4x3: table of the layers.
    let convolved = 20 * (4 * 4 * 3 + 1) + 40 * (3 * 3 * 20 + 1);
    let shared = (10 / 2) * (8 / 2) * 60 * (3 * 3 * 40 + 1);
    let unshared = 4 * 3 * 80 * (2 * 2 * 60 + 1);
    let last = (5 * 4 * 60 + 4 * 3 * 80) * 160 + 160;
    let input = InputSize { width: 47, height: 55, channels: 3 };
    let found = drawn(&toml::from_str("kind = 'deepid2'").unwrap(), input).1;
    assert_eq!(found, convolved + shared + unshared + last);
    // InsightFace, with the bias of the last layer.
    let iresnet = |depths: &str| {
        let widths = "widths = [64, 128, 256, 512]\nleading_norm = true\nembedding_dim = 512";
        learned(&format!("kind = 'resnet'\ndepths = {depths}\n{widths}"), 112) + 512
    };
    assert_eq!(iresnet("[2, 2, 2, 2]"), 24_025_600);
    assert_eq!(iresnet("[3, 4, 6, 3]"), 34_139_328);
    assert_eq!(iresnet("[3, 4, 14, 3]"), 43_590_848);
    if std::env::var_os("RUN_SLOW_TESTS").is_some() {
        assert_eq!(iresnet("[3, 13, 30, 3]"), 65_156_160);
        assert_eq!(iresnet("[6, 26, 60, 6]"), 118_833_920);
        assert_eq!(learned("kind = 'vit'\nwidth = 512", 112), vit_parameters(512));
    }
}

/// Of InsightFace's vision transformers: patches of 9 x 9 of 112 x 112, 12 blocks.
fn vit_parameters(width: usize) -> usize {
    let n_tokens = (112 / 9) * (112 / 9);
    let norm = 2 * width;
    let patches = 3 * 9 * 9 * width + width;
    let attention = width * 3 * width + width * width + width;
    let layers = width * 4 * width + 4 * width + 4 * width * width + width;
    let head = n_tokens * width * width + 2 * width + width * 512 + 2 * 512;
    let positions_and_mask = (n_tokens + 1) * width;
    patches + positions_and_mask + 12 * (attention + layers + 2 * norm) + norm + head
}
