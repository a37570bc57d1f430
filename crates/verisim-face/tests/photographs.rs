//! Faces on whole photographs of people, where the data beside the project are there.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that fails, and a test that is skipped, must be seen"
)]

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use verisim_face::chip::resize;
use verisim_face::detect::{Detector, OnnxDetector, Search};
use verisim_face::image::{DecodeLimits, decode, encode_jpeg};
use verisim_face::{Area, Picture};

/// A photograph, and the tips of all noses on it.
#[derive(Deserialize)]
struct Annotated {
    file: String,
    noses: Vec<[f32; 2]>,
}

/// The detector and the folder of photographs, if they are there; says so if they are not.
fn shared() -> Option<(OnnxDetector, PathBuf)> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let root = std::env::var_os("VERISIM_SHARED").map_or(beside, PathBuf::from);
    let (model, photos) = (root.join("models/yunet_n_dynamic.onnx"), root.join("data/photos"));
    if !model.exists() || !photos.exists() {
        eprintln!("skipped: {} or {} is not there", model.display(), photos.display());
        return None;
    }
    Some((OnnxDetector::load(&model, None).unwrap(), photos))
}

fn read(path: &Path) -> Picture {
    decode(&fs::read(path).unwrap(), &DecodeLimits::default()).unwrap()
}

fn areas(detector: &OnnxDetector, photograph: &Picture) -> Vec<Area> {
    detector.detect(photograph).unwrap().iter().map(|face| face.area).collect()
}

fn holds(area: &Area, x: f32, y: f32) -> bool {
    (area.x..area.x + area.width).contains(&x) && (area.y..area.y + area.height).contains(&y)
}

/// A part of a picture.
fn part(picture: &Picture, [x, y, width, height]: [usize; 4]) -> Picture {
    let rows = y..y + height;
    let pixels = rows.flat_map(|row| (x..x + width).flat_map(move |it| picture.pixel(it, row)));
    Picture::new(width, height, pixels.collect())
}

/// A gray photograph with a picture in it.
fn pasted(picture: &Picture, width: usize, height: usize, [x, y]: [usize; 2]) -> Picture {
    let mut pixels = vec![128; 3 * width * height];
    for row in 0..picture.height() {
        let source = &picture.as_rgb()[3 * row * picture.width()..][..3 * picture.width()];
        pixels[3 * ((y + row) * width + x)..][..source.len()].copy_from_slice(source);
    }
    Picture::new(width, height, pixels)
}

#[test]
fn every_annotated_nose_is_in_a_face_and_nothing_is_found_where_nobody_is() {
    let Some((detector, photos)) = shared() else { return };
    let annotations = fs::read_to_string(photos.join("annotations.json")).unwrap();
    let annotations: Vec<Annotated> = serde_json::from_str(&annotations).unwrap();
    let once = |side| shared().unwrap().0.with_search(Search::OnePass(side));
    for detector in [detector, once(320), once(640)] {
        let (mut n_noses, mut n_faces) = (0, 0);
        for Annotated { file, noses } in &annotations {
            let photograph = read(&photos.join(file));
            let found = areas(&detector, &photograph);
            for [x, y] in noses {
                assert!(found.iter().any(|area| holds(area, *x, *y)), "{file}: {x}, {y}");
            }
            n_noses += noses.len();
            n_faces += found.len();
            assert!(file != "017_0.jpg" || found.is_empty(), "{file}: {found:?}");
        }
        assert_eq!(n_noses, 46);
        eprintln!("{n_faces} faces, {n_noses} of them annotated");
    }
}

#[test]
fn landmarks_lie_in_the_order_that_they_say() {
    let Some((detector, photos)) = shared() else { return };
    for file in ["006_A.jpg", "007_B.jpg", "010_2.jpg"] {
        for face in detector.detect(&read(&photos.join(file))).unwrap() {
            let [left_eye, right_eye, nose, left_mouth, right_mouth] =
                face.landmarks.unwrap().points;
            assert!(left_eye.x < right_eye.x && left_mouth.x < right_mouth.x, "{file}");
            assert!(left_eye.y < nose.y && nose.y < right_mouth.y, "{file}");
        }
    }
}

