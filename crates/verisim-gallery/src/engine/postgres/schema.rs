//! The tables of a gallery on a server, and how they came to be; it does not know who asks.
//!
//! A gallery is a schema of its own. Format 1 has these tables:
//!
//! | table | holds |
//! |---|---|
//! | `gallery` | one row: what the gallery is bound to, how it is sealed, the policy, where the log ends. Whoever changes anything locks it first |
//! | `identity` | a random id, tags of the name and of the external id, sealed details, the wrapped key, when first enrolled |
//! | `template` | whose it is, a random id, a tag of its picture's digest, **the embedding, open**, what vouches for it with the label (sealed), thumbnail (sealed), quality, when enrolled |
//! | `event` | the log |
//! | `setting` | texts that the caller keeps here |
//!
//! A row of `template` is found by its person first: the table can be distributed over servers by
//! `person` as it is, and so can `identity`.

use deadpool_postgres::{GenericClient, Transaction};

use super::explain::{Failure, reason};
use super::link::Link;
use crate::GalleryError;

/// The format that this version makes, and the latest that it reads.
pub(super) const FORMAT: i32 = 1;

/// The most components that a vector may have to lie in its row; longer ones are moved out of it,
/// which makes comparing all of them several times slower. A page has 8 KiB.
const MAX_INLINE: usize = 1900;
/// The most components that pgvector's index takes of halves.
pub(super) const MAX_INDEXED: usize = 4000;

/// What brings a schema from the format of its position to the next.
type Step = fn(dim: usize) -> String;
const STEPS: [Step; FORMAT as usize] = [format_1];

fn format_1(dim: usize) -> String {
    // EXTERNAL is pgvector's own choice: not in the row, and not compressed, which finds nothing.
    let storage = if dim <= MAX_INLINE { "PLAIN" } else { "EXTERNAL" };
    format!(
        "CREATE TABLE gallery (
            id smallint PRIMARY KEY CHECK (id = 1),
            format integer NOT NULL,
            uid uuid NOT NULL,
            model bytea NOT NULL,
            dim integer NOT NULL,
            salt bytea,
            memory_kib bigint,
            passes bigint,
            lanes bigint,
            key_check bytea,
            n_forgets bigint NOT NULL,
            rule smallint NOT NULL,
            max_templates bigint NOT NULL,
            near_duplicates smallint NOT NULL,
            record_searches boolean NOT NULL,
            n_events bigint NOT NULL,
            head bytea NOT NULL,
            end_of_log bytea NOT NULL
        );
        CREATE TABLE identity (
            position bigserial NOT NULL,
            person uuid PRIMARY KEY,
            name_tag bytea NOT NULL UNIQUE,
            external_tag bytea UNIQUE,
            details bytea NOT NULL,
            person_key bytea,
            enrolled_at bigint NOT NULL
        );
        CREATE TABLE template (
            position bigserial NOT NULL,
            person uuid NOT NULL REFERENCES identity,
            uid uuid NOT NULL,
            source_tag bytea NOT NULL,
            embedding vector({dim}) NOT NULL,
            sealed bytea NOT NULL,
            thumbnail bytea,
            quality smallint CHECK (quality BETWEEN 0 AND 100),
            enrolled_at bigint NOT NULL,
            PRIMARY KEY (person, source_tag)
        );
        ALTER TABLE template ALTER embedding SET STORAGE {storage};
        CREATE TABLE event (
            position bigint PRIMARY KEY,
            record text NOT NULL,
            hash bytea NOT NULL
        );
        CREATE TABLE setting (key text PRIMARY KEY, value text NOT NULL);"
    )
}

/// Makes the index that the approximate search goes through; a wide embedding has none.
///
/// Halves take half the memory of the embeddings, and what they blur, scores of the whole numbers
/// put right afterwards. Of unit vectors the inner product is the cosine.
pub(super) async fn make_index(sql: &impl GenericClient, dim: usize) -> Result<(), Failure> {
    if dim > MAX_INDEXED {
        return Ok(());
    }
    let statement = format!(
        "CREATE INDEX template_embedding ON template
            USING hnsw ((embedding::halfvec({dim})) halfvec_ip_ops)"
    );
    Ok(sql.batch_execute(&statement).await?)
}

/// The format of the gallery in the schema; nothing if there is none.
pub(super) async fn format(sql: &impl GenericClient, schema: &str) -> Result<Option<i32>, Failure> {
    // Not by the search path alone: a schema that is not there must not lead to another's table.
    let exists = "SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'gallery'";
    if sql.query_opt(exists, &[&schema]).await?.is_none() {
        return Ok(None);
    }
    let select = format!("SELECT format FROM \"{schema}\".gallery WHERE id = 1");
    Ok(sql.query_opt(&select, &[]).await?.map(|row| row.get(0)))
}

/// Begins a change of the schema itself, which one at a time can make.
pub(super) async fn lock(sql: &impl GenericClient, schema: &str) -> Result<(), Failure> {
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('verisim ' || $1, 0))";
    sql.query_one(lock, &[&schema]).await?;
    Ok(())
}

/// Makes the tables of the present format in a schema that is there or not.
pub(super) async fn create(
    sql: &impl GenericClient,
    link: &Link,
    schema: &str,
    dim: usize,
) -> Result<(), Failure> {
    sql.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\"")).await?;
    let has_vectors = "SELECT 1 FROM pg_extension WHERE extname = 'vector'";
    if sql.query_opt(has_vectors, &[]).await?.is_none()
        && let Err(error) = sql.batch_execute("CREATE EXTENSION vector SCHEMA public").await
    {
        let (path, is_lost) = (link.place().to_owned(), super::explain::is_lost(&error));
        if is_lost {
            return Err(error.into());
        }
        return Err(GalleryError::NoVectors { path, reason: reason(&error) }.into());
    }
    // The extension may have come a moment ago, after this connection was set up.
    let find = format!(
        "SELECT set_config('search_path', '\"{schema}\", ' || quote_ident(nspname), true)
            FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
            WHERE extname = 'vector'"
    );
    sql.batch_execute(&find).await?;
    for step in STEPS {
        sql.batch_execute(&step(dim)).await?;
    }
    Ok(())
}

/// Brings a schema of an earlier format to the present one.
pub(super) async fn migrate(sql: &Transaction<'_>, found: i32, dim: usize) -> Result<(), Failure> {
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        sql.batch_execute(&step(dim)).await?;
    }
    sql.execute("UPDATE gallery SET format = $1 WHERE id = 1", &[&FORMAT]).await?;
    Ok(())
}
