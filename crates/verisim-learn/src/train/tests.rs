//! Whole runs on a handful of drawn patterns: they learn, repeat, resume and speak up.

mod head;
mod scale;

use std::sync::Arc;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};

use super::metrics::Record;
use super::{
    EpochRecord, Observer, Recipe, RunFolder, SpreadRecord, StepRecord, TrainError, Trained,
    Trainer, Warning,
};
use crate::backbone::{Backbone, InputSize};
use crate::data::MemoryChips;
use crate::export::to_onnx;

const SIZE: InputSize = InputSize { width: 16, height: 16, channels: 1 };

/// Identities that are stripes of their own direction, each image with its own phase.
fn stripes(n_identities: u64, n_images: u64) -> Arc<MemoryChips> {
    let mut chips = MemoryChips::new(SIZE, (0..n_identities).map(|it| it.to_string()).collect());
    for label in 0..n_identities {
        let (sin, cos) = (label as f32 * 2.4).sin_cos();
        for image in 0..n_images {
            let pixels: Vec<u8> = (0..256)
                .map(|pixel| {
                    let along = (pixel % 16) as f32 * cos + (pixel / 16) as f32 * sin;
                    (127.0 + 100.0 * (along * 1.1 + image as f32).sin()) as u8
                })
                .collect();
            chips.push(label, &pixels);
        }
    }
    Arc::new(chips)
}

const RECIPE: &str = r#"
    name = "stripes"
    seed = 3
    epochs = 4
    clip_norm = 5.0
    checkpoint_steps = 3

    [input]
    width = 16
    height = 16
    channels = 1

    [backbone]
    kind = "resnet"
    depths = [1, 1]
    widths = [8, 16]
    embedding_dim = 16
    dropout = 0.1

    [loss]
    kind = "arcface"
    margin = 0.2
    scale = 16.0

    [sampler]
    kind = "shuffle"
    batch = 16

    [optimizer]
    kind = "adamw"
    lr = 5e-3
    weight_decay = 1e-3

    [schedule]
    kind = "cosine"
    warmup_epochs = 1

    [split]
    validation_identities = 3

    [augment]
    flip = 0.5
    shift = 0.1
"#;

/// Remembers what it was told, and may pull the plug.
#[derive(Default)]
struct Notes {
    losses: Vec<f64>,
    epochs: Vec<EpochRecord>,
    spreads: Vec<SpreadRecord>,
    warnings: Vec<Warning>,
    kill_at: Option<usize>,
}

impl Observer for Notes {
    fn on_step(&mut self, record: &StepRecord, _: usize) {
        self.losses.push(record.loss);
        assert_ne!(Some(record.step), self.kill_at, "killed");
    }

    fn on_epoch(&mut self, record: &EpochRecord) {
        self.epochs.push(record.clone());
    }

    fn on_warning(&mut self, warning: &Warning) {
        self.warnings.push(warning.clone());
    }

    fn on_spread(&mut self, record: &SpreadRecord) {
        self.spreads.push(record.clone());
    }
}

fn recipe(changes: &[(&str, &str)]) -> Recipe {
    let text = changes.iter().fold(RECIPE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    Recipe::parse(&text).unwrap()
}

fn trainer(recipe: &Recipe, chips: &Arc<MemoryChips>) -> Trainer {
    Trainer::new(recipe.clone(), chips.clone(), &Device::flex()).unwrap()
}

fn weights(trained: &Trained) -> Vec<u8> {
    to_onnx(&trained.backbone, SIZE, 16, &[])
}

/// The parameters whose names end so.
pub(super) fn parameters(backbone: &Backbone, name: &str) -> Vec<f32> {
    struct Named<'a>(&'a str, Vec<String>, Vec<f32>);
    impl ModuleVisitor for Named<'_> {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.1.push(name.to_owned());
        }

        fn exit_module(&mut self, _: &str, _: &str) {
            self.1.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if self.1.join(".").ends_with(self.0) {
                self.2.extend(param.val().into_data().iter::<f32>());
            }
        }
    }
    let mut named = Named(name, Vec::new(), Vec::new());
    backbone.visit(&mut named);
    named.2
}

