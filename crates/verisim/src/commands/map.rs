//! `verisim map`: embeddings of two components, drawn, network beside network.

use std::path::PathBuf;

use verisim_core::measure::Estimate;

use super::Outcome;
use crate::output::Printer;
use crate::report::plot::{self, Panel};
use crate::training::opened::OpenedRun;
use crate::training::plane::{Group, Plane};
use crate::whole_file;

/// Draw embeddings of two components, one panel a run
///
/// Of runs whose recipe says `embedding_dim = 2`. Above, the features of identities trained on, as long as
/// the network makes them; below, directions on the unit circle: identities trained on inside, others
/// outside, each picture a little nearer to the circle or farther, so that all can be seen. Each identity
/// has its color, up to ten of each kind. The figures, which are of all pictures, are printed as a table
/// in Markdown.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  verisim map --untrained runs/softmax runs/arcface --out map.svg"
)]
pub(crate) struct MapArgs {
    /// Folders of runs
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,

    /// The drawing to write (SVG)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// Begin with the network of the first run as it was before training
    #[arg(long)]
    untrained: bool,
}

/// Runs the command.
pub(crate) fn map(args: &MapArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let mut planes = Vec::new();
    if let Some(first) = args.runs.first().filter(|_| args.untrained) {
        let run = OpenedRun::at_the_beginning(first, printer)?;
        planes.push(("untrained".to_owned(), Plane::of(&run)?));
    }
    for path in &args.runs {
        let run = OpenedRun::at_newest_checkpoint(path, printer)?;
        let plane = Plane::of(&run)?;
        planes.push((run.recipe.name, plane));
    }
    let panels: Vec<Panel> = planes.iter().map(|(name, plane)| panel(name, plane)).collect();
    whole_file::write(&args.out, plot::planes(&panels).as_bytes())?;
    printer.data(table(&planes))?;
    printer.note(format_args!("map: {}", args.out.display()));
    Ok(Outcome::Done)
}

fn panel(name: &str, plane: &Plane) -> Panel {
    let number = |it: Option<Estimate>, n_decimals: usize| {
        it.map_or("–".to_owned(), |it| format!("{:.n_decimals$}", it.value))
    };
    let words = |kind: &str, group: &Group| {
        let (ratio, map_at_r) = (number(group.spread.ratio, 1), number(group.map_at_r, 2));
        format!("{kind}: ratio {ratio}, MAP@R {map_at_r}")
    };
    Panel {
        title: name.to_owned(),
        trained: plane.trained.features.clone(),
        unseen: plane.unseen.features.clone(),
        remarks: [words("trained", &plane.trained), words("unseen", &plane.unseen)],
    }
}

/// The figures, a row for each network.
fn table(planes: &[(String, Plane)]) -> String {
    let mut lines = vec![
        "| | nearer to their own center | within: mean, worst | between: mean, worst | ratio | \
         MAP@R | ratio, unseen | MAP@R, unseen |"
            .to_owned(),
        "|---|---|---|---|---|---|---|---|".to_owned(),
    ];
    for (name, Plane { trained, unseen }) in planes {
        let spread = &trained.spread;
        let placed = spread.misplaced.map_or("–".to_owned(), |it| percent(1.0 - it.value));
        lines.push(format!(
            "| {} | {placed} | {}, {} | {}, {} | {} | {} | {} | {} |",
            name.replace('|', "\\|"),
            distance(spread.mean_within),
            distance(spread.max_within),
            distance(spread.mean_between),
            distance(spread.min_between),
            with_interval(spread.ratio),
            with_interval(trained.map_at_r),
            with_interval(unseen.spread.ratio),
            with_interval(unseen.map_at_r),
        ));
    }
    lines.join("\n")
}

fn percent(rate: f64) -> String {
    format!("{:.1} %", 100.0 * rate)
}

fn distance(figure: Option<Estimate>) -> String {
    figure.map_or("–".to_owned(), |it| format!("{:.3}", it.value))
}

fn with_interval(figure: Option<Estimate>) -> String {
    let text = |it: Estimate| format!("{:.2} ({:.2}–{:.2})", it.value, it.lower, it.upper);
    figure.map_or("–".to_owned(), text)
}