/// A JPEG file with a tag that says how it is to be turned.
fn with_orientation(picture: &Picture, orientation: u8) -> Vec<u8> {
    let jpeg = encode_jpeg(picture, 95).unwrap();
    let mut tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    tiff.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    let body = [b"Exif\0\0".as_slice(), &tiff].concat();
    let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, &body, &jpeg[2..]].concat()
}

/// The picture with each pixel taken from where `from` says; sides may be exchanged.
fn moved(
    picture: &Picture,
    [width, height]: [usize; 2],
    from: impl Fn(usize, usize) -> [usize; 2],
) -> Picture {
    let rows = (0..height).flat_map(|y| (0..width).map(move |x| [x, y]));
    let pixels = rows.flat_map(|[x, y]| {
        let [x, y] = from(x, y);
        picture.pixel(x, y)
    });
    Picture::new(width, height, pixels.collect())
}

/// The kinds of docs/detection.md on which nothing is missed; what is missed on others stands there.
#[test]
fn faces_are_found_on_photographs_that_are_mirrored_or_turned_by_exif() {
    let Some((detector, photos)) = shared() else { return };
    let annotations = fs::read_to_string(photos.join("annotations.json")).unwrap();
    let annotations: Vec<Annotated> = serde_json::from_str(&annotations).unwrap();
    let eight = annotations.iter().find(|it| it.noses.len() == 8).unwrap();
    let photograph = read(&photos.join(&eight.file));
    let (width, height) = (photograph.width(), photograph.height());
    let check = |picture: &Picture, place: &dyn Fn([f32; 2]) -> [f32; 2]| {
        let found = areas(&detector, picture);
        for nose in &eight.noses {
            let [x, y] = place(*nose);
            assert!(found.iter().any(|area| holds(area, x, y)), "{x}, {y}: {found:?}");
        }
    };
    let mirrored = moved(&photograph, [width, height], |x, y| [width - 1 - x, y]);
    check(&mirrored, &|[x, y]| [width as f32 - 1.0 - x, y]);
    // Stored turned to the left, with a tag that turns it back.
    let stored = moved(&photograph, [height, width], |x, y| [width - 1 - y, x]);
    let limits = DecodeLimits::default();
    let shown = decode(&with_orientation(&stored, 6), &limits).unwrap();
    assert_eq!((shown.width(), shown.height()), (width, height));
    check(&shown, &|nose| nose);
    // Without the tag the faces lie on their sides, and the test would see that.
    let lying = decode(&with_orientation(&stored, 1), &limits).unwrap();
    assert_eq!((lying.width(), lying.height()), (height, width));
}

#[test]
fn a_face_that_fills_the_photograph_is_found_once_and_so_is_one_of_20_pixels() {
    let Some((detector, photos)) = shared() else { return };
    let photograph = read(&photos.join("006_A.jpg"));
    let face = areas(&detector, &photograph)[0];
    let [x, y, width, height] = [face.x, face.y, face.width, face.height].map(|it| it as usize);
    let large = resize(&part(&photograph, [x, y, width, height]), 2400 * width / height, 2400);
    let found = areas(&detector, &large);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!((1900.0..2800.0).contains(&found[0].height), "{found:?}");

    let with_hair =
        part(&photograph, [x - width / 4, y - height / 4, width + width / 2, height + height / 2]);
    let small = resize(&with_hair, 30 * width / height, 30);
    let found = areas(&detector, &pasted(&small, 2500, 1500, [1010, 700]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!((15.0..26.0).contains(&found[0].height), "{found:?}");
    assert!(holds(&found[0], 1021.0, 715.0), "{found:?}");
}