#[test]
fn a_fixed_gamma_stays_one_also_after_a_resumption() {
    let chips = stripes(20, 6);
    let folder = tempfile::tempdir().unwrap();
    let fixed = recipe(&[("dropout = 0.1", "dropout = 0.1\n    fixed_last_gamma = true")]);
    let short = Recipe { epochs: 1, ..fixed.clone() };
    let run = RunFolder::create(folder.path(), &short).unwrap();
    trainer(&short, &chips).run(Some(&run), &mut Notes::default()).unwrap();
    let checkpoint = run.newest().unwrap().unwrap();
    let resumed = trainer(&fixed, &chips).resume(checkpoint, &run).unwrap();
    let trained = resumed.run(Some(&run), &mut Notes::default()).unwrap();
    assert_eq!(parameters(&trained.backbone, "head.norm.gamma"), [1.0; 16]);
    let free = trainer(&recipe(&[]), &chips).run(None, &mut Notes::default()).unwrap();
    for (backbone, name) in [
        (&trained.backbone, "head.norm.beta"),
        (&trained.backbone, "0.second.norm.gamma"),
        (&free.backbone, "head.norm.gamma"),
    ] {
        let found = parameters(backbone, name);
        assert!(!found.is_empty() && found.iter().all(|it| *it != 1.0 && *it != 0.0), "{name}");
    }
}

#[test]
fn a_network_learns_what_separates_identities() {
    let mut notes = Notes::default();
    let recipe = recipe(&[("epochs = 4", "epochs = 12")]);
    let trained = trainer(&recipe, &stripes(40, 8)).run(None, &mut notes).unwrap();
    let (first, last) = (notes.epochs[0].mean_loss, notes.epochs[11].mean_loss);
    assert!(last < 0.7 * first, "the loss went from {first} to {last}");
    let auc = trained.validation.unwrap().auc;
    assert!(auc > 0.8, "AUC {auc} on unseen identities");
    let ratios: Vec<f64> = notes.spreads.iter().map(|it| it.ratio.unwrap().value).collect();
    assert!(ratios.len() == 2 && ratios[1] > 1.2 * ratios[0], "{ratios:?}");
    assert_eq!(notes.warnings, []);
}

#[test]
fn identities_are_looked_at_before_the_first_step_and_after_the_last() {
    let root = tempfile::tempdir().unwrap();
    let looked_at = |n_validation: &str| {
        let validation = format!("validation_identities = {n_validation}");
        let recipe = recipe(&[("validation_identities = 3", validation.as_str())]);
        let folder = RunFolder::create(&root.path().join(n_validation), &recipe).unwrap();
        let mut notes = Notes::default();
        trainer(&recipe, &stripes(12, 8)).run(Some(&folder), &mut notes).unwrap();
        let records = folder.records().unwrap();
        let step_of = |record: Option<&Record>| match record {
            Some(Record::Spread(it)) => Some(it.step),
            _ => None,
        };
        let ends = [records.first(), records.last()].map(step_of);
        assert_eq!(ends, [notes.spreads.first(), notes.spreads.last()].map(|it| Some(it?.step)));
        let facts = |it: &SpreadRecord| (it.step, it.trained_on, it.n_identities, it.n_images);
        notes.spreads.iter().map(facts).collect::<Vec<_>>()
    };
    assert_eq!(looked_at("3"), [(0, false, 3, 24), (16, false, 3, 24)]);
    assert_eq!(looked_at("0"), [(0, true, 12, 96), (24, true, 12, 96)]);
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    let chips = stripes(8, 6);
    let run = |recipe: &Recipe| {
        weights(&trainer(recipe, &chips).run(None, &mut Notes::default()).unwrap())
    };
    let other = recipe(&[("seed = 3", "seed = 4")]);
    let recipe = recipe(&[]);
    assert_eq!(run(&recipe), run(&recipe));
    assert_ne!(run(&recipe), run(&other));
}

