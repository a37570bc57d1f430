//! `verisim gallery doctor`: which templates lie where they should not? It shows, and changes nothing.

use std::num::NonZero;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use serde::Serialize;
use verisim_gallery::{Diagnosis, DoctorRules, ExaminedTemplate, LeaveOneOut};

use super::super::gallery_args::GalleryArgs;
use super::super::load;
use super::Place;
use super::doctor_page::page;
use super::doctor_words::Words;
use crate::cli::{SightArgs, ThresholdArgs};
use crate::output::Printer;
use crate::report::number::count;
use crate::whole_file;

/// How to look for what is wrong.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  verisim gallery doctor g/ --threshold 0.45 --report doctor.html

Nothing is changed: every suggestion comes with the command that carries it out.")]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(super) place: Place,

    #[command(flatten)]
    threshold: ThresholdArgs,

    /// Name the people whose only picture is of a quality below this, from 0 to 100
    #[arg(long, value_name = "QUALITY", default_value_t = 40, value_parser = clap::value_parser!(u8).range(0..=100))]
    min_quality: u8,

    /// Findings of a kind to show; JSON has all
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Write a page, with the pictures that were kept
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Serialize)]
struct DiagnosisDto<'a> {
    model: String,
    threshold: f32,
    min_quality: u8,
    identities: usize,
    templates: usize,
    single_templates: usize,
    leave_one_out: LeaveOneOutDto,
    findings: Vec<FindingDto<'a>>,
}

#[derive(Serialize)]
struct LeaveOneOutDto {
    /// Templates of people who have another.
    mated: usize,
    rank_1: usize,
    named: usize,
    refused: usize,
    mistaken: usize,
    /// Templates with their whole person left out.
    non_mated: usize,
    false_positives: usize,
}

#[derive(Serialize)]
struct FindingDto<'a> {
    kind: &'static str,
    /// The people it is about.
    identities: Vec<&'a str>,
    /// The templates it is about.
    templates: Vec<TemplateDto<'a>>,
    score: Option<f32>,
    why: String,
    command: String,
}

#[derive(Serialize)]
struct TemplateDto<'a> {
    id: String,
    identity: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<u8>,
}

/// Runs the command.
pub(super) fn doctor(args: &DoctorArgs, printer: &Printer) -> anyhow::Result<()> {
    let rules = DoctorRules {
        threshold: threshold(args)?,
        min_quality: args.min_quality,
        n_threads: NonZero::new(rayon::current_num_threads()),
    };
    ensure!(args.limit >= 1, "--limit is 0, but at least one finding of a kind must be shown");
    let mut gallery = args.place.open_folder()?;
    let diagnosis = gallery.examine(&rules)?;
    let words = Words { diagnosis: &diagnosis, gallery: &args.place.gallery };
    if let Some(path) = &args.report {
        let page = page(&words, &gallery, args.limit, printer)?;
        whole_file::write(path, page.as_bytes())?;
        printer.note(format_args!("written: {}", path.display()));
    }
    if args.json {
        return printer.json(&dto(&words, gallery.model().to_string()));
    }
    print(&words, args.limit, printer)
}

/// The threshold that was typed, or that of the model which the gallery remembers.
fn threshold(args: &DoctorArgs) -> anyhow::Result<f32> {
    if let Some(typed) = load::typed_threshold(args.threshold)? {
        return Ok(typed);
    }
    let of_gallery = GalleryArgs {
        gallery: args.place.gallery.clone(),
        model: None,
        card: None,
        sight: SightArgs::default(),
        access: args.place.access.clone(),
    };
    let recognizer = of_gallery.recognizer();
    let recognizer = recognizer.context("no threshold is known: give one with --threshold")?;
    Ok(load::decision(args.threshold, &recognizer)?.score)
}

fn print(words: &Words<'_>, limit: usize, printer: &Printer) -> anyhow::Result<()> {
    for line in words.summary() {
        printer.data(line)?;
    }
    for (kind, findings) in words.by_kind() {
        printer.data(format_args!("\n{} ({})", kind.title, count(findings.len())))?;
        for finding in findings.iter().take(limit) {
            printer.data(format_args!("  {}", words.why(finding)))?;
            printer.data(format_args!("    {}", words.command(finding)))?;
        }
        if findings.len() > limit {
            let n_more = findings.len() - limit;
            printer.data(format_args!("  and {} more: --limit or --json", count(n_more)))?;
        }
    }
    Ok(())
}

fn dto<'a>(words: &Words<'a>, model: String) -> DiagnosisDto<'a> {
    let diagnosis = words.diagnosis;
    let LeaveOneOut {
        n_mated,
        n_rank_1,
        n_named,
        n_refused,
        n_mistaken,
        n_non_mated,
        n_false_positives,
    } = diagnosis.leave_one_out;
    let findings = diagnosis.findings.iter().map(|finding| FindingDto {
        kind: words.kind(finding).name,
        identities: words.identities(finding),
        templates: words.templates(finding).into_iter().map(|it| template(diagnosis, it)).collect(),
        score: words.score(finding),
        why: words.why(finding),
        command: words.command(finding),
    });
    DiagnosisDto {
        model,
        threshold: diagnosis.rules.threshold,
        min_quality: diagnosis.rules.min_quality,
        identities: diagnosis.identities.len(),
        templates: diagnosis.templates.len(),
        single_templates: words.n_single(),
        leave_one_out: LeaveOneOutDto {
            mated: n_mated,
            rank_1: n_rank_1,
            named: n_named,
            refused: n_refused,
            mistaken: n_mistaken,
            non_mated: n_non_mated,
            false_positives: n_false_positives,
        },
        findings: findings.collect(),
    }
}

fn template(diagnosis: &Diagnosis, idx: usize) -> TemplateDto<'_> {
    let ExaminedTemplate { id, identity, quality, label } = &diagnosis.templates[idx];
    let identity = diagnosis.identities[*identity].name.as_str();
    TemplateDto { id: id.to_string(), identity, label: label.as_deref(), quality: *quality }
}
