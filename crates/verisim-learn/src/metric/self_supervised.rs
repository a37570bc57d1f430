//! Labels where there are none: views of one sample belong together.

use super::relevance::{Relation, Relations};

/// Views of the same samples, each view in the same order.
///
/// With two views of four samples, embeddings are those of the first view of all four, then those of the
/// second. A sample here is a picture; its views are crops, flips or other changes of it.
///
/// As `SelfSupervisedLoss` of pytorch-metric-learning; Chen et al., *A Simple Framework for Contrastive
/// Learning of Visual Representations*, ICML 2020, <https://arxiv.org/abs/2002.05709>, compares all views.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Views {
    /// Number of samples.
    pub n_samples: usize,
    /// Number of views of each, 2 or more to be of use.
    pub n_views: usize,
}

impl Views {
    /// Two views of `n_samples` samples.
    pub fn two_of(n_samples: usize) -> Self {
        Self { n_samples, n_views: 2 }
    }

    /// Labels of all views, view by view: the position of the sample.
    pub fn labels(&self) -> Vec<u64> {
        (0..self.n_views).flat_map(|_| 0..self.n_samples as u64).collect()
    }

    /// All views against all: `[n_views * n_samples, n_views * n_samples]`. Every view is an anchor.
    pub fn symmetric(&self) -> Relations {
        Relations::within(&self.labels())
    }

    /// The first view against the others as references: `[n_samples, (n_views - 1) * n_samples]`. Two
    /// samples of the first view are not compared.
    pub fn one_sided(&self) -> Relations {
        let n_references = self.n_views.saturating_sub(1) * self.n_samples;
        Relations::new([self.n_samples, n_references], &|anchor: usize, reference: usize| {
            let is_mated = anchor == reference % self.n_samples;
            if is_mated { Relation::Mated } else { Relation::NonMated }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::loss::ContrastiveLoss;
    use crate::metric::matrix::Matrix;
    use crate::metric::scene::{Batch, Options, evaluate};
    use crate::metric::worked;

    #[test]
    fn views_of_a_sample_are_mated() {
        let views = Views { n_samples: 2, n_views: 3 };
        assert_eq!(views.labels(), [0, 1, 0, 1, 0, 1]);
        assert_eq!(views.symmetric().mated(1).collect::<Vec<_>>(), [3, 5]);
        let one_sided = views.one_sided();
        assert_eq!((one_sided.n_anchors(), one_sided.n_references()), (2, 4));
        assert_eq!(one_sided.mated(1).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(one_sided.non_mated(1).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(Views { n_samples: 0, n_views: 0 }.one_sided().n_references(), 0);
    }

    #[test]
    fn values_agree_with_the_reference() {
        let all = worked::embeddings();
        let half = |from: usize| Matrix::new(all.data()[from * 8..][..48].to_vec(), [6, 8]);
        let (one, other) = (half(0), half(6));
        let loss = ContrastiveLoss { mated_margin: 0.0, margin: 1.0 };
        let views = Views::two_of(6);
        let value = |embeddings, references, relations: &Relations| {
            let batch = Batch { embeddings, references, relations, labels: None };
            evaluate(&loss, batch, &Options::default()).value
        };
        let symmetric = value(&all, None, &views.symmetric());
        let one_sided = value(&one, Some(&other), &views.one_sided());
        // SelfSupervisedLoss(ContrastiveLoss(), symmetric) on the same halves, in float64.
        assert!((symmetric - SYMMETRIC).abs() < 1e-9, "{symmetric}");
        assert!((one_sided - ONE_SIDED).abs() < 1e-9, "{one_sided}");
    }

    const SYMMETRIC: f64 = 1.395_807_611_316_280_3;
    const ONE_SIDED: f64 = 1.485_923_502_924_894;
}
