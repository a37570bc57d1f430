//! `verisim demo`: train, evaluate, enroll, identify and forget, and a page that shows it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use verisim_face::Recognizer;
use verisim_face::pipeline::Pipeline;
use verisim_gallery::{Candidate, Engine, Sample, SourceDigest};
use verisim_learn::device::DeviceKind;
use verisim_learn::train::RunFolder;

use super::gallery_args::{GalleryArgs, create_or_open};
use super::synth::{Crowd, draw_crowd};
use super::{Outcome, load, train};
use crate::access::AccessArgs;
use crate::cli::{ModelArgs, SightArgs, ThresholdArgs};
use crate::dataset::FaceSet;
use crate::demo::{Cast, Found, Plan, Probe, Story, page};
use crate::evaluation::{Basis, Demand, Evaluation, Operating, Samples, evaluate};
use crate::output::Printer;
use crate::report::number::{percent, short_percent};
use crate::training::data::TrainingData;
use crate::training::page::History;
use crate::training::run_info::RunInfo;
use crate::whole_file;

/// Tells a folder that the demo made from one that holds something of the user's.
const MARK: &str = ".verisim-demo";
/// What a demo leaves; a new one replaces it.
const PARTS: [&str; 4] = ["faces", "run", "gallery", "report.html"];
/// The crowd that is drawn.
const N_IDENTITIES: usize = 200;
const N_IMAGES: usize = 12;
const MAX_NON_MATED: usize = 500_000;
const N_REPLICATES: usize = 300;

/// See everything at work, on faces drawn by the program or on your own
///
/// Trains a small network in about two minutes on two cores, measures it on identities that it never
/// saw, enrolls some of them, identifies pictures among which are strangers, forgets a person, and
/// leaves a page that shows it all.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  verisim demo                        on drawn faces; leaves demo/report.html
  verisim demo --data my/faces        on your own, aligned: my/faces/NAME/1.jpg")]
pub(crate) struct DemoArgs {
    /// Folder of faces to use instead of drawn ones: NAME/1.jpg
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Folder to write to, to be made; that of an earlier demo is replaced
    #[arg(long, value_name = "DIR", default_value = "demo")]
    out: PathBuf,

    /// Passes over the training data; by default what about two minutes allow
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,

