//! What a gallery on a server costs: sizes, times and recall, for the table in docs/engines.md.
//!
//!     cargo run --release -p verisim-gallery --features postgres --example postgres_figures -- URL N DIM
//!
//! The people are made up: each has two templates at a cosine of about 0.6, in directions that are
//! drawn evenly, which is the hardest case for an approximate index. It makes a gallery `figures` and
//! removes it.

#![expect(clippy::print_stdout, reason = "prints what it measured")]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio_postgres::{NoTls, SimpleQueryMessage};
use verisim_core::{Embedding, ModelDigest, Template};
use verisim_gallery::{
    DecisionRule, Engine, Enrollment, Gallery, Place, Policy, Sample, SourceDigest, Winner, copy,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Templates of each person.
const N_EACH: usize = 2;
const N_PROBES: usize = 100;

fn model() -> ModelDigest {
    ModelDigest::new([7; 32])
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Nearly a normal number: the sum of four even ones.
    fn normal(&mut self) -> f32 {
        (0..4).map(|_| self.next() as f32 / u64::MAX as f32).sum::<f32>() - 2.0
    }

    fn direction(&mut self, dim: usize) -> Vec<f32> {
        (0..dim).map(|_| self.normal()).collect()
    }
}

/// A face of a person: the same direction with as much noise as leaves a cosine of 0.6 between two.
fn face(person: u64, number: u64, dim: usize) -> Outcome<Template> {
    let own = Random(person << 8).direction(dim);
    let noise = Random((person << 8) + 1 + number).direction(dim);
    let values = own.iter().zip(&noise).map(|(own, noise)| own + 0.82 * noise).collect();
    Ok(Template { embedding: Embedding::new(values)?, model: model() })
}

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().collect();
    let [_, url, n, dim] = words.as_slice() else {
        return Err("expected: URL N DIM".into());
    };
    let (n, dim): (usize, usize) = (n.parse()?, dim.parse()?);
    let n_persons = n / N_EACH;
    sql(url, "DROP SCHEMA IF EXISTS figures CASCADE")?;
    let folder = std::env::temp_dir().join(format!("verisim-figures-{}", std::process::id()));
    let mut embedded = Gallery::create_or_open(&folder, model(), dim, None)?;
    embedded.set_policy(Policy { record_searches: false, ..Policy::default() })?;
    let begun = Instant::now();
    for first in (0..n_persons).step_by(1000) {
        enroll(&mut embedded, first..n_persons.min(first + 1000), dim)?;
    }
    println!("{n} templates of {dim} components, {n_persons} people");
    println!("enrolled into a folder\t{:.1} s", begun.elapsed().as_secs_f64());

    let place = |options: &str| Place::new(Path::new(&format!("{url}?gallery=figures&{options}")));
    let begun = Instant::now();
    copy(&mut embedded, &place("")?, None)?;
    println!("copied to the server, indexed, read again\t{:.1} s", begun.elapsed().as_secs_f64());
    drop(embedded);
    std::fs::remove_dir_all(&folder)?;

    let begun = Instant::now();
    sql(url, "REINDEX INDEX figures.template_embedding")?;
    println!("of which index\t{:.1} s", begun.elapsed().as_secs_f64());
    for (what, of) in [
        (
            "table with its keys, without the index",
            "pg_total_relation_size('figures.template') - pg_relation_size('figures.template_embedding')",
        ),
        ("index over halves", "pg_relation_size('figures.template_embedding')"),
        ("identities", "pg_total_relation_size('figures.identity')"),
    ] {
        let bytes: f64 = sql(url, &format!("SELECT {of}"))?.pop().ok_or("no size")?.parse()?;
        println!("{what}\t{:.1} MB\t{:.0} bytes a template", bytes / 1e6, bytes / n as f64);
    }

    // Mated probes are other faces of people who are enrolled, the others of strangers.
    let probes = |is_mated: bool| -> Outcome<Vec<Template>> {
        let step = (n_persons / N_PROBES).max(1);
        (0..N_PROBES)
            .map(|idx| if is_mated { idx * step } else { n_persons + idx })
            .map(|person| face(person as u64, 9, dim))
            .collect()
    };
    let (mated, strangers) = (probes(true)?, probes(false)?);
    let rule = DecisionRule { threshold: 0.4, winner: Winner::Best, limit: 3 };
    let mut exact = place("exact=true")?.open(None)?;
    exact.decide_many(&mated[..2], &rule)?;
    let begun = Instant::now();
    let expected = [exact.decide_many(&mated, &rule)?, exact.decide_many(&strangers, &rule)?];
    let each = begun.elapsed() / (2 * N_PROBES) as u32;
    println!("exact, 4 connections\t{:.1} ms a probe", 1e3 * each.as_secs_f64());
    println!(
        "ef_search\tone by one, median ms\tbest ms\tprobes/s, 4 connections\trecall@1 mated\tstrangers"
    );
    for ef_search in [40, 100, 200, 400, 800] {
        let mut quick = place(&format!("ef_search={ef_search}"))?.open(None)?;
        quick.decide_many(&mated, &rule)?;
        let mut times: Vec<Duration> = Vec::new();
        for probe in &mated {
            let begun = Instant::now();
            quick.identify(probe, 0.4, 3)?;
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        let begun = Instant::now();
        let found = [quick.decide_many(&mated, &rule)?, quick.decide_many(&strangers, &rule)?];
        let rate = (2 * N_PROBES) as f64 / begun.elapsed().as_secs_f64();
        let recall: Vec<f64> = found
            .iter()
            .zip(&expected)
            .map(|(found, expected)| {
                let same = found.iter().zip(expected).filter(|(a, b)| a.best == b.best);
                same.count() as f64 / N_PROBES as f64
            })
            .collect();
        let [median, best] = [N_PROBES / 2, 0].map(|at| 1e3 * times[at].as_secs_f64());
        println!(
            "{ef_search}\t{median:.2}\t{best:.2}\t{rate:.0}\t{:.3}\t{:.3}",
            recall[0], recall[1]
        );
    }

    let mut quick = place("")?.open(None)?;
    for (what, from, to) in [("one by one", 0, 0), ("100 people at once", 1, 101)] {
        let persons = n_persons + 1000 + from..n_persons + 1000 + to.max(from + 1);
        let n_added = persons.len() * N_EACH;
        let begun = Instant::now();
        enroll(&mut *quick, persons, dim)?;
        let each = begun.elapsed() / n_added as u32;
        println!("enrolled, {what}\t{:.2} ms a template", 1e3 * each.as_secs_f64());
    }
    let begun = Instant::now();
    let _ = quick.forget(&format!("p{}", n_persons / 2))?;
    println!("forgotten and vacuumed\t{:.2} s", begun.elapsed().as_secs_f64());
    quick.set_policy(Policy::default())?;
    let begun = Instant::now();
    for probe in &mated[..20] {
        quick.identify(probe, 0.4, 3)?;
    }
    println!("searched and recorded, one by one\t{:.2} ms", 50.0 * begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    quick.check()?;
    println!("checked\t{:.1} s", begun.elapsed().as_secs_f64());
    sql(url, "DROP SCHEMA figures CASCADE")?;
    Ok(())
}

fn enroll(gallery: &mut dyn Engine, persons: std::ops::Range<usize>, dim: usize) -> Outcome<()> {
    let mut people = Vec::new();
    for person in persons {
        let mut samples = Vec::new();
        for number in 0..N_EACH {
            let mut source = [0; 32];
            source[..8].copy_from_slice(&((person * N_EACH + number) as u64).to_le_bytes());
            let template = face(person as u64, number as u64, dim)?;
            samples.push(Sample::new(template, SourceDigest::new(source)));
        }
        people.push((format!("p{person}"), samples));
    }
    let enrollments: Vec<_> =
        people.iter().map(|(name, samples)| Enrollment::new(name, samples)).collect();
    for outcome in gallery.enroll_many(&enrollments)? {
        outcome?;
    }
    Ok(())
}

/// Runs a statement; returns the first column of each row.
fn sql(url: &str, statement: &str) -> Outcome<Vec<String>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        let connection = tokio::spawn(connection);
        let messages = client.simple_query(statement).await?;
        drop(client);
        connection.await??;
        let first = |message: SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        };
        Ok(messages.into_iter().filter_map(first).collect())
    })
}
