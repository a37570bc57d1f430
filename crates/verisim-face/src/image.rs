//! Picture files to pixels and back; the one file that names the decoder.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::error::{ImageError, LimitErrorKind};
use image::metadata::Orientation;
use image::{
    DynamicImage, ExtendedColorType, GenericImageView, ImageDecoder, ImageEncoder, ImageFormat,
    ImageReader, Limits, Rgba,
};

use crate::Picture;

/// File name endings of the formats that are decoded.
pub const EXTENSIONS: [&str; 12] =
    ["bmp", "gif", "jpeg", "jpg", "pbm", "pgm", "png", "pnm", "ppm", "tif", "tiff", "webp"];

/// What a picture may cost before it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Largest number of pixels.
    pub max_pixels: u64,
    /// Largest size of the file in bytes.
    pub max_bytes: usize,
    /// Longest side in pixels.
    pub max_side: u32,
}

impl Default for DecodeLimits {
    /// 40 megapixels, 20 MiB and sides of 32,768 pixels: any camera's picture and panorama, no bomb.
    fn default() -> Self {
        Self { max_pixels: 40_000_000, max_bytes: 20 << 20, max_side: 1 << 15 }
    }
}

/// Why bytes are no picture that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There are no bytes.
    #[error("the file is empty")]
    Empty,
    /// The file is too large.
    #[error("the file has {found} bytes, but at most {max} are read")]
    TooManyBytes {
        /// Size of the file.
        found: usize,
        /// Limit.
        max: usize,
    },
    /// The picture is too large.
    #[error("the picture is {width} x {height} pixels, but at most {max} pixels are decoded")]
    TooManyPixels {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Limit.
        max: u64,
    },
    /// One side of the picture is too long.
    #[error("the picture is {width} x {height} pixels, but sides of at most {max} are decoded")]
    SideTooLong {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Limit.
        max: u32,
    },
    /// The file is of a format that is known, but not decoded here.
    #[error(
        "the file is {format}, which is not decoded here: convert it to JPEG or PNG (for instance with \
         `magick`), or let the camera save JPEG"
    )]
    NotDecoded {
        /// Name of the format.
        format: &'static str,
    },
    /// The bytes begin like no known format.
    #[error("the file is no picture of a known format (JPEG, PNG, WebP, GIF, BMP, TIFF, PNM)")]
    UnknownFormat,
    /// The bytes end early or contradict themselves.
    #[error("the {format} file is damaged or cut off: {reason}")]
    Damaged {
        /// Name of the format.
        format: String,
        /// What the decoder said.
        reason: String,
    },
}

/// Decodes a picture file into RGB.
///
/// The format is told by the first bytes, not by a name. The orientation that EXIF or TIFF give is honored;
/// gray and palettes are widened; 16 bits are narrowed to 8; transparent pixels are laid over white; of an
/// animation the first frame is taken. CMYK and YCCK are read as Adobe writes them into JPEG, the opposite of
/// ink, as browsers do; color profiles are not applied. The size is checked before memory is allocated for
/// pixels.
///
/// # Errors
///
/// Fails if the bytes are no picture, if they are damaged, if they are of a format that is not decoded (HEIC,
/// AVIF, JPEG XL, JPEG 2000), or if the picture exceeds the limits.
pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Picture, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    if bytes.len() > limits.max_bytes {
        return Err(DecodeError::TooManyBytes { found: bytes.len(), max: limits.max_bytes });
    }
    if let Some(format) = known_but_not_decoded(bytes) {
        return Err(DecodeError::NotDecoded { format });
    }
    let reader = ImageReader::new(Cursor::new(bytes));
    let mut reader = reader.with_guessed_format().map_err(|_| DecodeError::UnknownFormat)?;
    let format = reader.format().ok_or(DecodeError::UnknownFormat)?;
    let name = format!("{format:?}").to_uppercase();
    let damaged = |error: ImageError| damaged(&name, &error);
    let mut memory = Limits::default();
    // Eight bytes a pixel cover 16-bit RGBA; the decoder's own buffers come on top.
    memory.max_alloc = Some(limits.max_pixels.saturating_mul(8).saturating_add(64 << 20));
    reader.limits(memory);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > limits.max_pixels {
        return Err(DecodeError::TooManyPixels { width, height, max: limits.max_pixels });
    }
    if width.max(height) > limits.max_side {
        return Err(DecodeError::SideTooLong { width, height, max: limits.max_side });
    }
    if width == 0 || height == 0 {
        let reason = format!("it is {width} x {height} pixels");
        return Err(DecodeError::Damaged { format: name, reason });
    }
    let orientation = match format {
        ImageFormat::WebP => webp_orientation(bytes),
        _ => decoder.orientation().map_err(damaged)?,
    };
    let mut image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    image.apply_orientation(orientation);
    Ok(to_picture(&image))
}

