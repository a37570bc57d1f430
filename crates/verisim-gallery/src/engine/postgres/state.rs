//! The row of the gallery, its settings and its log: what every change locks first and writes last.

use deadpool_postgres::{GenericClient, Transaction};
use tokio_postgres::Row;
use verisim_core::ModelDigest;

use super::explain::Failure;
use super::schema::FORMAT;
use crate::audit::{Chain, Event, LogEnd};
use crate::id::RandomId;
use crate::policy::{NearDuplicates, Policy, ScoreRule};
use crate::store::{GalleryRow, SealRow};
use crate::vault::Derivation;
use crate::{Damage, GalleryError};

/// What the row of the gallery says.
pub(super) struct State {
    pub(super) row: GalleryRow,
    pub(super) seal: Option<SealRow>,
    pub(super) policy: Policy,
    pub(super) log_end: LogEnd,
}

/// What the end of the log vouches for beside the log: nothing, for the server's administrator may set rules.
pub(super) const OPEN: &[u8] = &[];

/// Where damage is, for the error.
pub(super) type Place<'a> = &'a std::path::Path;

pub(super) fn damaged(place: Place<'_>, damage: Damage) -> Failure {
    GalleryError::Damaged { path: place.to_owned(), damage }.into()
}

impl State {
    /// Reads the row.
    pub(super) async fn read(sql: &impl GenericClient, place: Place<'_>) -> Result<Self, Failure> {
        Self::select(sql, place, "").await
    }

    /// Reads the row, and keeps all other changes out until the transaction ends.
    pub(super) async fn lock(sql: &Transaction<'_>, place: Place<'_>) -> Result<Self, Failure> {
        Self::select(sql, place, "FOR UPDATE").await
    }

    async fn select(
        sql: &impl GenericClient,
        place: Place<'_>,
        lock: &str,
    ) -> Result<Self, Failure> {
        let select = format!(
            "SELECT uid, model, dim, salt, memory_kib, passes, lanes, key_check, rule,
                max_templates, near_duplicates, record_searches, n_events, head, end_of_log
                FROM gallery WHERE id = 1 {lock}"
        );
        let statement = sql.prepare_cached(&select).await?;
        let row = sql.query_opt(&statement, &[]).await?;
        let row = row.ok_or_else(|| {
            damaged(place, Damage::Contradictions { table: "gallery", n_rows: 1 })
        })?;
        Ok(Self {
            row: binding(&row).map_err(|damage| damaged(place, damage))?,
            seal: seal(&row).map_err(|damage| damaged(place, damage))?,
            policy: policy(&row).map_err(|damage| damaged(place, damage))?,
            log_end: log_end(&row).map_err(|damage| damaged(place, damage))?,
        })
    }

    /// Writes the row of a new gallery.
    pub(super) async fn insert(
        sql: &impl GenericClient,
        row: GalleryRow,
        seal: Option<&SealRow>,
        end: &LogEnd,
    ) -> Result<(), Failure> {
        let GalleryRow { uid, model, dim } = row;
        // A vector has at most 16,000 components.
        let dim = i32::try_from(dim).unwrap_or(i32::MAX);
        let derivation = seal.and_then(|it| it.derivation.as_ref());
        let salt = derivation.map(|it| it.salt.to_vec());
        let number = |of: fn(&Derivation) -> u32| derivation.map(|it| i64::from(of(it)));
        let check = seal.map(|it| it.check.to_vec());
        let insert = "INSERT INTO gallery VALUES
            (1, $1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, 0, 0, false, $10, $11, $12)";
        sql.execute(
            insert,
            &[
                &FORMAT,
                &uid,
                &model.as_bytes().as_slice(),
                &dim,
                &salt,
                &number(|it| it.memory_kib),
                &number(|it| it.passes),
                &number(|it| it.lanes),
                &check,
                &end.position,
                &end.head.as_slice(),
                &end.end.as_slice(),
            ],
        )
        .await?;
        Ok(())
    }
}

pub(super) async fn set_policy(sql: &impl GenericClient, policy: Policy) -> Result<(), Failure> {
    let rule: i16 = match policy.rule {
        ScoreRule::Best => 0,
        ScoreRule::Mean => 1,
        ScoreRule::Weighted => 2,
    };
    let near_duplicates: i16 = match policy.near_duplicates {
        NearDuplicates::KeepOut => 0,
        NearDuplicates::Add => 1,
    };
    let update = "UPDATE gallery SET rule = $1, max_templates = $2, near_duplicates = $3,
        record_searches = $4 WHERE id = 1";
    let max = i64::from(policy.max_templates);
    sql.execute(update, &[&rule, &max, &near_duplicates, &policy.record_searches]).await?;
    Ok(())
}

