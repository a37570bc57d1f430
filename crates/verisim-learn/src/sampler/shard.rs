//! Shards: the part of each batch that one of several processes takes.

/// Why batches cannot be shared out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidShard {
    /// There is no such process.
    #[error("rank is {rank}, but must be below the number of processes, {world_size}")]
    Rank {
        /// The process.
        rank: usize,
        /// Number of processes.
        world_size: usize,
    },
    /// A batch cannot be cut into equal parts.
    #[error("batch {batch} has {n_chips} chips, but must have a multiple of {world_size}")]
    Uneven {
        /// Position of the batch.
        batch: usize,
        /// Its chips.
        n_chips: usize,
        /// Number of processes.
        world_size: usize,
    },
}

/// The part of every batch that process `rank` of `world_size` takes.
///
/// Every process draws the same batches from the same seed, and takes its part without a word to the
/// others. In every step, the parts in the order of the ranks are the batch that one process would
/// see: none twice, none missing, all of the same size. A part is a run of the batch, so that it holds
/// whole identities where the number of identities is a multiple of the number of processes.
///
/// A loss that compares within its own part sees fewer pairs than one process would; gather the
/// embeddings of all ranks, in their order, to see the same. The negatives of FaceNet's batch stand at
/// its end, and are the last ranks' without that.
///
/// # Errors
///
/// Fails if there is no such rank, or if a batch is no multiple of `world_size`. Repeating chips to
/// fill up, as PyTorch's `DistributedSampler` does, would make mated pairs of a chip and itself.
pub fn shard(
    batches: &[Vec<usize>],
    rank: usize,
    world_size: usize,
) -> Result<Vec<Vec<usize>>, InvalidShard> {
    if rank >= world_size {
        return Err(InvalidShard::Rank { rank, world_size });
    }
    let part = |(number, batch): (usize, &Vec<usize>)| {
        let n_chips = batch.len();
        if !n_chips.is_multiple_of(world_size) {
            return Err(InvalidShard::Uneven { batch: number, n_chips, world_size });
        }
        let size = n_chips / world_size;
        Ok(batch[rank * size..(rank + 1) * size].to_vec())
    };
    batches.iter().enumerate().map(part).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_missing_rank_and_an_uneven_batch_are_refused() {
        let batches = [vec![1, 2, 3, 4], vec![5, 6, 7]];
        let refusal = |rank, world_size| shard(&batches, rank, world_size).unwrap_err().to_string();
        assert_eq!(refusal(2, 2), "rank is 2, but must be below the number of processes, 2");
        assert_eq!(refusal(0, 0), "rank is 0, but must be below the number of processes, 0");
        assert_eq!(refusal(0, 2), "batch 1 has 3 chips, but must have a multiple of 2");
        assert_eq!(shard(&batches, 0, 1).unwrap(), batches);
    }

    proptest! {
        #[test]
        fn parts_are_equally_large_and_make_up_the_batch(
            sizes in prop::collection::vec(0usize..6, 0..8), world_size in 1usize..6,
        ) {
            let mut next = 0..;
            let batches: Vec<Vec<usize>> =
                sizes.iter().map(|size| next.by_ref().take(size * world_size).collect()).collect();
            let shards: Vec<_> =
                (0..world_size).map(|rank| shard(&batches, rank, world_size).unwrap()).collect();
            for (step, batch) in batches.iter().enumerate() {
                let parts: Vec<&Vec<usize>> = shards.iter().map(|shard| &shard[step]).collect();
                prop_assert!(parts.iter().all(|part| part.len() == sizes[step]));
                prop_assert_eq!(&parts.into_iter().flatten().copied().collect::<Vec<_>>(), batch);
            }
        }
    }
}
