//! Every kind of picture file, seen with its right colors and the right way up.

use image::{GrayImage, ImageBuffer, ImageFormat, LumaA, RgbImage};
use serde::Deserialize;

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
    for format in
        [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::Pnm, ImageFormat::WebP]
    {
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
    let picture = decoded(&encoded(&DynamicImage::ImageLumaA8(image), ImageFormat::Png)).unwrap();
    assert_eq!(picture.as_rgb(), [255, 255, 255, 128, 128, 128, 0, 0, 0]);
}

#[test]
fn a_jpeg_survives_within_its_loss() {
    let flat = Picture::new(16, 16, [90, 120, 200].repeat(256));
    let picture = decoded(&encode_jpeg(&flat, 95).unwrap()).unwrap();
    let worst = picture.as_rgb().iter().zip(flat.as_rgb()).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(worst <= Some(4), "{worst:?}");
}

/// Written by `reference/pictures.py` with Pillow.
#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    width: usize,
    height: usize,
    /// By how much a value may be off.
    off: u8,
    /// The file, as hexadecimal digits.
    bytes: String,
    /// The colors that it shows.
    seen: String,
}

fn golden() -> Vec<Case> {
    let golden: Golden =
        serde_json::from_str(include_str!("../../testdata/pictures.json")).unwrap();
    golden.cases
}

fn of_digits(text: &str) -> Vec<u8> {
    let byte = |index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap();
    (0..text.len() / 2).map(byte).collect()
}

fn worst(found: &Picture, expected: &[u8]) -> u8 {
    assert_eq!(found.as_rgb().len(), expected.len());
    let off = found.as_rgb().iter().zip(expected).map(|(a, b)| a.abs_diff(*b));
    off.max().unwrap()
}

#[test]
fn files_of_other_programs_show_their_colors() {
    let cases = golden();
    assert_eq!(cases.len(), 22);
    for case in cases {
        let picture = decoded(&of_digits(&case.bytes)).unwrap();
        assert_eq!((picture.width(), picture.height()), (case.width, case.height), "{}", case.name);
        let off = worst(&picture, &of_digits(&case.seen));
        assert!(off <= case.off, "{} is off by {off}", case.name);
    }
}

/// The same file with another orientation in its EXIF data or its own tag.
fn with_orientation(mut bytes: Vec<u8>, orientation: u8) -> Vec<u8> {
    let tags: [&[u8]; 2] = [b"\x01\x12\0\x03\0\0\0\x01\0", b"\x12\x01\x03\0\x01\0\0\0"];
    let place = tags.iter().find_map(|tag| {
        let start = bytes.windows(tag.len()).position(|window| window == *tag)?;
        Some(start + tag.len())
    });
    bytes[place.unwrap()] = orientation;
    // A PNG has a checksum after each of its parts.
    if let Some(start) = bytes.windows(4).position(|window| window == b"eXIf") {
        let length = u32::from_be_bytes(bytes[start - 4..start].try_into().unwrap()) as usize;
        let end = start + 4 + length;
        let crc = crc32(&bytes[start..end]).to_be_bytes();
        bytes[end..end + 4].copy_from_slice(&crc);
    }
    bytes
}

#[test]
fn all_eight_orientations_are_honored_in_every_format_that_has_them() {
    let mut n_formats = 0;
    for case in golden().into_iter().filter(|case| case.name.starts_with("turned")) {
        n_formats += 1;
        let (bytes, seen) = (of_digits(&case.bytes), of_digits(&case.seen));
        let stored = Picture::new(case.width, case.height, seen);
        let (right, bottom) = (case.width - 1, case.height - 1);
        for orientation in 1..=8 {
            // EXIF 2.3, table 6: which stored row and column lie at the top and on the left.
            let source = |x: usize, y: usize| match orientation {
                1 => (x, y),
                2 => (right - x, y),
                3 => (right - x, bottom - y),
                4 => (x, bottom - y),
                5 => (y, x),
                6 => (y, bottom - x),
                7 => (right - y, bottom - x),
                _ => (right - y, x),
            };
            let lies = orientation >= 5;
            let (width, height) =
                if lies { (case.height, case.width) } else { (case.width, case.height) };
            let found = decoded(&with_orientation(bytes.clone(), orientation)).unwrap();
            assert_eq!((found.width(), found.height()), (width, height), "{}", case.name);
            let upright: Vec<u8> = (0..height)
                .flat_map(|y| (0..width).map(move |x| (x, y)))
                .flat_map(|(x, y)| {
                    let (x, y) = source(x, y);
                    stored.pixel(x, y)
                })
                .collect();
            let off = worst(&found, &upright);
            assert!(off <= case.off, "{} {orientation} is off by {off}", case.name);
        }
        // What is no orientation is none.
        for nonsense in [0, 9, 255] {
            let found = decoded(&with_orientation(bytes.clone(), nonsense)).unwrap();
            assert!(worst(&found, stored.as_rgb()) <= case.off, "{} {nonsense}", case.name);
        }
    }
    assert_eq!(n_formats, 4, "JPEG, PNG, WebP and TIFF");
}