pub(super) async fn setting(
    sql: &impl GenericClient,
    key: &str,
) -> Result<Option<String>, Failure> {
    let row = sql.query_opt("SELECT value FROM setting WHERE key = $1", &[&key]).await?;
    Ok(row.map(|row| row.get(0)))
}

pub(super) async fn set_setting(
    sql: &impl GenericClient,
    key: &str,
    value: &str,
) -> Result<(), Failure> {
    let upsert = "INSERT INTO setting VALUES ($1, $2)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    sql.execute(upsert, &[&key, &value]).await?;
    Ok(())
}

/// Adds events to a log that ends in `before`; returns where it ends then.
pub(super) async fn append(
    sql: &Transaction<'_>,
    chain: &Chain,
    before: &LogEnd,
    events: &[Event],
    place: Place<'_>,
) -> Result<LogEnd, Failure> {
    chain.expect(before, OPEN).map_err(|damage| damaged(place, damage))?;
    let mut end = *before;
    let mut records = Vec::with_capacity(events.len());
    for event in events {
        let record = event.to_json();
        end = chain.after(&end, &record, OPEN);
        records.push((end, record));
    }
    push_records(sql, &records).await?;
    Ok(end)
}

/// Adds records, each with the end that the log has after it.
pub(super) async fn push_records(
    sql: &impl GenericClient,
    records: &[(LogEnd, String)],
) -> Result<(), Failure> {
    let Some((end, _)) = records.last() else { return Ok(()) };
    let positions: Vec<i64> = records.iter().map(|it| it.0.position).collect();
    let texts: Vec<&str> = records.iter().map(|it| it.1.as_str()).collect();
    let hashes: Vec<&[u8]> = records.iter().map(|it| it.0.head.as_slice()).collect();
    let insert = "INSERT INTO event SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[])";
    let statement = sql.prepare_cached(insert).await?;
    sql.execute(&statement, &[&positions, &texts, &hashes]).await?;
    let update = "UPDATE gallery SET n_events = $1, head = $2, end_of_log = $3 WHERE id = 1";
    let statement = sql.prepare_cached(update).await?;
    let (head, vouching) = (end.head.as_slice(), end.end.as_slice());
    sql.execute(&statement, &[&end.position, &head, &vouching]).await?;
    Ok(())
}

fn bytes<const N: usize>(row: &Row, column: &str) -> Option<[u8; N]> {
    row.get::<_, Option<&[u8]>>(column)?.try_into().ok()
}

fn binding(row: &Row) -> Result<GalleryRow, Damage> {
    let (uid, dim): (RandomId, i32) = (row.get("uid"), row.get("dim"));
    match (bytes(row, "model"), usize::try_from(dim)) {
        (Some(model), Ok(dim)) if dim > 0 => {
            Ok(GalleryRow { uid, model: ModelDigest::new(model), dim })
        }
        _ => {
            let n_bytes = row.get::<_, &[u8]>("model").len();
            Err(Damage::Binding { n_bytes, dim: i64::from(dim) })
        }
    }
}

fn seal(row: &Row) -> Result<Option<SealRow>, Damage> {
    if row.get::<_, Option<&[u8]>>("key_check").is_none() {
        return Ok(None);
    }
    let check = bytes(row, "key_check").ok_or(Damage::Derivation)?;
    let number = |column| {
        let number = row.get::<_, Option<i64>>(column).and_then(|it| u32::try_from(it).ok());
        number.ok_or(Damage::Derivation)
    };
    let derivation = match bytes(row, "salt") {
        None => None,
        Some(salt) => Some(Derivation {
            salt,
            memory_kib: number("memory_kib")?,
            passes: number("passes")?,
            lanes: number("lanes")?,
        }),
    };
    Ok(Some(SealRow { derivation, check }))
}

fn policy(row: &Row) -> Result<Policy, Damage> {
    let rule = match row.get::<_, i16>("rule") {
        0 => ScoreRule::Best,
        1 => ScoreRule::Mean,
        2 => ScoreRule::Weighted,
        _ => return Err(Damage::Policy),
    };
    let near_duplicates = match row.get::<_, i16>("near_duplicates") {
        0 => NearDuplicates::KeepOut,
        1 => NearDuplicates::Add,
        _ => return Err(Damage::Policy),
    };
    let max = u32::try_from(row.get::<_, i64>("max_templates")).map_err(|_| Damage::Policy)?;
    let record_searches = row.get("record_searches");
    Ok(Policy { rule, max_templates: max, near_duplicates, record_searches })
}

fn log_end(row: &Row) -> Result<LogEnd, Damage> {
    let position = row.get("n_events");
    let both = bytes(row, "head").zip(bytes(row, "end_of_log"));
    let (head, end) = both.ok_or(Damage::Log { position })?;
    Ok(LogEnd { position, head, end })
}
