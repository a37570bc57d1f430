//! Cards of detectors: what they must say, and what is refused.

use super::decode::{Boxes, Decoder};
use super::*;

const CARD: &str = r#"
    task = "detection"
    name = "example"
    license = "MIT"
    decoder = "scrfd"
    score_threshold = 0.5
    overlap_threshold = 0.4
    face_sizes = [16, 512]

    [input]
    size = { fixed = [640, 320] }
    channels = "RGB"
    mean = [127.5, 127.5, 127.5]
    std = [128.0, 128.0, 128.0]
"#;

#[track_caller]
fn refused(from: &str, to: &str) -> String {
    assert!(CARD.contains(from), "{from}");
    DetectorCard::parse(&CARD.replace(from, to)).unwrap_err().to_string()
}

#[test]
fn a_card_survives_its_text() {
    let card = DetectorCard::parse(CARD).unwrap();
    assert_eq!(DetectorCard::parse(&card.to_toml().unwrap()), Ok(card));
}

#[test]
fn what_is_not_given_is_that_of_the_authors() {
    let decoder = |from: &str, to: &str| {
        DetectorCard::parse(&CARD.replace(from, to)).map(|card| card.decoder())
    };
    let strides = vec![8, 16, 32];
    let expected = Decoder::Scrfd { strides: strides.clone(), anchors: 2 };
    assert_eq!(decoder("", ""), Ok(expected));
    let expected = Decoder::Scrfd { strides: vec![8], anchors: 1 };
    assert_eq!(decoder("name =", "strides = [8]\nanchors = 1\nname ="), Ok(expected));
    assert_eq!(decoder("scrfd", "yunet"), Ok(Decoder::YuNet { strides }));
    let grids = vec![(8, vec![16.0, 32.0]), (16, vec![64.0, 128.0]), (32, vec![256.0, 512.0])];
    assert_eq!(decoder("scrfd", "retinaface"), Ok(Decoder::RetinaFace { grids }));
    let Ok(Decoder::UltraLight { grids, boxes }) = decoder("scrfd", "ultra-light") else {
        unreachable!("another decoder")
    };
    assert_eq!(
        (grids.len(), &grids[3], boxes),
        (4, &(64, vec![128.0, 192.0, 256.0]), Boxes::Offsets)
    );
    let Ok(Decoder::UltraLight { boxes, .. }) = decoder("scrfd", "ultra-light-corners") else {
        unreachable!("another decoder")
    };
    assert_eq!(boxes, Boxes::Corners);
}

#[test]
fn nonsense_is_refused_with_what_was_found() {
    let found = refused("score_threshold = 0.5", "score_threshold = 5");
    assert_eq!(found, "the card's score_threshold is 5.0, but must be from 0 to 1");
    assert!(refused("overlap_threshold = 0.4", "overlap_threshold = nan").contains("NaN"));
    assert!(refused("[16, 512]", "[512, 16]").contains("the smaller one first"));
    assert!(refused("[16, 512]", "[50, 512]").contains("an eighth of the input's sides"));
    assert!(refused("[640, 320]", "[640, 321]").contains("a multiple of all strides"));
    assert!(refused("[640, 320]", "[0, 320]").contains("up to 4096"));
    assert!(refused("{ fixed = [640, 320] }", "{ multiple-of = 0 }").contains("multiple-of"));
    assert!(refused("{ fixed = [640, 320] }", "{ multiple-of = 8 }").contains("strides"));
    let stretch = "{ multiple-of = 32 }\nresize = \"stretch\"";
    assert!(refused("{ fixed = [640, 320] }", stretch).contains("unless the size is fixed"));
    assert!(refused("std = [128.0, 128.0, 128.0]", "std = [128.0]").contains("each channel"));
    assert!(refused("mean = [127.5,", "mean = [inf,").contains("input.mean"));
    assert!(refused("name =", "strides = [0]\nname =").contains("strides"));
    assert!(refused("name =", "anchors = 0\nname =").contains("from 1 to 16"));
    assert!(refused("\"scrfd\"", "\"yunet\"\nanchors = 2").contains("scrfd alone"));
    assert!(refused("name =", "min_sizes = [[8]]\nname =").contains("min_sizes"));
    let few = "\"retinaface\"\nmin_sizes = [[8], [16]]";
    assert!(refused("\"scrfd\"", few).contains("one list of sides for each stride"));
    assert!(refused("\"scrfd\"", "\"mtcnn\"").contains("mtcnn"));
    assert!(refused("task = \"detection\"", "").contains("task"));
    assert!(refused("license", "licence").contains("licence"));
}
