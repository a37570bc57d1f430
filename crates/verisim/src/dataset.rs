//! Faces of identities, from a folder or an archive, to train on or to embed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use rayon::prelude::*;
use verisim_core::protocol::{Pair, SampleName};
use verisim_face::Picture;
use verisim_face::archive::bin::Bin;
use verisim_face::archive::{self, Archive, CorruptRecord, Format, Paths};
use verisim_face::image::{DecodeLimits, decode};

use crate::output::{MAX_NAMED, Printer, explained, first_named};

/// Folds of a verification set, as everybody reports it.
const N_FOLDS: usize = 10;

/// One picture of a known identity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Position of the identity in the list of names.
    pub(crate) label: u64,
    /// Position in the archive.
    pub(crate) record: usize,
}

/// Identities and their pictures, which stay where they are.
#[derive(Clone, Debug)]
pub(crate) struct FaceSet {
    /// Names of the identities.
    pub(crate) names: Vec<String>,
    /// Their pictures.
    pub(crate) samples: Vec<Sample>,
    archive: Arc<dyn Archive>,
}

impl FaceSet {
    /// Lists what lies at a path: a folder of faces, or an archive.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let archive = archive::open(path)?;
        if archive.format() == Format::Bin {
            bail!(
                "{} is a verification set, which names nobody: give it to `verisim evaluate` with \
                 --pairs",
                path.display()
            );
        }
        Ok(Self::new(archive.into()))
    }

    /// Pictures by their paths: each of the identity whose name follows after a tab, or else whose folder it lies in.
    pub(crate) fn of_list(lines: Vec<PathBuf>) -> anyhow::Result<Self> {
        let (mut entries, mut corrupt) = (Vec::new(), Vec::new());
        for line in lines {
            let text = line.to_str();
            let split = text.and_then(|it| it.split_once('\t'));
            let (path, named) = match split {
                Some((path, name)) => (PathBuf::from(path), Some(name.to_owned())),
                None => (line.clone(), None),
            };
            let folder = path.parent().and_then(Path::file_name);
            match named.or_else(|| Some(folder?.to_str()?.to_owned())) {
                Some(name) if !name.is_empty() => entries.push((path, name)),
                _ => {
                    let reason =
                        "it names nobody, but NAME/1.jpg, or a path, a tab and a name are expected";
                    corrupt.push(CorruptRecord { place: line, reason: reason.to_owned() });
                }
            }
        }
        Ok(Self::new(Arc::new(Paths::of_list(Path::new("standard input"), entries, corrupt)?)))
    }

    /// Lists a folder of faces, whose pictures are files.
    pub(crate) fn of_folder(root: &Path) -> anyhow::Result<Self> {
        Ok(Self::new(Arc::new(Paths::of_folder(root)?)))
    }

    /// A verification set, and its pairs in ten folds, as they follow each other.
    pub(crate) fn of_pairs(path: &Path) -> anyhow::Result<(Self, Vec<Pair>)> {
        let bin = Bin::open(path)?;
        let n_pairs = bin.answers().len();
        let n_folds = N_FOLDS.min(n_pairs);
        let (n_of_fold, n_longer) = (n_pairs / n_folds, n_pairs % n_folds);
        let sizes = (0..n_folds).map(|fold| n_of_fold + usize::from(fold < n_longer));
        let folds = (0..).zip(sizes).flat_map(|(fold, size)| std::iter::repeat_n(fold, size));
        let name = |record: usize, number| SampleName {
            identity: bin.identities()[bin.labels()[record] as usize].clone(),
            number,
        };
        let pairs = folds.zip(bin.answers()).enumerate().map(|(number, (fold, &is_mated))| Pair {
            reference: name(2 * number, 1),
            probe: name(2 * number + 1, if is_mated { 2 } else { 1 }),
            fold,
        });
        let pairs = pairs.collect();
        Ok((Self::new(Arc::new(bin)), pairs))
    }

    /// Takes all of an archive.
    pub(crate) fn new(archive: Arc<dyn Archive>) -> Self {
        let names = archive.identities().to_vec();
        let samples = archive.labels().iter().enumerate();
        let samples = samples.map(|(record, &label)| Sample { label, record }).collect();
        Self { names, samples, archive }
    }

    /// The identities that `is_wanted`, with labels counted anew.
    pub(crate) fn filtered(self, is_wanted: impl Fn(&str) -> bool) -> Self {
        let is_kept: Vec<bool> = self.names.iter().map(|name| is_wanted(name)).collect();
        self.keeping(&is_kept)
    }

    fn keeping(self, is_kept: &[bool]) -> Self {
        let new_labels: Vec<u64> = is_kept
            .iter()
            .scan(0, |next, &is_kept| Some(std::mem::replace(next, *next + u64::from(is_kept))))
            .collect();
        let samples = self.samples.into_iter().filter(|it| is_kept[it.label as usize]);
        let samples =
            samples.map(|it| Sample { label: new_labels[it.label as usize], ..it }).collect();
        let names = self.names.into_iter().zip(is_kept).filter(|(_, is_kept)| **is_kept);
        let names = names.map(|(name, _)| name).collect();
        Self { names, samples, archive: self.archive }
    }

    /// The identities that a file names, one a line, all of which the set must hold.
    pub(crate) fn named_in(self, path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        let wanted: BTreeSet<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        let known: BTreeSet<&str> = self.names.iter().map(String::as_str).collect();
        if let Some(missing) = wanted.iter().find(|name| !known.contains(*name)) {
            bail!("{} names {missing}, but the data hold no such identity", path.display());
        }
        Ok(self.filtered(|name| wanted.contains(name)))
    }

    /// The same pictures, identity after identity, without identities that have none.
    pub(crate) fn in_order_of_labels(mut self) -> Self {
        self.samples.sort_by_key(|sample| sample.label);
        let mut is_kept = vec![false; self.names.len()];
        for sample in &self.samples {
            is_kept[sample.label as usize] = true;
        }
        self.keeping(&is_kept)
    }

    /// What could not even be listed.
    pub(crate) fn corrupt(&self) -> &[CorruptRecord] {
        self.archive.corrupt()
    }

    /// The label of each picture.
    pub(crate) fn labels(&self) -> Vec<u64> {
        self.samples.iter().map(|sample| sample.label).collect()
    }

    /// Where each picture lies, or what it is called in its archive.
    pub(crate) fn places(&self) -> Vec<PathBuf> {
        self.samples.iter().map(|sample| self.archive.place(sample.record)).collect()
    }

    /// The bytes of a picture file.
    pub(crate) fn bytes(&self, index: usize) -> anyhow::Result<Vec<u8>> {
        Ok(self.archive.read(self.samples[index].record)?)
    }

    /// Decodes a picture.
    pub(crate) fn picture(&self, index: usize) -> anyhow::Result<Picture> {
        let bytes = self.bytes(index)?;
        decode_picture(&bytes, &self.archive.place(self.samples[index].record))
    }

    /// Refuses a set with records that could not even be listed, unless they are to be skipped; then
    /// they are named and counted.
    pub(crate) fn check_listing(&self, skip: bool, printer: &Printer) -> anyhow::Result<()> {
        let corrupt: Vec<String> = self.archive.corrupt().iter().map(ToString::to_string).collect();
        refuse_unless_skipped(&corrupt, self.samples.len() + corrupt.len(), skip, printer)
    }

    /// Does something with every picture on all cores, in their order, and keeps what came of it.
    ///
    /// Fails on pictures that cannot be used, unless they are to be skipped; then they are named and
    /// counted, and the set is left without them.
    pub(crate) fn each<T: Send>(
        &mut self,
        what: &'static str,
        skip: bool,
        printer: &Printer,
        work: impl Fn(Picture) -> T + Sync,
    ) -> anyhow::Result<Vec<T>> {
        let bar = printer.progress(what, self.samples.len());
        let done: Vec<anyhow::Result<T>> = (0..self.samples.len())
            .into_par_iter()
            .map(|index| {
                let picture = self.picture(index);
                bar.inc(1);
                picture.map(&work)
            })
            .collect();
        bar.finish_and_clear();
        let unreadable: Vec<String> =
            done.iter().filter_map(|it| it.as_ref().err().map(explained)).collect();
        refuse_unless_skipped(&unreadable, self.samples.len(), skip, printer)?;
        let mut is_readable = done.iter().map(Result::is_ok);
        self.samples.retain(|_| is_readable.next().unwrap_or(false));
        Ok(done.into_iter().flatten().collect())
    }
}

/// Fails with the first of the unreadable pictures, or warns of them if they are to be skipped.
fn refuse_unless_skipped(
    unreadable: &[String],
    n_all: usize,
    skip: bool,
    printer: &Printer,
) -> anyhow::Result<()> {
    if unreadable.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{} of {n_all} pictures cannot be read:{}",
        unreadable.len(),
        first_named(unreadable, MAX_NAMED)
    );
    if !skip {
        bail!("{message}\nhint: --skip-unreadable goes on with the others");
    }
    printer.warning(message);
    Ok(())
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
