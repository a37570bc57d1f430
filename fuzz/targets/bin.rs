//! Any `.bin` verification set is read or refused, and nothing in its pickle runs.

#![no_main]

use libfuzzer_sys::fuzz_target;
use verisim_face::archive::bin::Bin;

fuzz_target!(|bytes: &[u8]| verisim_fuzz::try_archive(bytes, "bin", Bin::open));
