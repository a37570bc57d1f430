//! Faces on whole photographs, as the command finds them.

use std::fs;
use std::path::Path;

use serde_json::Value;
use verisim_face::Picture;
use verisim_face::image::{DecodeLimits, decode, encode_png};

use crate::cli::{Scratch, shared, verisim};
use crate::flow::text;

const DETECTOR: &str = "models/yunet_n_dynamic.onnx";

/// What the command says about each photograph.
fn detected(arguments: &[&str]) -> Vec<Value> {
    let lines = verisim(["detect", "--json"].iter().chain(arguments)).ok();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn read(path: &Path) -> Picture {
    decode(&fs::read(path).unwrap(), &DecodeLimits::default()).unwrap()
}

fn black(width: usize, height: usize) -> Picture {
    Picture::new(width, height, vec![0; 3 * width * height])
}

#[test]
fn json_names_landmarks_from_the_viewers_side() {
    let (Some(detector), Some(photos)) = (shared(DETECTOR), shared("data/photos")) else { return };
    let photos = ["017_0.jpg", "006_A.jpg"].map(|name| photos.join(name));
    let found = detected(&[text(&photos[0]), text(&photos[1]), "--detector", text(&detector)]);
    let [nobody, face] = [&found[0]["faces"], &found[1]["faces"][0]];
    assert_eq!(nobody.as_array().unwrap().len(), 0);
    let x = |name: &str| face["landmarks"][name]["x"].as_f64().unwrap();
    assert!(x("image_left_eye") < x("nose") && x("nose") < x("image_right_eye"), "{face}");
    assert!(x("image_left_mouth") < x("image_right_mouth"), "{face}");
    let shares = face["normalized"]["left"].as_f64().unwrap() * 766.0;
    assert!((shares - face["pixels"]["x"].as_f64().unwrap()).abs() < 0.02, "{face}");
}

#[test]
fn a_table_a_csv_file_and_drawings_show_the_same_faces() {
    let (Some(detector), Some(photos)) = (shared(DETECTOR), shared("data/photos")) else { return };
    let scratch = Scratch::new();
    let photos = ["011_3.jpg", "017_0.jpg"].map(|name| photos.join(name));
    let letter = scratch.write("letter.jpg", "Dear Sir or Madam");
    let files = [text(&photos[0]), text(&letter), text(&photos[1])];
    let run = |more: &[&str]| {
        let base = ["detect", "--detector", text(&detector), "--min-size", "30"];
        verisim(base.iter().chain(&files).chain(more))
    };
    let ran = run(&[]);
    assert_eq!(ran.status, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("letter.jpg"), "{}", ran.stderr);
    let table = ran.stdout;
    let n_lines = |name: &str| table.lines().filter(|line| line.ends_with(name)).count();
    assert_eq!((n_lines("011_3.jpg"), n_lines("017_0.jpg")), (3, 1), "{table}");
    assert!(table.contains("no face"), "{table}");

    let (csv, drawings) = (scratch.path("faces.csv"), scratch.path("drawn"));
    let errors = scratch.path("errors.csv");
    run(&["--csv", text(&csv), "--draw", text(&drawings), "--errors", text(&errors)]);
    let errors = fs::read_to_string(errors).unwrap();
    assert!(errors.contains("letter.jpg,invalid_image,"), "{errors}");
    let csv = fs::read_to_string(csv).unwrap();
    assert_eq!(csv.lines().count(), 1 + 3 + 1, "{csv}");
    let first: Vec<&str> = csv.lines().nth(1).unwrap().split(',').collect();
    let [x, y] = [3, 4].map(|column| first[column].parse::<f32>().unwrap());
    let before = read(&photos[0]);
    let drawing = read(&drawings.join("011_3.jpg.png"));
    assert_eq!((drawing.width(), drawing.height()), (before.width(), before.height()));
    let corner = drawing.pixel(x.round() as usize, y.round() as usize);
    assert_eq!(corner, [0, 255, 80]);
    let without = read(&drawings.join("017_0.jpg.png"));
    assert_eq!(without.as_rgb(), read(&photos[1]).as_rgb());
    assert!(!drawings.join("letter.jpg.png").exists());
}

#[test]
fn what_cannot_be_searched_is_said_in_a_sentence() {
    let (Some(detector), Some(embedder)) =
        (shared(DETECTOR), shared("models/mobilefacenet_foamliu.onnx"))
    else {
        return;
    };
    let scratch = Scratch::new();
    let picture = scratch.write("a.png", encode_png(&black(64, 48)).unwrap());
    let same = scratch.write("b/a.png", encode_png(&black(64, 48)).unwrap());
    let letter = scratch.write("letter.jpg", "Dear Sir or Madam");
    let over = scratch.write("over/a.png.png", encode_png(&black(64, 48)).unwrap());
    let unknown = scratch.write("unknown.onnx", {
        // Other bytes, the same network: a field that no reader knows.
        let mut bytes = fs::read(&detector).unwrap();
        bytes.extend([0xFA, 0x3F, 0x01, 0x00]);
        bytes
    });
    let card = scratch.write("card.toml", "task = \"detection\"\nname = \"x\"");
    let detector = text(&detector);
    let cases: [(&[&str], &str); 11] = [
        (&[text(&picture)], "give what finds faces with --detector"),
        (&["--detector", detector, text(&letter)], "1 of 1 photographs could not be used"),
        (&["--detector", text(&letter), text(&picture)], "no ONNX model"),
        (&["--detector", text(&embedder), text(&picture)], "a detector has one picture"),
        (&["--detector", text(&unknown), text(&picture)], "or give it with --detector-card"),
        (&["--detector", detector, "--detector-card", text(&card), text(&picture)], "license"),
        (&["--detector", detector, text(&picture), "--min-size", "nan"], "--min-size is NaN"),
        (&["--detector", detector, text(&picture), "--one-pass", "0"], "--one-pass is 0"),
        (&["--detector", detector, text(&picture), "--min-score", "7"], "--min-score is 7"),
        (
            &["--detector", detector, text(&picture), text(&same), "--draw", "x"],
            "two photographs would be drawn to",
        ),
        (
            &[
                "--detector",
                detector,
                text(&picture),
                text(&over),
                "--draw",
                text(over.parent().unwrap()),
            ],
            "would be drawn over",
        ),
    ];
    for (arguments, says) in cases {
        let ran = verisim(["detect"].iter().chain(arguments));
        assert_eq!(ran.status, 2, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{arguments:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
    let ran = verisim(["embed", "--model", detector, text(&picture)]);
    assert!(ran.status == 2 && ran.stderr.contains("12 outputs"), "{}", ran.stderr);
}
