//! A folder of classes that are no faces, from pictures to a network and its figures on unseen classes.
//!
//! Run with: `cargo run --release -p verisim-learn --example folder_of_classes -- DIR`, where the pictures
//! are `DIR/CLASS/*.png` (or any other format that the `image` crate reads).

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use burn::tensor::Device;
use verisim_learn::backbone::InputSize;
use verisim_learn::data::MemoryChips;
use verisim_learn::train::{EpochRecord, Observer, Recipe, StepRecord, Trainer, Warning};

const SIZE: InputSize = InputSize { width: 32, height: 32, channels: 3 };

const RECIPE: &str = r#"
    name = "a folder of classes"
    epochs = 20
    clip_norm = 5.0
    input = { width = 32, height = 32, channels = 3 }
    backbone = { kind = "resnet", depths = [1, 1, 1], widths = [16, 32, 64], embedding_dim = 32 }
    loss = { kind = "proxy-anchor" }
    sampler = { kind = "identities", identities = 8, images = 4 }
    optimizer = { kind = "adamw", lr = 2e-3, weight_decay = 1e-3 }
    schedule = { kind = "cosine", warmup_epochs = 1 }
    split = { validation_identities = 5 }
    augment = { flip = 0.5, shift = 0.1 }
"#;

struct Print;

impl Observer for Print {
    fn on_step(&mut self, _: &StepRecord, _: usize) {}

    fn on_epoch(&mut self, record: &EpochRecord) {
        let found = record.validation.as_ref();
        let recall = found.map_or(0.0, |figures| figures.recall_at_1);
        println!(
            "epoch {:2}: loss {:.3}, recall@1 on unseen classes {recall:.3}",
            record.epoch, record.mean_loss
        );
    }

    fn on_warning(&mut self, warning: &Warning) {
        println!("warning: {warning}");
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or("say which folder: it holds a folder of pictures for each class")?;
    let mut classes: Vec<PathBuf> = std::fs::read_dir(&folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    classes.retain(|path| path.is_dir());
    classes.sort();
    let names = classes.iter().map(|path| path.display().to_string()).collect();
    let mut chips = MemoryChips::new(SIZE, names);
    for (label, class) in (0..).zip(&classes) {
        for entry in std::fs::read_dir(class)? {
            let picture = image::open(entry?.path())?;
            let small =
                picture.resize_exact(32, 32, image::imageops::FilterType::Triangle).to_rgb8();
            chips.push(label, small.as_raw());
        }
    }
    let trainer = Trainer::new(Recipe::parse(RECIPE)?, Arc::new(chips), &Device::flex())?;
    println!("{} pictures to train on, {} weights", trainer.n_chips(), trainer.n_parameters());
    trainer.run(None, &mut Print)?;
    Ok(())
}
