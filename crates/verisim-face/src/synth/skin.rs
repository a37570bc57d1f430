//! Paints skin: tone, marks, brows, stubble, lines, nostrils; and the clothes below it.

use std::ops::RangeInclusive;

use super::color::Rgb;
use super::complexion::Complexion;
use super::curve::{bump, bump2, mix, smoothstep};
use super::eye::EyePaint;
use super::face::Face;
use super::hair::root_edge;
use super::hairdo::{Hairdo, Style};
use super::light::Finish;
use super::lips;
use super::noise;
use super::skull::COLLAR_Y;
use super::spot::Spot;

/// Distance between freckles, in centimeters.
const FRECKLE_CELL: f32 = 0.42;
/// Brows are nowhere else, in centimeters above the eyes.
const BROW_HEIGHTS: RangeInclusive<f32> = 0.3..=5.0;
/// Color of skin under shaved hair.
const SHAVED: Rgb = Rgb([0.055, 0.055, 0.065]);

/// What the skin of one picture has in common.
pub(super) struct SkinPaint<'a> {
    pub(super) face: &'a Face<'a>,
    pub(super) complexion: &'a Complexion,
    pub(super) hairdo: &'a Hairdo,
    pub(super) eyes: EyePaint<'a>,
    pub(super) clothes: Rgb,
}

