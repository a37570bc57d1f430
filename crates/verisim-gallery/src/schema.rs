//! The tables of a gallery file, and what must hold among their rows; it does not know the engine.
//!
//! Format 2 of `gallery.sqlite` has these tables:
//!
//! | table | holds |
//! |---|---|
//! | `gallery` | one row: the gallery's random id, the digest of the model, the dimension of its embeddings, the policy, and where the log ends |
//! | `seal` | one row, if the gallery is sealed: how a passphrase becomes the master key, and what tells a wrong key |
//! | `identity` | a random id, tags of the name and of the external id, the slots of the details and of the person's key, when first enrolled (Unix seconds); each has at least one template |
//! | `template` | a random id, whose it is, a tag of its picture's digest, its slot, that of a thumbnail if there is one, quality, when enrolled |
//! | `slot` | sealed bytes, or zeros if the slot is free |
//! | `free_slot` | the free ones, by size |
//! | `change` | what can be undone: a random id, what was done, between whom (random ids), who keeps the slot of the rest, when |
//! | `event` | the log: position from 1, a line of JSON, the hash of it and all before it |
//! | `setting` | texts that the caller keeps here |
//!
//! All that is personal lies in slots, sealed as `vault` says. Rows of `slot` are never deleted nor
//! resized. The engine copies rows from page to page when it balances a table after deletions, and
//! leaves the old copies in unused space, where `secure_delete` does not reach them; rows that stay
//! where they are leave no copies. To forget is therefore to overwrite slots with zeros, in place,
//! and to truncate the log of writes. What other tables leave behind are random ids and tags.

/// Marks a file as a gallery: "VSGL".
pub(crate) const APPLICATION_ID: i32 = 0x5653_474c;
/// The format that this file describes, and the latest that it reads.
pub(crate) const FORMAT: i32 = 2;
/// The format of version 0.1, which is brought to the present one when it is opened.
pub(crate) const FORMAT_1: i32 = 1;
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
        uid BLOB NOT NULL,
        model BLOB NOT NULL,
        dim INTEGER NOT NULL,
        rule INTEGER NOT NULL,
        max_templates INTEGER NOT NULL,
        near_duplicates INTEGER NOT NULL,
        record_searches INTEGER NOT NULL,
        n_events INTEGER NOT NULL,
        head BLOB NOT NULL,
        end_of_log BLOB NOT NULL
    ) STRICT;
    CREATE TABLE seal (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        salt BLOB,
        memory_kib INTEGER NOT NULL,
        passes INTEGER NOT NULL,
        lanes INTEGER NOT NULL,
        key_check BLOB NOT NULL
    ) STRICT;
    CREATE TABLE slot (id INTEGER PRIMARY KEY, content BLOB NOT NULL) STRICT;
    CREATE TABLE free_slot (
        n_bytes INTEGER NOT NULL,
        slot INTEGER NOT NULL UNIQUE REFERENCES slot,
        PRIMARY KEY (n_bytes, slot)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE identity (
        id INTEGER PRIMARY KEY,
        uid BLOB NOT NULL UNIQUE,
        name_tag BLOB NOT NULL UNIQUE,
        external_tag BLOB UNIQUE,
        details INTEGER NOT NULL UNIQUE REFERENCES slot,
        person_key INTEGER UNIQUE REFERENCES slot,
        enrolled_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE template (
        id INTEGER PRIMARY KEY,
        uid BLOB NOT NULL,
        identity INTEGER NOT NULL REFERENCES identity,
        source_tag BLOB NOT NULL,
        slot INTEGER NOT NULL UNIQUE REFERENCES slot,
        thumbnail INTEGER UNIQUE REFERENCES slot,
        quality INTEGER CHECK (quality BETWEEN 0 AND 100),
        enrolled_at INTEGER NOT NULL,
        UNIQUE (identity, source_tag)
    ) STRICT;
    CREATE TABLE event (
        position INTEGER PRIMARY KEY,
        record TEXT NOT NULL,
        hash BLOB NOT NULL
    ) STRICT;
    CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE change (
        id INTEGER PRIMARY KEY,
        uid BLOB NOT NULL UNIQUE,
        kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 2),
        taker BLOB NOT NULL,
        giver BLOB NOT NULL,
        keeper INTEGER NOT NULL REFERENCES identity,
        made_at INTEGER NOT NULL,
        slot INTEGER NOT NULL UNIQUE REFERENCES slot
    ) STRICT;
";

/// Puts the tables of format 1 aside, so that those above can be made.
pub(crate) const SET_FORMAT_1_ASIDE: &str = "
    ALTER TABLE gallery RENAME TO gallery_1;
    ALTER TABLE identity RENAME TO identity_1;
    ALTER TABLE slot RENAME TO slot_1;
    ALTER TABLE free_slot RENAME TO free_slot_1;
    ALTER TABLE template RENAME TO template_1;
    ALTER TABLE setting RENAME TO setting_1;
";

/// Takes over what needs no change, and removes the tables of format 1, which become zeros.
pub(crate) const DROP_FORMAT_1: &str = "
    INSERT INTO setting SELECT key, value FROM setting_1;
    DROP TABLE template_1;
    DROP TABLE free_slot_1;
    DROP TABLE slot_1;
    DROP TABLE identity_1;
    DROP TABLE setting_1;
    DROP TABLE gallery_1;
";

/// Slots in use.
const USED: &str = "SELECT slot FROM template UNION ALL SELECT details FROM identity
    UNION ALL SELECT thumbnail FROM template WHERE thumbnail IS NOT NULL
    UNION ALL SELECT person_key FROM identity WHERE person_key IS NOT NULL
    UNION ALL SELECT slot FROM change";

/// Tables, and a query for how many of their rows contradict the others; free slots hold zeros.
pub(crate) fn contradictions() -> [(&'static str, String); 5] {
    [
        (
            "identity",
            "SELECT count(*) FROM identity WHERE id NOT IN (SELECT identity FROM template)
                 OR details NOT IN (SELECT id FROM slot)
                 OR (person_key IS NULL) = EXISTS (SELECT 1 FROM seal)
                 OR (person_key IS NOT NULL AND person_key NOT IN (SELECT id FROM slot))"
                .to_owned(),
        ),
        (
            "template",
            "SELECT count(*) FROM template WHERE identity NOT IN (SELECT id FROM identity)
                 OR slot NOT IN (SELECT id FROM slot)
                 OR (thumbnail IS NOT NULL AND thumbnail NOT IN (SELECT id FROM slot))"
                .to_owned(),
        ),
        (
            "change",
            "SELECT count(*) FROM change WHERE keeper NOT IN (SELECT id FROM identity)
                 OR slot NOT IN (SELECT id FROM slot)"
                .to_owned(),
        ),
        (
            "slot",
            format!(
                "SELECT count(*) FROM slot LEFT JOIN (SELECT slot, count(*) AS n FROM
                     ({USED} UNION ALL SELECT slot FROM free_slot) GROUP BY slot) AS used
                     ON used.slot = slot.id WHERE used.n IS NOT 1"
            ),
        ),
        (
            "free_slot",
            "SELECT count(*) FROM free_slot LEFT JOIN slot ON slot.id = free_slot.slot
                 WHERE content IS NOT zeroblob(n_bytes)"
                .to_owned(),
        ),
    ]
}
