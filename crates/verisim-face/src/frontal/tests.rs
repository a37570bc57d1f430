//! Frontalisation and turning against the truth of drawn heads.

use super::*;
use crate::align::chip;
use crate::chip::{Channels, to_channels};
use crate::synth::{Framing, Population, Pose, SyntheticFace, draw};
use crate::{Landmarks, Point};

const PEOPLE: Population = Population { seed: 7 };
const N_PEOPLE: usize = 12;
const PHOTO: Framing =
    Framing::Photo { width: 260, height: 260, center: [130.0, 110.0], head_height: 150.0 };

/// Says a figure of `docs/frontal.md`.
#[expect(clippy::print_stderr, reason = "seen with --nocapture")]
fn tell(figure: &str) {
    eprintln!("{figure}");
}

/// A person in a pose and the same light, with nothing before the face.
fn photograph(person: usize, yaw: f32, pitch: f32) -> SyntheticFace {
    let appearance = PEOPLE.appearance(person, 0).frontal_twin();
    draw(&PEOPLE.identity(person), &appearance.with_pose(Pose { yaw, pitch, roll: 0.0 }), &PHOTO)
}

/// Drawn landmarks count from the corner of a pixel, found ones from its center.
fn landmarks(face: &SyntheticFace) -> Landmarks {
    Landmarks { points: face.landmarks.map(|[x, y]| Point { x: x - 0.5, y: y - 0.5 }) }
}

fn aligned(face: &SyntheticFace) -> Picture {
    chip(&face.picture, &landmarks(face), &Template::new(Template::ARCFACE)).unwrap()
}

fn to_front(face: &SyntheticFace, hidden: Hidden) -> Frontal {
    let camera = Camera::from_landmarks(&landmarks(face)).unwrap();
    frontal(&face.picture, &camera, &Template::new(Template::ARCFACE), hidden).unwrap()
}

/// Whether a pixel of a chip lies on the face, brows to chin.
fn on_face(x: usize, y: usize) -> bool {
    let (across, down) = ((x as f64 - 55.5) / 36.0, (y as f64 - 68.0) / 46.0);
    across * across + down * down < 1.0
}

/// Peak signal to noise ratio in decibels, over the face.
fn psnr(a: &Picture, b: &Picture) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for (index, (a, b)) in a.as_rgb().iter().zip(b.as_rgb()).enumerate() {
        if on_face(index / 3 % 112, index / 3 / 112) {
            sum += (f64::from(*a) - f64::from(*b)).powi(2);
            n += 1.0;
        }
    }
    10.0 * (255.0 * 255.0 / (sum / n)).log10()
}

/// Structural similarity of the brightness (Wang et al. 2004), mean over windows of 8 x 8 on the face.
fn ssim(a: &Picture, b: &Picture) -> f64 {
    let [a, b] = [a, b].map(|it| to_channels(it, Channels::Gray));
    let (mut sum, mut n) = (0.0, 0.0);
    for top in (0..104).step_by(2) {
        for left in (0..104).step_by(2) {
            if !on_face(left + 4, top + 4) {
                continue;
            }
            let mut s = [0.0; 5];
            for y in top..top + 8 {
                for x in left..left + 8 {
                    let [p, q] = [&a, &b].map(|it| f64::from(it[112 * y + x]));
                    for (sum, value) in s.iter_mut().zip([p, q, p * p, q * q, p * q]) {
                        *sum += value / 64.0;
                    }
                }
            }
            let [p, q, pp, qq, pq] = s;
            let (c1, c2) = (6.5025, 58.5225);
            sum += (2.0 * p * q + c1) * (2.0 * (pq - p * q) + c2)
                / ((p * p + q * q + c1) * (pp - p * p + qq - q * q + c2));
            n += 1.0;
        }
    }
    sum / n
}

/// Mean PSNR and SSIM against the true front views, of what `make` makes of heads turned by `yaw`.
fn likeness(yaw: f32, make: impl Fn(&SyntheticFace) -> Picture) -> [f64; 2] {
    let mut sums = [0.0; 2];
    for person in 0..N_PEOPLE {
        // Both ways in turn.
        let side = if person % 2 == 0 { yaw } else { -yaw };
        let truth = aligned(&photograph(person, 0.0, 0.0));
        let made = make(&photograph(person, side, 0.0));
        sums[0] += psnr(&made, &truth) / N_PEOPLE as f64;
        sums[1] += ssim(&made, &truth) / N_PEOPLE as f64;
    }
    sums
}

#[test]
fn front_views_are_nearer_to_the_truth_than_alignment_in_the_plane() {
    for yaw in [0.0, 15.0, 30.0, 45.0] {
        let plane = likeness(yaw, aligned);
        let kept = likeness(yaw, |face| to_front(face, Hidden::Kept).picture);
        let mirrored = likeness(yaw, |face| to_front(face, Hidden::Mirrored).picture);
        tell(&format!(
            "yaw {yaw}: in the plane {plane:.3?}, kept {kept:.3?}, mirrored {mirrored:.3?}"
        ));
        if yaw > 0.0 {
            let (decibels, similarity) = if yaw >= 30.0 { (2.0, 0.08) } else { (1.5, 0.01) };
            assert!(mirrored[0] > plane[0] + decibels, "{yaw}");
            assert!(mirrored[1] > plane[1] + similarity, "{yaw}");
        }
    }
}

