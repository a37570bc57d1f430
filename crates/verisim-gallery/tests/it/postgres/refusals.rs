//! Servers that cannot be used, and what is said about them.

use std::time::Instant;

use verisim_gallery::GalleryError;

use super::{as_user, host_of, open_at};
use crate::child::kind;
use crate::engines::{Bench, server, sql, try_sql};
use crate::synthetic::{DIM, samples};

/// What an error says, in full, to look for what it must not.
fn told(error: &GalleryError) -> String {
    let mut told = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        told += &format!(" {error} {error:?}");
        source = error.source();
    }
    told
}

#[test]
fn a_server_that_is_not_there_is_named_after_several_attempts() {
    // Nobody listens on the port of a socket that was closed.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://eve:sesame@127.0.0.1:{port}/faces?patience=1&gallery=doors");
    let error = open_at(&url, None).unwrap_err();
    let GalleryError::Unreachable { n_attempts, .. } = error else { panic!("{error}") };
    assert!(n_attempts > 2, "{n_attempts}");
    let said = error.to_string();
    let expected =
        format!("cannot reach the gallery postgres://127.0.0.1:{port}/faces?gallery=doors: ");
    assert!(said.starts_with(&expected) && said.contains("refused"), "{said}");
    assert!(!told(&error).contains("sesame") && !told(&error).contains("eve"), "{said}");
}

#[test]
fn a_user_who_is_turned_away_need_not_wait() {
    let Some(url) = server() else { return };
    let locked = as_user(&url, "locked:wrong-sesame", "verisim?patience=600");
    let begun = Instant::now();
    let error = open_at(&locked, None).unwrap_err();
    assert_eq!(kind(&error), "Denied", "{error}");
    assert!(begun.elapsed().as_secs() < 300, "it went on trying");
    assert!(error.to_string().contains(host_of(&url)), "{error}");
    assert!(!told(&error).contains("wrong-sesame"), "{error}");
    let right = as_user(&url, "locked:open%20sesame", "verisim?gallery=nothing_here");
    assert_ne!(kind(&open_at(&right, None).unwrap_err()), "Unreachable", "it may come in");
}

#[test]
fn a_missing_database_and_a_missing_extension_are_told() {
    let Some(url) = server() else { return };
    let error = open_at(&as_user(&url, "verisim", "nowhere"), None).unwrap_err();
    assert!(error.to_string().contains("no such database"), "{error}");
    // A user who may make a schema there, but no extension.
    let error = open_at(&as_user(&url, "plain", "bare?gallery=doors"), None).unwrap_err();
    assert_eq!(kind(&error), "NoVectors", "{error}");
    assert!(error.to_string().contains("CREATE EXTENSION vector"), "{error}");
    let schemas = "SELECT nspname FROM pg_namespace WHERE nspname = 'doors'";
    assert_eq!(sql(&as_user(&url, "verisim", "bare"), schemas), [""; 0], "nothing is left");
}

#[test]
fn a_user_without_rights_learns_so() {
    let Some(bench) = Bench::postgres() else { return };
    let url = server().unwrap();
    bench.open("g").enroll("Ann", &samples("Ann", 1)).unwrap();
    let schema = bench.schema("g");
    let plain = as_user(&url, "plain", &format!("verisim?gallery={schema}"));
    assert_eq!(kind(&open_at(&plain, None).unwrap_err()), "Denied");
    sql(
        &url,
        &format!(
            "GRANT USAGE ON SCHEMA {schema} TO plain; GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO plain"
        ),
    );
    let mut reading = open_at(&plain, None).unwrap();
    assert_eq!(reading.n_templates().unwrap(), 1);
    assert_eq!(kind(&reading.enroll("Bob", &samples("Bob", 1)).unwrap_err()), "Denied");
}

#[test]
fn a_gallery_of_a_later_version_is_refused() {
    let Some(bench) = Bench::postgres() else { return };
    drop(bench.open("g"));
    let set = |format| {
        let schema = bench.schema("g");
        sql(&server().unwrap(), &format!("UPDATE {schema}.gallery SET format = {format}"));
        bench.open_of("g", DIM, None).unwrap_err()
    };
    let error = set(2);
    assert!(matches!(error, GalleryError::TooNew { found: 2, supported: 1, .. }), "{error}");
    assert!(matches!(set(0), GalleryError::Damaged { .. }));
}

#[test]
fn a_gallery_that_another_holds_is_busy() {
    let Some(bench) = Bench::postgres() else { return };
    let url = server().unwrap();
    let mut gallery = bench
        .place_with("g", "patience=1")
        .create_or_open(crate::synthetic::model(), DIM, None)
        .unwrap();
    let schema = bench.schema("g");
    std::thread::scope(|scope| {
        let held = format!(
            "BEGIN; SELECT 1 FROM {schema}.gallery FOR UPDATE;
             CREATE TABLE {schema}.held (); SELECT pg_sleep(60)"
        );
        let holder = scope.spawn({
            let url = url.clone();
            move || try_sql(&url, &held)
        });
        let pid = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'BEGIN; SELECT 1 FROM ' || '";
        let pid = format!("{pid}{schema}%' AND wait_event = 'PgSleep'");
        let pid = loop {
            if let Some(pid) = sql(&url, &pid).pop() {
                break pid;
            }
        };
        let error = gallery.enroll("Ann", &samples("Ann", 1)).unwrap_err();
        sql(&url, &format!("SELECT pg_terminate_backend({pid})"));
        assert!(holder.join().unwrap().is_err());
        assert_eq!(kind(&error), "Busy", "{error}");
    });
    gallery.enroll("Ann", &samples("Ann", 1)).unwrap();
}

#[test]
fn connections_that_the_server_ends_are_made_anew() {
    let Some(bench) = Bench::postgres() else { return };
    let url = server().unwrap();
    let options = format!("application_name={}", bench.schema("app"));
    let mut gallery = bench
        .place_with("g", &options)
        .create_or_open(crate::synthetic::model(), DIM, None)
        .unwrap();
    for idx in 0..5 {
        let name = format!("n{idx}");
        gallery.enroll(&name, &samples(&name, 1)).unwrap();
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = left('";
        let ended = sql(&url, &format!("{end}{}', 63)", bench.schema("app")));
        assert!(!ended.is_empty(), "there was nothing to end");
        let found = gallery.nearest(&samples(&name, 1)[0].template, 1).unwrap();
        assert_eq!(found[0].identity, name);
    }
    gallery.check().unwrap();
}
