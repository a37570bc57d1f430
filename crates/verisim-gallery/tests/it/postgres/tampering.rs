//! Rows of a server that somebody changed: a check finds them, and a search does not follow them.

use verisim_gallery::{Damage, Engine, GalleryError, Secret};

use crate::engines::{Bench, server, sql};
use crate::synthetic::{DIM, sample, samples};

/// The damage that a check of the gallery `name` finds after `statement`.
fn found(bench: &Bench, name: &str, statement: &str) -> Damage {
    let key = Secret::from_key([7; 32]);
    let mut gallery = bench.open_of(name, DIM, Some(&key)).unwrap();
    gallery.enroll("Ann", &samples("Ann", 2)).unwrap();
    gallery.enroll("Bob", &samples("Bob", 1)).unwrap();
    gallery.check().unwrap();
    let schema = bench.schema(name);
    sql(&server().unwrap(), &format!("SET search_path = {schema}, public; {statement}"));
    let error = gallery.check().unwrap_err();
    let GalleryError::Damaged { damage, .. } = error else { panic!("{error}") };
    damage
}

#[test]
fn a_check_finds_every_change() {
    let Some(bench) = Bench::postgres() else { return };
    let template = |damage| matches!(damage, Damage::Template { .. });
    let identity = |damage| matches!(damage, Damage::Identity { .. });
    let log = |damage| matches!(damage, Damage::Log { .. });
    let swap = "UPDATE template SET embedding = (SELECT embedding FROM template WHERE position = 3)
        WHERE position = 1";
    assert!(template(found(&bench, "a", swap)));
    let misplaced = "UPDATE template SET person = (SELECT person FROM template WHERE position = 3)
        WHERE position = 1";
    assert!(template(found(&bench, "b", misplaced)));
    let longer = "UPDATE template SET embedding = (SELECT array_agg(2 * it)::vector
        FROM unnest(embedding::real[]) AS it) WHERE position = 2";
    assert_eq!(found(&bench, "c", longer), Damage::NotUnitLength { template: 2 });
    assert!(identity(found(&bench, "d", "UPDATE identity SET details = set_byte(details, 30, 7)")));
    assert!(identity(found(
        &bench,
        "e",
        "UPDATE identity SET name_tag = set_byte(name_tag, 3, 7)"
    )));
    let record =
        "UPDATE event SET record = replace(record, 'unnamed', 'nobody') WHERE position = 2";
    assert_eq!(found(&bench, "f", record), Damage::Log { position: 2 });
    assert!(log(found(&bench, "g", "DELETE FROM event WHERE position = 3")));
    let end = found(&bench, "h", "UPDATE gallery SET n_events = 2");
    assert_eq!(end, Damage::End { position: 2 });
    let dated = "UPDATE identity SET enrolled_at = 7 WHERE position = 1";
    assert!(identity(found(&bench, "k", dated)));
    for (name, column) in [
        ("l", "quality = 99"),
        ("m", "enrolled_at = 7"),
        ("n", "source_tag = set_byte(source_tag, 3, 7)"),
    ] {
        let beside = format!("UPDATE template SET {column} WHERE position = 1");
        assert!(template(found(&bench, name, &beside)), "{column}");
    }
    let removed = "DELETE FROM template WHERE position = 3";
    let expected = Damage::Contradictions { table: "identity", n_rows: 1 };
    assert_eq!(found(&bench, "i", removed), expected);
    let unrecorded = format!("{removed}; DELETE FROM identity WHERE position = 2");
    assert_eq!(found(&bench, "j", &unrecorded), Damage::Unrecorded { n_identities: 1 });
}

#[test]
fn a_search_does_not_follow_a_template_that_was_moved_to_another_person() {
    let Some(bench) = Bench::postgres() else { return };
    let mut gallery = bench.open_of("g", DIM, Some(&Secret::from_key([7; 32]))).unwrap();
    gallery.enroll("Ann", &samples("Ann", 1)).unwrap();
    gallery.enroll("Eve", &samples("Eve", 1)).unwrap();
    let schema = bench.schema("g");
    sql(
        &server().unwrap(),
        &format!(
            "SET search_path = {schema}, public; UPDATE template SET embedding =
                (SELECT embedding FROM template WHERE position = 2) WHERE position = 1"
        ),
    );
    let gallery: &mut dyn Engine = &mut *gallery;
    let error = gallery.nearest(&sample("Eve", 0).template, 1).unwrap_err();
    assert!(matches!(error, GalleryError::Damaged { .. }), "{error}");
}
