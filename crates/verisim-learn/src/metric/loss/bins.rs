//! Values shared out among the nodes of a histogram, linearly, so that it has a slope; it does not know
//! what the values are.

/// Equally wide bins; a histogram has a node at each end of each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bins {
    /// Lower end of the first.
    pub(super) low: f64,
    /// Width of each.
    pub(super) width: f64,
    /// Number of bins.
    pub(super) n_bins: usize,
}

/// Where a value lies: `1 - share` of it counts for node `bin`, `share` for node `bin + 1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// The bin.
    pub(super) bin: usize,
    /// Share of the upper node.
    pub(super) share: f64,
    /// Change of the share with the value; 0 beyond the ends, where nothing changes.
    pub(super) slope: f64,
}

impl Bins {
    /// Number of nodes.
    pub(super) fn n_nodes(&self) -> usize {
        self.n_bins + 1
    }

    /// Where a value lies; at the nearest end, if it is outside.
    pub(super) fn place(&self, value: f64) -> Place {
        let at = (value - self.low) / self.width;
        if at < 0.0 {
            Place { bin: 0, share: 0.0, slope: 0.0 }
        } else if at < self.n_bins as f64 {
            Place { bin: at as usize, share: at.fract(), slope: 1.0 / self.width }
        } else {
            Place { bin: self.n_bins - 1, share: 1.0, slope: 0.0 }
        }
    }
}

impl Place {
    /// Adds the value to a histogram.
    pub(super) fn add_to(&self, histogram: &mut [f64]) {
        histogram[self.bin] += 1.0 - self.share;
        histogram[self.bin + 1] += self.share;
    }

    /// Change with the value of whatever changes with the nodes as given.
    pub(super) fn slope_of(&self, nodes: &[f64]) -> f64 {
        self.slope * (nodes[self.bin + 1] - nodes[self.bin])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_for_its_two_nodes() {
        let bins = Bins { low: -1.0, width: 0.5, n_bins: 4 };
        let mut histogram = vec![0.0; bins.n_nodes()];
        for value in [-1.0, -0.375, 0.0, 1.0, 7.0, -3.0] {
            bins.place(value).add_to(&mut histogram);
        }
        assert_eq!(histogram, [2.0, 0.75, 1.25, 0.0, 2.0]);
        assert_eq!(bins.place(0.25).slope_of(&[0.0, 0.0, 1.0, 4.0, 0.0]), 6.0);
        assert_eq!(bins.place(9.0).slope_of(&[0.0, 0.0, 1.0, 4.0, 0.0]), 0.0);
    }
}
