//! Draws one identity in one appearance: builds, places, lights, aims the camera, and paints.

use super::appearance::{Appearance, Pose};
use super::camera::{Camera, Similarity, TEMPLATE, TEMPLATE_SIDE, center};
use super::covering::{Covering, Occlusion};
use super::curve::sin_cos;
use super::eye::EyePaint;
use super::face::Face;
use super::hair;
use super::head;
use super::identity::Identity;
use super::landmark;
use super::mesh::{Mesh, Placed, Vertex};
use super::scene::Scene;
use super::shadow;
use super::skin::SkinPaint;
use super::vector::{Rotation, Vec3};
use crate::Picture;

/// Where a neck bends, in centimeters from the origin of the head.
const PIVOT: Vec3 = Vec3::new(0.0, -7.0, -2.0);
/// Part of the yaw that the shoulders follow.
const SHOULDERS_FOLLOW: f32 = 0.35;
/// Height of a head from chin to crown, in centimeters.
const HEAD_HEIGHT: f32 = 23.0;
/// Distance between the eyes in a chip of [`TEMPLATE_SIDE`].
const TEMPLATE_EYES: f32 = 35.2;
/// Light from skin that is neither light nor dark, in common light.
const COMMON_BRIGHTNESS: f32 = 0.33;
/// Distance between the eyes of a common head, in centimeters.
const HEAD_EYES: f32 = 6.4;

/// What of the scene a picture shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Framing {
    /// An aligned chip of `side` x `side` pixels: its landmarks fit the template of ArcFace, which
    /// is for 112, but for the small errors of an aligner.
    Chip {
        /// Width and height in pixels, at least 1.
        side: usize,
    },
    /// A picture with a head somewhere in it, unaligned.
    Photo {
        /// Width in pixels, at least 1.
        width: usize,
        /// Height in pixels, at least 1.
        height: usize,
        /// Column and row of the middle of the head, between eyes and ears, in pixels.
        center: [f32; 2],
        /// Height of a common head from chin to crown, in pixels, above 0.
        head_height: f32,
    },
}

/// A picture of a face that nobody has, with the truth about it.
#[derive(Clone, Debug)]
pub struct SyntheticFace {
    /// The pixels.
    pub picture: Picture,
    /// Columns and rows of the landmarks, in pixels from the outer corner of the top left pixel: the
    /// eye on the left of the picture, the eye on the right, the tip of the nose, the left and the
    /// right corner of the mouth. They may lie outside of the picture.
    pub landmarks: [[f32; 2]; 5],
    /// Whether each landmark is seen: inside of the picture, and with nothing before it.
    pub visible: [bool; 5],
    /// Direction of the head.
    pub pose: Pose,
    /// What was put before the face; `visible` tells what it hides.
    pub occlusion: Option<Occlusion>,
    /// Whether clear spectacles are worn.
    pub spectacles: bool,
}

/// Draws `identity` in `appearance`.
///
/// # Panics
///
/// Panics if `framing` has a side of 0.
pub fn draw(identity: &Identity, appearance: &Appearance, framing: &Framing) -> SyntheticFace {
    let face = Face::new(&identity.anatomy, appearance.expression);
    let rotation = {
        let pose = appearance.pose;
        Rotation::from_degrees(pose.yaw, pose.pitch, pose.roll)
    };
    let meshes = meshes(identity, appearance, &face);
    let points = landmark::find(&face, &meshes[0]).map(|rest| turned(&rotation, rest));
    let mut parts = place(meshes, &rotation, appearance);
    shadow::cast(&mut parts, appearance.light.direction, turned(&rotation, Vec3::ZERO));
    let camera = camera(appearance, framing, &rotation, &points);
    let landmarks = points.map(|point| camera.project(point));
    // Against a chip of the side that the template is for.
    let size = camera.to_pixels.scale() * HEAD_EYES / TEMPLATE_EYES;
    let scene = Scene {
        identity,
        appearance,
        camera,
        rotation,
        parts,
        size: framing.size(),
        face_center: center(&landmarks),
        chip_side: TEMPLATE_SIDE * size,
    };
    let paint = SkinPaint {
        face: &face,
        complexion: &identity.complexion,
        hairdo: &identity.hairdo,
        eyes: EyePaint {
            face: &face,
            complexion: &identity.complexion,
            rotation,
            light: rotation.undo(appearance.light.direction),
        },
        clothes: appearance.clothes,
    };
    let view = scene.view();
    let canvas = scene.paint(&paint, &view);
    SyntheticFace {
        picture: appearance.flaws.expose(canvas, gain(identity, appearance), size),
        landmarks,
        visible: points.map(|point| scene.is_seen(&view, point, landmark::TOLERANCE)),
        pose: appearance.pose,
        occlusion: appearance.covering.as_ref().map(Covering::kind),
        spectacles: appearance.spectacles,
    }
}

