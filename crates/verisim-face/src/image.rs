//! Picture files to pixels and back; the one file that names the decoder.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::error::{ImageError, LimitErrorKind};
use image::{
    DynamicImage, ExtendedColorType, GenericImageView, ImageDecoder, ImageEncoder, ImageReader,
    Limits, Rgba,
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
}

impl Default for DecodeLimits {
    /// 40 megapixels and 20 MiB: any camera's picture, no bomb.
    fn default() -> Self {
        Self { max_pixels: 40_000_000, max_bytes: 20 << 20 }
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
/// The format is told by the first bytes, not by a name. EXIF orientation is honored; gray is widened;
/// 16 bits are narrowed to 8; transparent pixels are laid over white; of an animation the first frame
/// is taken. The size is checked before memory is allocated for pixels.
///
/// # Errors
///
/// Fails if the bytes are no picture, if they are damaged, or if the picture exceeds the limits.
pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Picture, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    if bytes.len() > limits.max_bytes {
        return Err(DecodeError::TooManyBytes { found: bytes.len(), max: limits.max_bytes });
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
    if width == 0 || height == 0 {
        let reason = format!("it is {width} x {height} pixels");
        return Err(DecodeError::Damaged { format: name, reason });
    }
    let orientation = decoder.orientation().map_err(damaged)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    image.apply_orientation(orientation);
    Ok(to_picture(&image))
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
        other => other.to_string(),
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
mod tests {
    use image::{GrayImage, ImageBuffer, ImageFormat, LumaA, RgbImage};

    use super::*;

    fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn gradient() -> RgbImage {
        RgbImage::from_fn(7, 5, |x, y| image::Rgb([30 * x as u8, 50 * y as u8, 200]))
    }

    fn decoded(bytes: &[u8]) -> Result<Picture, DecodeError> {
        decode(bytes, &DecodeLimits::default())
    }

    #[test]
    fn every_lossless_format_gives_the_same_pixels() {
        let image = DynamicImage::ImageRgb8(gradient());
        for format in [
            ImageFormat::Png,
            ImageFormat::Bmp,
            ImageFormat::Tiff,
            ImageFormat::Pnm,
            ImageFormat::WebP,
        ] {
            let picture = decoded(&encoded(&image, format)).unwrap();
            assert_eq!((picture.width(), picture.height()), (7, 5), "{format:?}");
            assert_eq!(picture.as_rgb(), gradient().as_raw().as_slice(), "{format:?}");
        }
    }

    #[test]
    fn gray_is_widened_and_sixteen_bits_are_narrowed() {
        let gray = GrayImage::from_fn(4, 3, |x, _| image::Luma([x as u8 * 60]));
        let picture = decoded(&encoded(&gray.clone().into(), ImageFormat::Png)).unwrap();
        assert_eq!(picture.pixel(2, 1), [120; 3]);
        let deep = ImageBuffer::from_fn(4, 3, |x, _| image::Luma([x as u16 * 60 * 257]));
        let deep = DynamicImage::ImageLuma16(deep);
        let deep = decoded(&encoded(&deep, ImageFormat::Png)).unwrap();
        assert_eq!(deep.as_rgb(), picture.as_rgb());
    }

    #[test]
    fn transparent_pixels_are_laid_over_white() {
        let image = ImageBuffer::from_fn(3, 1, |x, _| LumaA([0u8, [0, 127, 255][x as usize]]));
        let picture =
            decoded(&encoded(&DynamicImage::ImageLumaA8(image), ImageFormat::Png)).unwrap();
        assert_eq!(picture.as_rgb(), [255, 255, 255, 128, 128, 128, 0, 0, 0]);
    }

    #[test]
    fn a_jpeg_survives_within_its_loss() {
        let flat = Picture::new(16, 16, [90, 120, 200].repeat(256));
        let picture = decoded(&encode_jpeg(&flat, 95).unwrap()).unwrap();
        let worst = picture.as_rgb().iter().zip(flat.as_rgb()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst <= Some(4), "{worst:?}");
    }

    #[test]
    fn orientation_is_honored() {
        // The picture is stored lying on its side: EXIF orientation 6 turns it upright.
        let stored = encoded(&DynamicImage::ImageRgb8(gradient()), ImageFormat::Jpeg);
        let exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let length = (exif.len() as u16 + 2).to_be_bytes();
        let segment = [&[0xFF, 0xE1], length.as_slice(), exif].concat();
        let turned = [&stored[..2], &segment, &stored[2..]].concat();
        let picture = decoded(&turned).unwrap();
        assert_eq!((picture.width(), picture.height()), (5, 7));
        let upright = decoded(&stored).unwrap();
        assert_eq!(picture.pixel(4, 0), upright.pixel(0, 0));
    }

    #[test]
    fn what_is_no_picture_is_refused_by_name() {
        assert_eq!(decoded(b""), Err(DecodeError::Empty));
        assert_eq!(decoded(b"Dear Sir or Madam"), Err(DecodeError::UnknownFormat));
        let whole = encoded(&DynamicImage::ImageRgb8(gradient()), ImageFormat::Png);
        let found = decoded(&whole[..whole.len() / 2]).unwrap_err();
        assert!(
            matches!(&found, DecodeError::Damaged { format, .. } if format == "PNG"),
            "{found}"
        );
    }

    #[test]
    fn a_bomb_is_refused_before_it_unfolds() {
        // A PNG header that promises 60,000 x 60,000 pixels, and nothing behind it.
        let mut header = encoded(&DynamicImage::ImageRgb8(gradient()), ImageFormat::Png);
        header[16..20].copy_from_slice(&60_000u32.to_be_bytes());
        header[20..24].copy_from_slice(&60_000u32.to_be_bytes());
        let crc = crc32(&header[12..29]).to_be_bytes();
        header[29..33].copy_from_slice(&crc);
        let expected =
            DecodeError::TooManyPixels { width: 60_000, height: 60_000, max: 40_000_000 };
        assert_eq!(decoded(&header), Err(expected));
        let small = DecodeLimits { max_bytes: 10, ..DecodeLimits::default() };
        let found = decode(&header, &small).unwrap_err();
        assert_eq!(found, DecodeError::TooManyBytes { found: header.len(), max: 10 });
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 }
            })
        })
    }
}
