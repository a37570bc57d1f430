//! An exported model and the network that it was exported from agree, picture by picture.

use std::sync::Arc;

use verisim_face::model::{METADATA_KEY, Model};
use verisim_face::{Picture, Recognizer};
use verisim_learn::backbone::InputSize;
use verisim_learn::data::{ChipSource, MemoryChips};
use verisim_learn::device::DeviceKind;
use verisim_learn::export::to_onnx;
use verisim_learn::train::{
    EpochRecord, Observer, Recipe, StepRecord, Trainer, Warning, embed_chips,
};

use crate::cli::Scratch;

const N_CHIPS: usize = 100;
const N_IDENTITIES: usize = 10;
const DIM: usize = 32;

/// Chips of noise around a pattern for each identity.
fn chips(size: InputSize) -> Arc<MemoryChips> {
    let names = (0..N_IDENTITIES).map(|label| format!("identity {label}")).collect();
    let mut chips = MemoryChips::new(size, names);
    let mut state = 1u32;
    for chip in 0..N_CHIPS {
        let pixels: Vec<u8> = (0..size.len())
            .map(|index| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let pattern = (index * (chip % N_IDENTITIES + 3) / 7) % 160;
                (pattern as u32 + (state >> 24) % 96) as u8
            })
            .collect();
        chips.push((chip % N_IDENTITIES) as u64, &pixels);
    }
    Arc::new(chips)
}

struct Silent;

impl Observer for Silent {
    fn on_step(&mut self, _: &StepRecord, _: usize) {}
    fn on_epoch(&mut self, _: &EpochRecord) {}
    fn on_warning(&mut self, _: &Warning) {}
}

/// Trains for an epoch, so that running statistics and slopes are no round numbers; exports; compares.
#[track_caller]
fn check(backbone: &str, size: InputSize) {
    let InputSize { width, height, channels } = size;
    let recipe = format!(
        "name = 'export'\nepochs = 1\n\
         [input]\nwidth = {width}\nheight = {height}\nchannels = {channels}\n\
         [backbone]\nembedding_dim = {DIM}\n{backbone}\n\
         [loss]\nkind = 'arcface'\nscale = 8.0\n\
         [sampler]\nkind = 'shuffle'\nbatch = 25\n\
         [optimizer]\nkind = 'adamw'\nlr = 1e-2\n\
         [schedule]\nkind = 'constant'\n"
    );
    let chips = chips(size);
    let device = DeviceKind::Cpu.open().unwrap();
    let trainer = Trainer::new(Recipe::parse(&recipe).unwrap(), chips.clone(), &device).unwrap();
    let trained = trainer.run(None, &mut Silent).unwrap();
    let all: Vec<usize> = (0..N_CHIPS).collect();
    let expected = embed_chips(&trained.backbone, chips.as_ref(), &all, &device).unwrap();

    let color = if channels == 1 { "GRAY" } else { "RGB" };
    let middle = vec!["127.5"; channels].join(", ");
    let card = format!(
        "name = 'export'\nlicense = 'none'\nembedding_dim = {DIM}\n\
         [input]\nwidth = {width}\nheight = {height}\nchannels = '{color}'\n\
         mean = [{middle}]\nstd = [{middle}]\n"
    );
    let onnx = to_onnx(&trained.backbone, size, DIM, &[(METADATA_KEY.to_owned(), card)]);
    let scratch = Scratch::new();
    let model = Model::load(&scratch.write("model.onnx", onnx), None).unwrap();
    let recognizer = Recognizer::new(model);
    let pictures: Vec<Picture> =
        (0..N_CHIPS).map(|chip| picture(chips.pixels(chip), size)).collect();
    let mut worst = 0.0f32;
    for (found, expected) in pictures.iter().map(|it| recognizer.template(it)).zip(&expected) {
        let found = found.unwrap().embedding;
        for (found, expected) in found.as_slice().iter().zip(expected.as_slice()) {
            worst = worst.max((found - expected).abs());
        }
    }
    assert!(worst < 1e-4, "{backbone}: they differ by {worst}");
    assert!(worst > 0.0 || N_CHIPS == 0, "they cannot agree to the last bit by chance");
    assert!(chips.labels().len() == N_CHIPS);
}

