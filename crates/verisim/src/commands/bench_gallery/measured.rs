//! One number of templates built, searched, timed and compared with the plain scan; it prints notes.

use std::fs;
use std::num::NonZero;
use std::time::{Duration, Instant};

use anyhow::Context;
use rayon::prelude::*;
use verisim_core::Embedding;
use verisim_core::knn::{Codes, Found, Neighbor, PackedEmbeddings, Search};

use super::crowd::{Crowd, N_OF_IDENTITY, is_mated};
use super::rows_file::{RowsFile, RowsWriter};
use super::{GalleryBench, GalleryDto, SearchDto};
use crate::memory::{peak_mib, resident_mib};
use crate::output::Printer;
use crate::{processor, whole_file};

/// Nearest templates that are looked for.
const K: usize = 10;
/// Probes that are searched at once.
const BATCHES: [usize; 3] = [1, 8, 64];
/// Templates that are drawn, or read again, at once.
const AT_ONCE: usize = 8192;
/// Searches are repeated at least so long, and so often,
const AT_LEAST: (Duration, usize) = (Duration::from_millis(500), 5);
/// and until the processor worked so long, which it is told in hundredths of a second.
const WORK: f64 = 0.3;

pub(super) fn measure(args: &GalleryBench, printer: &Printer) -> anyhow::Result<GalleryDto> {
    let crowd = Crowd { n_templates: args.n, dim: args.dim, seed: args.seed };
    let temporary = tempfile::tempdir().context("cannot make a temporary folder")?;
    let folder = args.vectors.as_deref().unwrap_or(temporary.path());
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;

    let mut codes = Codes::new(args.dim, args.precision.into())?;
    codes.reserve(args.n);
    let mut writer = RowsWriter::create(&folder.join("templates.f32"), args.dim)?;
    let mut building = Duration::ZERO;
    for first in (0..args.n).step_by(AT_ONCE) {
        let rows = crowd.templates(first, AT_ONCE)?;
        writer.write(&rows)?;
        let start = Instant::now();
        for row in &rows {
            codes.push(row);
        }
        building += start.elapsed();
    }
    let rows = writer.finish()?;
    let probes = crowd.probes(args.probes)?;
    let resident_mb = resident_mib();
    printer.note(format_args!("{} templates drawn", args.n));

    let gallery = Gallery { codes, rows };
    let searches = gallery.time(&probes)?;
    printer.note("searches timed; comparing with the plain scan");
    let n_threads = NonZero::new(rayon::current_num_threads()).unwrap_or(NonZero::<usize>::MIN);
    let found = gallery.search(&probes.iter().collect::<Vec<_>>(), n_threads)?;
    let plain = gallery.plain(&probes, args.n)?;
    if args.vectors.is_some() {
        let mut writer = RowsWriter::create(&folder.join("probes.f32"), args.dim)?;
        writer.write(&probes)?;
        writer.finish()?;
        let nearest = found.iter().flat_map(|it| padded(&it.neighbors)).flat_map(u32::to_le_bytes);
        whole_file::write(&folder.join("nearest.u32"), &nearest.collect::<Vec<u8>>())?;
    }

    let mut reranked: Vec<usize> = found.iter().map(|it| it.n_reranked).collect();
    reranked.sort_unstable();
    let n_mated = (0..args.probes).filter(|&it| is_mated(it)).count();
    let is_own = |(probe, found): &(usize, &Found)| {
        found.neighbors.first().is_some_and(|it| crowd.is_mate(*probe, it.row))
    };
    Ok(GalleryDto {
        templates: args.n,
        identities: args.n.div_ceil(N_OF_IDENTITY),
        dim: args.dim,
        probes: args.probes,
        seed: args.seed,
        precision: args.precision.name().to_owned(),
        k: K,
        seconds_to_build: building.as_secs_f64(),
        resident_mb,
        peak_memory_mb: peak_mib(),
        searches,
        reranked_median: reranked[reranked.len() / 2],
        reranked_max: reranked.last().copied().unwrap_or_default(),
        recall_at_1: recall(&found, &plain, 1),
        recall_at_10: recall(&found, &plain, K),
        identical: found.iter().zip(&plain).filter(|(a, b)| bits(&a.neighbors) == bits(b)).count(),
        proved: found.iter().filter(|it| it.is_exact).count(),
        mated_found: found.iter().enumerate().filter(is_own).count() as f64 / n_mated as f64,
    })
}

