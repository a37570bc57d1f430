//! Which chips make up the batches of an epoch; it knows labels, no pixels.
//!
//! | kind | a batch | an epoch |
//! |---|---|---|
//! | `shuffle` | any chips | every chip at most once |
//! | `identities` | D identities, K images each | as many chips as there are; every identity at least once |
//! | `coverage` | up to D identities, K images each | every identity exactly once |
//! | `facenet` | D identities, K images each, N chips of others | as `identities` |
//! | `hierarchy` | S super-classes, D identities of each, K images each | as many chips as there are; every super-class at least once |
//! | `triplets` | triplets from a list that the seed fixes | every triplet of the list at most once |
//!
//! With many images of each identity, an epoch of `coverage` is shorter than one of `identities`, and
//! no identity weighs more than another. With one image of most, both go through all identities once.
//!
//! The batches are a function of labels, seed and epoch alone. A checkpoint that holds the seed, the
//! epoch and the step within it therefore holds the position and the random state of the sampler; and
//! several processes that know the seed draw the same batches, of which each takes its [`shard`].
//!
//! # Differences to pytorch-metric-learning 2.9
//!
//! - `MPerClassSampler` shuffles the identities anew for each batch and takes the first: some may
//!   have no turn in an epoch, and others many (its issues 684 and 725). Here, identities are dealt
//!   round after round.
//! - Its length is a parameter, 100,000 chips, and its `len()` and what it yields may disagree where
//!   that is less than one pass. Here, the list of batches is the length.
//! - It refuses a batch of more identities than there are. Here, the batch is smaller.
//! - Of an identity with fewer than K images, it draws with replacement: with 3 images and K = 4, one
//!   may come four times. Here, each comes once before any comes again.
//! - It has no form for several processes (its issue 546), and draws from a global random state, which
//!   no checkpoint holds. Here, see above.
//! - `HierarchicalSampler` makes four batches of every pair of super-classes, so that an epoch grows
//!   with the square of their number. Here, super-classes are dealt round after round.
//! - `FixedSetOfTriplets` takes an image for its own mated one where an identity has no other. Here,
//!   such an identity is no anchor.

mod coverage;
mod deck;
mod facenet;
mod hierarchy;
mod identities;
mod pool;
mod shard;
mod shuffle;
#[cfg(test)]
mod tests;
mod triplets;

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

pub use self::hierarchy::parents_of;
pub use self::shard::{InvalidShard, shard};
use crate::random::derive_seed;

/// Stream of the list of fixed triplets: a number that no epoch has.
const FIXED_SET: u64 = u64::MAX;
/// Bounds what a recipe may ask for, far above what any device can hold.
const MAX_BATCH: usize = 1 << 20;
const MAX_TRIPLETS: usize = 1 << 26;

/// How batches are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum SamplerConfig {
    /// All chips in random order, cut into batches; what is left at the end is not used.
    Shuffle {
        /// Chips of a batch, 2 or more.
        batch: usize,
    },
    /// A number of identities, and of images each (P x K).
    ///
    /// An epoch goes through all identities, again and again, until as many chips were drawn as there
    /// are, and each identity had a turn. Images are drawn without replacement as long as the identity
    /// has enough of them.
    Identities {
        /// Identities of a batch, 2 or more.
        identities: usize,
        /// Images of each, 1 or more; 2 or more for losses over pairs.
        images: usize,
    },
    /// A number of identities, and of images each, where every identity is in one batch of an epoch.
    ///
    /// Batches differ by one identity at most, and may have fewer than asked for, so that none is left
    /// alone at the end.
    Coverage {
        /// Most identities of a batch, 2 or more.
        identities: usize,
        /// Images of each, as in [`Identities`](Self::Identities).
        images: usize,
    },
    /// Identities with many images each, and random chips of none of these identities.
    ///
    /// Every identity is among the chosen ones at least once an epoch. Where all identities are in the
    /// batch, no negatives are left to draw. Schroff et al., *FaceNet: A Unified Embedding for Face
    /// Recognition and Clustering*, CVPR 2015, <https://arxiv.org/abs/1503.03832>, draw about 40 images
    /// of an identity into a batch of about 1,800.
    FaceNet {
        /// Identities of a batch, 1 or more.
        identities: usize,
        /// Images of each, 2 or more; around 40 in the paper.
        images: usize,
        /// Chips of other identities, 1 or more.
        negatives: usize,
    },
    /// A number of super-classes, of identities of each, and of images of those.
    ///
    /// Every super-class has as many turns, however large it is. So an identity of one that is larger
    /// than others may have no turn in an epoch; in the next, the order is another.
    ///
    /// [`epoch_under`](Self::epoch_under) is told which super-class an identity is of.
    Hierarchy {
        /// Super-classes of a batch, 1 or more.
        super_classes: usize,
        /// Identities of each, 1 or more; 2 or more with one super-class.
        identities: usize,
        /// Images of each, as in [`Identities`](Self::Identities).
        images: usize,
    },
    /// Triplets from a list that is drawn once, by the seed: each is three chips in a row of the batch,
    /// anchor, mated and non-mated.
    ///
    /// It shows what a loss makes of triplets alone. Labels tell more than that: a loss that mines
    /// would find triplets across those of the batch.
    Triplets {
        /// Triplets of the list, 1 or more.
        triplets: usize,
        /// Triplets of a batch, 1 or more.
        batch: usize,
    },
}

