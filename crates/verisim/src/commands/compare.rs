//! `verisim compare`: which loss is better, by the protocol of "A Metric Learning Reality Check".

use std::path::PathBuf;

use anyhow::Context;
use verisim_learn::device::DeviceKind;

use super::Outcome;
use super::train::read_recipe;
use crate::comparison::{Budget, Request, Shares, compare as carry_out};
use crate::output::Printer;
use crate::training::data::TrainingData;

/// Compare losses fairly: equally tuned, on identities that none was tuned on
///
/// From each recipe its loss is taken; all else must be the same. Losses and learning rate are tuned by a
/// search on folds of one half of the identities; the other half is looked at once, with several seeds.
/// The first recipe is the baseline. A run that was killed goes on when typed again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  verisim compare recipes/softmax-small.toml recipes/arcface-small.toml --data faces/
  verisim compare recipes/*-small.toml --align --quick --data faces/ --out runs/try")]
pub(crate) struct CompareArgs {
    /// Recipes (TOML), the baseline first
    #[arg(required = true, num_args = 1..)]
    recipes: Vec<PathBuf>,

    #[command(flatten)]
    data: DataArgs,

    /// Folder of the results, to be made or to go on in
    #[arg(long, value_name = "DIR", default_value = "runs/compare")]
    out: PathBuf,

    /// Take all but the loss from the first recipe
    #[arg(long)]
    align: bool,

    #[command(flatten)]
    effort: EffortArgs,

    /// Where to compute: cpu, cuda or wgpu
    #[arg(long, default_value_t, value_name = "DEVICE")]
    device: DeviceKind,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What to compare on.
#[derive(Debug, clap::Args)]
struct DataArgs {
    /// Folder of faces: NAME/1.jpg
    #[arg(long, value_name = "DIR")]
    data: PathBuf,

    /// Share of the identities that is kept for the end
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    test_share: f64,

    /// Compare although both halves hold pictures that look the same
    #[arg(long)]
    allow_leaks: bool,

    /// Go on without the pictures that cannot be read
    #[arg(long)]
    skip_unreadable: bool,
}

/// How much to try.
#[derive(Debug, clap::Args)]
struct EffortArgs {
    /// Trials of each loss, the recipe itself first; 0 tunes nothing
    #[arg(long, value_name = "N", default_value_t = 20)]
    trials: usize,

    /// Folds of the identities that losses are tuned on
    #[arg(long, value_name = "N", default_value_t = 4)]
    folds: usize,

    /// Networks of each loss in the end
    #[arg(long, value_name = "N", default_value_t = 5)]
    seeds: usize,

    /// Passes over the data instead of the recipes'
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,

    /// Try it out: 2 trials, 2 folds, 2 seeds, 1 epoch
    #[arg(long, conflicts_with_all = ["trials", "folds", "seeds", "epochs"])]
    quick: bool,

    /// Seed of the division and of the search
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    split_seed: u64,

    /// Replicates of the bootstrap
    #[arg(long, value_name = "N", default_value_t = 1000)]
    replicates: usize,
}

impl EffortArgs {
    fn epochs(&self) -> Option<usize> {
        if self.quick { Some(1) } else { self.epochs }
    }

    fn budget(&self, test_share: f64) -> Budget {
        let [n_trials, n_folds, n_seeds] =
            if self.quick { [2; 3] } else { [self.trials, self.folds, self.seeds] };
        let shares = Shares { test_share, n_folds, seed: self.split_seed };
        Budget { shares, n_trials, n_seeds, n_replicates: self.replicates }
    }
}

/// Runs the command.
pub(crate) fn compare(args: &CompareArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let read = |path: &PathBuf| read_recipe(path);
    let mut recipes = args.recipes.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    if let Some(epochs) = args.effort.epochs() {
        for recipe in &mut recipes {
            recipe.epochs = epochs;
            recipe.check()?;
        }
    }
    let folder = &args.data.data;
    let request = Request {
        recipes,
        align: args.align,
        data: TrainingData {
            folder: std::path::absolute(folder).context("cannot find the current folder")?,
            exclude_pairs: None,
            exclude_folds: Vec::new(),
            skip_unreadable: args.data.skip_unreadable,
        },
        budget: args.effort.budget(args.data.test_share),
        allow_leaks: args.data.allow_leaks,
        device: args.device,
        out: args.out.clone(),
    };
    let comparison = carry_out(request, printer)?;
    if args.json {
        printer.pretty_json(&comparison)?;
    } else {
        printer.data(comparison.table())?;
    }
    Ok(Outcome::Done)
}
