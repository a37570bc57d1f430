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

/// How long something took, by the clock and by all processors of the server together.
struct Span {
    begun: Instant,
    processors: Option<f64>,
}

impl Span {
    fn begin(url: &str) -> Outcome<Self> {
        Ok(Self { processors: processor_seconds(url)?, begun: Instant::now() })
    }

    /// Prints it, for each of `n` things.
    fn end(self, what: &str, n: usize, url: &str) -> Outcome<()> {
        let elapsed = 1e3 * self.begun.elapsed().as_secs_f64() / n as f64;
        let spent = self.processors.zip(processor_seconds(url)?);
        let spent = spent.map(|(before, after)| 1e3 * (after - before) / n as f64);
        let spent = spent.map_or("-".to_owned(), |it| format!("{it:.2}"));
        println!("{what}\t{elapsed:.2} ms\t{spent} ms of the server's processors");
        Ok(())
    }
}

/// Time of all processes of a server on this machine, in seconds, if the system tells.
fn processor_seconds(url: &str) -> Outcome<Option<f64>> {
    let pids = sql(url, "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")?;
    let mut ticks = 0;
    let mut postmaster = None;
    for pid in pids {
        let Some(fields) = stat(&pid) else { continue };
        ticks += fields[11] + fields[12];
        postmaster = Some(fields[1]);
    }
    // Those that have ended count for their parent.
    let Some(fields) = postmaster.and_then(|it| stat(&it.to_string())) else { return Ok(None) };
    Ok(Some((ticks + fields[13] + fields[14]) as f64 / 100.0))
}

/// Fields of a process after its name; those that are no numbers are 0.
fn stat(pid: &str) -> Option<Vec<u64>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().map(|it| it.parse().unwrap_or(0)).collect())
}

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().collect();
    let [_, url, n, dim] = words.as_slice() else {
        return Err("expected: URL N DIM".into());
    };
    let (n, dim): (usize, usize) = (n.parse()?, dim.parse()?);
    println!("{n} templates of {dim} components, {} people", n / N_EACH);
    sql(url, "DROP SCHEMA IF EXISTS figures CASCADE")?;
    fill(url, n, dim)?;
    search(url, n, dim)?;
    change(url, n, dim)?;
    sql(url, "DROP SCHEMA figures CASCADE").map(drop)
}

fn place(url: &str, options: &str) -> Outcome<Place> {
    Ok(Place::new(Path::new(&format!("{url}?gallery=figures&{options}")))?)
}

/// Fills a folder, copies it to the server, and measures what is there.
fn fill(url: &str, n: usize, dim: usize) -> Outcome<()> {
    let n_persons = n / N_EACH;
    let folder = std::env::temp_dir().join(format!("verisim-figures-{}", std::process::id()));
    let mut embedded = Gallery::create_or_open(&folder, model(), dim, None)?;
    let span = Span::begin(url)?;
    for first in (0..n_persons).step_by(1000) {
        enroll(&mut embedded, first..n_persons.min(first + 1000), dim)?;
    }
    span.end("a template made up and enrolled into a folder", n, url)?;
    let span = Span::begin(url)?;
    copy(&mut embedded, &place(url, "")?, None)?;
    span.end("a template copied to the server, indexed, read again", n, url)?;
    drop(embedded);
    std::fs::remove_dir_all(&folder)?;
    let span = Span::begin(url)?;
    sql(url, "REINDEX INDEX figures.template_embedding")?;
    span.end("a template indexed", n, url)?;
    let index = "pg_relation_size('figures.template_embedding')";
    let table = format!("pg_total_relation_size('figures.template') - {index}");
    for (what, of) in [
        ("table with its key", table.as_str()),
        ("index over halves", index),
        ("identities", "pg_total_relation_size('figures.identity')"),
    ] {
        let bytes = sql(url, &format!("SELECT {of}"))?.pop().ok_or("no size")?;
        let bytes: f64 = bytes.parse()?;
        println!("{what}\t{:.1} MB\t{:.0} bytes a template", bytes / 1e6, bytes / n as f64);
    }
    Ok(())
}

