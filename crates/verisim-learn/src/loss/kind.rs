//! Every loss under one roof, for a recipe to choose from; it does not compute any.

use serde::{Deserialize, Serialize};

use super::config::Term;
use crate::metric::class::scene::ClassLoss;
use crate::metric::class::{
    AdaFaceLoss, ArcFaceLoss, CenterLoss, CombinedMarginLoss, CosFaceLoss, CurricularFaceLoss,
    ElasticFaceLoss, LargeMarginSoftmaxLoss, MagFaceLoss, NormalizedSoftmaxLoss, P2SGradLoss,
    ProxyAnchorLoss, ProxyNcaLoss, SoftTripleLoss, SoftmaxLoss, SphereFaceLoss,
    SubCenterArcFaceLoss, UniFaceLoss,
};
use crate::metric::loss::{
    AngularLoss, CircleLoss, ContrastiveLoss, DynamicSoftMarginLoss, FastApLoss,
    GeneralizedLiftedStructureLoss, HistogramLoss, InstanceLoss, IntraPairVarianceLoss,
    LiftedStructureLoss, ManifoldLoss, MarginLoss, MultiSimilarityLoss, NPairsLoss, NcaLoss,
    NtxentLoss, PnpLoss, RankedListLoss, SmoothApLoss, SnrContrastiveLoss, SquaredContrastiveLoss,
    SupConLoss, ThresholdConsistentMarginLoss, TripletLoss, TupletMarginLoss,
    UnboundedContrastiveLoss, VicRegLoss,
};
use crate::metric::scene::TupleLoss;

