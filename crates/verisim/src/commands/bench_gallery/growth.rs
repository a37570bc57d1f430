//! Several numbers of templates, a process for each: the memory of one is not that of another.

use std::process::Command;

use anyhow::{Context, bail};

use super::{GalleryBench, GalleryDto, Outcome, SearchDto, print};
use crate::output::Printer;
use crate::report::plot::{self, GrowthCurve};
use crate::whole_file;

pub(super) fn bench_growth(args: &GalleryBench, printer: &Printer) -> anyhow::Result<Outcome> {
    let mut sizes = Vec::new();
    for &n in &args.growth {
        let dto = in_a_process(args, n)?;
        if !args.json {
            print(&dto, printer)?;
        }
        sizes.push(dto);
    }
    if args.json {
        printer.json(&sizes)?;
    }
    if let Some(path) = &args.out {
        whole_file::write(path, plot::growth(&curves(&sizes), &memory(&sizes)).as_bytes())?;
        printer.note(format_args!("drawn: {}", path.display()));
    }
    Ok(Outcome::Done)
}

/// A curve for each number of probes at once and of threads: milliseconds a probe.
fn curves(sizes: &[GalleryDto]) -> Vec<GrowthCurve> {
    let kinds = sizes.first().map_or(&[][..], |size| &size.searches);
    let curve = |kind: &SearchDto| {
        let point = |size: &GalleryDto| {
            let is_same = |it: &&SearchDto| (it.batch, it.threads) == (kind.batch, kind.threads);
            let search = size.searches.iter().find(is_same)?;
            Some((size.templates as f64, 1e3 / search.probes_per_second))
        };
        let (probes, threads) = (kind.batch, kind.threads);
        let at_once =
            if probes == 1 { "one probe".to_owned() } else { format!("{probes} at once") };
        let threads =
            if threads == 1 { "a thread".to_owned() } else { format!("{threads} threads") };
        let points = sizes.iter().filter_map(point).collect();
        GrowthCurve { name: format!("{at_once}, {threads}"), points }
    };
    kinds.iter().map(curve).collect()
}

/// Megabytes that each process held when its codes were made, by number of templates.
fn memory(sizes: &[GalleryDto]) -> Vec<(f64, f64)> {
    sizes.iter().filter_map(|it| Some((it.templates as f64, it.resident_mb?))).collect()
}

fn in_a_process(args: &GalleryBench, n: usize) -> anyhow::Result<GalleryDto> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let options = [
        ("--n", n.to_string()),
        ("--dim", args.dim.to_string()),
        ("--probes", args.probes.to_string()),
        ("--precision", args.precision.name().to_owned()),
        ("--seed", args.seed.to_string()),
        ("--threads", rayon::current_num_threads().to_string()),
    ];
    let mut command = Command::new(program);
    command.args(["bench", "gallery", "--json", "--quiet"]);
    command.args(options.iter().flat_map(|(flag, value)| [*flag, value.as_str()]));
    let output = command.output().context("cannot start this program again")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{n} templates ended with {}: {}", output.status, said.trim());
    }
    serde_json::from_slice(&output.stdout).context("cannot read what the other process found")
}
