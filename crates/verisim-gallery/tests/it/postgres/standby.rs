//! Searches on a standby, and a standby alone.

use std::env;

use verisim_gallery::{GalleryError, Policy};

use super::{host_of, open_at};
use crate::child::kind;
use crate::engines::{Bench, server, sql};
use crate::synthetic::{sample, samples};

/// The address of the standby of the server.
fn standby() -> Option<String> {
    server()?;
    Some(env::var("VERISIM_TEST_POSTGRES_STANDBY").expect("a server for tests has a standby"))
}

#[test]
fn searches_go_to_the_standby_and_changes_to_the_primary() {
    let (Some(bench), Some(standby)) = (Bench::postgres(), standby()) else { return };
    let primary = server().unwrap();
    let schema = bench.schema("g");
    let app = &schema;
    let both = format!("{},{}", host_of(&standby), host_of(&primary));
    let url = primary.replace(host_of(&primary), &both);
    let url = format!("{url}?gallery={schema}&reads=replicas&exact=true&application_name={app}");
    let mut gallery = open_at(&url, None).unwrap();
    gallery.enroll("Ann", &samples("Ann", 1)).unwrap();
    let found = gallery.nearest(&sample("Ann", 0).template, 1).unwrap();
    assert_eq!(found[0].identity, "Ann");
    let searching = format!(
        "SELECT count(*) FROM pg_stat_activity
            WHERE application_name = '{app}' AND query LIKE 'WITH compared%'"
    );
    assert_eq!(sql(&standby, &searching), ["1"]);
    assert_eq!(sql(&primary, &searching), ["0"]);
    assert_eq!(gallery.events().unwrap().len(), 3, "the search is recorded all the same");
}

#[test]
fn a_standby_alone_is_read_only_and_says_so() {
    let (Some(bench), Some(standby)) = (Bench::postgres(), standby()) else { return };
    let mut gallery = bench.open("g");
    gallery.enroll("Ann", &samples("Ann", 1)).unwrap();
    gallery.set_policy(Policy { record_searches: false, ..Policy::default() }).unwrap();
    let url = format!("{standby}?gallery={}&patience=1", bench.schema("g"));
    let error = open_at(&url, None).unwrap_err();
    assert!(matches!(error, GalleryError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("does not allow writes"), "{error}");
    let mut gallery = open_at(&format!("{url}&target_session_attrs=any"), None).unwrap();
    assert_eq!(gallery.nearest(&sample("Ann", 0).template, 1).unwrap()[0].identity, "Ann");
    assert_eq!(kind(&gallery.enroll("Bob", &samples("Bob", 1)).unwrap_err()), "NotWritable");
}
