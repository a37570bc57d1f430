//! Presses eyes, nose, lips and cheeks into the smooth surface of a skull.
//!
//! It moves points only; it does not know triangles or colors.

use super::curve::{bump, bump2, mix, smooth_max, smoothstep};
use super::face::{EYEBALL_RADIUS, Face, LID_THICKNESS};
use super::vector::Vec3;

/// Farther than this from the middle of the face, the skull is left as it is.
const FACE_HALF_WIDTH: f32 = 7.6;
/// Below the chin by more than this, too.
const BELOW_CHIN: f32 = 1.0;
/// How softly the wings of a nose join its middle, in centimeters.
const JOIN: f32 = 0.25;
/// Above this height, too.
const FACE_TOP: f32 = 7.0;

/// Where a point of the skull's front goes on `face`.
pub(super) fn sculpted(face: &Face, skin: Vec3) -> Vec3 {
    let outside = skin.x.abs() > FACE_HALF_WIDTH
        || skin.y > FACE_TOP
        || skin.y < face.skull.chin_y() - BELOW_CHIN
        || skin.z < 0.0;
    if outside {
        return skin;
    }
    let mut point = skin;
    press_cheeks(face, &mut point);
    press_brow(face, &mut point);
    press_eyes(face, &mut point);
    press_chin(face, &mut point);
    press_mouth(face, &mut point);
    press_nose(face, skin, &mut point);
    // Towards the ears the face turns into the skull without a seam.
    skin.mix(point, smoothstep(0.0, 2.0, skin.z))
}

fn press_cheeks(face: &Face, point: &mut Vec3) {
    let head = &face.anatomy.head;
    let (x, y) = (point.x.abs(), point.y);
    let side = if point.x < 0.0 { -1.0 } else { 1.0 };
    let bone = head.cheekbone * bump2((x - 5.0) / 2.6, (y + 2.0) / 2.2);
    let flesh = head.cheek_fullness * bump2((x - 4.6) / 3.0, (y + 5.6) / 3.4);
    let smile = face.expression.smile.max(0.0);
    let apple = 0.55 * smile * bump2((x - 3.9) / 2.2, (y + 3.6) / 2.2);
    let outwards = bone + flesh + 0.6 * apple;
    point.x += side * 0.6 * outwards;
    point.z += 0.8 * (bone + flesh) + apple;
    // Temples.
    point.x -= side * 0.25 * bump2((x - 6.8) / 2.0, (y - 2.6) / 2.6);
    let (beyond, depth) = face.at_cheek_fold(x, y);
    let fold = 0.28 * face.cheek_fold(0.0) * depth;
    point.z += fold * bump((beyond - 0.5) / 0.8) - fold * bump((beyond + 0.15) / 0.5);
}

fn press_brow(face: &Face, point: &mut Vec3) {
    let (x, y) = (point.x.abs(), point.y);
    let ridge_y = 1.6 + 0.25 * face.expression.brows;
    let ridge =
        bump((y - ridge_y) / 1.5) * smoothstep(6.2, 4.0, x) * smoothstep(-0.5, 1.2, x + 0.2);
    point.z += face.anatomy.head.brow_ridge * ridge;
    // The two bumps of a forehead.
    point.z += 0.12 * bump2((x - 2.6) / 2.6, (y - 4.6) / 2.2);
}

fn press_eyes(face: &Face, point: &mut Vec3) {
    let (x, y) = (point.x.abs(), point.y);
    let eyes = face.eyes();
    let (across, up) = (x - eyes.spacing, y);
    let socket = bump2((across + 0.25) / 2.5, (up - 0.15) / 1.75);
    if socket <= 0.0 {
        return;
    }
    point.z -= (0.55 + 0.75 * eyes.depth.max(0.0)) * socket;
    let radius = EYEBALL_RADIUS + LID_THICKNESS;
    let square = radius * radius - across * across - up * up;
    if square > 0.0 {
        let lids = face.eyeball.z + square.sqrt();
        point.z = smooth_max(point.z, lids, 0.12);
    }
    let bag = 0.14 * eyes.bags * bump2(across / 1.5, (up + 1.05) / 0.45);
    point.z += bag;
}