    /// Seed of everything
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl DemoArgs {
    fn plan(&self, set: &FaceSet) -> anyhow::Result<Plan> {
        let mut plan = Plan::new(set, self.seed)?;
        plan.recipe.epochs = self.epochs.unwrap_or(plan.recipe.epochs);
        plan.recipe.check()?;
        Ok(plan)
    }
}

/// Runs the command.
pub(crate) fn demo(args: &DemoArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let start = Instant::now();
    // A folder that cannot be used is noticed before anything is replaced.
    let own = args.data.as_deref().map(FaceSet::of_folder).transpose()?;
    let own = own.map(|set| args.plan(&set)).transpose()?;
    let out = std::path::absolute(&args.out).context("cannot find the current folder")?;
    prepare(&out)?;
    let (faces, plan) = if let (Some(data), Some(plan)) = (&args.data, own) {
        (std::path::absolute(data)?, plan)
    } else {
        let faces = out.join("faces");
        printer.note(format_args!(
            "1/5  drawing {N_IMAGES} pictures of each of {N_IDENTITIES} people who do not exist"
        ));
        let (n_identities, n_images) = (N_IDENTITIES, N_IMAGES);
        let crowd = Crowd { n_identities, n_images, size: 112, seed: args.seed };
        draw_crowd(crowd, &faces, printer)?;
        let plan = args.plan(&FaceSet::of_folder(&faces)?)?;
        (faces, plan)
    };
    let n_test = plan.recipe.split.test_identities;
    printer.note(format_args!(
        "2/5  training, without {n_test} identities that are kept for the test"
    ));
    let data = TrainingData {
        folder: faces.clone(),
        exclude_pairs: None,
        exclude_folds: Vec::new(),
        skip_unreadable: true,
    };
    let run = out.join("run");
    let info = RunInfo::new(data, &DeviceKind::Cpu.into());
    let model = train::start(&plan.recipe, &info, &run, printer)?;

    printer.note("3/5  measuring on identities that were never trained on");
    let recognizer = load::recognizer(&ModelArgs { model: model.clone(), card: None })?;
    let pipeline = Pipeline::new(recognizer, None);
    let recognizer = pipeline.recognizer();
    let set = FaceSet::of_folder(&faces)?.named_in(&run.join("test.identities.txt"))?;
    let cast = Cast::new(&set);
    let evaluation = measure(set, &pipeline, &info, args.seed, printer)?;
    printer.data(evaluation.table())?;

    let operating = operating(recognizer, &evaluation);
    let threshold = operating.threshold;
    printer.note(format_args!(
        "\n4/5  enrolling {} people and searching for {} pictures, those of {} strangers among them",
        cast.enrolled.len(),
        cast.probes.len(),
        cast.n_strangers
    ));
    let mut gallery = create_or_open(&gallery_of(&out, model), recognizer)?;
    enroll(&cast, &pipeline, &mut *gallery, printer)?;
    let nearest = search(&cast.probes, &pipeline, &mut *gallery, printer)?;
    let (recognized, rejected) = cast.shares(&nearest, threshold);
    let kept = short_percent(operating.fmr);
    printer.data(format_args!(
        "\nidentified at threshold {threshold:.4} (FMR {kept}): {} of pictures of enrolled people named \
         rightly, {} of strangers' turned away",
        percent(recognized, 1),
        percent(rejected, 1)
    ))?;

    let person =
        cast.most_recognized(&nearest, threshold).context("nobody is enrolled")?.to_owned();
    printer.note(format_args!("5/5  forgetting {person}"));
    let n_templates = gallery.forget(&person)?.receipt.n_templates;
    let theirs: Vec<Probe> =
        cast.probes.iter().filter(|probe| probe.identity == person).cloned().collect();
    let after = search(&theirs, &pipeline, &mut *gallery, printer)?;
    let is_stranger = |(probe, it): (&Probe, &Option<Candidate>)| {
        probe.outcome(it.as_ref(), threshold) == Found::Nobody
    };
    let n_strange = theirs.iter().zip(&after).filter(|it| is_stranger(*it)).count();
    printer.data(format_args!(
        "forgot {person}: {n_templates} templates were overwritten; of {} pictures of that person, {} \
         now show a stranger",
        theirs.len(),
        n_strange
    ))?;

    let (run, _) = RunFolder::open(&run)?;
    let story = Story {
        history: &History::new(run.records()?),
        card: recognizer.card(),
        evaluation: &evaluation,
        operating,
        cast: &cast,
        nearest: &nearest,
        forgotten: &person,
        after: &after,
        is_drawn: args.data.is_none(),
        duration: start.elapsed(),
    };
    let report = out.join("report.html");
    whole_file::write(&report, page(&story).as_bytes())?;
    printer.note(format_args!(
        "\ndone in {:.0} s; open {}\ntry: verisim identify --gallery {} {}",
        start.elapsed().as_secs_f64(),
        report.display(),
        out.join("gallery").display(),
        cast.probes.first().and_then(|it| it.path.parent()).unwrap_or(&faces).display(),
    ));
    Ok(Outcome::Done)
}

/// The demo's own gallery, of chips.
fn gallery_of(out: &Path, model: PathBuf) -> GalleryArgs {
    GalleryArgs {
        gallery: out.join("gallery"),
        model: Some(model),
        card: None,
        sight: SightArgs::default(),
        access: AccessArgs::default(),
    }
}

/// Makes the folder, or clears what an earlier demo left in it.
fn prepare(out: &Path) -> anyhow::Result<()> {
    let mark = out.join(MARK);
    let is_used = out.is_dir() && fs::read_dir(out)?.next().is_some();
    if is_used && !mark.is_file() {
        bail!("{} is not empty and no demo made it; choose another with --out", out.display());
    }
    fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    whole_file::write(&mark, b"Made by `verisim demo`, which replaces what is here.\n")?;
    for part in PARTS {
        let path = out.join(part);
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else if path.exists() {
            fs::remove_file(&path)
        } else {
            Ok(())
        };
        removed.with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

fn measure(
    set: FaceSet,
    pipeline: &Pipeline,
    info: &RunInfo,
    seed: u64,
    printer: &Printer,
) -> anyhow::Result<Evaluation> {
    let basis = Basis {
        model: pipeline.recognizer().card().name.clone(),
        model_sha256: Some(pipeline.recognizer().digest().to_string()),
        data: format!("{}, identities never trained on", info.data.name()),
        protocol: "all pairs".to_owned(),
        mirrored: false,
    };
    let demand = Demand {
        pairs: None,
        max_non_mated: MAX_NON_MATED,
        seed,
        n_replicates: N_REPLICATES,
        learned: None,
    };
    let samples = Samples::of_set(set, pipeline, printer)?;
    for failure in &samples.failures {
        printer.warning(&failure.reason);
    }
    evaluate(samples, &demand, basis)
}

/// The threshold that the card suggests, from the validation identities. Where they were too few for
/// one, the threshold of equal errors.
fn operating(recognizer: &Recognizer, evaluation: &Evaluation) -> Operating {
    let none = ThresholdArgs { threshold: None, fmr: None };
    match load::decision(none, recognizer) {
        Ok(load::Decision { score, fmr: Some(fmr) }) => Operating { fmr, threshold: score },
        _ => Operating {
            fmr: evaluation.figures.eer.value,
            threshold: evaluation.figures.eer_threshold,
        },
    }
}

fn enroll(
    cast: &Cast,
    pipeline: &Pipeline,
    gallery: &mut dyn Engine,
    printer: &Printer,
) -> anyhow::Result<()> {
    for (name, paths) in &cast.enrolled {
        let mut samples = Vec::new();
        load::embed_files(pipeline, paths, printer, |embedded| {
            let digest = embedded.digest;
            // What cannot be used was named when it was measured.
            if let Ok(template) = embedded.template() {
                samples.push(Sample::new(template, SourceDigest::new(digest)));
            }
            Ok(())
        })?;
        gallery.enroll(name, &samples)?;
    }
    Ok(())
}

/// The nearest person of each probe; nobody for one that has no embedding.
fn search(
    probes: &[Probe],
    pipeline: &Pipeline,
    gallery: &mut dyn Engine,
    printer: &Printer,
) -> anyhow::Result<Vec<Option<Candidate>>> {
    let paths: Vec<PathBuf> = probes.iter().map(|probe| probe.path.clone()).collect();
    let mut nearest = Vec::with_capacity(probes.len());
    load::embed_files(pipeline, &paths, printer, |embedded| {
        nearest.push(match embedded.template() {
            Ok(template) => gallery.nearest(&template, 1)?.into_iter().next(),
            Err(_) => None,
        });
        Ok(())
    })?;
    Ok(nearest)
}
