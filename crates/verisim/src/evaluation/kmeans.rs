//! How far clusters that nobody told the identities agree with them: k-means, by `linfa-clustering`,
//! with as many clusters as identities; it does not know how the agreement is measured.

use linfa::DatasetBase;
use linfa::traits::{Fit, Predict};
use linfa_clustering::KMeans;
use ndarray::Array2;
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng;
use verisim_core::knn::PackedEmbeddings;
use verisim_core::measure::{Bootstrap, ClusterFigures, Clusters, Estimate};

use super::Whole;

/// Beginnings of which the tightest clusters are kept.
const N_RUNS: usize = 4;
/// Rounds of a run at most; most come to rest after ten.
const MAX_ROUNDS: u64 = 100;
/// Multiplications that a minute of one core is enough for.
const MAX_WORK: f64 = 6e10;

/// What clustering came to.
pub(crate) struct Clustering {
    /// As many as there are identities.
    pub(crate) n_clusters: usize,
    /// How far clusters and identities agree, or why they were not compared.
    pub(crate) figures: Result<ClusterFigures<Estimate>, String>,
}

impl Clustering {
    /// Clusters samples by their embeddings, and compares the clusters with the labels.
    pub(crate) fn of(samples: &Whole, bootstrap: &Bootstrap) -> Self {
        let mut labels = samples.labels.clone();
        labels.sort_unstable();
        labels.dedup();
        let n_clusters = labels.len();
        let figures = k_means(&samples.embeddings, n_clusters, bootstrap.seed).and_then(|found| {
            let clusters = Clusters::new(&samples.labels, &found);
            clusters.estimates(bootstrap).ok_or_else(|| "there are no samples".to_owned())
        });
        Self { n_clusters, figures }
    }
}

/// The cluster of each sample, or why there are none. The same seed gives the same clusters, whatever
/// the number of threads.
fn k_means(samples: &PackedEmbeddings, n_clusters: usize, seed: u64) -> Result<Vec<usize>, String> {
    if work(samples.len(), samples.dim(), n_clusters) > MAX_WORK {
        return Err(format!(
            "k-means of {} images into {n_clusters} clusters takes too long; evaluate fewer \
             identities",
            samples.len()
        ));
    }
    let rows = (0..samples.len()).flat_map(|row| samples.row(row).iter().copied().map(f64::from));
    let rows = Array2::from_shape_vec((samples.len(), samples.dim()), rows.collect());
    let rows = rows.map_err(|error| error.to_string())?;
    let data = DatasetBase::from(rows);
    let model = KMeans::params_with_rng(n_clusters, Xoshiro256Plus::seed_from_u64(seed))
        .n_runs(N_RUNS)
        .max_n_iterations(MAX_ROUNDS)
        .fit(&data)
        .map_err(|error| error.to_string())?;
    Ok(model.predict(data.records()).to_vec())
}

/// Multiplications of the first centers (k-means++, each compared with all before it) and of the rounds.
fn work(n_samples: usize, dim: usize, n_clusters: usize) -> f64 {
    let [n, dim, k] = [n_samples, dim, n_clusters].map(|it| it as f64);
    let typical_rounds = 10.0;
    N_RUNS as f64 * n * dim * k * (k / 2.0 + typical_rounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points of the unit circle at angles in degrees.
    fn circle(angles: &[f32], labels: &[u64]) -> Whole {
        let mut embeddings = PackedEmbeddings::new(2);
        for angle in angles {
            let (sin, cos) = angle.to_radians().sin_cos();
            embeddings.push_row(&[cos, sin]);
        }
        Whole { embeddings, labels: labels.to_vec() }
    }

    fn bootstrap(seed: u64) -> Bootstrap {
        Bootstrap { n_replicates: 50, seed }
    }

    #[test]
    fn two_arcs_are_two_clusters_worked_by_hand() {
        // The third sample of identity 1 lies with the one of identity 2: the table of
        // docs/measures.md, whatever the seed.
        for seed in 0..5 {
            let samples = circle(&[0.0, 2.0, 90.0, 92.0], &[1, 1, 1, 2]);
            let clustering = Clustering::of(&samples, &bootstrap(seed));
            let figures = clustering.figures.unwrap();
            assert_eq!(clustering.n_clusters, 2);
            assert!((figures.nmi.value - 0.343_711).abs() < 1e-6, "{figures:?}");
            assert!(figures.ami.value.abs() < 1e-12, "{figures:?}");
        }
    }

    #[test]
    fn identities_that_lie_apart_are_found() {
        let angles: Vec<f32> = (0..60).map(|i| (i / 6 * 36 + i % 6) as f32).collect();
        let labels: Vec<u64> = (0..60).map(|i| i / 6 + 100).collect();
        let found = Clustering::of(&circle(&angles, &labels), &bootstrap(1)).figures.unwrap();
        let one = Estimate { value: 1.0, lower: 1.0, upper: 1.0 };
        assert_eq!(found, ClusterFigures { nmi: one, ami: one });
    }

    #[test]
    fn figures_are_those_of_the_clusters_and_repeat_by_seed() {
        // Identities that overlap, so that clusters and identities differ.
        let angles: Vec<f32> = (0..80).map(|i| (i / 8 * 36 + i * 29 % 60) as f32).collect();
        let labels: Vec<u64> = (0..80).map(|i| i / 8).collect();
        let samples = circle(&angles, &labels);
        let clusters = k_means(&samples.embeddings, 10, 3).unwrap();
        assert_eq!(clusters, k_means(&samples.embeddings, 10, 3).unwrap());
        let found = Clustering::of(&samples, &bootstrap(3)).figures.unwrap();
        let expected = Clusters::new(&labels, &clusters).figures().unwrap();
        assert_eq!([found.nmi.value, found.ami.value], [expected.nmi, expected.ami]);
        assert!((0.3..0.99).contains(&found.ami.value), "{found:?}");
        assert!(found.ami.lower < found.ami.value && found.ami.value < found.ami.upper);
    }

    #[test]
    fn samples_that_are_all_alike_are_clustered_too() {
        let found = Clustering::of(&circle(&[5.0; 9], &[1, 1, 1, 2, 2, 2, 3, 3, 3]), &bootstrap(0));
        assert_eq!(found.figures.unwrap().ami.value, 0.0);
    }

    #[test]
    fn what_would_take_minutes_is_not_tried() {
        assert!(work(13_233, 512, 5_749) > MAX_WORK);
        assert!(work(4_000, 512, 100) < MAX_WORK);
        let mut embeddings = PackedEmbeddings::new(1);
        for _ in 0..20_000 {
            embeddings.push_row(&[1.0]);
        }
        let samples = Whole { embeddings, labels: (0..20_000).map(|i| i / 4).collect() };
        let reason = Clustering::of(&samples, &bootstrap(0)).figures.unwrap_err();
        assert!(reason.contains("20000 images into 5000 clusters"), "{reason}");
    }
}