#[test]
fn poses_of_drawn_heads_are_found() {
    for (yaw, pitch) in
        [(0.0, 0.0), (15.0, 0.0), (30.0, 0.0), (45.0, 0.0), (0.0, 15.0), (0.0, -15.0)]
    {
        let (mut mean, mut signed, mut worst) = ([0.0; 3], [0.0; 2], 0.0f32);
        for person in 0..N_PEOPLE {
            let face = photograph(person, yaw, pitch);
            let pose = Camera::from_landmarks(&landmarks(&face)).unwrap().pose();
            let off = [pose.yaw - yaw, pose.pitch - pitch, pose.roll];
            for (sum, off) in mean.iter_mut().zip(off) {
                *sum += off.abs() / N_PEOPLE as f32;
                worst = worst.max(off.abs());
            }
            signed[0] += off[0] / N_PEOPLE as f32;
            signed[1] += off[1] / N_PEOPLE as f32;
        }
        tell(&format!(
            "yaw {yaw}, pitch {pitch}: mean error of yaw, pitch and roll {mean:.1?} degrees, worst \
             {worst:.1}, mean {signed:.1?}"
        ));
        assert!(mean[0] < 8.0 && mean[1] < 12.0 && mean[2] < 5.0 && worst < 30.0, "{yaw} {pitch}");
    }
}

#[test]
fn the_farther_side_of_a_turned_face_is_marked() {
    let count = |yaw: f32| {
        let seen = to_front(&photograph(3, yaw, 0.0), Hidden::Kept).seen;
        let hidden = |columns: std::ops::Range<usize>| {
            let pixels = (0..112).flat_map(|y| columns.clone().map(move |x| (x, y)));
            pixels.filter(|&(x, y)| on_face(x, y) && seen[112 * y + x] < 128).count()
        };
        (hidden(0..56), hidden(56..112))
    };
    let (left, right) = count(0.0);
    assert!(left + right < 60, "{left} {right}");
    // Turned to the right of the picture, the right half is farther.
    let (left, right) = count(40.0);
    assert!(right > 300 && left < right / 4, "{left} {right}");
    let (left, right) = count(-40.0);
    assert!(left > 300 && right < left / 4, "{left} {right}");
}

#[test]
fn a_face_turns_the_way_it_is_told() {
    for (yaw, pitch) in [(20.0, 0.0), (-20.0, 0.0), (0.0, 12.0), (0.0, -12.0), (30.0, 0.0)] {
        let (mut turned_away, mut as_it_was) = ([0.0; 2], [0.0; 2]);
        for person in 0..N_PEOPLE {
            let front = photograph(person, 0.0, 0.0);
            let truth = photograph(person, yaw, pitch);
            let Turned { picture, landmarks: found } =
                turned(&front.picture, &landmarks(&front), yaw, pitch).unwrap();
            let template = Template::new(Template::ARCFACE);
            let made = chip(&picture, &found, &template).unwrap();
            let truth = aligned(&truth);
            for (sums, picture) in [(&mut turned_away, &made), (&mut as_it_was, &aligned(&front))] {
                sums[0] += psnr(picture, &truth) / N_PEOPLE as f64;
                sums[1] += ssim(picture, &truth) / N_PEOPLE as f64;
            }
        }
        tell(&format!("turned by {yaw}, {pitch}: {turned_away:.3?}, as it was: {as_it_was:.3?}"));
        assert!(turned_away[0] > as_it_was[0] && turned_away[1] > as_it_was[1], "{yaw} {pitch}");
    }
}

#[test]
fn a_face_that_does_not_turn_stays_as_it_is() {
    let face = photograph(5, 10.0, 0.0);
    let same = turned(&face.picture, &landmarks(&face), 0.0, 0.0).unwrap();
    assert_eq!(same.landmarks, landmarks(&face));
    let off = same.picture.as_rgb().iter().zip(face.picture.as_rgb()).map(|(a, b)| a.abs_diff(*b));
    assert!(off.max() <= Some(3));
}

#[test]
fn what_is_no_face_or_no_angle_is_refused() {
    let face = photograph(0, 0.0, 0.0);
    let nowhere = Landmarks { points: [Point { x: 4.0, y: 4.0 }; 5] };
    assert!(turned(&face.picture, &nowhere, 10.0, 0.0).is_err());
    assert!(turned(&face.picture, &landmarks(&face), f32::NAN, 0.0).is_err());
    // A face that is far outside of its photograph is black.
    let away = landmarks(&face).points.map(|Point { x, y }| Point { x: x + 9_000.0, y });
    let camera = Camera::from_landmarks(&Landmarks { points: away }).unwrap();
    let template = Template::new([32, 32]);
    let black = frontal(&face.picture, &camera, &template, Hidden::Mirrored).unwrap();
    assert!(black.picture.as_rgb().iter().all(|value| *value == 0));
}
