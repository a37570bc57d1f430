//! Small pictures of enrolled faces, for people to look at; kept only where they are asked for.

use anyhow::Context;
use verisim_face::chip::resize;
use verisim_face::image::encode_jpeg;
use verisim_face::pipeline::{Pipeline, chip_of};
use verisim_face::{FoundFace, Picture};
use verisim_gallery::{MAX_THUMBNAIL_BYTES, Thumbnail};

/// Longest side, in pixels: that of most chips.
const MAX_SIDE: usize = 112;
/// Good enough to tell a face by.
const QUALITY: u8 = 80;

/// The aligned face of a photograph, or the whole of a chip, as a small JPEG.
pub(super) fn thumbnail(
    pipeline: &Pipeline,
    picture: &Picture,
    face: Option<&FoundFace>,
) -> anyhow::Result<Thumbnail> {
    let chip = match face {
        Some(face) => chip_of(picture, face, &pipeline.template())?,
        None => picture.clone(),
    };
    let longest = chip.width().max(chip.height());
    let scaled = |side: usize| (side * MAX_SIDE / longest.max(1)).max(1);
    let small = if longest > MAX_SIDE {
        resize(&chip, scaled(chip.width()), scaled(chip.height()))
    } else {
        chip
    };
    let jpeg = encode_jpeg(&small, QUALITY).context("cannot encode a thumbnail")?;
    anyhow::ensure!(jpeg.len() <= MAX_THUMBNAIL_BYTES, "a thumbnail has {} bytes", jpeg.len());
    Ok(Thumbnail(jpeg))
}