/// A parameter of a sampler that is out of range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{parameter} is {found}, but must be {expected}")]
pub struct InvalidSampler {
    parameter: &'static str,
    found: usize,
    expected: &'static str,
}

impl SamplerConfig {
    /// Checks every parameter.
    ///
    /// # Errors
    ///
    /// Names the first that is out of range.
    pub fn check(&self) -> Result<(), InvalidSampler> {
        let at_least = |min: usize, parameter, found, expected| {
            if found >= min { Ok(()) } else { Err(InvalidSampler { parameter, found, expected }) }
        };
        let found = self.batch_size();
        at_least(2, "the batch of the sampler", found, "2 chips or more")?;
        if found > MAX_BATCH {
            let (parameter, expected) = ("the batch of the sampler", "1,048,576 chips or fewer");
            return Err(InvalidSampler { parameter, found, expected });
        }
        match *self {
            Self::Identities { identities, .. }
            | Self::Coverage { identities, .. }
            | Self::Hierarchy { super_classes: 1, identities, .. } => {
                at_least(2, "sampler.identities", identities, "2 or more")
            }
            Self::FaceNet { identities, images, negatives } => {
                at_least(1, "sampler.identities", identities, "1 or more")?;
                at_least(2, "sampler.images", images, "2 or more")?;
                at_least(1, "sampler.negatives", negatives, "1 or more")
            }
            Self::Triplets { triplets: found @ (0 | MAX_TRIPLETS..), .. } => {
                let (parameter, expected) = ("sampler.triplets", "from 1 to 67,108,863");
                Err(InvalidSampler { parameter, found, expected })
            }
            Self::Shuffle { .. } | Self::Hierarchy { .. } | Self::Triplets { .. } => Ok(()),
        }
    }

    /// Chips of a batch; small data may give fewer.
    pub fn batch_size(&self) -> usize {
        match *self {
            Self::Shuffle { batch } => batch,
            Self::Identities { identities, images } | Self::Coverage { identities, images } => {
                identities.saturating_mul(images)
            }
            Self::FaceNet { identities, images, negatives } => {
                identities.saturating_mul(images).saturating_add(negatives)
            }
            Self::Hierarchy { super_classes, identities, images } => {
                super_classes.saturating_mul(identities).saturating_mul(images)
            }
            Self::Triplets { batch, .. } => batch.saturating_mul(3),
        }
    }

    /// Whether an identity with one image gives it several times, instead of mated pairs.
    pub fn repeats_images(&self) -> bool {
        match *self {
            Self::Identities { images, .. }
            | Self::Coverage { images, .. }
            | Self::FaceNet { images, .. }
            | Self::Hierarchy { images, .. } => images > 1,
            Self::Shuffle { .. } | Self::Triplets { .. } => false,
        }
    }

    /// The batches of one epoch, as positions in `labels`; all identities are of one super-class.
    ///
    /// They are a function of seed and epoch alone: a run that is resumed draws the same ones.
    pub fn epoch(&self, labels: &[u64], seed: u64, epoch: usize) -> Vec<Vec<usize>> {
        self.epoch_under(labels, &|_| 0, seed, epoch)
    }

    /// The batches of one epoch, where `parent_of` tells the super-class of a label.
    ///
    /// Only [`Hierarchy`](Self::Hierarchy) asks for it; for the others this is
    /// [`epoch`](Self::epoch). [`parents_of`] reads super-classes from names.
    ///
    /// There are none where nothing can be drawn: without chips, and for
    /// [`Triplets`](Self::Triplets) without a mated and a non-mated pair.
    pub fn epoch_under(
        &self,
        labels: &[u64],
        parent_of: &dyn Fn(u64) -> u64,
        seed: u64,
        epoch: usize,
    ) -> Vec<Vec<usize>> {
        let stream = |number| Pcg64Mcg::seed_from_u64(derive_seed(seed, number));
        let rng = &mut stream(epoch as u64);
        match *self {
            Self::Shuffle { batch } => shuffle::batches(labels.len(), batch, rng),
            Self::Identities { identities, images } => {
                identities::batches(labels, identities, images, rng)
            }
            Self::Coverage { identities, images } => {
                coverage::batches(labels, identities, images, rng)
            }
            Self::FaceNet { identities, images, negatives } => {
                facenet::batches(labels, [identities, images, negatives], rng)
            }
            Self::Hierarchy { super_classes, identities, images } => {
                hierarchy::batches(labels, parent_of, [super_classes, identities, images], rng)
            }
            Self::Triplets { triplets, batch } => {
                let list = triplets::fixed_set(labels, triplets, &mut stream(FIXED_SET));
                triplets::batches(list, batch, rng)
            }
        }
    }
}
