//! Any CSV or TSV list, and any index or list beside a `.rec`, is read or refused.

#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use verisim_face::archive::recordio::RecordIo;
use verisim_face::archive::{Archive, list};

const RECORDS: &[u8] = include_bytes!("../../crates/verisim-face/testdata/archive/headed.rec");

fuzz_target!(|bytes: &[u8]| {
    for ending in ["csv", "tsv"] {
        let _ = list::open(&verisim_fuzz::on_disk(bytes, ending)).map(|list| list.labels().len());
    }
    for ending in ["idx", "lst"] {
        let beside = verisim_fuzz::on_disk(bytes, ending);
        if let Ok(archive) = RecordIo::open(&verisim_fuzz::on_disk(RECORDS, "rec")) {
            for index in 0..archive.labels().len() {
                let _ = archive.read(index);
            }
        }
        fs::remove_file(beside).expect("the file that was tried");
    }
});
