//! The first bytes of a matrix file: what vouches for all others; it does not know where they lie.

use crate::audit::ledger::Mark;
use crate::id::RandomId;
use crate::store::GalleryRow;
use crate::vault::Vault;

/// Marks a matrix file, and its format.
const MAGIC: &[u8; 8] = b"VSGLMTX1";
/// Bytes that are the header's; what follows up to the first block are zeros.
const N_BYTES: usize = MAGIC.len() + 16 + 3 * 8 + 2 * 32 + 32;
/// Where the first block begins.
pub(super) const FIRST_BLOCK: u64 = 4096;

/// What a matrix file holds, and as of when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The file's own random id.
    pub(super) file: RandomId,
    /// Number of rows, erased ones among them.
    pub(crate) n_rows: usize,
    /// Number of erased rows.
    pub(crate) n_erased: usize,
    /// The moment of the log.
    pub(crate) mark: Mark,
    /// Stands for all blocks, see [`digest_of`].
    pub(super) blocks: Digest,
}

/// Digests of blocks, added without carry, so that one block can be taken off and another put on.
pub(super) type Digest = [u8; 32];

/// What stands for a block, by its tag, in the digest of all.
pub(super) fn digest_of(vault: &Vault, file: RandomId, block: usize, tag: &[u8]) -> Digest {
    vault.vouch(&[b"block", file.as_bytes(), &(block as u64).to_le_bytes(), tag])
}

/// Puts a block on a digest, or takes it off.
pub(super) fn toggle(all: &mut Digest, one: &Digest) {
    all.iter_mut().zip(one).for_each(|(all, one)| *all ^= one);
}

impl Header {
    /// The bytes of the header of a gallery's file.
    pub(super) fn to_bytes(self, vault: &Vault, gallery: &GalleryRow) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(N_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(self.file.as_bytes());
        bytes.extend((self.n_rows as u64).to_le_bytes());
        bytes.extend((self.n_erased as u64).to_le_bytes());
        bytes.extend(self.mark.position.to_le_bytes());
        bytes.extend(self.mark.head);
        bytes.extend(self.blocks);
        bytes.extend(vouched(vault, gallery, &bytes));
        bytes
    }

    /// The header that a file of the gallery begins with; nothing if it is of another, or damaged.
    pub(super) fn from_bytes(bytes: &[u8], vault: &Vault, gallery: &GalleryRow) -> Option<Self> {
        let (bytes, mac) = bytes.get(..N_BYTES)?.split_last_chunk::<32>()?;
        if *mac != vouched(vault, gallery, bytes) {
            return None;
        }
        let (magic, rest) = bytes.split_first_chunk()?;
        let (file, rest) = rest.split_first_chunk()?;
        let (n_rows, rest) = rest.split_first_chunk()?;
        let (n_erased, rest) = rest.split_first_chunk()?;
        let (position, rest) = rest.split_first_chunk()?;
        let (head, rest) = rest.split_first_chunk()?;
        let header = Self {
            file: RandomId::new(*file),
            n_rows: usize::try_from(u64::from_le_bytes(*n_rows)).ok()?,
            n_erased: usize::try_from(u64::from_le_bytes(*n_erased)).ok()?,
            mark: Mark { position: i64::from_le_bytes(*position), head: *head },
            blocks: rest.try_into().ok()?,
        };
        (magic == MAGIC).then_some(header)
    }
}

/// Binds the header to the gallery, whose id is in the key, to its model and to the dimension.
fn vouched(vault: &Vault, gallery: &GalleryRow, bytes: &[u8]) -> [u8; 32] {
    let dim = (gallery.dim as u64).to_le_bytes();
    vault.vouch(&[b"header", gallery.model.as_bytes(), &dim, bytes])
}

#[cfg(test)]
mod tests {
    use verisim_core::ModelDigest;

    use super::*;
    use crate::vault::Key;

    #[test]
    fn a_header_fits_its_gallery_alone_and_no_byte_of_it_may_change() {
        let uid = RandomId::new([1; 16]);
        let gallery = GalleryRow { uid, model: ModelDigest::new([2; 32]), dim: 5 };
        let vaults = [Vault::plain(uid), Vault::sealed(uid, &Key::new([3; 32]))];
        let header = Header {
            file: RandomId::new([4; 16]),
            n_rows: 5,
            n_erased: 1,
            mark: Mark { position: 6, head: [7; 32] },
            blocks: [8; 32],
        };
        let others = [
            GalleryRow { model: ModelDigest::new([9; 32]), ..gallery },
            GalleryRow { dim: 6, ..gallery },
        ];
        for vault in &vaults {
            let bytes = header.to_bytes(vault, &gallery);
            assert_eq!(Header::from_bytes(&bytes, vault, &gallery), Some(header));
            for other in &others {
                assert_eq!(Header::from_bytes(&bytes, vault, other), None);
            }
            let stranger = Vault::plain(RandomId::new([9; 16]));
            assert_eq!(Header::from_bytes(&bytes, &stranger, &gallery), None);
            for at in 0..bytes.len() {
                let mut bytes = bytes.clone();
                bytes[at] ^= 4;
                assert_eq!(Header::from_bytes(&bytes, vault, &gallery), None, "{at}");
                assert_eq!(Header::from_bytes(&bytes[..at], vault, &gallery), None);
            }
        }
        let plain = header.to_bytes(&vaults[0], &gallery);
        assert_eq!(Header::from_bytes(&plain, &vaults[1], &gallery), None);
    }
}
