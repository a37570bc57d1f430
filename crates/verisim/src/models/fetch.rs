//! Fetching a published model: whole, with the digest that the list says, or not at all.

use std::fs::File;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use indicatif::ProgressBar;
use verisim_core::ModelDigest;
use verisim_face::model::registry::Published;

use super::folder::ModelFolder;
use super::http::{Answer, Client, Failure, From, Outlook};
use super::part::Part;
use crate::digest::sha256_of;
use crate::output::Printer;

/// Bytes that are read at once.
const CHUNK: usize = 1 << 16;
/// A try that brings so many bytes does not count as one that failed.
const PROGRESS: u64 = 1 << 20;
/// Wait before the second try; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait, also if a server asks for more.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// How long to wait for servers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For a connection, and for each piece of an answer.
    pub(crate) timeout: Duration,
    /// Tries after the first.
    pub(crate) n_retries: u32,
}

/// What a fetch came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// The model was there already, whole.
    WasThere,
    /// It came.
    Came,
}

/// Why a try ended before the file was whole.
enum Stop {
    Failed(Failure),
    /// Nothing of the network: the disk.
    Here(anyhow::Error),
}

impl std::convert::From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl std::convert::From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Here(error)
    }
}

/// Installs a published model in the folder.
///
/// Whoever looks meanwhile finds no model of the name, or the one that was there. Two that fetch the same model
/// at once do so one after the other.
pub(crate) fn fetch(
    model: &Published,
    folder: &ModelFolder,
    patience: Patience,
    printer: &Printer,
) -> anyhow::Result<Fetched> {
    let _lock = folder.lock(&model.name, printer)?;
    if is_there(model, folder, printer)? {
        return Ok(Fetched::WasThere);
    }
    let Some(url) = &model.url else {
        bail!("no address of {} is known{}", model.name, by_hand(model, folder));
    };
    let mut part = Part::open(&folder.part(&model.name), model)?;
    let client = Client::new(patience.timeout);
    let bar = printer.bytes_progress(&model.name, model.n_bytes);
    let mut n_failures = 0;
    loop {
        let n_before = part.n_bytes();
        let failure = match try_once(&client, url, model, &mut part, &bar) {
            Ok(()) => {
                let found = part.digest()?;
                if found == model.digest {
                    break;
                }
                if n_before == 0 {
                    part.discard()?;
                    bail!("{}; nothing was installed", other_bytes(model, &found));
                }
                part.restart()?;
                let reason = format!("{}, after a part from before", other_bytes(model, &found));
                Failure { reason, outlook: Outlook::Anew }
            }
            Err(Stop::Failed(failure)) => failure,
            Err(Stop::Here(error)) => {
                return Err(error.context(format!("cannot fetch {}", model.name)));
            }
        };
        if part.n_bytes() >= n_before.saturating_add(PROGRESS) {
            n_failures = 0;
        }
        n_failures += 1;
        let wait = match failure.outlook {
            Outlook::Anew => {
                part.restart()?;
                None
            }
            Outlook::Again(wait) => wait,
            Outlook::Hopeless => None,
        };
        if failure.outlook == Outlook::Hopeless || n_failures > patience.n_retries {
            if part.n_bytes() == 0 {
                part.discard()?;
            }
            return Err(given_up(model, folder, &failure, n_failures));
        }
        let wait = wait.unwrap_or(FIRST_WAIT * 2_u32.saturating_pow(n_failures - 1)).min(MAX_WAIT);
        let seconds = wait.as_secs_f64();
        bar.suspend(|| {
            let (name, reason) = (&model.name, &failure.reason);
            printer.note(format_args!("{name}: {reason}; trying again in {seconds} s"));
        });
        sleep(wait);
    }
    bar.finish_and_clear();
    folder.record(&model.name, &model.digest)?;
    part.finish(&folder.model(&model.name))?;
    Ok(Fetched::Came)
}

