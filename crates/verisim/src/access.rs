//! How a command comes to a gallery: where it is, its key or passphrase, and who acts; it shows no secret.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use verisim_core::ModelDigest;
use verisim_gallery::{Copied, Engine, Gallery, Place, Secret, copy};
use zeroize::Zeroizing;

/// Has the key or the passphrase of a gallery, if no file does.
const VARIABLE: &str = "VERISIM_KEY";
/// Has the password for a server, if its address has none, as for other programs of PostgreSQL.
const PASSWORD_VARIABLE: &str = "PGPASSWORD";
/// No key and no passphrase is longer.
const MAX_BYTES: u64 = 4096;

/// What opens a sealed gallery, and who opens it.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct AccessArgs {
    /// File with the key or passphrase of a sealed gallery; by default `VERISIM_KEY` has it
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// Who is said to act, in the log of the gallery; by default the command
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
}

impl AccessArgs {
    /// Opens the gallery in a folder or on a server for a command.
    pub(crate) fn open(&self, at: &Path, command: &str) -> anyhow::Result<Box<dyn Engine>> {
        let mut gallery = place(at)?.open(self.secret()?.as_ref())?;
        gallery.set_actor(self.actor(command))?;
        Ok(gallery)
    }

    /// Opens the gallery in a folder for a command that works on files.
    pub(crate) fn open_folder(&self, folder: &Path, command: &str) -> anyhow::Result<Gallery> {
        expect_folder(folder)?;
        let mut gallery = Gallery::open(folder, self.secret()?.as_ref())?;
        gallery.set_actor(self.actor(command))?;
        Ok(gallery)
    }

    /// Opens the gallery in a folder or on a server for a command, and makes one for the model if
    /// there is none.
    pub(crate) fn create_or_open(
        &self,
        at: &Path,
        (model, dim): (ModelDigest, usize),
        command: &str,
    ) -> anyhow::Result<Box<dyn Engine>> {
        let mut gallery = place(at)?.create_or_open(model, dim, self.secret()?.as_ref())?;
        gallery.set_actor(self.actor(command))?;
        Ok(gallery)
    }

    /// Copies a gallery to where there is none.
    pub(crate) fn copy(&self, from: &Path, to: &Path, command: &str) -> anyhow::Result<Copied> {
        let mut from = self.open(from, command)?;
        Ok(copy(&mut *from, &place(to)?, self.secret()?.as_ref())?)
    }

    /// Makes a gallery in `folder` of the copy `from`.
    pub(crate) fn restore(&self, from: &Path, folder: &Path) -> anyhow::Result<Gallery> {
        expect_folder(folder)?;
        Ok(Gallery::restore(from, folder, self.secret()?.as_ref())?)
    }

    fn actor<'a>(&'a self, command: &'a str) -> &'a str {
        self.actor.as_deref().unwrap_or(command)
    }

    fn secret(&self) -> anyhow::Result<Option<Secret>> {
        if let Some(path) = &self.key_file {
            let text = read(path).with_context(|| format!("cannot use {}", path.display()))?;
            let secret = Secret::from_text(&text);
            return Ok(Some(secret.with_context(|| format!("cannot use {}", path.display()))?));
        }
        match env::var(VARIABLE).map(Zeroizing::new) {
            Ok(text) if text.is_empty() => Ok(None),
            Ok(text) => {
                let secret = Secret::from_text(&text);
                Ok(Some(secret.with_context(|| format!("cannot use {VARIABLE}"))?))
            }
            Err(env::VarError::NotPresent) => Ok(None),
            Err(env::VarError::NotUnicode(_)) => bail!("{VARIABLE} is not a text in UTF-8"),
        }
    }
}

/// Where a gallery is that was typed as a folder or as the address of a server.
fn place(at: &Path) -> anyhow::Result<Place> {
    let place = Place::new(at)?;
    Ok(match env::var(PASSWORD_VARIABLE) {
        Ok(password) => place.or_password(&password),
        Err(_) => place,
    })
}

/// Fails for the address of a server, which would otherwise be taken for the name of a folder.
fn expect_folder(at: &Path) -> anyhow::Result<()> {
    if Place::is_server(at) {
        bail!(
            "this works on the files of a gallery in a folder; copy the one on the server into one first \
             (verisim gallery copy), or use the server's own tools"
        );
    }
    Ok(())
}

/// Writes a new key into a new file that only its owner may read.
pub(crate) fn write_new_key(path: &Path) -> anyhow::Result<()> {
    use std::io::Write;
    let attempt = || -> anyhow::Result<()> {
        let key = Secret::draw()?;
        let mut options = fs::OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.write(true).create_new(true).open(path)?;
        writeln!(file, "{}", *key)?;
        Ok(file.sync_all()?)
    };
    attempt().with_context(|| format!("cannot write a key to {}", path.display()))
}

fn read(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let metadata = fs::metadata(path)?;
    if metadata.len() > MAX_BYTES {
        bail!("it has {} bytes, but a key or a passphrase has at most {MAX_BYTES}", metadata.len());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode() & 0o777;
        if metadata.is_file() && mode & 0o077 != 0 {
            bail!("others may read it (mode {mode:o}): run chmod 600 on it");
        }
    }
    Ok(Zeroizing::new(fs::read_to_string(path)?))
}
