//! `verisim models fetch`: published models into the folder of models.

use std::time::Duration;

use anyhow::{bail, ensure};
use verisim_face::model::registry::{Published, Task};
use verisim_face::model::{Model, ModelError};

use super::Outcome;
use super::models::PlaceArgs;
use crate::models::fetch::{self, Fetched, Patience};
use crate::models::folder::ModelFolder;
use crate::models::names;
use crate::output::{Printer, size};

/// Fetch published models, each with the digest that the list says
///
/// What broke off goes on where it was. Nothing else in Verisim uses the network.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  verisim models fetch yunet sface
  verisim models fetch w600k --registry ours.toml --accept-license")]
pub(crate) struct FetchArgs {
    /// Names of models, as `verisim models list` shows them
    #[arg(required = true)]
    names: Vec<String>,

    #[command(flatten)]
    place: PlaceArgs,

    /// Accept licenses that do not allow commercial use
    #[arg(long)]
    accept_license: bool,

    /// Seconds to wait for a connection, and for each piece of an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0)]
    timeout: f64,

    /// Tries after the first one fails
    #[arg(long, value_name = "N", default_value_t = 4)]
    retries: u32,
}

/// Runs the command.
pub(crate) fn fetch(args: &FetchArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let patience = Patience { timeout: timeout(args.timeout)?, n_retries: args.retries };
    let (folder, registry) = args.place.open()?;
    let wanted = args.names.iter().map(|it| names::listed(it, &folder, &registry));
    let wanted: Vec<&Published> = wanted.collect::<anyhow::Result<_>>()?;
    // Before anything is fetched.
    for model in &wanted {
        if !model.commercial_use && !args.accept_license {
            bail!(
                "the license of {} ({}) does not allow commercial use; read it at {}, and say \
                 --accept-license",
                model.name,
                model.license,
                model.source
            );
        }
    }
    for model in wanted {
        let fetched = fetch::fetch(model, &folder, patience, printer)?;
        let path = folder.model(&model.name);
        let what = match fetched {
            Fetched::WasThere => "was there",
            Fetched::Came => "fetched",
        };
        let (name, size) = (&model.name, size(model.n_bytes));
        printer.data(format_args!("{name}: {what}, {size}, {}", path.display()))?;
        if model.task == Task::Recognition {
            warn_if_unusable(model, &folder, printer);
        }
    }
    Ok(Outcome::Done)
}

fn timeout(seconds: f64) -> anyhow::Result<Duration> {
    let timeout = Duration::try_from_secs_f64(seconds).ok().filter(|it| !it.is_zero());
    ensure!(
        timeout.is_some_and(|it| it <= Duration::from_hours(1)),
        "--timeout is {seconds}, but must be above 0 and at most 3600 seconds"
    );
    Ok(timeout.unwrap_or_default())
}

/// Its bytes are right; whether it can be used is another question.
fn warn_if_unusable(model: &Published, folder: &ModelFolder, printer: &Printer) {
    match Model::load(&folder.model(&model.name), None) {
        Ok(_) => {}
        Err(ModelError::NoCard { card, .. }) => printer.warning(format_args!(
            "{} has no card yet, so it is not known how to feed it; write one to {} (docs/models.md)",
            model.name,
            card.display()
        )),
        Err(error) => printer.warning(format_args!("{} cannot be used: {error}", model.name)),
    }
}
