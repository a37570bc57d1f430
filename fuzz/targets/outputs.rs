//! Any numbers out of any detector, NaN and infinities among them, make faces that are whole, or an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use verisim_face::choice::FaceChoice;
use verisim_face::detect::{DetectorCard, Output, faces_in};
use verisim_face::{Area, FoundFace};

/// Sides of the input.
const SIDES: [usize; 2] = [64, 32];
/// What a card says beside its decoder.
const REST: &str = "task = \"detection\"\nname = \"a\"\nlicense = \"MIT\"\nscore_threshold = 0.3\n\
    overlap_threshold = 0.4\nface_sizes = [16, 512]\n[input]\nsize = { multiple-of = 64 }\n\
    channels = \"BGR\"\nmean = [0, 0, 0]\nstd = [1, 1, 1]\n";

/// Name of a decoder, with the names and widths of its outputs, one of each for each grid or for all of them.
type Form = (&'static str, &'static [(&'static str, usize)]);

const FORMS: [Form; 5] = [
    ("yunet", &[("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)]),
    ("scrfd", &[("a", 1), ("b", 4), ("c", 10)]),
    ("ultra-light", &[("scores", 2), ("boxes", 4)]),
    ("ultra-light-corners", &[("scores", 2), ("boxes", 4)]),
    ("retinaface", &[("scores", 2), ("boxes", 4), ("landmarks", 10)]),
];

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, bytes)) = bytes.split_first() else { return };
    let (decoder, outputs) = FORMS[usize::from(first) % FORMS.len()];
    let card = DetectorCard::parse(&format!("decoder = \"{decoder}\"\n{REST}")).expect("a card");
    let numbers = bytes.as_chunks::<4>().0.iter().map(|it| f32::from_le_bytes(*it));
    let numbers: Vec<f32> = if bytes.len() < 4 { vec![f32::NAN] } else { numbers.collect() };
    let mut numbers = numbers.into_iter().cycle();
    let mut made = |name: String, n_rows: usize, width: usize| {
        let values = numbers.by_ref().take(n_rows * width).collect();
        Output { name, width, values }
    };
    let cells = |stride: usize| SIDES.iter().map(|side| side.div_ceil(stride)).product::<usize>();
    let of_grids = |strides: &[usize], per_cell: &[usize]| {
        strides.iter().zip(per_cell).map(|(stride, n)| cells(*stride) * n).collect::<Vec<usize>>()
    };
    let outputs: Vec<Output> = match decoder {
        "yunet" | "scrfd" => {
            let n_of_cell = if decoder == "scrfd" { 2 } else { 1 };
            let rows = [8, 16, 32].into_iter().zip(of_grids(&[8, 16, 32], &[n_of_cell; 3]));
            rows.flat_map(|(stride, n_rows)| outputs.iter().map(move |it| (stride, n_rows, it)))
                .map(|(stride, n_rows, (name, width))| made(format!("{name}_{stride}"), n_rows, *width))
                .collect()
        }
        "retinaface" => {
            let n_rows = of_grids(&[8, 16, 32], &[2; 3]).iter().sum();
            outputs.iter().map(|(name, width)| made((*name).to_owned(), n_rows, *width)).collect()
        }
        _ => {
            let n_rows = of_grids(&[8, 16, 32, 64], &[3, 2, 2, 3]).iter().sum();
            outputs.iter().map(|(name, width)| made((*name).to_owned(), n_rows, *width)).collect()
        }
    };
    let faces = faces_in(&outputs, &card, SIDES).expect("outputs of the card's form");
    for FoundFace { area: Area { x, y, width, height }, landmarks, score } in &faces {
        assert!((0.0..=1.0).contains(score) && *width > 0.0 && *height > 0.0);
        assert!((x + width).is_finite() && (y + height).is_finite());
        let points = landmarks.iter().flat_map(|it| it.points);
        assert!(points.into_iter().all(|it| it.x.is_finite() && it.y.is_finite()));
    }
    assert!(faces.is_sorted_by(|a, b| a.score >= b.score));
    for choice in [FaceChoice::Central, FaceChoice::Largest, FaceChoice::All, FaceChoice::Only] {
        let _ = choice.choose(&faces, SIDES[0], SIDES[1]);
    }
});
