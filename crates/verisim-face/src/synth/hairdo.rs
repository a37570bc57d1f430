//! How one identity wears hair and beard; it does not know how hair is drawn.

use super::anatomy::Build;
use super::color::Rgb;
use super::dice::Dice;

/// Natural hair with its share among identities of light and of dark skin.
const HAIR_COLORS: [(u32, f32, f32); 9] = [
    (0x0014_1012, 0.10, 0.55), // black
    (0x0026_1a14, 0.16, 0.26), // black-brown
    (0x0042_2a1a, 0.20, 0.10), // dark brown
    (0x0064_4228, 0.16, 0.04), // brown
    (0x0086_5c34, 0.11, 0.01), // light brown
    (0x00b0_8a50, 0.11, 0.01), // blond
    (0x00d8_bc84, 0.05, 0.01), // light blond
    (0x0080_3614, 0.06, 0.01), // auburn
    (0x00b0_541c, 0.05, 0.01), // ginger
];
/// Dyes that no hair has by nature.
const DYES: [u32; 5] = [0x0040_68b8, 0x00b8_508c, 0x0078_48a0, 0x0038_8878, 0x00b0_3038];
/// Cloth of headscarves.
const CLOTHS: [u32; 7] =
    [0x0028_2c38, 0x00d8_d0c4, 0x0078_3848, 0x0038_6068, 0x00b8_9878, 0x0050_4870, 0x0098_a890];

/// The cut of the hair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// No hair on the head.
    Bald,
    /// Hair on sides and back alone.
    Horseshoe,
    /// A few millimeters all over.
    Buzz,
    /// Short, without direction.
    Crop,
    /// Short, combed to one side.
    SidePart,
    /// Short sides, high front.
    Quiff,
    /// Short, over the forehead.
    Fringe,
    /// Tight curls, short.
    Curls,
    /// Tight curls, a sphere.
    Afro,
    /// To the chin.
    Bob,
    /// Past the shoulders.
    Long,
    /// Tied behind the head.
    Tied,
    /// Under a scarf.
    Scarf,
}

/// Styles with their weight for masculine and for feminine identities.
const STYLES: [(Style, f32, f32); 13] = [
    (Style::Bald, 0.07, 0.003),
    (Style::Horseshoe, 0.06, 0.0),
    (Style::Buzz, 0.13, 0.01),
    (Style::Crop, 0.20, 0.04),
    (Style::SidePart, 0.20, 0.05),
    (Style::Quiff, 0.13, 0.02),
    (Style::Fringe, 0.09, 0.05),
    (Style::Curls, 0.12, 0.08),
    (Style::Afro, 0.05, 0.08),
    (Style::Bob, 0.02, 0.20),
    (Style::Long, 0.04, 0.40),
    (Style::Tied, 0.01, 0.20),
    (Style::Scarf, 0.0, 0.07),
];

/// Hair over the forehead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fringe {
    /// Height of its lower edge in the middle, in centimeters above the eyes.
    pub(super) y: f32,
    /// Rise of that edge from one side of the face to the other, as a slope.
    pub(super) slant: f32,
    /// Rise from the middle to both sides, as of curtains.
    pub(super) spread: f32,
}

/// Hair and beard of one identity; lengths in centimeters.
#[derive(Clone, Debug)]
pub(super) struct Hairdo {
    pub(super) style: Style,
    pub(super) color: Rgb,
    /// Color of the brows, which a dye leaves alone.
    pub(super) brow_color: Rgb,
    /// Thickness over the crown.
    pub(super) top: f32,
    /// Thickness above the ears.
    pub(super) side: f32,
    /// More thickness at the front of the top.
    pub(super) quiff: f32,
    /// Height of the hairline in the middle of the forehead.
    pub(super) hairline: f32,
    /// How much higher the hairline is above the temples.
    pub(super) recession: f32,
    /// How much the hairline dips in the middle.
    pub(super) peak: f32,
    /// Lower end in front of the ears.
    pub(super) sideburn: f32,
    /// Lower end at the sides and back.
    pub(super) length: f32,
    /// Where hair that hangs begins, in degrees from the middle of the face.
    pub(super) opening: f32,
    pub(super) fringe: Option<Fringe>,
    /// Where the hair parts, in centimeters from the middle; none if the hair falls everywhere.
    pub(super) part: Option<f32>,
    /// Height of waves or curls.
    pub(super) curl: f32,
    /// Size of waves or curls.
    pub(super) curl_size: f32,
    /// Stubble, 0 to 1.
    pub(super) stubble: f32,
    /// Thickness of the mustache.
    pub(super) mustache: f32,
    /// Thickness of the beard on the chin.
    pub(super) goatee: f32,
    /// Thickness of the beard on the cheeks.
    pub(super) beard: f32,
    /// Seed of the textures of the hair.
    pub(super) seed: u32,
}

impl Hairdo {
    /// Draws a hairdo that suits `build`; `darkness` is the place of the skin in the range of tones.
    pub(super) fn draw(dice: &mut Dice, build: Build, darkness: f32) -> Self {
        let female = build.femininity;
        let weights = STYLES
            .map(|(_, male_share, female_share)| male_share + (female_share - male_share) * female);
        let style = STYLES[dice.weighted(&weights)].0;
        let (color, brow_color) = draw_color(dice, build, darkness);
        let mut hairdo = Self {
            style,
            color: if style == Style::Scarf { Rgb::hex(dice.one_of(&CLOTHS)) } else { color },
            brow_color,
            top: dice.between(0.9, 1.8),
            side: dice.between(0.25, 0.7),
            quiff: 0.0,
            hairline: dice.clipped(6.6 + 0.8 * build.age * (1.0 - female), 0.5, 5.4, 8.4),
            recession: dice.clipped(0.15 + (0.5 + 1.1 * build.age) * (1.0 - female), 0.3, 0.0, 2.2),
            peak: dice.normal(0.1, 0.25).max(0.0),
            sideburn: dice.between(-3.2, 0.4),
            length: dice.between(-7.5, -5.5),
            opening: 60.0,
            fringe: None,
            part: None,
            curl: dice.between(0.05, 0.2),
            curl_size: dice.between(1.2, 2.4),
            stubble: 0.0,
            mustache: 0.0,
            goatee: 0.0,
            beard: 0.0,
            seed: dice.fork() as u32,
        };
        hairdo.cut(dice);
        hairdo.grow_beard(dice, build);
        hairdo
    }

