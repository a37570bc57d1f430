//! The tables of a gallery file, and what must hold among their rows; it does not know the engine.
//!
//! Format 1 of `gallery.sqlite` has these tables, of which all numbers but `dim` are row numbers:
//!
//! | table | holds |
//! |---|---|
//! | `gallery` | one row: the digest of the model, the dimension of its embeddings, and how often somebody was forgotten |
//! | `identity` | name, and when it was first enrolled (Unix seconds); each has at least one template |
//! | `template` | whose it is, the digest of its picture, and the slot of its embedding |
//! | `slot` | an embedding (`f32`, little-endian), or zeros if the slot is free |
//! | `free_slot` | the free ones |
//! | `setting` | texts that the caller keeps here |
//!
//! Rows of `slot` are never deleted nor resized. The engine copies rows from page to page when it
//! balances a table after deletions, and leaves the old copies in unused space, where
//! `secure_delete` does not reach them; rows that stay where they are leave no copies. To forget is
//! therefore to overwrite a slot with zeros, in place, and to truncate the log of writes.

/// Marks a file as a gallery: "VSGL".
pub(crate) const APPLICATION_ID: i32 = 0x5653_474c;
/// The format that this file describes, and the latest that it reads.
pub(crate) const FORMAT: i32 = 1;
/// Three embeddings of 512 components fill three quarters of such a page; one of 4096 holds but one.
pub(crate) const PAGE_SIZE: i32 = 8192;

/// Prepares a connection: a commit is on disk when it returns, what is deleted becomes zeros,
/// temporary files hold no templates, and a file that a stranger made runs no functions.
pub(crate) const CONNECTION: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA secure_delete = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
";

/// Makes the tables.
pub(crate) const TABLES: &str = "
    CREATE TABLE gallery (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        model BLOB NOT NULL,
        dim INTEGER NOT NULL,
        n_forgets INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE identity (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        enrolled_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE slot (id INTEGER PRIMARY KEY, embedding BLOB NOT NULL) STRICT;
    CREATE TABLE free_slot (id INTEGER PRIMARY KEY REFERENCES slot) STRICT;
    CREATE TABLE template (
        id INTEGER PRIMARY KEY,
        identity INTEGER NOT NULL REFERENCES identity,
        source BLOB NOT NULL,
        slot INTEGER NOT NULL UNIQUE REFERENCES slot,
        UNIQUE (identity, source)
    ) STRICT;
    CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// Tables, and how many of their rows contradict the others; where a slot is free, it holds zeros.
pub(crate) const CONTRADICTIONS: [(&str, &str); 4] = [
    ("identity", "SELECT count(*) FROM identity WHERE id NOT IN (SELECT identity FROM template)"),
    (
        "template",
        "SELECT count(*) FROM template WHERE identity NOT IN (SELECT id FROM identity)
             OR slot NOT IN (SELECT id FROM slot)",
    ),
    (
        "slot",
        "SELECT count(*) FROM slot WHERE (id IN (SELECT slot FROM template))
             = (id IN (SELECT id FROM free_slot))",
    ),
    (
        "free_slot",
        "SELECT count(*) FROM free_slot LEFT JOIN slot USING (id)
             WHERE embedding IS NOT zeroblob(length(embedding))",
    ),
];