impl SkinPaint<'_> {
    /// Paints the head at `spot`.
    pub(super) fn paint(&self, spot: &Spot) -> Finish {
        let mut finish = self.bare(spot);
        let (y, z) = (spot.rest.y, spot.rest.z);
        if y < COLLAR_Y + 2.5 {
            self.dress(spot, &mut finish);
            return finish;
        }
        self.shave(spot, &mut finish);
        if z > 0.0 && y > self.face.skull.chin_y() - 0.5 {
            self.mark(spot, &mut finish);
            self.crease(spot, &mut finish);
            self.paint_nostrils(spot, &mut finish);
            self.paint_brows(spot, &mut finish);
            self.eyes.paint(spot, &mut finish);
            lips::paint(self.face, self.complexion.lips, spot, &mut finish);
        }
        finish
    }

    /// Paints an ear at `spot`.
    pub(super) fn paint_ear(&self, spot: &Spot) -> Finish {
        let mut finish = self.bare(spot);
        let bowl = smoothstep(0.62, 0.3, spot.along);
        finish.albedo = finish.albedo * Rgb([1.02, 0.86, 0.84]) * (1.0 - 0.35 * bowl);
        finish
    }

    /// Paints a hand at `spot`.
    pub(super) fn paint_hand(&self, spot: &Spot) -> Finish {
        let tone = self.complexion.skin;
        Finish { albedo: tone * Rgb([1.02, 0.94, 0.92]), openness: 0.85, ..self.bare(spot) }
    }

    fn bare(&self, spot: &Spot) -> Finish {
        let complexion = self.complexion;
        let (x, y) = (spot.rest.x.abs(), spot.rest.y);
        let mottle = noise::smooth(complexion.seed, 0.9 * spot.rest.x, 0.9 * y);
        let nose = self.face.nose();
        let red = complexion.flush
            * (0.85 * bump2((x - 4.1) / 2.7, (y + 3.3) / 2.7)
                + 0.7 * bump2(x / 1.5, (y - nose.tip_y) / 1.5)
                + 0.25 * bump2(x / 2.0, (y - self.face.skull.chin_y() - 1.2) / 1.4));
        let blush = Rgb([1.04, 0.76, 0.74]);
        let tone = complexion.skin * (1.0 + 0.05 * mottle);
        let oily = 0.7 + 0.5 * bump2(x / 2.4, (y - 1.0) / 6.0);
        Finish {
            albedo: tone.mix(tone * blush, red.min(1.0)),
            shine: 0.2 * complexion.shine * oily * (1.0 + 0.25 * mottle),
            gloss: 14,
            scatter: 1.0,
            openness: spot.openness,
            normal: spot.normal,
            fiber: None,
        }
    }

    fn dress(&self, spot: &Spot, finish: &mut Finish) {
        let neckline = COLLAR_Y + 0.6 - 0.36 * spot.rest.z.max(0.0);
        let cloth = spot.cover(neckline - spot.rest.y);
        let seam = bump((spot.rest.y - neckline + 0.4) / 0.35);
        finish.albedo = finish.albedo.mix(self.clothes * (1.0 - 0.3 * seam), cloth);
        finish.shine *= 1.0 - cloth;
        finish.scatter *= 1.0 - cloth;
    }

    /// Darkens skin where hair is shorn or grows thin, and where a beard is shaved.
    fn shave(&self, spot: &Spot, finish: &mut Finish) {
        let hairdo = self.hairdo;
        let (x, y) = (spot.rest.x.abs(), spot.rest.y);
        let grain = || noise::smooth(hairdo.seed, 9.0 * spot.rest.x, 9.0 * y);
        // No hairline is below the eyes in front.
        let above = if y < 0.0 && spot.along < 0.3 {
            -1.0
        } else {
            y - root_edge(hairdo, 180.0 * spot.along)
        };
        if hairdo.style != Style::Scarf && above > -0.5 {
            let roots = match hairdo.style {
                Style::Bald => 0.22 * hairdo.stubble + 0.05,
                Style::Horseshoe => 0.12,
                _ => 0.9,
            };
            let share = roots * smoothstep(-0.25, 0.5, above + 0.25 * grain());
            finish.albedo = finish.albedo.mix(hairdo.color, share);
            finish.shine *= 1.0 - 0.7 * share;
        }
        if hairdo.stubble == 0.0 || spot.rest.z < -1.0 || y > 0.0 {
            return;
        }
        let thick = beard_at(self.face, hairdo, x, y);
        if thick.beard <= 0.0 {
            return;
        }
        let shadow = hairdo.brow_color.mix(SHAVED, 0.35);
        let share = thick.beard * (0.5 * hairdo.stubble * (0.8 + 0.3 * grain()));
        finish.albedo = finish.albedo.mix(shadow, share.clamp(0.0, 1.0));
        if thick.grown > 0.0 {
            let strands = noise::rough(hairdo.seed ^ 5, 6.0 * spot.rest.x, 1.8 * y);
            let grown = smoothstep(0.02, 0.16, thick.grown + 0.05 * strands);
            let hair = hairdo.brow_color * (1.0 + 0.6 * strands);
            finish.albedo = finish.albedo.mix(hair, grown);
            finish.shine *= 1.0 - 0.6 * grown;
            finish.scatter *= 1.0 - 0.8 * grown;
        }
    }

    fn mark(&self, spot: &Spot, finish: &mut Finish) {
        let (x, y) = (spot.rest.x, spot.rest.y);
        let dark = Rgb([0.55, 0.40, 0.32]);
        let zone = bump2(x / 6.5, (y + 2.4) / 4.2);
        if self.complexion.freckles * zone > 0.0 {
            let (column, row) = ((x / FRECKLE_CELL).floor(), (y / FRECKLE_CELL).floor());
            let seed = self.complexion.seed ^ 0xf7ec;
            let place = |axis: u32| 0.32 * noise::hash(seed ^ axis, column as i32, row as i32);
            let across = x / FRECKLE_CELL - column - 0.5 - place(1);
            let down = y / FRECKLE_CELL - row - 0.5 - place(2);
            // Some cells have none.
            let size = 0.10 + 0.16 * noise::hash(seed, column as i32, row as i32);
            let inside = (size - (across * across + down * down).sqrt()) * FRECKLE_CELL;
            let share = spot.soft_cover(inside, 0.12) * zone * self.complexion.freckles;
            finish.albedo = finish.albedo.mix(finish.albedo * dark, 0.8 * share);
        }
        for mole in &self.complexion.moles {
            let jaw = if mole.y < self.face.lips.y { 0.75 * self.face.lips.gap_below } else { 0.0 };
            let (across, down) = (x - mole.x, y - mole.y + jaw);
            let inside = mole.radius - (across * across + down * down).sqrt();
            let share = spot.soft_cover(inside, 0.12);
            finish.albedo = finish.albedo.mix(finish.albedo * Rgb([0.26, 0.16, 0.12]), share);
        }
    }

    /// Lines of age and of the expression.
    fn crease(&self, spot: &Spot, finish: &mut Finish) {
        let (x, y) = (spot.rest.x.abs(), spot.rest.y);
        let wrinkles = self.complexion.wrinkles;
        let width = 0.12 + 0.5 * spot.pixel;
        let mut depth = 0.0;
        if y < -1.0 {
            let (beyond, along) = self.face.at_cheek_fold(x, y);
            depth += 0.45 * self.face.cheek_fold(wrinkles) * along * bump(beyond / (width + 0.18));
        }
        let brows = self.face.expression.brows;
        if y > 2.6 && x < 5.0 {
            let wave = 0.12 * noise::smooth(self.complexion.seed, 0.9 * spot.rest.x, y.floor());
            let line = (y + wave - 3.4) / 0.85;
            let from_line = (line - line.floor() - 0.5).abs() * 0.85;
            let zone = bump((y - 4.4) / 2.2) * smoothstep(5.0, 2.5, x);
            depth += (0.3 * wrinkles + 0.15 * brows.max(0.0)) * zone * bump(from_line / width);
        }
        // Between the brows.
        if x < 1.0 {
            let frown = bump((x - 0.55) / width) * bump((y - 1.7) / 1.1);
            depth += frown * (0.15 * wrinkles + 0.5 * self.face.frown());
        }
        // Crow's feet.
        let (outer, height) = self.face.at_eye(x, y);
        if outer > 1.05 && height.abs() < 1.1 {
            let fan = height / (outer - 0.55);
            let ray = (2.4 * fan - (2.4 * fan).floor() - 0.5).abs();
            let zone = bump((outer - 1.4) / 0.42) * bump(height / 1.1);
            let smile = 0.4 + 0.6 * self.face.expression.smile.max(0.0);
            depth += 0.5 * wrinkles * smile * zone * bump(ray / 0.3);
        }
        finish.albedo = finish.albedo * (1.0 - depth.min(0.7));
    }

    fn paint_nostrils(&self, spot: &Spot, finish: &mut Finish) {
        let nose = self.face.nose();
        let (x, y) = (spot.rest.x.abs(), spot.rest.y);
        if x > 3.2 || (y - nose.tip_y).abs() > 2.2 {
            return;
        }
        let across = (x - 0.47 * nose.wing_x) / (0.30 * nose.wing_x);
        let down = (y - nose.tip_y + 0.78 - 0.3 * nose.lift + 0.12 * across) / 0.22;
        let hole = smoothstep(1.0, 0.3, across * across + down * down);
        finish.albedo = finish.albedo * (1.0 - 0.82 * hole);
        let below = bump2(x / (0.9 * nose.wing_x), (y - nose.tip_y + 1.25) / 0.6);
        finish.openness *= 1.0 - 0.25 * below;
        let wing = bump2((x - nose.wing_x - 0.12) / 0.3, (y - nose.tip_y + 0.35) / 0.7);
        finish.albedo = finish.albedo * (1.0 - 0.28 * wing);
    }

    fn paint_brows(&self, spot: &Spot, finish: &mut Finish) {
        let (x, y) = (spot.rest.x.abs(), spot.rest.y);
        if !BROW_HEIGHTS.contains(&y) {
            return;
        }
        let (middle, half) = self.face.brow(x);
        if half <= 0.0 || (y - middle).abs() > half + 0.3 {
            return;
        }
        let hairs = noise::rough(self.hairdo.seed ^ 0xb, 6.0 * x - 3.0 * y, 1.5 * y + 2.0 * x);
        let inside = half - (y - middle).abs() + 0.05 * hairs;
        let cover = spot.soft_cover(inside, 0.22) * self.face.anatomy.brows.density;
        finish.albedo = finish.albedo.mix(self.hairdo.brow_color * (0.9 + 0.4 * hairs), cover);
        finish.shine *= 1.0 - 0.7 * cover;
        finish.scatter *= 1.0 - cover;
    }
}

