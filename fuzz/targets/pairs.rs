//! Any `pairs.txt` is read or refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use verisim_core::protocol::parse_pairs;

fuzz_target!(|bytes: &[u8]| {
    let _ = parse_pairs(&String::from_utf8_lossy(bytes)).map(|pairs| pairs.len());
});
