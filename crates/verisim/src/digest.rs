//! SHA-256 as hexadecimal digits: of bytes, and of the program that runs.

use std::io::{self, Read};

use anyhow::Context;
use sha2::{Digest, Sha256};
use verisim_core::ModelDigest;

/// The digest of bytes.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The digest of what is read, however long it is.
pub(crate) fn sha256_of(mut source: impl Read) -> io::Result<ModelDigest> {
    let mut sum = Sha256::new();
    let mut bytes = vec![0; 1 << 16];
    loop {
        match source.read(&mut bytes) {
            Ok(0) => return Ok(ModelDigest::new(sum.finalize().into())),
            Ok(n) => sum.update(&bytes[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A digest in words.
pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The digest of the program itself: what stands for its code.
pub(crate) fn sha256_of_program() -> anyhow::Result<String> {
    let path = std::env::current_exe().context("cannot find the program's own file")?;
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(sha256(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_the_standard() {
        // FIPS 180-4, the example "abc".
        let found = sha256(b"abc");
        assert!(found.ends_with("b410ff61f20015ad"), "{found}");
        assert_eq!(found.len(), 64);
        assert_eq!(sha256_of(&b"abc"[..]).unwrap().to_string(), found);
    }
}
