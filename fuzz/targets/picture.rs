//! Any picture file is decoded or refused, and never larger than was allowed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use verisim_face::image::{DecodeLimits, decode};

/// Small, so that a file that asks for much is refused at once and not decoded for seconds.
const LIMITS: DecodeLimits = DecodeLimits { max_pixels: 1 << 18, max_bytes: 1 << 20, max_side: 4096 };

fuzz_target!(|bytes: &[u8]| {
    if let Ok(picture) = decode(bytes, &LIMITS) {
        let (width, height) = (picture.width(), picture.height());
        assert!(width * height <= LIMITS.max_pixels as usize, "{picture:?}");
        assert!(width.max(height) <= LIMITS.max_side as usize, "{picture:?}");
    }
});
