//! One file a command: arguments in, results out. Decisions are made in the libraries.

pub(crate) mod align;
pub(crate) mod audit;
pub(crate) mod bench;
mod bench_data;
mod bench_gallery;
mod bench_partial_fc;
mod bench_photographs;
pub(crate) mod compare;
pub(crate) mod data;
pub(crate) mod demo;
pub(crate) mod detect;
pub(crate) mod each;
pub(crate) mod embed;
pub(crate) mod enroll;
pub(crate) mod evaluate;
pub(crate) mod export;
mod face_dto;
pub(crate) mod forget;
pub(crate) mod frontalize;
pub(crate) mod fuse;
pub(crate) mod gallery;
mod gallery_args;
mod gallery_copy;
pub(crate) mod identify;
pub(crate) mod load;
pub(crate) mod map;
pub(crate) mod models;
pub(crate) mod models_add;
pub(crate) mod models_fetch;
mod pictures;
mod refusals;
pub(crate) mod synth;
mod thumbnail;
pub(crate) mod train;
mod unfinished;
pub(crate) mod verify;
mod whoswho;

use anyhow::{Context, bail};

use crate::cli::{Cli, Command};
use crate::output::Printer;

/// How a command ended, if not in an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did what it was asked.
    Done,
    /// Two pictures show the same person.
    Match,
    /// They do not.
    NoMatch,
    /// What was to be checked is not as it should be.
    Damaged,
}

/// Runs what was typed.
pub(crate) fn run(cli: Cli, printer: &Printer) -> anyhow::Result<Outcome> {
    if let Some(n) = cli.threads {
        if n == 0 {
            bail!("--threads is 0, but at least one thread must compute");
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n);
        pool.build_global().context("cannot start the threads")?;
        verisim_face::pipeline::use_threads(n);
    }
    match cli.command {
        Command::Demo(args) => demo::demo(&args, printer),
        Command::Train(args) => train::train(&args, printer),
        Command::Evaluate(args) => evaluate::evaluate(&args, printer),
        Command::Fuse(args) => fuse::fuse(&args, printer),
        Command::Compare(args) => compare::compare(&args, printer),
        Command::Export(args) => export::export(&args, printer),
        Command::Detect(args) => detect::detect(&args, printer),
        Command::Align(args) => align::align(&args, printer),
        Command::Frontalize(args) => frontalize::frontalize(&args, printer),
        Command::Embed(args) => embed::embed(&args, printer),
        Command::Verify(args) => verify::verify(&args, printer),
        Command::Enroll(args) => enroll::enroll(&args, printer),
        Command::Identify(args) => identify::identify(&args, printer),
        Command::Forget(args) => forget::forget(&args, printer),
        Command::Gallery(command) => gallery::gallery(&command, printer),
        Command::Audit(command) => audit::audit(&command, printer),
        Command::Map(args) => map::map(&args, printer),
        Command::Models(command) => models::models(&command, printer),
        Command::Synth(args) => synth::synth(&args, printer),
        Command::Data(command) => data::data(&command, printer),
        Command::Bench(command) => bench::bench(&command, printer),
    }
}