#[test]
fn pictures_of_phones_that_are_not_decoded_say_what_to_do() {
    let files: [(&[u8], &str); 6] = [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x1Cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
        (b"\0\0\0\x18ftypavif", "AVIF"),
        (b"\xFF\x0A\xFA\x1F", "JPEG XL"),
        (b"\0\0\0\x0CjP  \r\n\x87\n", "JPEG 2000"),
    ];
    for (bytes, format) in files {
        let error = decoded(bytes).unwrap_err();
        assert_eq!(error, DecodeError::NotDecoded { format });
        assert!(error.to_string().contains("convert it to JPEG or PNG"), "{error}");
    }
    // A film, and what is cut off before it says what it is.
    for other in [&b"\0\0\0\x18ftypisom\0\0\0\0isommp41"[..], b"\0\0\0\x18ftyp", b"\0\0\0\x18"] {
        assert_eq!(decoded(other), Err(DecodeError::UnknownFormat));
    }
}

#[test]
fn every_cut_off_file_is_an_error_or_a_picture_and_no_panic() {
    for case in golden() {
        let bytes = of_digits(&case.bytes);
        for length in 0..bytes.len() {
            if let Ok(picture) = decoded(&bytes[..length]) {
                assert_eq!(picture.as_rgb().len(), 3 * picture.width() * picture.height());
            }
        }
    }
}

#[test]
fn what_is_wrong_with_a_file_is_said_in_one_line() {
    let mut n_refused = 0;
    for case in golden() {
        let bytes = of_digits(&case.bytes);
        for n in 1..bytes.len() {
            let Err(error) = decoded(&bytes[..n]) else { continue };
            assert!(!error.to_string().contains('\n'), "{} cut to {n}: {error:?}", case.name);
            n_refused += 1;
        }
    }
    assert!(n_refused > 1000, "{n_refused}");
}

#[test]
fn a_webp_file_is_not_believed_about_the_length_of_its_exif() {
    let case = golden().into_iter().find(|it| it.name == "turned WebP").unwrap();
    let mut bytes = with_orientation(of_digits(&case.bytes), 6);
    let upright = decoded(&bytes).unwrap();
    let place = bytes.windows(4).position(|it| it == b"EXIF").unwrap();
    bytes[place + 4..place + 8].copy_from_slice(&0x7FFF_FFFFu32.to_le_bytes());
    // Two gibibytes for its orientation are not taken, so that it stays as it is stored.
    let stored = decoded(&bytes).unwrap();
    assert_eq!((stored.width(), stored.height()), (upright.height(), upright.width()));
}

#[test]
fn limits_are_those_that_were_set() {
    let png = encoded(&DynamicImage::ImageRgb8(gradient()), ImageFormat::Png);
    let limits = DecodeLimits { max_pixels: 35, max_bytes: png.len(), max_side: 7 };
    assert!(decode(&png, &limits).is_ok());
    let refused = |limits: DecodeLimits| decode(&png, &limits).unwrap_err();
    assert_eq!(
        refused(DecodeLimits { max_pixels: 34, ..limits }),
        DecodeError::TooManyPixels { width: 7, height: 5, max: 34 }
    );
    assert_eq!(
        refused(DecodeLimits { max_side: 6, ..limits }),
        DecodeError::SideTooLong { width: 7, height: 5, max: 6 }
    );
    assert_eq!(
        refused(DecodeLimits { max_bytes: png.len() - 1, ..limits }),
        DecodeError::TooManyBytes { found: png.len(), max: png.len() - 1 }
    );
}

#[test]
fn what_is_no_picture_is_refused_by_name() {
    assert_eq!(decoded(b""), Err(DecodeError::Empty));
    assert_eq!(decoded(b"Dear Sir or Madam"), Err(DecodeError::UnknownFormat));
    let whole = encoded(&DynamicImage::ImageRgb8(gradient()), ImageFormat::Png);
    let found = decoded(&whole[..whole.len() / 2]).unwrap_err();
    assert!(matches!(&found, DecodeError::Damaged { format, .. } if format == "PNG"), "{found}");
}

#[test]
fn a_bomb_is_refused_before_it_unfolds() {
    // A PNG header that promises 60,000 x 60,000 pixels, and nothing behind it.
    let mut header = encoded(&DynamicImage::ImageRgb8(gradient()), ImageFormat::Png);
    header[16..20].copy_from_slice(&60_000u32.to_be_bytes());
    header[20..24].copy_from_slice(&60_000u32.to_be_bytes());
    let crc = crc32(&header[12..29]).to_be_bytes();
    header[29..33].copy_from_slice(&crc);
    let expected = DecodeError::TooManyPixels { width: 60_000, height: 60_000, max: 40_000_000 };
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
