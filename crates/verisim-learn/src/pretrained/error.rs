//! Why weights from elsewhere cannot be used.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Names listed of each kind: all of them would fill a screen.
const N_LISTED: usize = 5;

/// Why weights from elsewhere cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// Nobody's files are known for the network.
    #[error(
        "weights can be loaded into resnet (with leading_norm), mobilefacenet, vit and \
         inception-resnet, but not into this network"
    )]
    NoNames,
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is larger than any network here.
    #[error("{} has {found} bytes, but a file of weights has at most {max}", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Its size in bytes.
        found: u64,
        /// The most that is read.
        max: u64,
    },
    /// The file is of no format that is known, or damaged.
    #[error("{} is no file of weights (.pt, .pth or .safetensors): {reason}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file holds another network.
    #[error("{} holds another network than the recipe's: {mismatch}", path.display())]
    Mismatch {
        /// Which file.
        path: PathBuf,
        /// What does not fit.
        mismatch: Mismatch,
    },
}

/// How the tensors of a file differ from those of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// Names and shapes that the network has, and the file has not.
    pub missing: Vec<String>,
    /// Names that the file has, and the network has not.
    pub unexpected: Vec<String>,
    /// Names with the shape in the file and the one of the network.
    pub misshapen: Vec<String>,
}

impl Mismatch {
    /// Whether all fits.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.misshapen.is_empty()
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("missing", &self.missing),
            ("unexpected", &self.unexpected),
            ("of another shape", &self.misshapen),
        ];
        let texts: Vec<String> = parts
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(what, names)| {
                let listed = names[..names.len().min(N_LISTED)].join("; ");
                let n_more = names.len().saturating_sub(N_LISTED);
                let more = if n_more > 0 { format!("; and {n_more} more") } else { String::new() };
                format!("{} {what} ({listed}{more})", names.len())
            })
            .collect();
        f.write_str(&texts.join(", "))
    }
}