/// Whether the model is installed and whole; fails if its place is taken by another.
fn is_there(model: &Published, folder: &ModelFolder, printer: &Printer) -> anyhow::Result<bool> {
    if !folder.has(&model.name) {
        return Ok(false);
    }
    let path = folder.model(&model.name);
    let unreadable = || format!("cannot read {}", path.display());
    let found = sha256_of(File::open(&path).with_context(unreadable)?).with_context(unreadable)?;
    let recorded = folder.recorded(&model.name)?;
    if found == model.digest {
        if recorded != Some(found) {
            folder.record(&model.name, &found)?;
        }
        return Ok(true);
    }
    if recorded == Some(model.digest) {
        printer.warning(format_args!("{} is damaged, and is fetched again", path.display()));
        return Ok(false);
    }
    bail!(
        "{} holds another model: its SHA-256 is {found}, but that of {} is {}; remove it, or choose another \
         folder with --models",
        path.display(),
        model.name,
        model.digest
    )
}

/// Asks once, and adds what comes to the part; at the end it has the size that the list says.
fn try_once(
    client: &Client,
    url: &str,
    model: &Published,
    part: &mut Part,
    bar: &ProgressBar,
) -> Result<(), Stop> {
    if part.n_bytes() == model.n_bytes {
        return Ok(());
    }
    let from = From { offset: part.n_bytes(), etag: part.etag() };
    let mut answer = client.get(url, from)?;
    if let Some(found) = answer.n_bytes.filter(|it| *it != model.n_bytes) {
        return Err(hopeless(format!(
            "the server has a file of {found} bytes, but the list says {}; it is another file",
            model.n_bytes
        )));
    }
    if answer.offset < part.n_bytes() {
        part.restart()?;
    }
    part.begin(answer.etag.take())?;
    bar.set_position(part.n_bytes());
    receive(&mut answer, model, part, bar)
}

fn receive(
    answer: &mut Answer,
    model: &Published,
    part: &mut Part,
    bar: &ProgressBar,
) -> Result<(), Stop> {
    let mut bytes = vec![0; CHUNK];
    loop {
        let n = answer.read(&mut bytes)?;
        if n == 0 && part.n_bytes() == model.n_bytes {
            return Ok(());
        }
        if n == 0 {
            let (found, expected) = (part.n_bytes(), model.n_bytes);
            let reason = format!("the file ended after {found} of {expected} bytes");
            return Err(Failure { reason, outlook: Outlook::Again(None) }.into());
        }
        if part.n_bytes() + n as u64 > model.n_bytes {
            part.restart()?;
            return Err(hopeless(format!(
                "the server sends more than the {} bytes that the list says; it is another file",
                model.n_bytes
            )));
        }
        part.append(&bytes[..n])?;
        bar.set_position(part.n_bytes());
    }
}

fn hopeless(reason: String) -> Stop {
    Stop::Failed(Failure { reason, outlook: Outlook::Hopeless })
}

fn other_bytes(model: &Published, found: &ModelDigest) -> String {
    format!(
        "what came as {} has SHA-256 {found}, but the list says {}; it is another file",
        model.name, model.digest
    )
}

fn given_up(
    model: &Published,
    folder: &ModelFolder,
    failure: &Failure,
    n_tries: u32,
) -> anyhow::Error {
    let tries = if n_tries == 1 { String::new() } else { format!(" ({n_tries} tries)") };
    anyhow!("cannot fetch {}: {}{tries}{}", model.name, failure.reason, by_hand(model, folder))
}

/// How to install a model without this program's help.
fn by_hand(model: &Published, folder: &ModelFolder) -> String {
    format!(
        "\nby hand: get {}\n  (published at {}),\n  check that it has {} bytes and SHA-256 {},\n  and put it at {}",
        model.url.as_deref().unwrap_or("the file"),
        model.source,
        model.n_bytes,
        model.digest,
        folder.model(&model.name).display()
    )
}
