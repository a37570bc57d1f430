//! Slots: bytes that stay where they are, so that overwriting them leaves no copy.

use rusqlite::{Connection, OptionalExtension};

use super::first;

/// Puts bytes into a free slot of their size, or into a new one, and returns its row.
pub(super) fn fill(sql: &Connection, content: &[u8]) -> rusqlite::Result<i64> {
    let select = "SELECT slot FROM free_slot WHERE n_bytes = ?1 ORDER BY slot LIMIT 1";
    let free: Option<i64> = first(sql, select, [content.len().cast_signed()]).optional()?;
    if let Some(slot) = free {
        sql.prepare_cached("DELETE FROM free_slot WHERE slot = ?1")?.execute([slot])?;
        let overwrite = "UPDATE slot SET content = ?2 WHERE id = ?1";
        sql.prepare_cached(overwrite)?.execute((slot, content))?;
        Ok(slot)
    } else {
        sql.prepare_cached("INSERT INTO slot (content) VALUES (?1)")?.insert([content])
    }
}

/// Overwrites slots with zeros, and frees them; `which` selects them by one parameter.
pub(super) fn empty(sql: &Connection, which: &str, parameter: i64) -> rusqlite::Result<()> {
    let overwrite =
        format!("UPDATE slot SET content = zeroblob(length(content)) WHERE id IN ({which})");
    sql.prepare_cached(&overwrite)?.execute([parameter])?;
    let free =
        format!("INSERT INTO free_slot SELECT length(content), id FROM slot WHERE id IN ({which})");
    sql.prepare_cached(&free)?.execute([parameter]).map(drop)
}
