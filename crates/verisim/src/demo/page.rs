//! What the demonstration leaves to look at: one page from the first loss to the last search.

use std::collections::BTreeMap;
use std::time::Duration;

use verisim_face::Picture;
use verisim_face::model::Card;
use verisim_gallery::Candidate;

use super::cast::{Cast, Found, Probe};
use crate::dataset::read_picture;
use crate::evaluation::{Evaluation, Operating, add_verification};
use crate::report::number::{count, percent, score, short_percent};
use crate::report::{Highlight, Page, Tile, Verdict, glossary};
use crate::training::page::History;

/// Identities shown, and pictures of each.
const N_FACES: [usize; 2] = [4, 6];
/// Searches shown for enrolled people, and for strangers.
const N_SEARCHES: usize = 18;

/// Everything that happened.
pub(crate) struct Story<'a> {
    pub(crate) history: &'a History,
    pub(crate) card: &'a Card,
    pub(crate) evaluation: &'a Evaluation,
    pub(crate) operating: Operating,
    pub(crate) cast: &'a Cast,
    /// The nearest person of each probe.
    pub(crate) nearest: &'a [Option<Candidate>],
    /// Who was forgotten.
    pub(crate) forgotten: &'a str,
    /// The nearest person of each of that person's probes, afterwards.
    pub(crate) after: &'a [Option<Candidate>],
    /// Whether the faces are drawn.
    pub(crate) is_drawn: bool,
    pub(crate) duration: Duration,
}

/// The page.
pub(crate) fn page(story: &Story<'_>) -> String {
    let evaluation = story.evaluation;
    let mut page = Page::new(
        "From faces to a name",
        "one run of verisim demo: train, measure, enroll, identify, forget",
    );
    evaluation.add_facts(&mut page);
    page.section("In short", &in_short(story)).highlights(&highlights(story));
    page.section("The faces", if story.is_drawn { DRAWN } else { OWN });
    add_faces(&mut page, evaluation);
    page.section("Training", &training_words(story));
    story.history.add_curves(&mut page);
    page.section("Measured on identities never trained on", MEASURED);
    evaluation.add_table(&mut page);
    add_verification(&mut page, &evaluation.verification, Some(story.operating));
    evaluation.add_identification(&mut page);
    page.section("Who is it?", &searches_words(story));
    add_searches(&mut page, story);
    page.section("Forgotten", &forgotten_words(story));
    add_forgotten(&mut page, story);
    evaluation.add_worst(&mut page);
    evaluation.add_nearest(&mut page);
    page.section("Words", "").glossary(&glossary::VERIFICATION).glossary(&glossary::IDENTIFICATION);
    page.finish()
}

fn in_short(story: &Story<'_>) -> String {
    let training = story.card.training.as_ref();
    let (n_images, n_identities) = training.map_or((0, 0), |it| (it.n_images, it.n_identities));
    format!(
        "A network was trained on {} pictures of {} identities. Everything below was measured on other \
         identities. The whole demonstration took {:.0} seconds.",
        count(n_images),
        count(n_identities),
        story.duration.as_secs_f64()
    )
}

fn highlights(story: &Story<'_>) -> Vec<Highlight> {
    let mut highlights = story.evaluation.highlights();
    let (recognized, rejected) = story.cast.shares(story.nearest, story.operating.threshold);
    highlights.push(Highlight {
        label: "enrolled, named rightly".to_owned(),
        value: percent(recognized, 1),
        detail: format!("{} people enrolled", count(story.cast.enrolled.len())),
    });
    highlights.push(Highlight {
        label: "strangers turned away".to_owned(),
        value: percent(rejected, 1),
        detail: format!("pictures of {} strangers", count(story.cast.n_strangers)),
    });
    highlights
}

fn add_faces(page: &mut Page, evaluation: &Evaluation) {
    let [n_identities, n_images] = N_FACES;
    let mut by_label = BTreeMap::<u64, Vec<usize>>::new();
    for (sample, label) in evaluation.labels.iter().enumerate() {
        by_label.entry(*label).or_default().push(sample);
    }
    let mut tiles = Vec::new();
    for (label, samples) in by_label.into_iter().take(n_identities) {
        let pictures = samples.into_iter().take(n_images).filter_map(|it| evaluation.picture(it));
        let name = evaluation.name(label);
        tiles.extend(pictures.map(|picture| tile(picture, name.clone(), None)));
    }
    page.picture_strip("Some of those that the network never saw", &tiles);
}

