//! Paints lips, teeth and the dark between them; it does not know the rest of the face.

use super::color::Rgb;
use super::curve::{bump, mix, smoothstep};
use super::face::Face;
use super::light::Finish;
use super::spot::Spot;

/// Teeth, a little yellow.
const TEETH: Rgb = Rgb([0.78, 0.73, 0.64]);
/// The inside of the mouth.
const THROAT: Rgb = Rgb([0.045, 0.012, 0.012]);
/// The tongue.
const TONGUE: Rgb = Rgb([0.42, 0.13, 0.12]);
/// Width of a tooth in centimeters.
const TOOTH_WIDTH: f32 = 0.78;
/// Length of a tooth in centimeters.
const TOOTH_LENGTH: f32 = 0.85;

/// Paints the mouth of `face` over `finish`; changes nothing away from it.
pub(super) fn paint(face: &Face, color: Rgb, spot: &Spot, finish: &mut Finish) {
    let lips = &face.lips;
    let (x, y) = (spot.rest.x, spot.rest.y);
    let along = lips.along(x);
    if along.abs() > 1.25 || spot.rest.z < 4.0 {
        return;
    }
    let (top, bottom) = lips.outer_edges(along);
    if y > top + 0.6 || y < bottom - 0.6 {
        return;
    }
    let (above, below) = lips.inner_edges(along);
    let reach = spot.soft_cover((1.0 - along.abs()) * lips.half_width, 0.2);
    let upper = spot.soft_cover(top - y, 0.14) * spot.cover(y - above) * reach;
    let lower = spot.soft_cover(y - bottom, 0.2) * spot.cover(below - y) * reach;
    finish.albedo = finish.albedo.mix(color * 0.80, upper);
    finish.albedo = finish.albedo.mix(color * 1.04, lower);
    finish.shine += 0.5 * finish.shine * upper + 1.1 * finish.shine * lower;
    finish.gloss = if lower > 0.5 { 22 } else { finish.gloss };
    let gap = spot.cover(above - y) * spot.cover(y - below) * smoothstep(0.02, 0.08, above - below);
    if gap > 0.0 && along.abs() < 1.0 {
        finish.albedo = finish.albedo.mix(inside(spot, along, above, below), gap);
        finish.shine *= 1.0 - 0.6 * gap;
    }
    // The line between the lips, which ends in a soft pit beyond the corner.
    let line = bump((y - mix(above, below, 0.35)) / (0.09 + 0.7 * spot.pixel));
    let line = line * smoothstep(1.12, 0.85, along.abs()) * smoothstep(0.5, 0.1, above - below);
    finish.albedo = finish.albedo.mix(color * 0.16, 0.78 * line);
}

fn inside(spot: &Spot, along: f32, above: f32, below: f32) -> Rgb {
    let y = spot.rest.y;
    let depth = above - y;
    let tongue = bump((y - below) / (0.55 * (above - below) + 0.1)) * (1.0 - along * along);
    let behind = THROAT.mix(TONGUE, 0.75 * tongue);
    let length = TOOTH_LENGTH.min(0.85 * (above - below));
    let row = spot.cover(length - depth) * smoothstep(0.98, 0.7, along.abs());
    let place = spot.rest.x / TOOTH_WIDTH;
    let from_gap = (place - place.floor() - 0.5).abs();
    let between = smoothstep(0.38, 0.5, from_gap) * smoothstep(0.25, 0.1, spot.pixel);
    let shade = 0.55 + 0.45 * smoothstep(0.0, 0.35, depth);
    behind.mix(TEETH * (shade * (1.0 - 0.3 * between) * (1.0 - 0.4 * along * along)), row)
}
