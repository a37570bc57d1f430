//! Pictures of a folder, decoded on all cores, as chips to train on or to embed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rayon::prelude::*;
use verisim_face::Picture;
use verisim_face::chip::{Channels, resize, to_channels};
use verisim_face::folder::{IdentityFolder, find_identities};
use verisim_face::image::{DecodeLimits, decode};
use verisim_learn::backbone::InputSize;
use verisim_learn::data::MemoryChips;

use crate::output::{Printer, explained};

/// Unreadable pictures named one by one before the rest is only counted.
const MAX_NAMED: usize = 5;

/// One picture of a known identity.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Position of the identity in the list of names.
    pub(crate) label: u64,
    /// Where the picture lies.
    pub(crate) path: PathBuf,
}

/// A folder of identities.
#[derive(Clone, Debug)]
pub(crate) struct FaceFolder {
    /// Names of the identities.
    pub(crate) names: Vec<String>,
    /// Their pictures, identity after identity.
    pub(crate) samples: Vec<Sample>,
}

impl FaceFolder {
    /// Lists the identities and pictures of a folder.
    pub(crate) fn open(root: &Path) -> anyhow::Result<Self> {
        Ok(Self::of(find_identities(root)?))
    }

    fn of(identities: Vec<IdentityFolder>) -> Self {
        let mut folder = Self { names: Vec::new(), samples: Vec::new() };
        for (label, identity) in (0..).zip(identities) {
            folder.names.push(identity.name);
            folder.samples.extend(identity.pictures.into_iter().map(|path| Sample { label, path }));
        }
        folder
    }

    /// The identities that `is_wanted`, with labels counted anew.
    pub(crate) fn filtered(self, is_wanted: impl Fn(&str) -> bool) -> Self {
        let mut pictures: Vec<Vec<PathBuf>> = vec![Vec::new(); self.names.len()];
        for Sample { label, path } in self.samples {
            pictures[label as usize].push(path);
        }
        let identities = self.names.into_iter().zip(pictures);
        let wanted = identities.filter(|(name, _)| is_wanted(name));
        Self::of(wanted.map(|(name, pictures)| IdentityFolder { name, pictures }).collect())
    }

    /// The identities that a file names, one a line, all of which the folder must hold.
    pub(crate) fn named_in(self, path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        let wanted: BTreeSet<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        if let Some(missing) = wanted.iter().find(|name| !self.names.iter().any(|it| it == *name)) {
            bail!("{} names {missing}, but the data hold no such identity", path.display());
        }
        Ok(self.filtered(|name| wanted.contains(name)))
    }

    /// The label of each picture.
    pub(crate) fn labels(&self) -> Vec<u64> {
        self.samples.iter().map(|sample| sample.label).collect()
    }

    /// Decodes all pictures, shrunk to what training takes.
    ///
    /// Fails on pictures that cannot be read, unless they are to be skipped; then they are named and
    /// counted.
    pub(crate) fn load_chips(
        &self,
        size: InputSize,
        skip_unreadable: bool,
        printer: &Printer,
    ) -> anyhow::Result<MemoryChips> {
        let channels = if size.channels == 1 { Channels::Gray } else { Channels::Rgb };
        let bar = printer.progress("reading", self.samples.len());
        let chips: Vec<anyhow::Result<Vec<u8>>> = self
            .samples
            .par_iter()
            .map(|sample| {
                let picture = read_picture(&sample.path);
                bar.inc(1);
                Ok(to_channels(&resize(&picture?, size.width, size.height), channels))
            })
            .collect();
        bar.finish_and_clear();
        let unreadable: Vec<String> =
            chips.iter().filter_map(|it| it.as_ref().err().map(explained)).collect();
        if !unreadable.is_empty() {
            let named =
                unreadable.iter().take(MAX_NAMED).fold(String::new(), |all, it| all + "\n  " + it);
            let more = unreadable.len().saturating_sub(MAX_NAMED);
            let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
            let n_all = self.samples.len();
            let message =
                format!("{} of {n_all} pictures cannot be read:{named}{more}", unreadable.len());
            if !skip_unreadable {
                bail!("{message}\nhint: --skip-unreadable trains on the others");
            }
            printer.warning(message);
        }
        let mut set = MemoryChips::new(size, self.names.clone());
        for (chip, sample) in chips.into_iter().zip(&self.samples) {
            if let Ok(chip) = chip {
                set.push(sample.label, &chip);
            }
        }
        Ok(set)
    }
}

/// Reads and decodes one picture.
pub(crate) fn read_picture(path: &Path) -> anyhow::Result<Picture> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    decode_picture(&bytes, path)
}

/// Decodes one picture that was read from `path`.
pub(crate) fn decode_picture(bytes: &[u8], path: &Path) -> anyhow::Result<Picture> {
    decode(bytes, &DecodeLimits::default())
        .with_context(|| format!("cannot use {}", path.display()))
}