/// Codes in memory, and the templates themselves in a file.
struct Gallery {
    codes: Codes,
    rows: RowsFile,
}

impl Gallery {
    fn search(
        &self,
        probes: &[&Embedding],
        n_threads: NonZero<usize>,
    ) -> anyhow::Result<Vec<Found>> {
        let exact = |row, values: &mut [f32]| self.rows.read(row, values);
        Search::new(K).on(n_threads).nearest(&self.codes.view(), probes, exact)
    }

    /// Every batch on one thread and on all, in turn over the probes.
    fn time(&self, probes: &[Embedding]) -> anyhow::Result<Vec<SearchDto>> {
        let mut threads = vec![NonZero::<usize>::MIN];
        threads.extend(NonZero::new(rayon::current_num_threads()).filter(|it| it.get() > 1));
        let mut times = Vec::new();
        for n_threads in threads {
            for batch in BATCHES {
                let mut all = probes.iter().cycle();
                let mut next = || all.by_ref().take(batch).collect::<Vec<_>>();
                self.search(&next(), n_threads)?;
                let (begin, mut seconds) = (Instant::now(), Vec::new());
                let worked_before = processor::seconds();
                let worked = || Some(processor::seconds()? - worked_before?);
                while begin.elapsed() < AT_LEAST.0
                    || seconds.len() < AT_LEAST.1
                    || worked().is_some_and(|it| it < WORK)
                {
                    let probes = next();
                    let start = Instant::now();
                    self.search(&probes, n_threads)?;
                    seconds.push(start.elapsed().as_secs_f64());
                }
                let processor_seconds = worked().map(|it| it / seconds.len() as f64);
                seconds.sort_by(f64::total_cmp);
                let median = seconds[seconds.len() / 2];
                times.push(SearchDto {
                    batch,
                    threads: n_threads.get(),
                    seconds_per_batch: median,
                    fastest_seconds: seconds[0],
                    processor_seconds,
                    probes_per_second: batch as f64 / median,
                });
            }
        }
        Ok(times)
    }

    /// The nearest of all templates, read again from the file and compared in full.
    fn plain(&self, probes: &[Embedding], n: usize) -> anyhow::Result<Vec<Vec<Neighbor>>> {
        let dim = self.codes.view().dim();
        let mut best = vec![Vec::new(); probes.len()];
        for first in (0..n).step_by(AT_ONCE) {
            let mut values = vec![0.0; AT_ONCE.min(n - first) * dim];
            self.rows.read(first, &mut values)?;
            let mut part = PackedEmbeddings::new(dim);
            for row in values.chunks_exact(dim) {
                part.push_row(row);
            }
            best.par_iter_mut().zip(probes).for_each(|(best, probe)| {
                let found = part.nearest(probe, K).into_iter();
                best.extend(found.map(|it| Neighbor { row: first + it.row, score: it.score }));
                // Stable: rows stay in order where scores are equal.
                best.sort_by(|a, b| b.score.total_cmp(&a.score));
                best.truncate(K);
            });
        }
        Ok(best)
    }
}

/// Share of the nearest `k` of the plain scan that were found.
fn recall(found: &[Found], plain: &[Vec<Neighbor>], k: usize) -> f64 {
    let rows = |it: &[Neighbor]| it.iter().take(k).map(|it| it.row).collect::<Vec<_>>();
    let (mut n_found, mut n_all) = (0, 0);
    for (found, plain) in found.iter().zip(plain) {
        let (found, plain) = (rows(&found.neighbors), rows(plain));
        n_all += plain.len();
        n_found += plain.iter().filter(|row| found.contains(row)).count();
    }
    f64::from(n_found as u32) / n_all.max(1) as f64
}

fn bits(neighbors: &[Neighbor]) -> Vec<(usize, u32)> {
    neighbors.iter().map(|it| (it.row, it.score.to_bits())).collect()
}

/// Rows as a line of the file for others; the greatest number stands for none.
fn padded(neighbors: &[Neighbor]) -> [u32; K] {
    let mut rows = [u32::MAX; K];
    for (place, it) in rows.iter_mut().zip(neighbors) {
        *place = it.row as u32;
    }
    rows
}
