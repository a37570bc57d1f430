//! Alignment against known transforms and against `OpenCV`.

use serde::Deserialize;

use super::*;
use crate::chip::resize;

/// Written by `reference/align_agreement.py` with `OpenCV`.
#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    /// Width and height of the made-up picture.
    picture: [usize; 2],
    /// Width and height of the chip.
    chip: [usize; 2],
    landmarks: [[f32; 2]; 5],
    /// What Umeyama's method with a singular value decomposition gives: `[a, -b, dx]`.
    transform: [f64; 3],
    /// The chip by `warpAffine`, as hexadecimal digits.
    pixels: String,
}

/// The picture that the script makes, too: smooth waves with noise on them.
fn made_up([width, height]: [usize; 2]) -> Picture {
    let mut pixels = Vec::with_capacity(3 * width * height);
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                let hash = (x * 73 + y * 151 + channel * 37 + x * y * 11) % 97;
                let wave = (x * (channel + 2) + y * 3) % 158;
                pixels.push((wave.min(158 - wave) * 2 + hash) as u8);
            }
        }
    }
    Picture::new(width, height, pixels)
}

fn of(points: [[f32; 2]; 5]) -> Landmarks {
    Landmarks { points: points.map(|[x, y]| Point { x, y }) }
}

fn moved(by: &Similarity, points: &[[f64; 2]; 5]) -> Landmarks {
    of(points.map(|point| by.apply(point).map(|value| value as f32)))
}

#[test]
fn chips_agree_with_opencv_to_one_gray_level() {
    let golden: Golden = serde_json::from_str(include_str!("../../testdata/align.json")).unwrap();
    assert_eq!(golden.cases.len(), 5);
    for (index, case) in golden.cases.iter().enumerate() {
        let (landmarks, template) = (of(case.landmarks), Template::new(case.chip));
        let transform = Similarity::fit(&landmarks, &template).unwrap();
        let [a, minus_b, dx] = case.transform;
        for (found, expected) in
            [transform.a, -transform.b, transform.dx].iter().zip([a, minus_b, dx])
        {
            assert!((found - expected).abs() < 1e-9 * (1.0 + expected.abs()), "{index}");
        }
        let found = chip(&made_up(case.picture), &landmarks, &template).unwrap();
        let expected: Vec<u8> = (0..case.pixels.len() / 2)
            .map(|byte| u8::from_str_radix(&case.pixels[2 * byte..2 * byte + 2], 16).unwrap())
            .collect();
        assert_eq!(found.as_rgb().len(), expected.len());
        let off = found.as_rgb().iter().zip(&expected).map(|(a, b)| a.abs_diff(*b));
        assert!(off.clone().all(|off| off <= 1), "case {index}: off by {:?}", off.max());
        let n_off = off.filter(|off| *off == 1).count();
        assert!(n_off * 50 < expected.len(), "case {index}: {n_off} of {} differ", expected.len());
    }
}

#[test]
fn a_fit_undoes_any_similarity() {
    let template = Template::new(Template::ARCFACE);
    for (turn, scale) in [(0.0, 1.0), (0.4, 3.5), (-1.2, 0.2), (3.1, 12.0)] {
        let there = Similarity {
            a: scale * f64::cos(turn),
            b: scale * f64::sin(turn),
            dx: 400.0,
            dy: -31.0,
        };
        let fitted = Similarity::fit(&moved(&there, &template.points), &template).unwrap();
        let expected = there.inverse();
        for place in [[0.0, 0.0], [112.0, 0.0], [40.0, 90.0]] {
            let (found, expected) = (fitted.apply(there.apply(place)), place);
            assert!(
                (found[0] - expected[0]).hypot(found[1] - expected[1]) < 1e-3,
                "{turn} {scale}"
            );
        }
        assert!((fitted.scale() / expected.scale() - 1.0).abs() < 1e-6);
    }
}

#[test]
fn a_fit_has_the_least_error_of_all_near_it() {
    let seen = [[31.0, 44.0], [71.0, 50.0], [49.0, 70.0], [30.0, 88.0], [64.0, 95.0]];
    let template = Template::new(Template::ARCFACE);
    let best = Similarity::fit(&of(seen), &template).unwrap();
    let error = |it: &Similarity| -> f64 {
        let places = seen.map(|place| it.apply(place.map(f64::from)));
        places
            .iter()
            .zip(&template.points)
            .map(|(p, q)| (p[0] - q[0]).powi(2) + (p[1] - q[1]).powi(2))
            .sum()
    };
    for sign in [-1e-3, 1e-3] {
        for other in [
            Similarity { a: best.a + sign, ..best },
            Similarity { b: best.b + sign, ..best },
            Similarity { dx: best.dx + sign, ..best },
            Similarity { dy: best.dy + sign, ..best },
        ] {
            assert!(error(&other) > error(&best));
        }
    }
}

