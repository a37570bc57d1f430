//! The approximate search: it goes through the index, misses little, and its scores are exact.

use verisim_gallery::{Enrollment, Policy};

use crate::engines::{Bench, server, sql};
use crate::synthetic::{DIM, model, sample, samples};

#[test]
fn the_index_answers_and_its_scores_are_exact() {
    let Some(bench) = Bench::postgres() else { return };
    let mut exact = bench.open("g");
    let names: Vec<String> = (0..3000).map(|idx| format!("n{idx}")).collect();
    let all: Vec<_> = names.iter().map(|it| samples(it, 1)).collect();
    let enrollments: Vec<_> =
        names.iter().zip(&all).map(|(name, samples)| Enrollment::new(name, samples)).collect();
    exact.enroll_many(&enrollments).unwrap();
    exact.set_policy(Policy { record_searches: false, ..Policy::default() }).unwrap();
    let schema = bench.schema("g");
    sql(&server().unwrap(), &format!("ANALYZE {schema}.template"));
    let mut quick =
        bench.place_with("g", "ef_search=100").create_or_open(model(), DIM, None).unwrap();
    let mut n_found = 0;
    for idx in 0..50 {
        let probe = sample("a stranger", idx).template;
        let (found, expected) =
            (quick.nearest(&probe, 1).unwrap(), exact.nearest(&probe, 3000).unwrap());
        assert!(expected.contains(&found[0]), "a score is not that of the exact search");
        n_found += usize::from(found[0] == expected[0]);
    }
    assert!(n_found >= 45, "the nearest of a stranger was found {n_found} times of 50");
    let scans = "SELECT pg_stat_clear_snapshot(); SELECT idx_scan FROM pg_stat_user_indexes
        WHERE indexrelname = 'template_embedding' AND schemaname = '";
    // The server counts scans when a connection has time to.
    drop((exact, quick));
    let n_scans = (0..100).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        let n: u32 = sql(&server().unwrap(), &format!("{scans}{schema}'")).pop()?.parse().ok()?;
        (n >= 50).then_some(n)
    });
    assert!(n_scans.is_some(), "the index was not used");
}
