//! How long a detector takes for the photographs of a folder; it writes nothing.
//!
//! `cargo run --release -p verisim-face --example detector_speed -- yunet_n_dynamic.onnx photographs/`

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "an example, run by hand")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use verisim_face::Picture;
use verisim_face::detect::{Detector, OnnxDetector, SMALLEST_FACE, Search};
use verisim_face::folder::find_pictures;
use verisim_face::image::{DecodeLimits, decode};

/// The best of so many looks at each photograph counts: other work on the machine only ever adds.
const N_ROUNDS: usize = 10;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(model), Some(folder)) = (arguments.next(), arguments.next()) else {
        println!("usage: detector_speed MODEL FOLDER");
        return;
    };
    let paths = find_pictures(Path::new(&folder)).unwrap();
    let decoded = |path| decode(&fs::read(path).unwrap(), &DecodeLimits::default()).unwrap();
    let photographs: Vec<Picture> = paths.iter().map(decoded).collect();
    let searches = [Search::OnePass(320), Search::OnePass(640), Search::FacesFrom(SMALLEST_FACE)];
    for search in searches {
        let detector = OnnxDetector::load(Path::new(&model), None).unwrap().with_search(search);
        let look = |photograph| {
            let start = Instant::now();
            let n_faces = detector.detect(photograph).unwrap().len();
            (start.elapsed(), n_faces)
        };
        let best = |it| (0..N_ROUNDS).map(|_| look(it)).min().unwrap();
        let bests: Vec<(Duration, usize)> = photographs.iter().map(best).collect();
        let ms = 1e3 * bests.iter().map(|it| it.0.as_secs_f64()).sum::<f64>() / bests.len() as f64;
        let n_faces: usize = bests.iter().map(|it| it.1).sum();
        println!("{search:?}: {ms:.1} ms a photograph, {n_faces} faces");
    }
}
