//! Cards of public models that carry none themselves, by the digest of their bytes.

use verisim_core::ModelDigest;

/// Cards written by hand; each names the SHA-256 that it belongs to.
const CARDS: [(&str, &str); 2] = [
    (
        "b7120c095d60094f28a4a54ba6a8bf51b297a6273fb40ef6350dfec1f63d9507",
        include_str!("../../cards/mobilefacenet_foamliu.toml"),
    ),
    (
        "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
        include_str!("../../cards/sface_2021dec.toml"),
    ),
];

/// The same of detectors.
const DETECTOR_CARDS: [(&str, &str); 1] = [(
    "104ee26c71d5c270ce79a6b3dced91c91013260d29a6bf18f9296c5b8c4c2b12",
    include_str!("../../cards/yunet_n.toml"),
)];

/// The card of the model with this digest.
pub(super) fn card(digest: &ModelDigest) -> Option<&'static str> {
    find(&CARDS, digest)
}

/// The card of the detector with this digest.
pub(super) fn detector_card(digest: &ModelDigest) -> Option<&'static str> {
    find(&DETECTOR_CARDS, digest)
}

fn find(cards: &[(&str, &'static str)], digest: &ModelDigest) -> Option<&'static str> {
    let digest = digest.to_string();
    cards.iter().find(|(known, _)| *known == digest).map(|(_, card)| *card)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::DetectorCard;
    use crate::model::Card;

    #[test]
    fn every_card_is_valid_and_names_its_digest() {
        for (digest, card) in CARDS {
            assert_eq!(Card::parse(card).unwrap().sha256.as_deref(), Some(digest));
        }
        for (digest, card) in DETECTOR_CARDS {
            assert_eq!(DetectorCard::parse(card).unwrap().sha256.as_deref(), Some(digest));
        }
    }
}