/// Searches exactly and by the index, and compares.
fn search(url: &str, n: usize, dim: usize) -> Outcome<()> {
    let rule = DecisionRule { threshold: 0.4, winner: Winner::Best, limit: 3 };
    let [mated, strangers] = probes(n / N_EACH, dim)?;
    let mut exact = place(url, "exact=true")?.open(None)?;
    exact.set_policy(Policy { record_searches: false, ..Policy::default() })?;
    let span = Span::begin(url)?;
    let expected = [exact.decide_many(&mated, &rule)?, exact.decide_many(&strangers, &rule)?];
    span.end("a probe compared with every template", 2 * N_PROBES, url)?;
    for ef_search in [40, 100, 200, 400, 800] {
        let mut quick = place(url, &format!("ef_search={ef_search}"))?.open(None)?;
        quick.decide_many(&mated, &rule)?;
        let mut times: Vec<Duration> = Vec::new();
        for probe in &mated {
            let begun = Instant::now();
            quick.identify(probe, 0.4, 3)?;
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        let [median, best] = [N_PROBES / 2, 0].map(|at| 1e3 * times[at].as_secs_f64());
        println!(
            "ef_search {ef_search}: one by one\t{median:.2} ms at the median, {best:.2} at best"
        );
        let span = Span::begin(url)?;
        let found = [quick.decide_many(&mated, &rule)?, quick.decide_many(&strangers, &rule)?];
        span.end("a probe of many, over 4 connections", 2 * N_PROBES, url)?;
        for (of, (found, expected)) in
            ["mated", "strangers"].iter().zip(found.iter().zip(&expected))
        {
            let same = found.iter().zip(expected).filter(|(a, b)| a.best == b.best);
            println!("recall@1 of {of}\t{:.3}", same.count() as f64 / N_PROBES as f64);
        }
    }
    Ok(())
}

/// Other faces of people who are enrolled, and faces of strangers.
fn probes(n_persons: usize, dim: usize) -> Outcome<[Vec<Template>; 2]> {
    let step = (n_persons / N_PROBES).max(1);
    let mated = (0..N_PROBES).map(|idx| face((idx * step) as u64, 9, dim));
    let strangers = (0..N_PROBES).map(|idx| face((n_persons + idx) as u64, 9, dim));
    Ok([mated.collect::<Outcome<_>>()?, strangers.collect::<Outcome<_>>()?])
}

/// Enrolls, forgets, records and checks.
fn change(url: &str, n: usize, dim: usize) -> Outcome<()> {
    let n_persons = n / N_EACH;
    let mut gallery = place(url, "")?.open(None)?;
    let span = Span::begin(url)?;
    for person in 0..20 {
        enroll(&mut *gallery, n_persons + person..n_persons + person + 1, dim)?;
    }
    span.end("a template enrolled, a person at a time", 20 * N_EACH, url)?;
    let span = Span::begin(url)?;
    enroll(&mut *gallery, n_persons + 100..n_persons + 200, dim)?;
    span.end("a template enrolled, 100 people at a time", 100 * N_EACH, url)?;
    let span = Span::begin(url)?;
    let _ = gallery.forget(&format!("p{}", n_persons / 2))?;
    span.end("a person forgotten, both tables vacuumed", 1, url)?;
    gallery.set_policy(Policy::default())?;
    let [mated, _] = probes(n_persons, dim)?;
    let span = Span::begin(url)?;
    for probe in &mated[..20] {
        gallery.identify(probe, 0.4, 3)?;
    }
    span.end("a probe searched and recorded, one by one", 20, url)?;
    let span = Span::begin(url)?;
    gallery.check()?;
    span.end("the whole gallery checked", 1, url)
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