fn training_words(story: &Story<'_>) -> String {
    let epochs = story.history.epochs.len();
    format!(
        "ArcFace on {epochs} epochs of the recipe `recipes/demo.toml`. After each epoch the network is \
         asked about validation identities, on which it is not trained either."
    )
}

fn searches_words(story: &Story<'_>) -> String {
    let Operating { fmr, threshold } = story.operating;
    format!(
        "{} people were enrolled with up to three pictures each; nothing was trained again. Then other \
         pictures of them, and pictures of {} strangers, were searched for. Whoever scores below \
         {} is a stranger: on the validation identities this threshold keeps a false match rate of \
         {}. With many people enrolled, each stranger has many chances to be mistaken.",
        count(story.cast.enrolled.len()),
        count(story.cast.n_strangers),
        score(threshold),
        short_percent(fmr),
    )
}

fn add_searches(page: &mut Page, story: &Story<'_>) {
    for (is_enrolled, caption) in
        [(true, "Searches for enrolled people"), (false, "Searches for strangers")]
    {
        let searches: Vec<(&Probe, &Option<Candidate>)> = story
            .cast
            .probes
            .iter()
            .zip(story.nearest)
            .filter(|(probe, _)| probe.is_enrolled == is_enrolled)
            .collect();
        // Spread over all of them, not the pictures of the first few people.
        let every = (searches.len() / N_SEARCHES).max(1);
        let shown = searches.into_iter().step_by(every).take(N_SEARCHES);
        let tiles: Vec<Tile> =
            shown.filter_map(|(probe, it)| search_tile(probe, it.as_ref(), story)).collect();
        page.picture_strip(caption, &tiles);
    }
}

fn forgotten_words(story: &Story<'_>) -> String {
    format!(
        "{} was forgotten: the templates were overwritten in the store, not only marked. Below, the \
         same pictures searched for before and after.",
        story.forgotten
    )
}

fn add_forgotten(page: &mut Page, story: &Story<'_>) {
    let theirs = || {
        let probes = story.cast.probes.iter().zip(story.nearest);
        probes.filter(|(probe, _)| probe.identity == story.forgotten)
    };
    let before: Vec<Tile> =
        theirs().filter_map(|(probe, it)| search_tile(probe, it.as_ref(), story)).collect();
    page.picture_strip("Before", &before);
    let after: Vec<Tile> = theirs()
        .zip(story.after)
        .filter_map(|((probe, _), it)| {
            search_tile(&Probe { is_enrolled: false, ..probe.clone() }, it.as_ref(), story)
        })
        .collect();
    page.picture_strip("After", &after);
}

/// A probe with what its search came to.
fn search_tile(probe: &Probe, nearest: Option<&Candidate>, story: &Story<'_>) -> Option<Tile> {
    let picture = read_picture(&probe.path).ok()?;
    let found = probe.outcome(nearest, story.operating.threshold);
    let verdict = match found {
        Found::Right => Verdict::Match,
        Found::Nobody => Verdict::Unknown,
        Found::Wrong => Verdict::Wrong,
    };
    let points = nearest.map(|it| format!(", {}", score(it.score))).unwrap_or_default();
    let label = match (found, nearest) {
        (Found::Right, Some(it)) => format!("{}{points}", it.identity),
        (Found::Wrong, Some(it)) => format!("{} taken for {}{points}", probe.identity, it.identity),
        _ if probe.is_enrolled => format!("{} not recognized{points}", probe.identity),
        _ => format!("{}{points}", probe.identity),
    };
    Some(tile(picture, label, Some(verdict)))
}

fn tile(picture: Picture, label: String, verdict: Option<Verdict>) -> Tile {
    Tile { picture, label, verdict }
}

const DRAWN: &str = "They were drawn by the program: nobody on them exists. Each identity has its own \
    head, colors, hair, eyes, nose and mouth; each picture its own pose, light, expression, blur, noise \
    and hidden parts. They are easier than photographs of people in some ways and harder in others: the \
    figures say nothing about real faces.";
const OWN: &str = "They come from the folder that was given, and stayed on this machine.";
const MEASURED: &str =
    "No picture of these identities, and none of these people, was used in training.";
