//! The value falls with every fault, and every fault has its word.

use super::*;
use crate::chip::resize;
use crate::synth::{Framing, Population, SyntheticFace, draw};
use crate::{Area, Landmarks};

const PEOPLE: Population = Population { seed: 11 };
const GOOD: Measures = Measures {
    eye_distance: 60.0,
    pose: Some(Pose { yaw: 0.0, pitch: 0.0, roll: 0.0 }),
    blur: 0.5,
    dark: 0.0,
    bright: 0.0,
    inside: 1.0,
    detection: 1.0,
};

fn posed(yaw: f32, pitch: f32) -> Pose {
    Pose { yaw, pitch, roll: 25.0 }
}

#[test]
fn the_value_is_the_product_of_its_components() {
    assert_eq!(GOOD.value(), 100);
    let measures = Measures {
        eye_distance: 30.0,           // 0.8
        pose: Some(posed(45.0, 0.0)), // 0.5
        blur: 0.70,                   // 0.5
        dark: 0.2,                    // 0.8
        bright: 0.1,                  // 0.9
        inside: 0.9,                  // 0.9
        detection: 0.95,              // 0.95
    };
    assert_eq!(measures.value(), 12, "0.8 · 0.5 · 0.5 · 0.8 · 0.9 · 0.9 · 0.95 = 0.123");
}

#[test]
fn every_fault_lowers_the_value_and_has_its_word() {
    let worse: [(&dyn Fn(f32) -> Measures, &str); 8] = [
        (&|t| Measures { eye_distance: 35.0 - 25.0 * t, ..GOOD }, "face_too_small"),
        (&|t| Measures { pose: Some(posed(-90.0 * t, 0.0)), ..GOOD }, "extreme_pose"),
        (&|t| Measures { pose: Some(posed(0.0, 90.0 * t)), ..GOOD }, "extreme_pose"),
        (&|t| Measures { blur: 0.55 + 0.3 * t, ..GOOD }, "blurred"),
        (&|t| Measures { dark: t, ..GOOD }, "too_dark"),
        (&|t| Measures { bright: t, ..GOOD }, "too_bright"),
        (&|t| Measures { inside: 1.0 - t, ..GOOD }, "face_cut_off"),
        (&|t| Measures { detection: 1.0 - t, ..GOOD }, "low_detection_score"),
    ];
    let limits = QualityLimits::default();
    for (make, word) in worse {
        let values: Vec<u8> = (0..=50).map(|step| make(step as f32 / 50.0).value()).collect();
        assert!(values.windows(2).all(|pair| pair[1] <= pair[0]), "{word}: {values:?}");
        assert_eq!((values[0], values[50]), (100, 0), "{word}");
        assert!(make(0.0).reasons(&limits).is_empty(), "{word}");
        let words: Vec<&str> = make(1.0).reasons(&limits).iter().map(|it| it.word()).collect();
        assert_eq!(words, [word]);
        let bad: Vec<bool> =
            (0..=50).map(|step| !make(step as f32 / 50.0).reasons(&limits).is_empty()).collect();
        assert!(bad.is_sorted(), "{word}: once too bad, it stays so");
    }
}

#[test]
fn what_is_no_number_is_bad() {
    let nan = f32::NAN;
    for measures in [
        Measures { eye_distance: nan, ..GOOD },
        Measures { pose: Some(posed(nan, 0.0)), ..GOOD },
        Measures { blur: nan, ..GOOD },
        Measures { dark: nan, ..GOOD },
        Measures { detection: nan, ..GOOD },
    ] {
        assert_eq!(measures.value(), 0, "{measures:?}");
        assert_eq!(measures.reasons(&QualityLimits::default()).len(), 1, "{measures:?}");
    }
    let eager = Measures { detection: 1e9, eye_distance: f32::INFINITY, ..GOOD };
    assert_eq!(eager.value(), 100);
}

