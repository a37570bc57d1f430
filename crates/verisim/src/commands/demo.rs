//! `verisim demo`
use super::Outcome;
use crate::output::Printer;
use std::path::PathBuf;
/// Demo
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    #[arg(long)]
    data: Option<PathBuf>,
}
pub(crate) fn demo(_args: &DemoArgs, _printer: &Printer) -> anyhow::Result<Outcome> {
    Ok(Outcome::Done)
}