/// The orientation that the EXIF chunk of a WebP file gives, if there is one that lies in the file.
///
/// The decoder would take memory for all that the chunk says it has, up to 4 GiB in a file of a hundred bytes.
fn webp_orientation(bytes: &[u8]) -> Orientation {
    // RIFF: a head of 12 bytes, then chunks of a name, a length and as many bytes, padded to an even number.
    let mut rest = bytes.get(12..).unwrap_or_default();
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let [name @ .., a, b, c, d] = *head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let Some(content) = after.get(..length) else { break };
        if name == *b"EXIF" {
            return Orientation::from_exif_chunk(content).unwrap_or(Orientation::NoTransforms);
        }
        rest = after.get(length.next_multiple_of(2)..).unwrap_or_default();
    }
    Orientation::NoTransforms
}

/// The name of a format that people send, and whose decoder would be a large library in another language.
fn known_but_not_decoded(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\xFF\x0A") || bytes.starts_with(b"\0\0\0\x0CJXL ") {
        return Some("JPEG XL");
    }
    if bytes.starts_with(b"\0\0\0\x0CjP  ") || bytes.starts_with(b"\xFF\x4F\xFF\x51") {
        return Some("JPEG 2000");
    }
    // ISO/IEC 14496-12: a box of type `ftyp` that names a brand, then a version and compatible brands.
    let length = u32::from_be_bytes(*bytes.first_chunk()?) as usize;
    let brands = bytes.get(8..length.min(bytes.len())).filter(|_| &bytes[4..8] == b"ftyp")?;
    let is_one_of = |names: &[&[u8; 4]]| {
        let mut brands = brands.as_chunks::<4>().0.iter();
        brands.any(|brand| names.contains(&brand))
    };
    if is_one_of(&[b"avif", b"avis"]) {
        return Some("AVIF");
    }
    let heic = [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"];
    is_one_of(&heic).then_some("HEIC")
}

/// Encodes a picture as PNG, without loss.
///
/// # Errors
///
/// Fails if the encoder refuses the picture, which it does for none that fits into memory.
pub fn encode_png(picture: &Picture) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::new();
    write(PngEncoder::new(&mut bytes), picture)?;
    Ok(bytes)
}

/// Encodes a picture as JPEG of a quality from 1 to 100.
///
/// # Errors
///
/// Fails if the picture is larger than the format allows.
pub fn encode_jpeg(picture: &Picture, quality: u8) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::new();
    write(JpegEncoder::new_with_quality(&mut bytes, quality), picture)?;
    Ok(bytes)
}

/// A picture that a format cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot encode a picture of {width} x {height} pixels: {reason}")]
pub struct EncodeError {
    width: usize,
    height: usize,
    reason: String,
}

fn write(encoder: impl ImageEncoder, picture: &Picture) -> Result<(), EncodeError> {
    let (width, height) = (picture.width(), picture.height());
    encoder
        .write_image(picture.as_rgb(), width as u32, height as u32, ExtendedColorType::Rgb8)
        .map_err(|error| EncodeError { width, height, reason: error.to_string() })
}

fn damaged(format: &str, error: &ImageError) -> DecodeError {
    let reason = match error {
        ImageError::Limits(limits)
            if matches!(limits.kind(), LimitErrorKind::InsufficientMemory) =>
        {
            "it asks for more memory than a picture of this size needs".to_owned()
        }
        // Some decoders write several lines.
        other => other.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
    };
    DecodeError::Damaged { format: format.to_owned(), reason }
}

fn to_picture(image: &DynamicImage) -> Picture {
    let (width, height) = image.dimensions();
    let pixels = if image.color().has_alpha() {
        image.to_rgba8().pixels().flat_map(|pixel| over_white(*pixel)).collect()
    } else {
        image.to_rgb8().into_raw()
    };
    Picture::new(width as usize, height as usize, pixels)
}

fn over_white(Rgba([red, green, blue, alpha]): Rgba<u8>) -> [u8; 3] {
    let alpha = u32::from(alpha);
    [red, green, blue].map(|value| {
        let blended = u32::from(value) * alpha + 255 * (255 - alpha);
        ((blended + 127) / 255) as u8
    })
}

#[cfg(test)]
mod tests;
