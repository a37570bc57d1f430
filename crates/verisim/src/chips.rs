//! Chips of a set to train on: in memory if they fit, else decoded whenever they are asked for.

use std::sync::Arc;

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use verisim_face::Picture;
use verisim_face::chip::{Channels, fit, to_channels};
use verisim_learn::backbone::InputSize;
use verisim_learn::data::{ChipSource, MemoryChips, UnreadableChip};
use verisim_learn::train::InputConfig;

use crate::dataset::FaceSet;
use crate::digest::hex;
use crate::output::{Printer, explained};

/// Pixels that are kept in memory at most, in bytes: 57,000 chips of 112 x 112.
const MAX_IN_MEMORY: usize = 2 << 30;
/// Picture files that are read at once for the digest.
const FILES_AT_ONCE: usize = 1024;

/// Chips of all pictures of a set.
///
/// Fails on pictures that cannot be read, unless they are to be skipped; then they are named and counted.
/// Of a set that does not fit into memory, pictures are only looked at beforehand if they are to be
/// skipped; otherwise the first that cannot be read ends the training.
pub(crate) fn chips(
    mut set: FaceSet,
    input: InputConfig,
    skip_unreadable: bool,
    printer: &Printer,
) -> anyhow::Result<Arc<dyn ChipSource>> {
    set.check_listing(skip_unreadable, printer)?;
    if set.samples.len().saturating_mul(input.size().len()) > MAX_IN_MEMORY {
        if skip_unreadable {
            set.each("checking", true, printer, drop)?;
        }
        return Ok(Arc::new(ArchiveChips::new(set, input)));
    }
    let pixels = set.each("reading", skip_unreadable, printer, |it| to_pixels(&it, input))?;
    let mut chips = MemoryChips::new(input.size(), set.names);
    for (pixels, sample) in pixels.iter().zip(&set.samples) {
        chips.push(sample.label, pixels);
    }
    Ok(Arc::new(chips))
}

/// A picture cropped and shrunk to what training takes.
fn to_pixels(picture: &Picture, input: InputConfig) -> Vec<u8> {
    let channels = if input.channels == 1 { Channels::Gray } else { Channels::Rgb };
    to_channels(&fit(picture, input.crop, input.width, input.height), channels)
}

/// Chips that are decoded when they are asked for; memory holds their places alone.
#[derive(Debug)]
pub(crate) struct ArchiveChips {
    set: FaceSet,
    input: InputConfig,
    labels: Vec<u64>,
}

impl ArchiveChips {
    pub(crate) fn new(set: FaceSet, input: InputConfig) -> Self {
        let labels = set.labels();
        Self { set, input, labels }
    }

    fn unreadable(&self, index: usize, error: &anyhow::Error) -> UnreadableChip {
        let identity = self.set.names[self.labels[index] as usize].clone();
        UnreadableChip { index, identity, reason: explained(error) }
    }
}

impl ChipSource for ArchiveChips {
    fn size(&self) -> InputSize {
        self.input.size()
    }

    fn identities(&self) -> &[String] {
        &self.set.names
    }

    fn labels(&self) -> &[u64] {
        &self.labels
    }

    fn read(&self, index: usize, pixels: &mut [u8]) -> Result<(), UnreadableChip> {
        let picture = self.set.picture(index).map_err(|error| self.unreadable(index, &error))?;
        pixels.copy_from_slice(&to_pixels(&picture, self.input));
        Ok(())
    }

    /// Of the picture files instead of their pixels, which would all have to be decoded.
    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let indices: Vec<usize> = (0..self.labels.len()).collect();
        for indices in indices.chunks(FILES_AT_ONCE) {
            // A file that cannot be read has no bytes; training will say so.
            let files: Vec<_> = indices
                .par_iter()
                .map(|&it| Sha256::digest(self.set.bytes(it).unwrap_or_default()))
                .collect();
            for (&index, file) in indices.iter().zip(files) {
                hash.update(self.set.names[self.labels[index] as usize].as_bytes());
                hash.update([0]);
                hash.update(file);
            }
        }
        hex(&hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    use verisim_face::archive::Paths;
    use verisim_face::folder::IdentityFolder;
    use verisim_face::image::encode_png;

    use super::*;

    const INPUT: InputConfig =
        InputConfig { width: 3, height: 2, channels: 3, crop: Some([0.25, 0.5, 0.75, 0.5]) };

    /// Ten pictures of five identities, the last of which is cut off if asked for.
    fn set(folder: &std::path::Path, is_damaged: bool) -> FaceSet {
        let mut identities = Vec::new();
        for label in 0..5u8 {
            let pictures: Vec<_> =
                (0..2u8).map(|it| folder.join(format!("{label}-{it}.png"))).collect();
            for (number, path) in (0..).zip(&pictures) {
                let pixels = (0..48).map(|it| it ^ ((label * 2 + number) * 20)).collect();
                let mut bytes = encode_png(&Picture::new(4, 4, pixels)).unwrap();
                if is_damaged && (label, number) == (4, 1) {
                    bytes.truncate(40);
                }
                std::fs::write(path, bytes).unwrap();
            }
            identities.push(IdentityFolder { name: label.to_string(), pictures });
        }
        FaceSet::new(Arc::new(Paths::new(identities)))
    }

    #[test]
    fn chips_on_demand_are_those_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let set = set(folder.path(), false);
        let memory = chips(set.clone(), INPUT, false, &Printer::new(true)).unwrap();
        let archive = ArchiveChips::new(set, INPUT);
        assert_eq!(
            (archive.labels(), archive.identities()),
            (memory.labels(), memory.identities())
        );
        let (mut expected, mut found) = (vec![0; INPUT.size().len()], vec![0; INPUT.size().len()]);
        for index in (0..10).rev() {
            memory.read(index, &mut expected).unwrap();
            archive.read(index, &mut found).unwrap();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_digest_follows_every_byte() {
        let folder = tempfile::tempdir().unwrap();
        let archive = ArchiveChips::new(set(folder.path(), false), INPUT);
        let before = archive.digest();
        assert_eq!(archive.digest(), before);
        let path = folder.path().join("4-1.png");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[30] ^= 1;
        std::fs::write(path, bytes).unwrap();
        assert_ne!(archive.digest(), before);
    }

    #[test]
    fn an_unreadable_picture_is_named_and_skipped_only_if_asked() {
        let folder = tempfile::tempdir().unwrap();
        let set = set(folder.path(), true);
        let refused = chips(set.clone(), INPUT, false, &Printer::new(true));
        let message = refused.err().unwrap().to_string();
        assert!(message.starts_with("1 of 10 pictures cannot be read:"), "{message}");
        assert!(message.contains("4-1.png") && message.contains("--skip-unreadable"), "{message}");
        let kept = chips(set.clone(), INPUT, true, &Printer::new(true)).unwrap();
        assert_eq!(kept.labels(), [0, 0, 1, 1, 2, 2, 3, 3, 4]);
        let error = ArchiveChips::new(set, INPUT).read(9, &mut [0; 18]).unwrap_err();
        assert_eq!((error.index, error.identity.as_str()), (9, "4"));
        assert!(error.reason.contains("4-1.png"), "{}", error.reason);
    }
}
