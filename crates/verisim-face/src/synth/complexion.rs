//! The colors of one identity's skin, lips and eyes, and its marks; it does not know shapes.

use super::anatomy::Build;
use super::color::Rgb;
use super::dice::Dice;

/// Skin from the lightest to the darkest, as sRGB under white light.
const SKIN_TONES: [u32; 9] = [
    0x00fb_dccb,
    0x00f3_c9ae,
    0x00e9_b592,
    0x00da_9f78,
    0x00c2_8560,
    0x00a4_6a48,
    0x0082_5037,
    0x0062_3b2a,
    0x0045_2a20,
];
/// Iris colors with their share among light-eyed identities.
const LIGHT_IRISES: [(u32, f32); 6] = [
    (0x004a_80b4, 0.30), // blue
    (0x006d_93a8, 0.18), // gray
    (0x0052_7d52, 0.18), // green
    (0x0080_7440, 0.16), // hazel
    (0x00a0_6a2c, 0.12), // amber
    (0x0062_4028, 0.06), // brown
];
/// Iris colors of everybody else.
const DARK_IRISES: [(u32, f32); 4] =
    [(0x0062_3c20, 0.45), (0x0045_2a18, 0.30), (0x002c_1c14, 0.15), (0x0080_5a2c, 0.10)];
/// Lipsticks.
const LIPSTICKS: [u32; 6] =
    [0x00b0_2440, 0x00c8_4858, 0x008c_2040, 0x00d0_6a68, 0x00a0_4030, 0x0078_2850];
/// Eye shadows.
const EYE_SHADOWS: [u32; 5] = [0x0060_4450, 0x0050_5068, 0x0080_5838, 0x0040_3838, 0x0078_4860];
/// At most this many moles are seen on a face.
const MAX_MOLES: u8 = 4;

/// A dark spot on the skin, at rest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mole {
    /// To the right of the middle, in centimeters.
    pub(super) x: f32,
    /// Above the eyes, in centimeters.
    pub(super) y: f32,
    /// In centimeters.
    pub(super) radius: f32,
}

/// What is painted on a face.
#[derive(Clone, Debug)]
pub(super) struct Complexion {
    pub(super) skin: Rgb,
    /// Place in the range of skin tones: 0 is the lightest, 1 the darkest.
    pub(super) darkness: f32,
    /// How red cheeks, nose and ears are, 0 to 1.
    pub(super) flush: f32,
    pub(super) lips: Rgb,
    pub(super) iris: Rgb,
    /// How dark the lashes look; above 1 is make-up.
    pub(super) lashes: f32,
    /// Color on the upper lids and how much it covers.
    pub(super) eye_shadow: (Rgb, f32),
    /// How much freckles cover, 0 to 1.
    pub(super) freckles: f32,
    pub(super) moles: Vec<Mole>,
    /// Depth of lines on forehead, eyes and cheeks, 0 to 1.
    pub(super) wrinkles: f32,
    /// How much the skin shines, 0 to 1.
    pub(super) shine: f32,
    /// Seed of the textures of the skin.
    pub(super) seed: u32,
}

impl Complexion {
    /// Draws colors; every skin tone is about as likely as any other.
    pub(super) fn draw(dice: &mut Dice, build: Build) -> Self {
        let darkness = dice.unit();
        let skin = draw_skin(dice, darkness);
        let made_up = dice.chance(0.05 + 0.55 * build.femininity * build.femininity);
        Self {
            skin,
            darkness,
            flush: dice.clipped(0.42, 0.2, 0.05, 1.0),
            lips: draw_lips(dice, skin, darkness, made_up),
            iris: draw_iris(dice, darkness),
            lashes: dice.between(0.45, 0.8) + if made_up { dice.between(0.2, 0.8) } else { 0.0 },
            eye_shadow: (
                Rgb::hex(dice.one_of(&EYE_SHADOWS)),
                if made_up && dice.chance(0.6) { dice.between(0.2, 0.75) } else { 0.0 },
            ),
            freckles: if dice.chance(0.3 - 0.25 * darkness) { dice.between(0.3, 1.0) } else { 0.0 },
            moles: draw_moles(dice),
            wrinkles: (build.age * 1.15 + dice.normal(-0.1, 0.12)).clamp(0.0, 1.0),
            shine: dice.clipped(0.5, 0.2, 0.1, 1.0),
            seed: dice.fork() as u32,
        }
    }
}

fn draw_skin(dice: &mut Dice, darkness: f32) -> Rgb {
    let place = darkness * (SKIN_TONES.len() - 1) as f32;
    let index = (place as usize).min(SKIN_TONES.len() - 2);
    let tone =
        Rgb::hex(SKIN_TONES[index]).mix(Rgb::hex(SKIN_TONES[index + 1]), place - index as f32);
    // Undertone: rosy against olive, and golden against pale.
    let (rosy, golden) = (dice.normal(0.0, 0.05), dice.normal(0.0, 0.09));
    tone.saturated(0.88) * Rgb([1.0 + 0.5 * rosy, 1.0 - rosy, 1.0 - golden - 0.3 * rosy])
}

fn draw_lips(dice: &mut Dice, skin: Rgb, darkness: f32, made_up: bool) -> Rgb {
    let blood = Rgb::hex(0x00b0_4a4c).mix(Rgb::hex(0x0058_2a2c), darkness);
    let bare = skin.mix(blood, dice.between(0.35, 0.75)) * (1.0 - 0.15 * darkness);
    if made_up && dice.chance(0.65) {
        return bare.mix(Rgb::hex(dice.one_of(&LIPSTICKS)), dice.between(0.35, 0.9));
    }
    bare
}

fn draw_iris(dice: &mut Dice, darkness: f32) -> Rgb {
    let palette: &[(u32, f32)] =
        if dice.chance(0.75 - 0.95 * darkness) { &LIGHT_IRISES } else { &DARK_IRISES };
    let weights: Vec<f32> = palette.iter().map(|(_, share)| *share).collect();
    let color = Rgb::hex(palette[dice.weighted(&weights)].0);
    color * dice.between(0.8, 1.25)
}

fn draw_moles(dice: &mut Dice) -> Vec<Mole> {
    let n_moles = (0..MAX_MOLES).filter(|_| dice.chance(0.11)).count();
    (0..n_moles)
        .map(|_| Mole {
            x: dice.between(-5.5, 5.5),
            y: dice.between(-9.5, 4.5),
            radius: dice.between(0.1, 0.22),
        })
        // Not on the eyes, where a mole would look like dirt in the picture.
        .filter(|mole| mole.y < -1.2 || mole.y > 2.8)
        .collect()
}
