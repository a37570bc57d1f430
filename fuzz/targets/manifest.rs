//! Any list of models, card and address is read or refused, and what is read keeps the rules.

#![no_main]

use libfuzzer_sys::fuzz_target;
use verisim_face::model::registry::{Registry, is_model_name};
use verisim_face::model::{Card, check_address};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let _ = Card::parse(&text);
    let _ = check_address(&text);
    if let Ok(registry) = Registry::parse(&text) {
        assert!(registry.models().iter().all(|it| is_model_name(&it.name)));
        assert!(registry.models().iter().flat_map(|it| &it.url).all(|it| check_address(it).is_ok()));
    }
});
