//! Files that PyTorch wrote, and networks of others beside ours: see `reference/pretrained.py`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize};
use serde::Deserialize;

use super::{Mismatch, WeightsError, load, name};
use crate::backbone::layer::host;
use crate::backbone::pytorch_tests::uniform;
use crate::backbone::{Backbone, BackboneConfig, InputSize, WeightSource};
use crate::data::{ChipSource, MemoryChips};
use crate::train::{Recipe, Trainer};

#[derive(Deserialize)]
struct Golden {
    config: String,
    side: usize,
    embeddings: Vec<Vec<f32>>,
    /// Theirs, with their shapes.
    tensors: BTreeMap<String, Vec<usize>>,
}

fn stored(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/pretrained").join(file)
}

fn golden(network: &str) -> Golden {
    let text = fs::read_to_string(stored(&format!("{network}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn config(text: &str) -> BackboneConfig {
    toml::from_str(text).unwrap()
}

fn fresh(config: &BackboneConfig, side: usize, device: &Device) -> Backbone {
    let input = InputSize { width: side, height: side, channels: 3 };
    config.init(input, &mut WeightSource::new(1, device)).unwrap()
}

#[track_caller]
fn check_embeddings(network: &Backbone, golden: &Golden, what: &str) {
    let shape = [golden.embeddings.len(), 3, golden.side, golden.side];
    let n = shape.iter().product();
    let pictures: Vec<f32> = uniform("pictures", n).map(|it| (2.0 * it - 1.0) as f32).collect();
    let pictures = Tensor::from_data(TensorData::new(pictures, shape), &Device::flex());
    let (found, expected) = (host(network.embed(pictures)), golden.embeddings.concat());
    assert_eq!(found.len(), expected.len());
    let differences = found.iter().zip(&expected).map(|(found, expected)| (found - expected).abs());
    let worst = differences.fold(0.0f32, f32::max);
    assert!(worst < 1e-4, "{what}: they differ by {worst}");
}

/// The file of a network with values drawn from the names, in PyTorch's layout.
fn drawn(golden: &Golden) -> Vec<u8> {
    let values = |name: &str, shape: &[usize]| {
        let kind = name.rsplit('.').next().unwrap();
        let inside = shape.iter().skip(1).product::<usize>() as f64;
        let value = |spread: f64| match kind {
            "running_var" => 1.5 + 0.5 * spread,
            "weight" if shape.len() == 1 => 1.0 + 0.2 * spread,
            "weight" => spread * (6.0 / inside).sqrt(),
            _ => 0.2 * spread,
        };
        let n = shape.iter().product();
        uniform(name, n).flat_map(|it| (value(2.0 * it - 1.0) as f32).to_le_bytes()).collect()
    };
    let tensors: Vec<(&String, Dtype, &Vec<usize>, Vec<u8>)> = golden
        .tensors
        .iter()
        .map(|(name, shape)| {
            let is_counter = name.ends_with("num_batches_tracked");
            let (kind, bytes) = if is_counter {
                (Dtype::I64, vec![7, 0, 0, 0, 0, 0, 0, 0])
            } else {
                (Dtype::F32, values(name, shape))
            };
            (name, kind, shape, bytes)
        })
        .collect();
    let view = |(name, kind, shape, bytes)| {
        let (name, shape): (&String, &Vec<usize>) = (name, shape);
        let bytes: &Vec<u8> = bytes;
        (name.as_str(), TensorView::new(kind, shape.clone(), bytes).unwrap())
    };
    let views =
        tensors.iter().map(|(name, kind, shape, bytes)| view((*name, *kind, *shape, bytes)));
    serialize(views, None).unwrap()
}

#[track_caller]
fn check(network: &str) {
    let golden = golden(network);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    fs::write(&path, drawn(&golden)).unwrap();
    let config = config(&golden.config);
    let loaded = load(fresh(&config, golden.side, &Device::flex()), &config, &path).unwrap();
    check_embeddings(&loaded, &golden, network);
}

#[test]
fn files_of_every_form_give_pytorch_s_embeddings() {
    let golden = golden("iresnet");
    let config = config(&golden.config);
    for file in ["iresnet.pth", "iresnet-old.pt", "iresnet-checkpoint.pt", "iresnet.safetensors"] {
        let network = fresh(&config, golden.side, &Device::flex());
        let loaded = load(network, &config, &stored(file)).unwrap();
        check_embeddings(&loaded, &golden, file);
    }
}

#[test]
fn residual_networks_of_insightface_load_by_name() {
    check("iresnet");
}

#[test]
fn mobilefacenets_of_insightface_load_by_name() {
    check("mobilefacenet");
    check("mobilefacenet-deep");
}

#[test]
fn vision_transformers_of_insightface_load_by_name() {
    check("vit");
}

#[test]
fn inception_resnets_of_facenet_pytorch_load_by_name() {
    check("inception-resnet");
}

#[test]
fn networks_load_at_the_size_that_their_authors_publish() {
    ["r100", "mbf", "vit-t"].into_iter().for_each(check);
}

fn refusal(text: &str, path: &Path) -> WeightsError {
    let config = config(text);
    load(fresh(&config, 32, &Device::flex()), &config, path).err().unwrap()
}

fn mismatch(text: &str) -> Mismatch {
    match refusal(text, &stored("iresnet.pth")) {
        WeightsError::Mismatch { mismatch, .. } => mismatch,
        other => panic!("{other}"),
    }
}

#[test]
fn what_is_missing_unexpected_or_of_another_shape_is_named() {
    let text = golden("iresnet").config;
    let deeper = mismatch(&text.replace("[1, 2, 1, 1]", "[1, 3, 1, 1]"));
    assert_eq!(deeper.unexpected, [""; 0]);
    assert!(deeper.missing.contains(&"layer2.2.conv1.weight [6, 6, 3, 3]".to_owned()));
    let shallower = mismatch(&text.replace("[1, 2, 1, 1]", "[1, 1, 1, 1]"));
    assert_eq!(shallower.missing, [""; 0]);
    assert!(shallower.unexpected.contains(&"layer2.1.prelu.weight".to_owned()));
    let longer = mismatch(&text.replace("= 12", "= 16"));
    assert!(longer.misshapen.contains(&"fc.weight is [12, 40], but must be [16, 40]".to_owned()));
    assert!(longer.misshapen.contains(&"fc.bias is [12], but must be [16]".to_owned()));
    let all = Mismatch { missing: vec!["a [1]".to_owned(); 7], ..longer };
    let shown = all.to_string();
    assert!(shown.starts_with("7 missing (a [1]; a [1]; a [1]; a [1]; a [1]; and 2 more), 6 of"));
    assert!(!mismatch("kind = 'vit'\nwidth = 24").missing.is_empty());
}

#[test]
fn networks_without_a_namesake_and_files_that_are_none_are_refused() {
    let small = "kind = 'inception'\ntable = 'nn4-small'";
    assert!(matches!(refusal(small, &stored("iresnet.pth")), WeightsError::NoNames));
    let text = golden("iresnet").config;
    assert!(matches!(refusal(&text, Path::new("/nowhere.pt")), WeightsError::Io { .. }));
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(refusal(&text, folder.path()), WeightsError::Format { .. }));
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    for (name, bytes) in [
        ("empty.pth", b"".as_slice()),
        ("picture.pth", b"\xff\xd8\xff\xe0"),
        ("empty.safetensors", b""),
        ("long.safetensors", b"\xff\xff\xff\xff\xff\xff\xff\x7f{}"),
        ("call.pth", b"cos\nsystem\n(S'touch called'\ntR."),
        ("call2.pth", b"\x80\x02cposix\nsystem\nX\x0c\0\0\0touch called\x85R."),
    ] {
        let found = refusal(&text, &write(name, bytes));
        let is_refused =
            matches!(found, WeightsError::Format { .. } | WeightsError::Mismatch { .. });
        assert!(is_refused, "{name}: {found}");
    }
    assert!(!Path::new("called").exists());
    let mut golden = golden("iresnet");
    golden.tensors.get_mut("bn1.weight").unwrap()[0] = 5;
    let path = write("other.safetensors", &drawn(&golden));
    assert!(matches!(refusal(&text, &path), WeightsError::Mismatch { .. }));
    let mut bytes = fs::read(stored("iresnet.safetensors")).unwrap();
    let n = bytes.len();
    bytes[n - 20..].fill(0xff);
    let found = refusal(&text, &write("nan.safetensors", &bytes)).to_string();
    assert!(found.contains("not finite") || found.contains("another kind"), "{found}");
}

/// Where bytes are changed follows from a number: the same in every run.
fn mutated(bytes: &[u8], number: u64) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let draws: Vec<f64> = uniform(&format!("mutation {number}"), 9).collect();
    if number.is_multiple_of(3) {
        bytes.truncate((draws[8] * bytes.len() as f64) as usize);
    }
    let n = bytes.len();
    // Half of the changes hit the last quarter, where a zip file says where everything lies.
    let from = if number.is_multiple_of(2) { 0 } else { n * 3 / 4 };
    for pair in draws[..8].chunks(2).take(1 + number as usize % 4) {
        let at = from + (pair[0] * (n - from) as f64) as usize;
        bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = (pair[1] * 256.0) as u8);
    }
    bytes
}