fn picture(chip: &[u8], size: InputSize) -> Picture {
    let pixels = match size.channels {
        1 => chip.iter().flat_map(|value| [*value; 3]).collect(),
        _ => chip.to_vec(),
    };
    Picture::new(size.width, size.height, pixels)
}

#[test]
fn a_folded_residual_network_agrees() {
    let backbone =
        "kind = 'resnet'\ndepths = [1, 2]\nwidths = [16, 32]\nstem_stride = 2\ndropout = 0.2";
    check(backbone, InputSize { width: 40, height: 48, channels: 3 });
    check(backbone, InputSize { width: 40, height: 48, channels: 1 });
}

#[test]
fn a_network_whose_blocks_begin_with_a_normalization_agrees() {
    let backbone = "kind = 'resnet'\ndepths = [1, 1]\nwidths = [16, 16]\nleading_norm = true";
    check(backbone, InputSize { width: 32, height: 32, channels: 3 });
}

#[test]
fn mobilefacenet_agrees() {
    let size = InputSize { width: 48, height: 48, channels: 3 };
    check("kind = 'mobilefacenet'", size);
    check(
        "kind = 'mobilefacenet'\nscale = 2\nblocks = [1, 1, 1, 1]\nfixed_last_gamma = true",
        size,
    );
}

#[test]
fn a_vision_transformer_agrees() {
    let backbone = "kind = 'vit'\nwidth = 32\ndepth = 2\nheads = 4\nmasked = 0.2\ndrop_path = 0.1";
    check(backbone, InputSize { width: 40, height: 48, channels: 3 });
}

#[test]
fn facenet_agrees() {
    let size = InputSize { width: 48, height: 64, channels: 3 };
    check("kind = 'inception'\ntable = 'nn4-small'", size);
    check("kind = 'inception'\ntable = 'nn4-small'\nnorm = 'response'", size);
}

#[test]
fn inception_resnet_agrees() {
    check("kind = 'inception-resnet'", InputSize { width: 76, height: 80, channels: 3 });
}

#[test]
fn deepface_agrees() {
    let backbone = "kind = 'deepface'\nchannels = [8, 6, 5, 4, 3]\nwindows = [7, 5, 3, 4, 3]";
    check(backbone, InputSize { width: 41, height: 48, channels: 3 });
}

#[test]
fn deepid2_agrees() {
    let backbone = "kind = 'deepid2'\nchannels = [6, 7, 8, 9]";
    check(backbone, InputSize { width: 47, height: 55, channels: 3 });
    // Regions that the edges cut, in both layers.
    let backbone =
        "kind = 'deepid2'\nchannels = [6, 7, 8, 9]\nwindows = [3, 2, 2, 2]\nregions = [3, 2]";
    check(backbone, InputSize { width: 41, height: 48, channels: 3 });
}

#[test]
fn gradients_agree() {
    let backbone = "kind = 'gradients'\ncell = 6\nscales = [1, 2, 3]\ndropout = 0.1";
    check(backbone, InputSize { width: 36, height: 48, channels: 1 });
    check(backbone, InputSize { width: 40, height: 47, channels: 3 });
}

#[test]
fn aligned_gradients_agree() {
    let backbone = "kind = 'gradients'\ncell = 6\nscales = [1, 2]\nmirror = true\nalign = { shift = 4, zoom = 0.1 }";
    check(backbone, InputSize { width: 36, height: 48, channels: 1 });
    check(backbone, InputSize { width: 40, height: 47, channels: 3 });
    let in_parts = format!("{backbone}\nparts = [[1, 0, 5, 4], [0, 3, 6, 4], [2, 6, 1, 1]]");
    check(&in_parts, InputSize { width: 40, height: 47, channels: 3 });
}