#[test]
fn a_killed_run_resumes_to_the_same_bytes() {
    let chips = stripes(12, 8); // 4 steps an epoch
    let joint = "kind = 'sum'\nterms = [{ loss = { kind = 'softmax' } }, \
        { weight = 0.05, loss = { kind = 'squared-contrastive', adapt_pairs = 500 } }]";
    for loss in ["kind = \"arcface\"", "kind = \"softmax\"", joint] {
        let recipe = if loss.contains("arcface") {
            recipe(&[])
        } else {
            recipe(&[
                ("kind = \"arcface\"\n    margin = 0.2\n    scale = 16.0", loss),
                ("kind = \"adamw\"", "kind = \"sgd\""),
                ("lr = 5e-3", "lr = 0.05"),
            ])
        };
        let whole = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&whole.path().join("run"), &recipe).unwrap();
        let expected = trainer(&recipe, &chips).run(Some(&folder), &mut Notes::default()).unwrap();
        let records = folder.records().unwrap();

        for kill_at in [0, 2, 4, 9] {
            let killed = tempfile::tempdir().unwrap();
            let folder = RunFolder::create(&killed.path().join("run"), &recipe).unwrap();
            let run = std::panic::AssertUnwindSafe(|| {
                let mut notes = Notes { kill_at: Some(kill_at), ..Notes::default() };
                trainer(&recipe, &chips).run(Some(&folder), &mut notes).map(|_| ())
            });
            assert!(std::panic::catch_unwind(run).is_err(), "it was not killed");

            let (folder, recipe) = RunFolder::open(folder.path()).unwrap();
            let trainer = trainer(&recipe, &chips);
            let trainer = match folder.newest().unwrap() {
                Some(checkpoint) => trainer.resume(checkpoint, &folder).unwrap(),
                None => trainer,
            };
            let resumed = trainer.run(Some(&folder), &mut Notes::default()).unwrap();
            assert!(weights(&resumed) == weights(&expected), "killed at {kill_at}");
            assert_eq!(folder.records().unwrap(), records, "killed at {kill_at}");
        }
    }
}

#[test]
fn a_damaged_checkpoint_is_noticed() {
    let root = tempfile::tempdir().unwrap();
    let recipe = recipe(&[("epochs = 4", "epochs = 1")]);
    let folder = RunFolder::create(&root.path().join("run"), &recipe).unwrap();
    trainer(&recipe, &stripes(8, 6)).run(Some(&folder), &mut Notes::default()).unwrap();
    let checkpoints = std::fs::read_dir(folder.file("checkpoints")).unwrap();
    let newest = checkpoints.map(|entry| entry.unwrap().path()).max().unwrap();
    let model = newest.join("model.bpk");
    let mut bytes = std::fs::read(&model).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&model, bytes).unwrap();
    let message = folder.newest().err().unwrap().to_string();
    assert!(message.contains("model.bpk is damaged"), "{message}");
}

#[test]
fn other_data_are_not_trained_on_by_mistake() {
    let root = tempfile::tempdir().unwrap();
    let recipe = recipe(&[("epochs = 4", "epochs = 1")]);
    let folder = RunFolder::create(&root.path().join("run"), &recipe).unwrap();
    trainer(&recipe, &stripes(8, 6)).run(Some(&folder), &mut Notes::default()).unwrap();
    let checkpoint = folder.newest().unwrap().unwrap();
    let other = trainer(&recipe, &stripes(8, 7));
    let error = other.resume(checkpoint, &folder).err().unwrap();
    assert!(matches!(error, TrainError::OtherData { .. }), "{error}");
}

#[test]
fn a_folder_holds_one_run() {
    let root = tempfile::tempdir().unwrap();
    let recipe = recipe(&[]);
    RunFolder::create(root.path(), &recipe).unwrap();
    let message = RunFolder::create(root.path(), &recipe).unwrap_err().to_string();
    assert!(message.contains("holds a run already"), "{message}");
    let message = RunFolder::open(&root.path().join("none")).unwrap_err().to_string();
    assert!(message.contains("holds no run"), "{message}");
}

#[test]
fn a_loss_that_is_not_finite_ends_the_run_with_advice() {
    let recipe = recipe(&[
        ("kind = \"arcface\"\n    margin = 0.2\n    scale = 16.0", "kind = \"softmax\""),
        ("kind = \"adamw\"", "kind = \"sgd\""),
        ("lr = 5e-3", "lr = 1e30"),
        ("clip_norm = 5.0", "clip_norm = 0.0"),
    ]);
    let run = trainer(&recipe, &stripes(12, 8)).run(None, &mut Notes::default());
    let message = run.err().unwrap().to_string();
    assert!(message.contains("so training cannot go on; lower the learning rate"), "{message}");
}