/// What a loss compares.
pub(super) enum Form<'a> {
    /// Samples of a batch with each other, or with a memory.
    Tuples(&'a dyn TupleLoss),
    /// Samples with the centers of identities.
    Classes(&'a dyn ClassLoss),
    /// Several at once.
    Sum(&'a [Term]),
}

/// Lists the losses once: the variant, its name in recipes, and what it compares.
macro_rules! kinds {
    (
        tuples { $($(#[$tuple_doc:meta])* $tuple:ident($tuple_loss:ident) = $tuple_name:literal,)* }
        classes { $($(#[$class_doc:meta])* $class:ident($class_loss:ident) = $class_name:literal,)* }
    ) => {
        /// Which loss, and its parameters.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        pub enum LossKind {
            $($(#[$class_doc])* #[serde(rename = $class_name)] $class($class_loss),)*
            $($(#[$tuple_doc])* #[serde(rename = $tuple_name)] $tuple($tuple_loss),)*
            /// A weighted sum of losses.
            #[serde(rename = "sum")]
            Sum {
                /// The losses, and how much each counts.
                terms: Vec<Term>,
            },
        }

        impl LossKind {
            /// Every name that `kind` may have.
            pub const NAMES: &[&str] = &[$($class_name,)* $($tuple_name,)* "sum"];

            pub(super) fn form(&self) -> Form<'_> {
                match self {
                    $(Self::$tuple(loss) => Form::Tuples(loss),)*
                    $(Self::$class(loss) => Form::Classes(loss),)*
                    Self::Sum { terms } => Form::Sum(terms),
                }
            }
        }
    };
}

kinds! {
    tuples {
        /// Mated pairs together, non-mated apart without an end.
        UnboundedContrastive(UnboundedContrastiveLoss) = "unbounded-contrastive",
        /// Mated pairs together, non-mated apart by a margin.
        Contrastive(ContrastiveLoss) = "contrastive",
        /// The same with squares, as in DeepID2.
        SquaredContrastive(SquaredContrastiveLoss) = "squared-contrastive",
        /// Contrastive loss on the signal-to-noise ratio.
        SnrContrastive(SnrContrastiveLoss) = "snr-contrastive",
        /// Pairs weighted by how they compare with the others of their anchor.
        MultiSimilarity(MultiSimilarityLoss) = "multi-similarity",
        /// Pairs weighted by how far they are from their optimum.
        Circle(CircleLoss) = "circle",
        /// Mated pairs against all non-mated pairs of both.
        LiftedStructure(LiftedStructureLoss) = "lifted-structure",
        /// The same over all mated pairs of an anchor.
        GeneralizedLiftedStructure(GeneralizedLiftedStructureLoss) = "generalized-lifted-structure",
        /// Each mated pair against the non-mated pairs of its anchor, by softmax.
        Ntxent(NtxentLoss) = "ntxent",
        /// All mated pairs of an anchor against all pairs, by softmax.
        SupCon(SupConLoss) = "supcon",
        /// The spread of pairs around their means.
        IntraPairVariance(IntraPairVarianceLoss) = "intra-pair-variance",
        /// The same threshold for everyone.
        ThresholdConsistentMargin(ThresholdConsistentMarginLoss) = "threshold-consistent-margin",
        /// Triplets weighted by their rank among those seen.
        DynamicSoftMargin(DynamicSoftMarginLoss) = "dynamic-soft-margin",
        /// Every sample a class of its own.
        Instance(InstanceLoss) = "instance",
        /// The overlap of two histograms.
        Histogram(HistogramLoss) = "histogram",
        /// Average precision by binned distances.
        FastAp(FastApLoss) = "fast-ap",
        /// Average precision by smooth ranks.
        SmoothAp(SmoothApLoss) = "smooth-ap",
        /// Average precision that punishes non-mated samples before mated ones.
        Pnp(PnpLoss) = "pnp",
        /// A sphere for each identity, weighted by difficulty.
        RankedList(RankedListLoss) = "ranked-list",
        /// Pairs on their side of a learned boundary.
        Margin(MarginLoss) = "margin",
        /// Tuples with a margin on the angle.
        TupletMargin(TupletMarginLoss) = "tuplet-margin",
        /// Variance, invariance and covariance of two views.
        VicReg(VicRegLoss) = "vicreg",
        /// Similarity along a manifold.
        Manifold(ManifoldLoss) = "manifold",
        /// The mated sample nearer than the non-mated one.
        Triplet(TripletLoss) = "triplet",
        /// The angle at the non-mated sample.
        Angular(AngularLoss) = "angular",
        /// One mated sample against those of all other identities.
        NPairs(NPairsLoss) = "n-pairs",
        /// The chance that a neighbor is mated.
        Nca(NcaLoss) = "nca",
    }
    classes {
        /// Cross-entropy of a linear classifier.
        Softmax(SoftmaxLoss) = "softmax",
        /// The same on cosines.
        NormalizedSoftmax(NormalizedSoftmaxLoss) = "normalized-softmax",
        /// A margin added to the angle.
        ArcFace(ArcFaceLoss) = "arcface",
        /// A margin taken from the cosine.
        CosFace(CosFaceLoss) = "cosface",
        /// A margin that multiplies the angle.
        SphereFace(SphereFaceLoss) = "sphereface",
        /// The same with lengths that are free.
        LargeMarginSoftmax(LargeMarginSoftmaxLoss) = "large-margin-softmax",
        /// Several centers an identity.
        SubCenterArcFace(SubCenterArcFaceLoss) = "subcenter-arcface",
        /// All three margins at once.
        CombinedMargin(CombinedMarginLoss) = "combined-margin",
        /// A margin that follows the quality of the picture.
        AdaFace(AdaFaceLoss) = "adaface",
        /// A margin that follows the length of the feature, and a length that follows quality.
        MagFace(MagFaceLoss) = "magface",
        /// A margin drawn anew for every sample.
        ElasticFace(ElasticFaceLoss) = "elasticface",
        /// One threshold for all samples, learned.
        UniFace(UniFaceLoss) = "uniface",
        /// Hard centers count more as training goes on.
        CurricularFace(CurricularFaceLoss) = "curricularface",
        /// Squared errors of cosines.
        P2SGrad(P2SGradLoss) = "p2sgrad",
        /// Neighborhood components of proxies.
        ProxyNca(ProxyNcaLoss) = "proxy-nca",
        /// Proxies as anchors.
        ProxyAnchor(ProxyAnchorLoss) = "proxy-anchor",
        /// Several centers an identity, softly.
        SoftTriple(SoftTripleLoss) = "soft-triple",
        /// The distance to one's own center.
        Center(CenterLoss) = "center",
    }
}
