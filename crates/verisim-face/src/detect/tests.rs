//! The way from a photograph to its faces, with a network that finds white squares.

use proptest::prelude::*;

use super::*;
use crate::chip::Channels;
use crate::onnx::Output;
use crate::{Area, Picture};

/// Finds one white rectangle in its input, as SCRFD would with one anchor a cell, if it is neither too small nor
/// too large.
struct WhiteSquares;

impl Network for WhiteSquares {
    fn metadata(&self, _: &str) -> Option<String> {
        None
    }

    fn input_size(&self) -> [Option<usize>; 3] {
        [Some(1), None, None]
    }

    fn run(&self, _: &[f32], _: [usize; 3]) -> Result<Vec<f32>, RunError> {
        unreachable!("a detector has several outputs")
    }

    fn outputs(
        &self,
        image: &[f32],
        [_, height, width]: [usize; 3],
    ) -> Result<Vec<Output>, RunError> {
        let (columns, n_cells) = (width / 8, width / 8 * (height / 8));
        let mut scores = vec![0.0; n_cells];
        let mut boxes = vec![0.0; 4 * n_cells];
        let white = (0..height * width).filter(|it| image[*it] > 0.5);
        let (mut left, mut top, mut right, mut bottom) = (width, height, 0, 0);
        for index in white {
            let (x, y) = (index % width, index / width);
            (left, top) = (left.min(x), top.min(y));
            (right, bottom) = (right.max(x + 1), bottom.max(y + 1));
        }
        if right > left && (15..=540).contains(&(right - left).max(bottom - top)) {
            let cell = (top + bottom) / 16 * columns + (left + right) / 16;
            let (x, y) = (8 * (cell % columns), 8 * (cell / columns));
            scores[cell] = 0.9;
            let distance = |from: usize, to: usize| (to as f32 - from as f32) / 8.0;
            let found =
                [distance(left, x), distance(top, y), distance(x, right), distance(y, bottom)];
            boxes[4 * cell..][..4].copy_from_slice(&found);
        }
        let output = |width, values| Output { name: String::new(), width, values };
        Ok(vec![output(1, scores), output(4, boxes)])
    }
}

fn detector(size: InputSize) -> OnnxDetector {
    let input = DetectorInput {
        size,
        resize: Resize::Fit,
        padding: Padding::AllSides,
        padding_value: 0,
        channels: Channels::Gray,
        mean: vec![0.0],
        std: vec![255.0],
    };
    let card = DetectorCard {
        task: DetectorTask::Detection,
        name: "white squares".to_owned(),
        license: "none".to_owned(),
        sha256: None,
        source: None,
        decoder: DecoderKind::Scrfd,
        strides: Some(vec![8]),
        anchors: Some(1),
        min_sizes: None,
        score_threshold: 0.5,
        overlap_threshold: 0.3,
        face_sizes: [16.0, 512.0],
        input,
        figures: Vec::new(),
    };
    let card = DetectorCard::parse(&card.to_toml().unwrap()).unwrap();
    OnnxDetector::new(ModelDigest::new([7; 32]), card, Box::new(WhiteSquares))
}

/// A black photograph with white squares: left, top, side.
fn photograph(width: usize, height: usize, squares: &[[usize; 3]]) -> Picture {
    let mut pixels = vec![0; 3 * width * height];
    for [left, top, side] in squares {
        for y in *top..top + side {
            pixels[3 * (y * width + left)..][..3 * side].fill(255);
        }
    }
    Picture::new(width, height, pixels)
}

#[track_caller]
fn assert_found(detector: &OnnxDetector, width: usize, height: usize, square: [usize; 3]) {
    let faces = detector.detect(&photograph(width, height, &[square])).unwrap();
    let [x, y, side] = square.map(|it| it as f32);
    let area = Area { x, y, width: side, height: side };
    let found: Vec<f32> = faces.iter().map(|face| face.area.overlap(&area)).collect();
    assert_eq!(found.len(), 1, "{square:?} in {width} x {height}: {found:?}");
    assert!(found[0] > 0.75, "{square:?} in {width} x {height}: {found:?}");
}

#[test]
fn a_face_that_fills_a_large_photograph_is_found_and_so_is_a_small_one() {
    let open = detector(InputSize::MultipleOf(8));
    assert_found(&open, 2100, 2100, [0, 0, 2100]);
    assert_found(&open, 2100, 1500, [1000, 700, 20]);
    // On the cut between two tiles.
    assert_found(&open, 2100, 1500, [1014, 5, 20]);
    let fixed = detector(InputSize::Fixed([320, 240]));
    assert_found(&fixed, 1000, 1000, [0, 0, 1000]);
    assert_found(&fixed, 1000, 700, [300, 228, 20]);
}

#[test]
fn faces_smaller_than_asked_for_are_left_out() {
    let small = photograph(300, 300, &[[40, 40, 30]]);
    let open = || detector(InputSize::MultipleOf(8));
    assert_eq!(open().detect(&small).unwrap().len(), 1);
    let from = |size| open().with_search(Search::FacesFrom(size)).detect(&small).unwrap().len();
    assert_eq!((from(30.0), from(31.0)), (1, 0));
    let one_pass = |side| open().with_search(Search::OnePass(side)).detect(&small).unwrap().len();
    assert_eq!((one_pass(300), one_pass(100)), (1, 0));
    assert!(open().with_min_score(0.95).detect(&small).unwrap().is_empty());
}

#[test]
fn many_photographs_come_back_in_their_order() {
    let photographs: Vec<Picture> =
        (0..5).map(|it| photograph(200, 100, &[[20 * it, 10, 40]])).collect();
    let faces = detector(InputSize::MultipleOf(8)).detect_all(&photographs);
    let lefts: Vec<f32> = faces.into_iter().map(|it| it.unwrap()[0].area.x).collect();
    assert_eq!(lefts, [0.0, 20.0, 40.0, 60.0, 80.0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_face_of_any_size_is_found_once_wherever_it_lies(
        (width, height) in (16usize..1800, 16usize..1300),
        is_fixed in any::<bool>(),
        (size, x, y) in (0.0f64..=1.0, 0.0f64..=1.0, 0.0f64..=1.0),
    ) {
        let largest = width.min(height) as f64;
        let side = (18.0 * (largest / 18.0).max(1.0).powf(size)).min(largest);
        prop_assume!(side >= 18.0);
        let place = |share: f64, length: usize| (share * (length as f64 - side)) as usize;
        let square = [place(x, width), place(y, height), side as usize];
        let fixed = InputSize::Fixed([640, 480]);
        let size = if is_fixed { fixed } else { InputSize::MultipleOf(8) };
        assert_found(&detector(size), width, height, square);
    }
}