impl Framing {
    fn size(&self) -> (usize, usize) {
        match *self {
            Self::Chip { side } => (side, side),
            Self::Photo { width, height, .. } => (width, height),
        }
    }
}

fn turned(rotation: &Rotation, rest: Vec3) -> Vec3 {
    rotation.apply(rest - PIVOT) + PIVOT
}

fn meshes(identity: &Identity, appearance: &Appearance, face: &Face) -> Vec<Mesh> {
    let hairdo = &identity.hairdo;
    let mut meshes = vec![head::skin(face, hairdo)];
    if !hairdo.hangs() {
        meshes.push(head::ears(face));
    }
    meshes.extend(hair::hair(face, hairdo, appearance.hat.is_some()));
    meshes.extend(appearance.hat.map(|hat| hat.mesh(face)));
    meshes.extend(appearance.covering.as_ref().and_then(|covering| covering.mesh(face)));
    let spectacles = match &appearance.covering {
        Some(Covering::Sunglasses(spectacles)) => Some(spectacles),
        _ => appearance.spectacles.then_some(&identity.spectacles),
    };
    if let Some(spectacles) = spectacles {
        meshes.push(spectacles.frame(face));
        meshes.push(spectacles.lenses(face));
    }
    meshes
}

fn place(meshes: Vec<Mesh>, rotation: &Rotation, appearance: &Appearance) -> Vec<Placed> {
    let shoulders = Rotation::from_degrees(SHOULDERS_FOLLOW * appearance.pose.yaw, 0.0, 0.0);
    let to_place = |vertex: &Vertex| {
        let head = turned(rotation, vertex.rest);
        if vertex.turn >= 1.0 {
            return head;
        }
        turned(&shoulders, vertex.rest).mix(head, vertex.turn)
    };
    meshes.into_iter().map(|mesh| mesh.placed(to_place)).collect()
}

fn camera(
    appearance: &Appearance,
    framing: &Framing,
    rotation: &Rotation,
    points: &[Vec3; 5],
) -> Camera {
    let unit = Similarity { a: 1.0, b: 0.0, dx: 0.0, dy: 0.0 };
    let camera = Camera { distance: appearance.camera_distance, to_pixels: unit };
    let to_pixels = match *framing {
        Framing::Chip { side } => {
            let seen = points.map(|point| camera.flat(point));
            let wrong = appearance.misalignment;
            let (sin, cos) = sin_cos(wrong.turn);
            let grown = 1.0 + wrong.growth;
            let scale = side as f32 / TEMPLATE_SIDE;
            let half = TEMPLATE_SIDE / 2.0;
            let target = TEMPLATE.map(|[x, y]| {
                let (across, down) = (grown * (x - half), grown * (y - half));
                let x = cos * across - sin * down + half + wrong.shift[0] * TEMPLATE_SIDE;
                let y = sin * across + cos * down + half + wrong.shift[1] * TEMPLATE_SIDE;
                [scale * x, scale * y]
            });
            Similarity::fit(&seen, &target)
        }
        Framing::Photo { center: middle, head_height, .. } => {
            let scale = head_height / HEAD_HEIGHT;
            let [x, y] = camera.flat(turned(rotation, Vec3::ZERO));
            Similarity { a: scale, b: 0.0, dx: middle[0] - scale * x, dy: middle[1] - scale * y }
        }
    };
    Camera { to_pixels, ..camera }
}

