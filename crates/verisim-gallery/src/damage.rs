//! What can be wrong with a gallery file; it does not know how that was found.

/// What is wrong with a gallery file. Rows are named by their numbers, never by what they hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// The engine does not recognize the file.
    #[error("it is not an SQLite file, or its first page was overwritten")]
    NotSqlite,
    /// The engine's own check failed.
    #[error("the engine reports {report:?}")]
    Pages {
        /// The engine's words.
        report: String,
    },
    /// The format is one that never existed.
    #[error("its format is {found}, expected 1 or later")]
    Format {
        /// The format that the file claims.
        found: i32,
    },
    /// The policy is one that never existed.
    #[error("its policy is none that this version knows")]
    Policy,
    /// How a passphrase becomes a key is beyond all reason.
    #[error("the derivation of its key asks for more than 1 GiB or 16 passes")]
    Derivation,
    /// The row that binds the gallery to its model makes no sense.
    #[error("the model digest has {n_bytes} bytes (expected 32) and the dimension is {dim}")]
    Binding {
        /// Length of the digest.
        n_bytes: usize,
        /// Number of components of an embedding.
        dim: i64,
    },
    /// An embedding is not of the gallery's dimension, or its label is unreadable.
    #[error("template {template} has {found} bytes, expected {expected}")]
    EmbeddingSize {
        /// Row of the template.
        template: i64,
        /// Length found, in bytes.
        found: usize,
        /// Length of all embeddings of the gallery, in bytes.
        expected: usize,
    },
    /// An embedding is not a finite vector of unit length.
    #[error("template {template} is not a vector of unit length")]
    NotUnitLength {
        /// Row of the template.
        template: i64,
    },
    /// The details of an identity, or its key, do not open: they were changed or misplaced.
    #[error("identity {identity} was changed or misplaced")]
    Identity {
        /// Row of the identity.
        identity: i64,
    },
    /// A template does not open: it was changed or misplaced.
    #[error("template {template} was changed or misplaced")]
    Template {
        /// Row of the template.
        template: i64,
    },
    /// What undoing a change needs does not open: it was changed or misplaced.
    #[error("change {change} was changed or misplaced")]
    Change {
        /// Row of the change.
        change: i64,
    },
    /// A record of the log was changed, removed or put in.
    #[error("the log was changed at record {position}")]
    Log {
        /// The first position at which it shows.
        position: i64,
    },
    /// What lies open, and is vouched for with the end of the log, was changed.
    #[error("the rules, a setting, or the end of the log at record {position} were changed")]
    End {
        /// Position of the last record, as the gallery has it.
        position: i64,
    },
    /// The log does not know its last moment that was written down beside the store.
    #[error(
        "the log ends at record {position} and does not know record {seen}, which was on disk: the gallery was put \
         back to an earlier state, or its last writes were lost or changed (if you put it back, remove gallery.head)"
    )]
    PutBack {
        /// Position of the last record, as the gallery has it.
        position: i64,
        /// Position of the record that it does not know.
        seen: i64,
    },
    /// The log and the identities disagree.
    #[error(
        "{n_identities} identities are in the gallery or gone from it without the log saying so"
    )]
    Unrecorded {
        /// Number of such identities.
        n_identities: usize,
    },
    /// Rows refer to others that are missing, or a forgotten template was not overwritten.
    #[error("{n_rows} rows of table {table} contradict the others")]
    Contradictions {
        /// The table.
        table: &'static str,
        /// Number of such rows.
        n_rows: usize,
    },
}
