//! Draws synthetic faces side by side: a row per identity, a column per picture.
//!
//! Run with: `cargo run --release -p verisim-face --example contact_sheet -- /tmp/sheet.png`
//!
//! After the path may follow the seed, the number of identities and the number of pictures of each.

use std::error::Error;

use image::RgbImage;
use verisim_face::synth::{Framing, Population};

/// Side of a chip in pixels.
const SIDE: usize = 112;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("give the path of the PNG to write")?;
    let mut number = |default| arguments.next().map_or(Ok(default), |text| text.parse::<usize>());
    let (seed, n_identities, n_pictures) = (number(1)?, number(8)?, number(12)?);

    let population = Population { seed: seed as u64 };
    let faces = population.draw_all(0..n_identities, 0..n_pictures, &Framing::Chip { side: SIDE });

    let mut sheet = RgbImage::new((n_pictures * SIDE) as u32, (n_identities * SIDE) as u32);
    for (index, face) in faces.iter().enumerate() {
        let (left, top) = (SIDE * (index % n_pictures), SIDE * (index / n_pictures));
        for y in 0..SIDE {
            for x in 0..SIDE {
                let pixel = image::Rgb(face.picture.pixel(x, y));
                sheet.put_pixel((left + x) as u32, (top + y) as u32, pixel);
            }
        }
    }
    sheet.save(path)?;
    Ok(())
}
