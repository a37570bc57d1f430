//! Any card, of an embedder or a detector, is read or refused, and what is read survives being written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use verisim_face::detect::DetectorCard;
use verisim_face::model::Card;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(card) = Card::parse(&text) {
        let written = card.to_toml().expect("a checked card can be written");
        assert_eq!(Card::parse(&written).as_ref(), Ok(&card));
        let _ = card.threshold(Some(1e-3));
    }
    if let Ok(card) = DetectorCard::parse(&text) {
        let written = card.to_toml().expect("a checked card can be written");
        assert_eq!(DetectorCard::parse(&written).as_ref(), Ok(&card));
    }
});
