//! What the tests of all decoders share, and all decoders beside the definitions of `reference/detectors.py`.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde::Deserialize;

use super::*;
use crate::Area;

/// An output of a network.
pub(super) fn output(name: &str, width: usize, values: &[f32]) -> Output {
    Output { name: name.to_owned(), width, values: values.to_vec() }
}

/// Whatever stands in outputs of the right or of a wrong length: an error, or faces that are whole.
pub(super) fn assert_never_panics(
    outputs: &[Output],
    decode: impl Fn(&[Output]) -> Result<Vec<FoundFace>, OutputError>,
) {
    let n: usize = outputs.iter().map(|output| output.values.len()).sum();
    let any = prop_oneof![3 => -3.0f32..3.0, 1 => any::<f32>()];
    let values = prop::collection::vec(any, n);
    let cut = prop::option::of((0..outputs.len(), 0usize..9));
    TestRunner::default()
        .run(&(values, cut), |(values, cut)| {
            let mut rest = values.as_slice();
            let mut made: Vec<Output> = Vec::new();
            for Output { name, width, values } in outputs {
                let (first, others) = rest.split_at(values.len());
                made.push(output(name, *width, first));
                rest = others;
            }
            if let Some((index, n)) = cut {
                made[index].values.truncate(n);
            }
            for face in decode(&made).into_iter().flatten() {
                let Area { x, y, width, height } = face.area;
                prop_assert!(width > 0.0 && height > 0.0 && (0.0..=1.0).contains(&face.score));
                prop_assert!((x + width).is_finite() && (y + height).is_finite());
                let points = face.landmarks.iter().flat_map(|it| it.points);
                prop_assert!(points.into_iter().all(|it| it.x.is_finite() && it.y.is_finite()));
            }
            Ok(())
        })
        .unwrap();
}

/// Outputs and what follows from them, written by `reference/detectors.py`.
#[derive(Deserialize)]
struct Golden {
    decoder: String,
    canvas: [usize; 2],
    strides: Vec<usize>,
    anchors: usize,
    min_sizes: Vec<Vec<f32>>,
    min_score: f32,
    outputs: Vec<GoldenOutput>,
    /// Score, left, top, width, height, then x and y of the landmarks if there are any.
    faces: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
struct GoldenOutput {
    name: String,
    width: usize,
    values: Vec<f32>,
}

#[test]
fn all_decoders_agree_with_numpy() {
    let text = include_str!("../../../testdata/detectors.json");
    let cases: Vec<Golden> = serde_json::from_str(text).unwrap();
    assert_eq!(cases.len(), 6);
    for case in cases {
        let strides = case.strides.clone();
        let grids = || strides.iter().copied().zip(case.min_sizes.clone()).collect();
        let decoder = match case.decoder.as_str() {
            "yunet" => Decoder::YuNet { strides },
            "scrfd" => Decoder::Scrfd { strides, anchors: case.anchors },
            "ultra-light" => Decoder::UltraLight { grids: grids(), boxes: Boxes::Offsets },
            "ultra-light-corners" => Decoder::UltraLight { grids: grids(), boxes: Boxes::Corners },
            "retinaface" => Decoder::RetinaFace { grids: grids() },
            other => unreachable!("no decoder {other}"),
        };
        let outputs: Vec<Output> =
            case.outputs.iter().map(|it| output(&it.name, it.width, &it.values)).collect();
        let [width, height] = case.canvas;
        let faces = decoder.decode(&outputs, Canvas { width, height }, case.min_score).unwrap();
        assert_eq!(faces.len(), case.faces.len(), "{}", case.decoder);
        for (face, expected) in faces.iter().zip(&case.faces) {
            let Area { x, y, width, height } = face.area;
            let points = face.landmarks.iter().flat_map(|it| it.points);
            let numbers = [face.score, x, y, width, height].into_iter();
            let numbers: Vec<f32> = numbers.chain(points.flat_map(|it| [it.x, it.y])).collect();
            assert_eq!(numbers.len(), expected.len(), "{}", case.decoder);
            for (found, expected) in numbers.iter().zip(expected) {
                let close = (found - expected).abs() <= 1e-4 * expected.abs().max(1.0);
                assert!(close, "{}: {found} instead of {expected}", case.decoder);
            }
        }
    }
}
