//! Which triplets of a batch pull at which distances; it knows distances and labels, no tensors.

/// The mined triplets of a batch that have a loss, in a form that needs no list of them.
pub(crate) struct Triplets {
    /// How often each distance is pulled at, `[batch, batch]`: anchor to positive counts 1, anchor to
    /// negative -1.
    pub(crate) pulls: Vec<f32>,
    /// Number of triplets.
    pub(crate) n_active: usize,
}

/// Collects the triplets that `is_chosen(d(a, p), d(a, n))` and that have a loss.
///
/// `distances` is `[batch, batch]`.
pub(crate) fn mine(
    distances: &[f32],
    labels: &[u64],
    margin: f32,
    is_chosen: impl Fn(f32, f32) -> bool,
) -> Triplets {
    let n = labels.len();
    let mut triplets = Triplets { pulls: vec![0.0; n * n], n_active: 0 };
    let rows = distances.chunks_exact(n).zip(triplets.pulls.chunks_exact_mut(n));
    for (anchor, (distances, pulls)) in rows.enumerate() {
        for positive in (0..n).filter(|&it| it != anchor && labels[it] == labels[anchor]) {
            let to_positive = distances[positive];
            for negative in (0..n).filter(|&it| labels[it] != labels[anchor]) {
                let to_negative = distances[negative];
                if is_chosen(to_positive, to_negative) && to_positive - to_negative + margin > 0.0 {
                    pulls[positive] += 1.0;
                    pulls[negative] -= 1.0;
                    triplets.n_active += 1;
                }
            }
        }
    }
    triplets
}