#[test]
fn landmarks_that_are_no_face_are_refused() {
    let template = Template::new(Template::ARCFACE);
    let refused = |points| Similarity::fit(&of(points), &template).unwrap_err();
    assert_eq!(refused([[7.0, 7.0]; 5]), AlignError::TooClose { spread: 0.0 });
    let mut points = ARCFACE;
    points[3][1] = f32::NAN;
    assert_eq!(refused(points), AlignError::NotFinite);
    points[3][1] = f32::INFINITY;
    assert_eq!(refused(points), AlignError::NotFinite);
    let mirrored = ARCFACE.map(|[x, y]| [112.0 - x, y]);
    let error = refused(mirrored);
    assert!(matches!(error, AlignError::NoFace { likeness } if (0.2..0.25).contains(&likeness)));
    // From the side, eyes and corners of the mouth nearly coincide, and that is a face.
    let profile = [[50.0, 51.0], [52.0, 51.0], [70.0, 71.0], [52.0, 92.0], [54.0, 92.0]];
    assert!(Similarity::fit(&of(profile), &template).is_ok());
}

#[test]
fn a_chip_of_another_size_is_the_usual_one_resized() {
    let picture = resize(&made_up([60, 60]), 480, 480);
    let landmarks =
        of([[180.0, 190.0], [290.0, 200.0], [230.0, 260.0], [180.0, 310.0], [280.0, 320.0]]);
    let usual = chip(&picture, &landmarks, &Template::new([112, 112])).unwrap();
    for side in [224, 160] {
        let other = chip(&picture, &landmarks, &Template::new([side, side])).unwrap();
        let off = resize(&other, 112, 112);
        let off = off.as_rgb().iter().zip(usual.as_rgb()).map(|(a, b)| a.abs_diff(*b));
        let mean = off.map(f64::from).sum::<f64>() / (3.0 * 112.0 * 112.0);
        // Half a pixel of shift would be 2.3.
        assert!(mean < 0.9, "{side}: {mean}");
    }
}

#[test]
fn a_higher_chip_shows_all_of_the_height() {
    let template = Template::new(Template::DEEPID2);
    assert_eq!(template.size(), [47, 55]);
    let [left, right, _, _, mouth] = template.landmarks().points;
    let middle = f64::from(left.x + right.x) / 2.0;
    // The eyes of ArcFace's template are 0.41 pixels right of the middle of 112.
    assert!((middle - 23.0 - 0.4132 * 55.0 / 112.0).abs() < 1e-3, "{middle}");
    assert!((f64::from(mouth.y) - (92.2041 + 0.5) * 55.0 / 112.0 + 0.5).abs() < 1e-3);
    let identity = Template::new(Template::ARCFACE).landmarks().points;
    for (found, expected) in identity.iter().zip(ARCFACE) {
        assert_eq!([found.x, found.y], expected);
    }
}

#[test]
fn a_box_is_cut_without_distortion() {
    let picture = made_up([40, 30]);
    let area = Area { x: 10.0, y: 5.0, width: 12.0, height: 16.0 };
    let cut = box_chip(&picture, &area, 0.0, [12, 16]).unwrap();
    for y in 0..16 {
        for x in 0..12 {
            assert_eq!(cut.pixel(x, y), picture.pixel(x + 10, y + 5));
        }
    }
    // A square of 16 around it, as the shorter side is widened.
    let square = box_chip(&picture, &area, 0.0, [16, 16]).unwrap();
    assert_eq!(square.pixel(0, 0), picture.pixel(8, 5));
    // A quarter more is two pixels on each side of 16.
    let wider = box_chip(&picture, &area, 0.25, [20, 20]).unwrap();
    assert_eq!(wider.pixel(2, 2), square.pixel(0, 0));
    let corner = Area { x: -8.0, y: -8.0, ..area };
    assert_eq!(box_chip(&picture, &corner, 0.0, [12, 16]).unwrap().pixel(7, 7), [0; 3]);
}

#[test]
fn a_box_without_area_is_refused() {
    let picture = made_up([4, 4]);
    let refused = |width, height, margin| {
        let area = Area { x: 0.0, y: 0.0, width, height };
        box_chip(&picture, &area, margin, [8, 8]).is_err()
    };
    assert!(refused(0.0, 3.0, 0.2) && refused(3.0, 3.0, -1.0) && refused(f32::NAN, 3.0, 0.2));
    assert!(refused(3.0, f32::INFINITY, 0.2) && !refused(3.0, 3.0, 0.2));
}