fn drawn(person: usize, size: usize, yaw: f32) -> (Picture, FoundFace) {
    let side = size as f32;
    let center = [side / 2.0, side * 0.45];
    let framing = Framing::Photo { width: size, height: size, center, head_height: side * 0.6 };
    let appearance = PEOPLE.appearance(person, 0).frontal_twin();
    let pose = Pose { yaw, ..Pose::default() };
    let SyntheticFace { picture, landmarks, .. } =
        draw(&PEOPLE.identity(person), &appearance.with_pose(pose), &framing);
    let points = landmarks.map(|[x, y]| Point { x: x - 0.5, y: y - 0.5 });
    let [x, y] = [center[0] - 0.2 * side, center[1] - 0.28 * side];
    let area = Area { x, y, width: 0.4 * side, height: 0.55 * side };
    (picture, FoundFace { area, landmarks: Some(Landmarks { points }), score: 0.9 })
}

#[test]
fn faults_of_real_pixels_are_measured() {
    for person in 0..6 {
        let (picture, face) = drawn(person, 240, 0.0);
        let good = Measures::of(&picture, &face).unwrap();
        assert!(good.value() >= 40, "{person}: {good:?} {}", good.value());
        assert!((30.0..50.0).contains(&good.eye_distance) && good.inside == 1.0, "{good:?}");

        let dim = |factor: f32, plus: f32| {
            let pixels = picture.as_rgb().iter().map(|it| (f32::from(*it) * factor + plus) as u8);
            Measures::of(&Picture::new(240, 240, pixels.collect()), &face).unwrap()
        };
        let (dark, bright) = (dim(0.08, 0.0), dim(1.0, 200.0));
        assert!(dark.dark > 0.9 && dark.value() < 10, "{dark:?}");
        assert!(bright.bright > 0.4 && bright.value() < good.value(), "{bright:?}");

        let blurred = resize(&resize(&picture, 48, 48), 240, 240);
        let blurred = Measures::of(&blurred, &face).unwrap();
        assert!(blurred.blur > good.blur + 0.1 && blurred.value() < good.value(), "{blurred:?}");

        let (picture, face) = drawn(person, 240, 40.0);
        let turned = Measures::of(&picture, &face).unwrap();
        assert!(turned.pose.unwrap().yaw > 25.0 && turned.value() < good.value(), "{turned:?}");
    }
}

#[test]
fn a_face_at_the_edge_is_cut_off_and_not_dark() {
    let (picture, face) = drawn(0, 240, 0.0);
    let row = |y: usize| &picture.as_rgb()[3 * (240 * y + 118)..3 * 240 * (y + 1)];
    let cut = Picture::new(122, 240, (0..240).flat_map(row).copied().collect());
    let mut moved = face;
    let mut landmarks = face.landmarks.unwrap();
    for point in &mut landmarks.points {
        point.x -= 118.0;
    }
    moved.landmarks = Some(landmarks);
    let (whole, half) =
        (Measures::of(&picture, &face).unwrap(), Measures::of(&cut, &moved).unwrap());
    assert!((0.4..0.6).contains(&half.inside), "{half:?}");
    assert!((half.dark - whole.dark).abs() < 0.1, "{half:?} {whole:?}");
    assert!(half.reasons(&QualityLimits::default()).contains(&QualityReason::FaceCutOff));
}

#[test]
fn a_face_without_landmarks_has_no_pose() {
    let (picture, face) = drawn(1, 240, 0.0);
    let measures = Measures::of(&picture, &FoundFace { landmarks: None, ..face }).unwrap();
    assert_eq!(measures.pose, None);
    assert!((measures.eye_distance - 0.46 * 96.0).abs() < 0.01, "{measures:?}");
    assert!(measures.inside > 0.99 && measures.value() > 20, "{measures:?}");
}

#[test]
fn what_cannot_be_aligned_is_an_error() {
    let (picture, face) = drawn(1, 120, 0.0);
    let nowhere = Some(Landmarks { points: [Point { x: 1.0, y: 1.0 }; 5] });
    assert!(Measures::of(&picture, &FoundFace { landmarks: nowhere, ..face }).is_err());
    let area = Area { width: 0.0, ..face.area };
    assert!(Measures::of(&picture, &FoundFace { landmarks: None, area, ..face }).is_err());
    // One color has no edge, and so no sharpness.
    assert_eq!(blur_effect(&[90; SIDE * SIDE]), 1.0);
}