/// What a camera does that measures the light on the face.
fn gain(identity: &Identity, appearance: &Appearance) -> f32 {
    let light = &appearance.light;
    let arriving = light.sky.luminance() + 0.6 * light.main.luminance();
    let seen = arriving * identity.complexion.skin.luminance();
    // The fourth root: it mends a part of the difference alone.
    (COMMON_BRIGHTNESS / seen).sqrt().sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::Population;
    use super::*;

    const PEOPLE: Population = Population { seed: 42 };
    const CHIP: Framing = Framing::Chip { side: 112 };
    const PHOTO: Framing =
        Framing::Photo { width: 120, height: 100, center: [60.0, 45.0], head_height: 60.0 };

    fn at_pose(identity_idx: usize, pose: Pose, framing: &Framing) -> SyntheticFace {
        let identity = PEOPLE.identity(identity_idx);
        let appearance = PEOPLE.appearance(identity_idx, 0).frontal_twin().with_pose(pose);
        draw(&identity, &appearance, framing)
    }

    fn distance(a: [f32; 2], b: [f32; 2]) -> f32 {
        ((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1])).sqrt()
    }

    #[test]
    fn landmarks_of_a_chip_lie_near_the_template() {
        for identity_idx in 0..20 {
            let twin = PEOPLE.draw_frontal_twin(identity_idx, 0, &CHIP);
            let face = PEOPLE.draw(identity_idx, 0, &CHIP);
            for (index, place) in TEMPLATE.into_iter().enumerate() {
                let aligned = distance(twin.landmarks[index], place);
                assert!(aligned < 7.0, "twin {identity_idx}, {index}: {aligned}");
                // A head that is turned fits less well, and the alignment errs.
                let real = distance(face.landmarks[index], place);
                assert!(real < 20.0, "face {identity_idx}, {index}: {real}");
            }
        }
    }

    #[test]
    fn landmarks_grow_with_the_chip() {
        let small = PEOPLE.draw(3, 1, &Framing::Chip { side: 56 });
        let large = PEOPLE.draw(3, 1, &CHIP);
        for (a, b) in small.landmarks.iter().zip(large.landmarks) {
            assert!(distance([2.0 * a[0], 2.0 * a[1]], b) < 0.01);
        }
    }

    #[test]
    fn a_head_turns_the_way_its_angles_say() {
        let nose_from_eyes = |pose: Pose| {
            let [left, right, nose, ..] = at_pose(1, pose, &PHOTO).landmarks;
            [nose[0] - 0.5 * (left[0] + right[0]), nose[1] - 0.5 * (left[1] + right[1])]
        };
        let front = nose_from_eyes(Pose::default());
        assert!(front[0].abs() < 0.1);
        let turned = |yaw| nose_from_eyes(Pose { yaw, ..Pose::default() })[0];
        assert!(turned(30.0) > 2.0 && turned(-30.0) < -2.0);
        assert!((turned(30.0) + turned(-30.0)).abs() < 0.1);
        let raised = nose_from_eyes(Pose { pitch: 20.0, ..Pose::default() });
        assert!(raised[1] < front[1] - 1.0, "{raised:?} {front:?}");
        let [left, right, ..] =
            at_pose(1, Pose { roll: 15.0, ..Pose::default() }, &PHOTO).landmarks;
        assert!(right[1] > left[1] + 2.0, "clockwise lowers the right eye: {left:?} {right:?}");
    }

    #[test]
    fn a_frontal_twin_is_frontal_and_uncovered() {
        for identity_idx in 0..20 {
            let twin = PEOPLE.draw_frontal_twin(identity_idx, 1, &CHIP);
            assert_eq!(twin.pose, Pose::default());
            assert_eq!(twin.occlusion, None);
            let [left, right, nose, ..] = twin.landmarks;
            // The template leans by a fifth of a pixel.
            assert!((left[1] - right[1]).abs() < 0.3, "{left:?} {right:?}");
            assert!((0.5 * (left[0] + right[0]) - nose[0]).abs() < 0.3);
        }
    }

    #[test]
    fn a_photo_has_its_head_where_it_was_asked_for() {
        let face = at_pose(4, Pose::default(), &PHOTO);
        assert_eq!((face.picture.width(), face.picture.height()), (120, 100));
        let [x, y] = center(&face.landmarks);
        assert!((x - 60.0).abs() < 1.0 && (45.0..65.0).contains(&y), "{x} {y}");
        let [left, right, ..] = face.landmarks;
        assert!((12.0..24.0).contains(&distance(left, right)), "a head of 60 has eyes 17 apart");
    }

    #[test]
    fn an_eye_is_where_its_landmark_is() {
        let mut n_dark = 0;
        for identity_idx in 0..40 {
            let identity = PEOPLE.identity(identity_idx);
            let mut appearance = PEOPLE.appearance(identity_idx, 0).frontal_twin();
            appearance.expression = super::super::face::Expression::default();
            appearance.spectacles = false;
            let face = draw(&identity, &appearance, &CHIP);
            let brightness = |[x, y]: [f32; 2]| -> u32 {
                face.picture.pixel(x as usize, y as usize).into_iter().map(u32::from).sum()
            };
            let [left, right, ..] = face.landmarks;
            for [x, y] in [left, right] {
                let pupil = [[x, y], [x - 1.0, y], [x, y + 1.0], [x, y + 2.0]];
                let darkest = pupil.into_iter().map(brightness).min();
                let cheek = brightness([x, y + 14.0]);
                n_dark += usize::from(darkest < Some(cheek));
            }
        }
        assert!(n_dark >= 76, "{n_dark} of 80 eyes are darker than the cheek below");
    }

    #[test]
    fn what_is_covered_or_turned_away_is_not_seen() {
        let identity = PEOPLE.identity(0);
        let bare = PEOPLE.appearance(0, 0).frontal_twin();
        let seen = |appearance: &Appearance| draw(&identity, appearance, &CHIP).visible;
        assert_eq!(seen(&bare), [true; 5]);
        let masked = Appearance { covering: Some(Covering::Mask), ..bare.clone() };
        assert_eq!(seen(&masked), [true, true, false, false, false]);
        let away = Pose { yaw: 75.0, ..Pose::default() };
        let [_, right, nose, _, _] = seen(&bare.with_pose(away));
        assert!(!right && nose);
        assert_eq!(seen(&bare.with_pose(Pose { yaw: 180.0, ..away })), [false; 5]);
    }

    #[test]
    fn landmarks_outside_of_a_photo_are_not_seen() {
        let corner =
            Framing::Photo { width: 50, height: 50, center: [0.0, 30.0], head_height: 40.0 };
        let [left, right, ..] = at_pose(0, Pose::default(), &corner).visible;
        assert!(!left && right);
    }

    /// Whoever changes the renderer on purpose writes the new digests down.
    #[test]
    fn a_chip_is_the_same_on_every_machine() {
        let digest = |identity_idx| {
            let face = PEOPLE.draw(identity_idx, 0, &Framing::Chip { side: 48 });
            // FNV-1a.
            face.picture.as_rgb().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            })
        };
        let known = [0x288e_8d7b_2b56_9aa4, 0x5b17_6366_c2d2_7e76, 0xceb4_4e2f_a8f7_e8d5];
        assert_eq!([0, 1, 2].map(digest), known);
    }
}
