//! Any `.rec` file is read or refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use verisim_face::archive::recordio::RecordIo;

fuzz_target!(|bytes: &[u8]| verisim_fuzz::try_archive(bytes, "rec", RecordIo::open));
