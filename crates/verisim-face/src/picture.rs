//! Pixels in memory; it does not know where they come from or what they show.

use std::fmt;

/// A picture of 8-bit RGB pixels, row after row from the top left.
///
/// A picture of a face is personal data: its `Debug` output shows its size alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<u8>, // [height, width, 3]
}

impl Picture {
    /// Takes `pixels` as RGB triples, row after row.
    ///
    /// # Panics
    ///
    /// Panics if a side is 0, or if there are not `3 * width * height` values.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Self {
        assert!(width > 0 && height > 0, "a picture has at least one pixel");
        assert_eq!(pixels.len(), 3 * width * height, "pixels do not fill {width} x {height}");
        Self { width, height, pixels }
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> usize {
        self.height
    }

    /// All values, as RGB triples, row after row.
    pub fn as_rgb(&self) -> &[u8] {
        &self.pixels
    }

    /// Gives the values away.
    pub fn into_rgb(self) -> Vec<u8> {
        self.pixels
    }

    /// The pixel in column `x` and row `y`.
    ///
    /// # Panics
    ///
    /// Panics if there is no such pixel.
    pub fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        assert!(x < self.width && y < self.height, "no pixel at {x}, {y}");
        let start = 3 * (y * self.width + x);
        [self.pixels[start], self.pixels[start + 1], self.pixels[start + 2]]
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({} x {})", self.width, self.height)
    }
}