fn press_chin(face: &Face, point: &mut Vec3) {
    let head = &face.anatomy.head;
    let lips = &face.lips;
    let chin_y = face.skull.chin_y();
    let bottom = lips.outer_edges(0.0).1;
    let groove_y = mix(bottom, chin_y, 0.22);
    point.z -= 0.34 * bump2(point.x / 2.4, (point.y - groove_y) / 0.75);
    let ball_y = mix(bottom, chin_y, 0.66);
    point.z += 0.38 * bump2(point.x / 2.0, (point.y - ball_y) / 1.3);
    point.z -= head.chin_cleft * bump2(point.x / 0.4, (point.y - ball_y) / 1.0);
}

fn press_mouth(face: &Face, point: &mut Vec3) {
    let lips = &face.lips;
    let along = lips.along(point.x);
    let y = point.y;
    // Pit at the corners, deeper in a smile.
    let (corner_x, corner_y) = lips.corner();
    let pit = 0.22 + 0.15 * face.expression.smile.max(0.0);
    point.z -= pit * bump2((point.x.abs() - corner_x - 0.1) / 0.8, (y - corner_y) / 0.8);
    if along.abs() >= 1.0 {
        return;
    }
    let fullness = face.anatomy.mouth.fullness;
    let (top, bottom) = lips.outer_edges(along);
    let (above, below) = lips.inner_edges(along);
    let rest = 1.0 - along * along;
    let swell = |outer: f32, inner: f32, height: f32| {
        let middle = mix(inner, outer, 0.45);
        let reach = (outer - inner).abs() * 0.9 + 0.22;
        height * bump((y - middle) / reach)
    };
    point.z += rest * swell(top, above, fullness);
    point.z += rest * swell(bottom, below, fullness * 1.05);
    // The muscle around the mouth lifts both lips off the teeth.
    point.z += 0.3 * rest * bump((y - lips.y) / 2.2);
    let inside = smoothstep(below - 0.1, below + 0.1, y) * smoothstep(above + 0.1, above - 0.1, y);
    let gap = above - below;
    point.z -= inside * (0.25 * fullness + 0.7 * smoothstep(0.1, 0.9, gap) * rest);
}

fn press_nose(face: &Face, skin: Vec3, point: &mut Vec3) {
    let nose = face.nose();
    let (x, y) = (skin.x.abs(), skin.y);
    if x > 3.4 {
        return;
    }
    let root_y = 0.35;
    let down = (root_y - y) / (root_y - nose.tip_y);
    // The ridge, from between the brows to the tip and back under it.
    let ridge = if down < 0.0 {
        nose.root * smoothstep(2.3, root_y, y)
    } else {
        let straight = mix(nose.root, nose.projection, down.min(1.0));
        let under = smoothstep(nose.tip_y - 1.2, nose.tip_y + 0.6, y);
        straight * under + nose.hump * bump((down - 0.38) / 0.4)
    };
    let half_width = mix(nose.bridge_width, nose.tip_width, smoothstep(0.3, 1.0, down));
    // The foot of the nose is wider than its ridge.
    let spread = 1.7 * half_width + 0.45 * smoothstep(0.4, 1.0, down);
    let ball = bump2(x / (1.25 * nose.tip_width), (y - nose.tip_y) / (1.1 * nose.tip_width));
    let wing_y = nose.tip_y - 0.3;
    let wing = bump2((x - nose.wing_x + 0.55) / 0.85, (y - wing_y) / 0.8);
    let middle = ridge * smoothstep(1.0, 0.1, x / spread) + 0.3 * ball;
    point.z += smooth_max(middle, nose.wing_flare * 1.15 * wing, JOIN) - 0.5 * JOIN;
    let side = if skin.x < 0.0 { -1.0 } else { 1.0 };
    point.x += side * 0.22 * nose.wing_flare * wing;
    // The groove between wing and cheek.
    point.z -= 0.16 * bump2((x - nose.wing_x - 0.3) / 0.5, (y - wing_y) / 0.8);
    point.y += nose.lift * ball + 0.25 * nose.lift * bump2(x / 1.6, (y - nose.tip_y + 0.5) / 0.9);
    let groove_y = mix(nose.tip_y - 1.0, face.lips.y, 0.4);
    let philtrum = bump2(x / 0.34, (y - groove_y) / 1.0);
    point.z -= face.anatomy.mouth.philtrum * philtrum;
}
