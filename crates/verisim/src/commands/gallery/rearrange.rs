//! `verisim gallery merge`, `move`, `split`, `remove` and `undo`: templates change hands.

use anyhow::bail;
use verisim_gallery::{ChangeKind, Gallery, RandomId, UndoableChange, Undone};

use super::Place;
use crate::output::Printer;

/// Which two people are one.
#[derive(Debug, clap::Args)]
pub(crate) struct MergeArgs {
    #[command(flatten)]
    place: Place,

    /// Name of the person who stays
    keep: String,

    /// Name of the person whose templates go there
    other: String,
}

/// Which template belongs to somebody else.
#[derive(Debug, clap::Args)]
pub(crate) struct MoveArgs {
    #[command(flatten)]
    place: Place,

    /// Id of the template, as `list` with a name shows it
    template: RandomId,

    /// Name of the person it belongs to
    #[arg(long, value_name = "NAME")]
    to: String,
}

/// Which templates belong to a person who has no name yet.
#[derive(Debug, clap::Args)]
pub(crate) struct SplitArgs {
    #[command(flatten)]
    place: Place,

    /// Name that they are under
    name: String,

    /// Ids of the templates, as `list` with a name shows them
    #[arg(required = true, value_name = "TEMPLATE")]
    templates: Vec<RandomId>,

    /// Name of the new person
    #[arg(long, value_name = "NAME")]
    into: String,
}

/// Which templates are worth nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveArgs {
    #[command(flatten)]
    place: Place,

    /// Ids of the templates, as `list` with a name shows them
    #[arg(required = true, value_name = "TEMPLATE")]
    templates: Vec<RandomId>,
}

/// What to take back.
#[derive(Debug, clap::Args)]
pub(crate) struct UndoArgs {
    #[command(flatten)]
    place: Place,

    /// Only list what can be undone, the latest first
    #[arg(long)]
    list: bool,
}

pub(super) fn merge(args: &MergeArgs, printer: &Printer) -> anyhow::Result<()> {
    let mut gallery = args.place.open_folder()?;
    let given_up = external_id(&gallery, &args.other)?;
    let n = gallery.merge(&args.keep, &args.other)?;
    let (keep, other) = (&args.keep, &args.other);
    printer.data(format_args!("{keep} has {} of {other}, who is no more", templates(n)))?;
    if let Some(external_id) = given_up {
        printer.note(format_args!(
            "the details of {keep} are as they were: the external id {external_id:?} of {other} is free"
        ));
    }
    Ok(())
}

pub(super) fn move_template(args: &MoveArgs, printer: &Printer) -> anyhow::Result<()> {
    args.place.open_folder()?.move_template(args.template, &args.to)?;
    printer.data(format_args!("{} has template {}", args.to, args.template))
}

pub(super) fn split(args: &SplitArgs, printer: &Printer) -> anyhow::Result<()> {
    let n = args.place.open_folder()?.split(&args.name, &args.templates, &args.into)?;
    printer.data(format_args!("{} has {} that {} had", args.into, templates(n), args.name))
}

pub(super) fn remove(args: &RemoveArgs, printer: &Printer) -> anyhow::Result<()> {
    let removed = args.place.open_folder()?.remove_templates(&args.templates)?;
    printer.data(format_args!("{} overwritten", were(removed.n_templates)))?;
    if !removed.is_wiped {
        bail!(
            "bytes of them linger in {} until no other process has it open; run `verisim gallery \
             compact` then",
            args.place.gallery.display()
        );
    }
    Ok(())
}

pub(super) fn undo(args: &UndoArgs, printer: &Printer) -> anyhow::Result<()> {
    let mut gallery = args.place.open_folder()?;
    if args.list {
        for change in gallery.undoable()? {
            printer.data(said(&change))?;
        }
        return Ok(());
    }
    let Undone { change, n_templates } = gallery.undo()?;
    printer.data(format_args!("undone: {}", said(&change)))?;
    if n_templates < change.n_templates {
        let n = change.n_templates - n_templates;
        printer.warning(format_args!("{} since removed did not come back", templates(n)));
    }
    Ok(())
}

fn said(change: &UndoableChange) -> String {
    let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "somebody".to_owned());
    let (taker, giver, n) =
        (name(&change.taker), name(&change.giver), templates(change.n_templates));
    match change.kind {
        ChangeKind::Merge => format!("{giver} was merged into {taker}, with {n}"),
        ChangeKind::Split => format!("{n} of {giver} became {taker}"),
        ChangeKind::Move => format!("{n} of {giver} went to {taker}"),
    }
}

fn external_id(gallery: &Gallery, name: &str) -> anyhow::Result<Option<String>> {
    let identities = gallery.identities()?.into_iter();
    let mut named = identities.filter(|it| it.details.name == name);
    Ok(named.next().and_then(|it| it.details.external_id))
}

fn templates(n: usize) -> String {
    if n == 1 { "1 template".to_owned() } else { format!("{n} templates") }
}

fn were(n: usize) -> String {
    format!("{} {}", templates(n), if n == 1 { "was" } else { "were" })
}