#[test]
fn changed_and_cut_files_never_panic() {
    let text = golden("iresnet").config;
    let config = config(&text);
    let folder = tempfile::tempdir().unwrap();
    let network = fresh(&config, 32, &Device::flex());
    let n = if std::env::var_os("RUN_SLOW_TESTS").is_some() { 5_000 } else { 300 };
    let mut n_refused = 0;
    for (file, name) in [
        ("iresnet.pth", "changed.pth"),
        ("iresnet-old.pt", "changed.pt"),
        ("iresnet.safetensors", "changed.safetensors"),
    ] {
        let bytes = fs::read(stored(file)).unwrap();
        let path = folder.path().join(name);
        for number in 0..n {
            fs::write(&path, mutated(&bytes, number)).unwrap();
            n_refused += u64::from(load(network.clone(), &config, &path).is_err());
        }
    }
    assert!(n_refused > n, "only {n_refused} of {} are refused", 3 * n);
}

#[test]
fn what_was_learned_stays_learned_and_what_was_fixed_stays_fixed() {
    struct Learned(Vec<String>, Vec<String>);
    impl ModuleVisitor for Learned {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.0.push(name.to_owned());
        }

        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if !param.is_require_grad() {
                self.1.push(name(&self.0));
            }
        }
    }
    let fixed = |network: &Backbone| {
        let mut learned = Learned(Vec::new(), Vec::new());
        network.visit(&mut learned);
        learned.1
    };
    let config = config(&format!("{}\nfixed_last_gamma = true", golden("iresnet").config));
    let network = fresh(&config, 32, &Device::flex().autodiff());
    let before = fixed(&network);
    assert!(before.contains(&"head.norm.gamma".to_owned()) && before.len() == 2 * 22 + 1);
    let loaded = load(network, &config, &stored("iresnet.pth")).unwrap();
    assert_eq!(fixed(&loaded), before);
}

