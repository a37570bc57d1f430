//! The command line: what can be typed, and its help. It decides nothing.

use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use verisim_face::choice::FaceChoice;

use crate::commands::{
    align, audit, bench, compare, data, demo, detect, embed, enroll, evaluate, export, forget,
    frontalize, fuse, gallery, identify, map, models, synth, train, verify,
};

/// Metric learning and face recognition, from training a network to naming a face.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "\
Start here:
  verisim demo                        train, evaluate, enroll, identify and forget, on drawn faces
  verisim demo --data my/faces        the same on your own: my/faces/NAME/1.jpg

Pictures are chips, that is aligned faces, of any size; with --detector they are photographs.
Exit status: 0 done or match, 1 no match or a damaged model, 2 error."
)]
pub(crate) struct Cli {
    /// Print results, warnings and errors only
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    /// Threads to compute with; all cores by default
    #[arg(long, global = true, value_name = "N")]
    pub(crate) threads: Option<usize>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Reads what was typed; prints help or what is wrong with it, and ends, if it is no command.
    pub(crate) fn read() -> Self {
        let matches = on_a_screen(Self::command()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// Moves what a command says beyond its first line below its options.
///
/// With a long description above, clap gives each option three lines, and no help fits a screen.
fn on_a_screen(command: clap::Command) -> clap::Command {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let long = command.get_long_about().map(ToString::to_string).unwrap_or_default();
    let more = long.strip_prefix(&about).unwrap_or_default().trim_start_matches(['.', '\n']);
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let after = if more.is_empty() { after } else { format!("{more}\n\n{after}") };
    command.long_about(None).after_help(after).mut_subcommands(on_a_screen)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::DemoArgs),
    Train(train::TrainArgs),
    Evaluate(evaluate::EvaluateArgs),
    Fuse(fuse::FuseArgs),
    Compare(compare::CompareArgs),
    Map(map::MapArgs),
    Export(export::ExportArgs),
    Detect(detect::DetectArgs),
    Align(align::AlignArgs),
    Frontalize(frontalize::FrontalizeArgs),
    Embed(embed::EmbedArgs),
    Verify(verify::VerifyArgs),
    Enroll(enroll::EnrollArgs),
    Identify(identify::IdentifyArgs),
    Forget(forget::ForgetArgs),
    #[command(subcommand)]
    Gallery(gallery::GalleryCommand),
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    #[command(subcommand)]
    Models(models::ModelsCommand),
    Synth(synth::SynthArgs),
    #[command(subcommand)]
    Data(data::DataCommand),
    #[command(subcommand)]
    Bench(bench::BenchCommand),
}

/// Which model to use.
#[derive(Clone, Debug, Args)]
pub(crate) struct ModelArgs {
    /// ONNX model that turns a chip into an embedding, or its name in `verisim models list`
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: PathBuf,

    /// Card of the model, if it carries none: how to feed it (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) card: Option<PathBuf>,
}

/// Where to draw the line.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ThresholdArgs {
    /// Score at or above which a comparison matches, from -1 to 1
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    pub(crate) threshold: Option<f32>,

    /// False match rate to keep; the model's card has the threshold for it
    #[arg(long, value_name = "RATE", conflicts_with = "threshold")]
    pub(crate) fmr: Option<f64>,
}

/// What finds faces, and how thoroughly it looks.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct DetectorArgs {
    /// ONNX model that finds faces, or its name: pictures are photographs
    #[arg(long, value_name = "MODEL")]
    pub(crate) detector: Option<PathBuf>,

    /// Card of the detector, if it carries none (TOML)
    #[arg(long, value_name = "FILE", requires = "detector")]
    pub(crate) detector_card: Option<PathBuf>,

    /// Least score of a face, from 0 to 1; the card's by default
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    pub(crate) min_score: Option<f32>,

    /// Smallest faces to look for, 16 by default; larger is faster
    #[arg(long, value_name = "PIXELS")]
    pub(crate) min_size: Option<f32>,

    /// Look once, the photograph's longer side brought down to this; fastest
    #[arg(long, value_name = "PIXELS", conflicts_with = "min_size")]
    pub(crate) one_pass: Option<usize>,
}

/// How faces are found and chosen, where pictures are photographs.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SightArgs {
    #[command(flatten)]
    pub(crate) detector: DetectorArgs,

    /// central, largest, only or all: which face of a photograph
    #[arg(long, value_name = "WHICH", value_enum, hide_possible_values = true)]
    pub(crate) face: Option<WhichFace>,
}

/// Which face of a photograph is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhichFace {
    /// The large one near the middle.
    Central,
    /// The largest, wherever it is.
    Largest,
    /// Every face.
    All,
    /// The only one; several are refused.
    Only,
}

impl From<WhichFace> for FaceChoice {
    fn from(face: WhichFace) -> Self {
        match face {
            WhichFace::Central => Self::Central,
            WhichFace::Largest => Self::Largest,
            WhichFace::All => Self::All,
            WhichFace::Only => Self::Only,
        }
    }
}