#[test]
fn a_learning_rate_that_moves_nothing_is_noticed() {
    let recipe = recipe(&[
        ("lr = 5e-3", "lr = 1e-12"),
        ("epochs = 4", "epochs = 1"),
        ("weight_decay = 1e-3", "weight_decay = 0.0"),
    ]);
    let mut notes = Notes::default();
    trainer(&recipe, &stripes(8, 6)).run(None, &mut notes).unwrap();
    let noticed = notes.warnings.iter().any(|it| matches!(it, Warning::NothingMoves { .. }));
    assert!(noticed, "{:?}", notes.warnings);
}

#[test]
fn single_images_under_a_sampler_of_identities_are_noticed() {
    let mut chips = MemoryChips::clone(&stripes(8, 6));
    let names = (0..9).map(|label| format!("stripe {label}")).collect();
    let mut with_single = MemoryChips::new(SIZE, names);
    for (index, label) in (0..48).map(|index| (index, index as u64 / 6)) {
        with_single.push(label, chips.pixels(index));
    }
    with_single.push(8, chips.pixels(0));
    chips = with_single;
    let recipe = recipe(&[
        (
            "kind = \"shuffle\"\n    batch = 16",
            "kind = \"identities\"\n    identities = 4\n    images = 4",
        ),
        ("epochs = 4", "epochs = 1"),
        ("validation_identities = 3", "validation_identities = 0"),
    ]);
    let mut notes = Notes::default();
    trainer(&recipe, &Arc::new(chips)).run(None, &mut notes).unwrap();
    let expected = Warning::SingleImages { n_identities: 1, n_all: 9 };
    assert!(notes.warnings.contains(&expected), "{:?}", notes.warnings);
}

#[test]
fn chips_of_another_size_are_refused() {
    let recipe = recipe(&[("width = 16", "width = 20")]);
    let error = Trainer::new(recipe, stripes(8, 6), &Device::flex()).err().unwrap().to_string();
    assert_eq!(error, "the chips are 16x16 grey, but the recipe asks for 20x16 grey");
}

#[test]
fn a_recipe_survives_its_text() {
    let recipe = recipe(&[]);
    assert_eq!(Recipe::parse(&recipe.to_toml().unwrap()), Ok(recipe));
}

#[test]
fn a_typo_in_a_recipe_is_an_error_with_a_suggestion() {
    let refusal = |from: &str, to: &str| {
        assert!(RECIPE.contains(from), "{from}");
        Recipe::parse(&RECIPE.replace(from, to)).unwrap_err().to_string()
    };
    for (from, to, hint) in [
        ("epochs = 4", "epoch = 4", "did you mean `epochs`?"),
        ("embedding_dim", "embeding_dim", "did you mean `embedding_dim`?"),
        ("kind = \"cosine\"", "kind = \"cosin\"", "did you mean `cosine`?"),
        ("warmup_epochs", "warm_up_epochs", "did you mean `warmup_epochs`?"),
        ("flip", "flipp", "did you mean `flip`?"),
    ] {
        let found = refusal(from, to);
        assert!(found.ends_with(hint), "{found}");
    }
    assert!(!refusal("seed = 3", "zzzzzzzz = 3").contains("hint"));
    assert_eq!(refusal("lr = 5e-3", "lr = -1"), "optimizer.lr is -1, but must be above 0");
    assert_eq!(
        refusal("batch = 16", "batch = 1"),
        "the batch of the sampler is 1, but must be 2 chips or more"
    );
    let found = refusal("margin = 0.2", "margin = 2.0");
    assert_eq!(found, "loss.margin is 2, but must be in [0, pi/2), in radians");
    assert_eq!(
        refusal("dropout = 0.1", "dropout = 2"),
        "backbone.dropout is 2, but must be in [0, 1)"
    );
    let found = refusal("width = 16", "width = 0");
    assert_eq!(found, "input.width is 0, but must be from 16 to 1024");
}