    /// True if hair hangs below the ears.
    pub(super) fn hangs(&self) -> bool {
        matches!(self.style, Style::Bob | Style::Long | Style::Scarf)
    }

    fn cut(&mut self, dice: &mut Dice) {
        let side = if dice.chance(0.5) { 1.0 } else { -1.0 };
        match self.style {
            Style::Bald | Style::Crop => {}
            Style::Horseshoe => self.side = dice.between(0.3, 0.9),
            Style::Buzz => (self.top, self.side) = (0.22, 0.14),
            Style::SidePart => {
                self.part = Some(side * dice.between(2.2, 4.2));
                self.quiff = dice.between(0.2, 1.0);
            }
            Style::Quiff => self.quiff = dice.between(1.2, 2.6),
            Style::Fringe => {
                self.side = dice.between(0.5, 1.0);
                self.fringe = Some(draw_fringe(dice, 3.2, 5.0));
            }
            Style::Curls => {
                (self.top, self.side) = (dice.between(1.4, 2.6), dice.between(0.5, 1.2));
                (self.curl, self.curl_size) = (dice.between(0.35, 0.6), dice.between(0.75, 1.3));
            }
            Style::Afro => {
                self.top = dice.between(3.0, 5.5);
                self.side = self.top * dice.between(0.7, 1.0);
                (self.curl, self.curl_size) = (dice.between(0.2, 0.4), dice.between(0.5, 0.9));
                self.sideburn = -2.5;
            }
            Style::Bob | Style::Long => self.hang(dice, side),
            Style::Tied => {
                (self.top, self.side) = (dice.between(0.5, 1.0), dice.between(0.3, 0.5));
                self.sideburn = -1.5;
                if dice.chance(0.3) {
                    self.fringe = Some(draw_fringe(dice, 2.4, 4.0));
                }
            }
            Style::Scarf => {
                (self.top, self.side) = (dice.between(1.0, 1.6), dice.between(0.9, 1.5));
                (self.recession, self.peak) = (0.0, 0.0);
                self.hairline = dice.between(4.6, 6.2);
                (self.length, self.opening) = (-19.0, dice.between(52.0, 62.0));
            }
        }
    }

    fn hang(&mut self, dice: &mut Dice, side: f32) {
        (self.top, self.side) = (dice.between(0.8, 1.7), dice.between(0.8, 1.9));
        self.length = if self.style == Style::Bob {
            dice.between(-12.5, -7.5)
        } else {
            dice.between(-23.0, -15.0)
        };
        self.opening = dice.between(50.0, 72.0);
        self.part = dice.chance(0.75).then(|| side * dice.between(0.0, 3.2));
        if dice.chance(0.4) {
            self.fringe = Some(draw_fringe(dice, 2.4, 4.4));
        }
        let wavy = dice.chance(0.5);
        let (low, high) = if wavy { (0.25, 0.6) } else { (0.02, 0.12) };
        self.curl = dice.between(low, high);
        self.curl_size = dice.between(1.3, 2.6);
    }

    fn grow_beard(&mut self, dice: &mut Dice, build: Build) {
        if !dice.chance(0.85 - 1.9 * build.femininity) {
            return;
        }
        self.stubble = dice.between(0.15, 0.9);
        match dice.weighted(&[0.5, 0.13, 0.14, 0.23]) {
            0 => {}
            1 => self.mustache = dice.between(0.2, 0.5),
            2 => {
                (self.mustache, self.goatee) = (dice.between(0.1, 0.35), dice.between(0.3, 0.9));
            }
            _ => {
                self.beard = dice.between(0.2, 1.1);
                self.goatee = self.beard + dice.between(0.1, 0.9);
                self.mustache = dice.between(0.15, 0.4);
            }
        }
    }
}

fn draw_fringe(dice: &mut Dice, lowest: f32, highest: f32) -> Fringe {
    let slanted = dice.chance(0.5);
    Fringe {
        y: dice.between(lowest, highest),
        slant: if slanted { dice.between(-0.3, 0.3) } else { 0.0 },
        spread: if slanted { 0.0 } else { dice.between(-0.02, 0.06) },
    }
}

fn draw_color(dice: &mut Dice, build: Build, darkness: f32) -> (Rgb, Rgb) {
    let weights = HAIR_COLORS.map(|(_, light, dark)| light + (dark - light) * darkness.sqrt());
    let natural = Rgb::hex(HAIR_COLORS[dice.weighted(&weights)].0) * dice.between(0.8, 1.25);
    let grayness = (1.7 * build.age + dice.normal(-0.95, 0.25)).clamp(0.0, 1.0);
    let gray = Rgb::gray(dice.between(0.3, 0.72));
    let brow = natural.mix(gray, 0.6 * grayness) * 0.8;
    let dyed = dice.chance(0.02 + 0.03 * build.femininity);
    let color = if dyed { Rgb::hex(dice.one_of(&DYES)) } else { natural.mix(gray, grayness) };
    (color, brow)
}
