//! A thousand damaged picture files through `embed`: each is answered or refused, in bounded memory and time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};
use serde::Deserialize;
use verisim_face::image::{DecodeLimits, decode, encode_png};

use crate::cli::{Scratch, shared, slow_tests};
use crate::flow::{Trained, text};

const N_FILES: u64 = 1000;
/// Kibibytes of address space: the largest picture that is decoded, its decoder, both models, and what the allocator
/// keeps in reserve.
const MEMORY: usize = 2 << 20;
/// A picture takes a second at most, but the machine may be busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// A small picture file of the tests of the decoder.
#[derive(Deserialize)]
struct Sample {
    name: String,
    bytes: String,
}

#[derive(Deserialize)]
struct Samples {
    cases: Vec<Sample>,
}

/// JPEG, PNG and WebP files to damage: small ones of all kinds, and photographs if they are there.
fn originals() -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../verisim-face/testdata/pictures.json");
    let samples: Samples = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let is_meant = |it: &&Sample| ["JPEG", "PNG", "WebP"].iter().any(|kind| it.name.contains(kind));
    let digits = |it: &Sample| {
        let digits = it.bytes.as_bytes().chunks(2).map(|it| str::from_utf8(it).unwrap());
        digits.map(|it| u8::from_str_radix(it, 16).unwrap()).collect()
    };
    let mut originals: Vec<Vec<u8>> = samples.cases.iter().filter(is_meant).map(digits).collect();
    for name in ["006_A.jpg", "011_3.jpg"] {
        let Some(path) = shared(&format!("data/photos/{name}")) else { continue };
        let jpeg = fs::read(path).unwrap();
        let photograph = decode(&jpeg, &DecodeLimits::default()).unwrap();
        originals.extend([encode_png(&photograph).unwrap(), jpeg]);
    }
    originals
}

/// The file with a few bytes changed, removed, doubled or cut off, its head more often than the rest.
fn damaged(original: &[u8], random: &mut Pcg64Mcg) -> Vec<u8> {
    let mut below = |n: usize| (random.next_u64() % n.max(1) as u64) as usize;
    let mut bytes = original.to_vec();
    for _ in 0..=below(4) {
        let reach = if below(2) == 0 { bytes.len().min(64) } else { bytes.len() };
        let at = below(reach);
        let end = bytes.len().min(at + 1 + below(8));
        match below(6) {
            0 => bytes[at] ^= 1 << below(8),
            1 => bytes[at..end].fill(0xFF),
            2 => bytes[at..end].fill_with(|| below(256) as u8),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let doubled = bytes[at..end].repeat(1 + below(1000));
                bytes.splice(at..at, doubled);
            }
            _ => bytes.truncate(at.max(1)),
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}

/// The status of a program that must end by itself, and not by a signal.
fn status(child: &mut Child, what: &Path) -> i32 {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or_else(|| panic!("{}: {status}", what.display()));
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("{} was not answered in {PATIENCE:?}", what.display());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
#[cfg(unix)]
fn a_thousand_damaged_files_are_answered_or_refused() {
    if !slow_tests() {
        return;
    }
    let (scratch, originals) = (Scratch::new(), originals());
    let models = ["models/mobilefacenet_foamliu.onnx", "models/yunet_n_dynamic.onnx"].map(shared);
    let of_shared = |[embedder, detector]: [PathBuf; 2]| {
        format!("--model '{}' --detector '{}' --face all", text(&embedder), text(&detector))
    };
    let models = match models {
        [Some(embedder), Some(detector)] => of_shared([embedder, detector]),
        _ => format!("--model '{}'", text(&Trained::get().model())),
    };
    let [errors, said] = ["errors.csv", "said.txt"].map(|name| scratch.path(name));
    let (mut n_answered, mut n_refused) = (0, 0);
    for seed in 0..N_FILES {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let original = &originals[seed as usize % originals.len()];
        let path = scratch.write(&format!("{seed}.jpg"), damaged(original, &mut random));
        let program = env!("CARGO_BIN_EXE_verisim");
        let script = format!(
            "ulimit -v {MEMORY}; exec '{program}' embed {models} '{}' --errors '{}' >'{said}' 2>&1",
            text(&path),
            text(&errors),
            said = text(&said),
        );
        let mut command = Command::new("bash");
        let mut child = command.args(["-c", &script]).stdin(Stdio::null()).spawn().unwrap();
        let status = status(&mut child, &path);
        let said = fs::read_to_string(&said).unwrap();
        assert!(!said.contains("panicked"), "{seed}: {said}");
        let n_errors = csv::Reader::from_path(&errors).unwrap().into_records().count();
        match status {
            0 => {
                assert!(said.starts_with("{\"path\":") && n_errors == 0, "{seed}: {said}");
                n_answered += 1;
            }
            2 => {
                assert_eq!(n_errors, 1, "{seed}: {said}");
                n_refused += 1;
            }
            other => panic!("{seed}: status {other}: {said}"),
        }
        fs::remove_file(&path).unwrap();
        fs::remove_file(&errors).unwrap();
    }
    eprintln!("{n_answered} of {N_FILES} damaged files were answered, {n_refused} refused");
    assert!(n_answered > 0 && n_refused > 0);
}
