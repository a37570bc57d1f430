//! What is left of the forgotten in the files of a server, and what is not.

use super::{as_user, open_at};
use crate::engines::{server, sql};
use crate::synthetic::{sample, samples};

/// The schema of the gallery, in a database where nobody else is: old transactions of others would
/// keep a vacuum from its work.
const SCHEMA: &str = "forgetting";

/// How often the bytes stand in the files of the tables, or of the index over embeddings alone.
fn traces(url: &str, hex: &str, is_index: bool) -> usize {
    let kinds =
        if is_index { "c.relname = 'template_embedding'" } else { "c.relkind IN ('r', 't')" };
    let statement = format!(
        "CHECKPOINT;
         SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE (n.nspname = '{SCHEMA}' OR c.oid IN (SELECT t.reltoastrelid FROM pg_class AS t
             JOIN pg_namespace AS s ON s.oid = t.relnamespace WHERE s.nspname = '{SCHEMA}'))
             AND {kinds} AND position('\\x{hex}'::bytea IN
                 pg_read_binary_file(pg_relation_filepath(c.oid))) > 0"
    );
    // The server forbids it within the transaction that several statements are otherwise.
    let (checkpoint, count) = statement.split_once(';').unwrap();
    sql(url, checkpoint);
    sql(url, count).pop().unwrap().parse().unwrap()
}

#[test]
fn the_index_is_cleared_at_once_and_the_tables_when_they_are_compacted() {
    let Some(url) = server() else { return };
    let url = as_user(&url, "verisim", "alone");
    sql(&url, &format!("DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"));
    let mut gallery = open_at(&format!("{url}?gallery={SCHEMA}"), None).unwrap();
    for name in ["Ann", "Bob", "Eve"] {
        gallery.enroll(name, &samples(name, 2)).unwrap();
    }
    let ann = sample("Ann", 0).template.embedding;
    let floats: String = ann.as_slice()[8..12]
        .iter()
        .flat_map(|it| it.to_le_bytes())
        .map(|it| format!("{it:02x}"))
        .collect();
    // As the server sends them, most significant byte first; it keeps them the other way round.
    let sent = format!(
        "SET search_path = {SCHEMA}, public;
         SELECT encode(halfvec_send(embedding::halfvec(32)), 'hex') FROM template
             WHERE position = 1"
    );
    let sent = sql(&url, &sent).pop().unwrap();
    let halves: String = sent.as_bytes()[8 + 32..8 + 64]
        .chunks(4)
        .map(|it| format!("{}{}{}{}", it[2] as char, it[3] as char, it[0] as char, it[1] as char))
        .collect();
    assert!(traces(&url, &floats, false) > 0, "the search for traces finds none");
    assert!(traces(&url, &halves, true) > 0, "the search for halves finds none");

    assert!(!gallery.forget("Ann").unwrap().is_wiped);
    assert_eq!(traces(&url, &halves, true), 0, "in the index after a vacuum");
    gallery.compact().unwrap();
    assert_eq!(traces(&url, &floats, false), 0, "in tables that were written anew");
    gallery.check().unwrap();
}
