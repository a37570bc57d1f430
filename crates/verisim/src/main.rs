//! `verisim`: train, evaluate, enroll, identify and forget, in one binary.

mod access;
mod bulk;
mod chips;
mod cli;
mod commands;
mod comparison;
mod dataset;
mod demo;
mod detection;
mod digest;
mod evaluation;
mod fusion;
mod memory;
mod models;
mod npy;
mod output;
mod processor;
mod report;
mod training;
mod whole_file;

use std::io;
use std::process::ExitCode;

use crate::cli::Cli;
use crate::commands::Outcome;
use crate::output::Printer;

/// See the manifest for why.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::read();
    start_log();
    let printer = Printer::new(cli.quiet);
    match commands::run(cli, &printer) {
        Ok(Outcome::Done | Outcome::Match) => ExitCode::SUCCESS,
        Ok(Outcome::NoMatch | Outcome::Damaged) => ExitCode::from(1),
        // Whoever reads the output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            printer.error(&error);
            ExitCode::from(2)
        }
    }
}

/// Logs to standard error what `VERISIM_LOG` asks for; nothing by default.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("VERISIM_LOG");
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io_error = cause.downcast_ref::<io::Error>();
        io_error.is_some_and(|it| it.kind() == io::ErrorKind::BrokenPipe)
    })
}