#[test]
fn a_run_begins_with_the_weights_of_its_recipe() {
    let golden = golden("iresnet");
    let recipe = format!(
        "name = 'tuned'\nepochs = 1\nweights = {:?}\n\
         input = {{ width = 32, height = 32, channels = 3 }}\n[backbone]\n{}\n\
         [loss]\nkind = 'arcface'\n[sampler]\nkind = 'shuffle'\nbatch = 4\n\
         [optimizer]\nkind = 'sgd'\nlr = 1e-3\n[schedule]\nkind = 'constant'\n\
         [split]\nvalidation_identities = 0\n",
        stored("iresnet.pth"),
        golden.config,
    );
    let recipe = Recipe::parse(&recipe).unwrap();
    assert_eq!(Recipe::parse(&recipe.to_toml().unwrap()).unwrap(), recipe);
    let mut chips = MemoryChips::new(recipe.input.size(), vec!["a".to_owned(), "b".to_owned()]);
    for label in 0..8 {
        chips.push(label % 2, &[label as u8; 32 * 32 * 3]);
    }
    let chips: Arc<dyn ChipSource> = Arc::new(chips);
    let trainer = Trainer::new(recipe.clone(), Arc::clone(&chips), &Device::flex()).unwrap();
    check_embeddings(&trainer.backbone().valid(), &golden, "a run");
    let gone = Recipe { weights: Some(PathBuf::from("/nowhere.pth")), ..recipe };
    let found = Trainer::new(gone, chips, &Device::flex()).err().unwrap().to_string();
    assert!(found.starts_with("cannot read /nowhere.pth"), "{found}");
}