/// How much of the skin a beard covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct BeardCover {
    /// Where a beard would grow, 0 to 1.
    pub(super) beard: f32,
    /// Height of what is grown, in centimeters.
    pub(super) grown: f32,
}

/// The beard of `hairdo` at (`x`, `y`) of `face`, with `x >= 0`.
pub(super) fn beard_at(face: &Face, hairdo: &Hairdo, x: f32, y: f32) -> BeardCover {
    let lips = &face.lips;
    let (half, chin_y) = (lips.half_width, face.skull.chin_y());
    let along = lips.along(x);
    let (top, bottom) = lips.outer_edges(along.min(1.0));
    let off = if along < 1.0 { (y - top).max(bottom - y) } else { (y - top).abs().max(x - half) };
    let free = smoothstep(0.02, 0.22, off) * smoothstep(chin_y - 1.4, chin_y - 0.2, y);
    let nose_y = face.nose().tip_y - 1.0;
    let upper_line = nose_y - 0.1 - 0.45 * along * along;
    let mustache = smoothstep(upper_line + 0.15, upper_line - 0.2, y)
        * smoothstep(lips.y - 0.5, lips.y, y)
        * smoothstep(half + 0.6, half - 0.1, x);
    let side = bump((x - half - 0.35) / 0.95) * smoothstep(nose_y - 0.5, lips.y + 0.1, y);
    let chin = smoothstep(bottom - 0.15, bottom - 0.6, y) * smoothstep(half + 1.6, half + 0.2, x);
    // From the mouth up to the sideburn in front of the ear.
    let cheek_line = mix(lips.y + 0.5, -0.6, smoothstep(half + 0.2, 7.4, x));
    let cheek = smoothstep(cheek_line + 0.3, cheek_line - 0.5, y) * smoothstep(half, half + 0.8, x);
    let goatee = bump(x / 3.2) * chin;
    let full = cheek.max(chin).max(side);
    let grown = (hairdo.beard * full)
        .max(hairdo.goatee * goatee.max(if hairdo.goatee > 0.0 { 0.7 * side } else { 0.0 }))
        .max(hairdo.mustache * mustache);
    BeardCover { beard: full.max(mustache) * free, grown: grown * free }
}
