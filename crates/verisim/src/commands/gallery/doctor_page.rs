//! The doctor's page: what was found, with the pictures that were kept; it decides nothing.

use std::path::Path;

use verisim_face::Picture;
use verisim_gallery::{Finding, Gallery};

use super::doctor_words::Words;
use crate::dataset::decode_picture;
use crate::output::{Printer, explained};
use crate::report::number::{count, percent, score};
use crate::report::{Highlight, NoteKind, Page, PicturePair};

const INTRODUCTION: &str = "Every template was compared with every other. Nothing was changed: each finding \
    names the command that would carry out what it suggests, and `verisim gallery undo` takes back what was \
    merged, moved or split. Scores are cosines: higher is more alike, and two templates match at or above \
    the threshold.";

/// The page, with at most `limit` findings of a kind.
pub(super) fn page(
    words: &Words<'_>,
    gallery: &Gallery,
    limit: usize,
    printer: &Printer,
) -> anyhow::Result<String> {
    let diagnosis = words.diagnosis;
    let mut page =
        Page::new("A gallery examined", "look-alikes, wrong names, near duplicates, outliers");
    let threshold = score(diagnosis.rules.threshold);
    let model = gallery.model().to_string();
    page.facts(&[
        ("gallery", &words.gallery.display().to_string()),
        ("people", &count(diagnosis.identities.len())),
        ("templates", &count(diagnosis.templates.len())),
        ("threshold", &threshold),
        ("poor quality below", &diagnosis.rules.min_quality.to_string()),
        ("model", &format!("`{model}`")),
        ("protocol", "each template against all others, best template of a person"),
    ]);
    page.section("In short", INTRODUCTION).highlights(&highlights(words));
    let kinds = words.by_kind();
    if kinds.is_empty() {
        page.section("Findings", "None: nothing lies where it should not, at this threshold.");
    }
    for (kind, findings) in kinds {
        let n = findings.len();
        page.section(&format!("{} ({})", kind.title, count(n)), kind.meaning);
        let shown = &findings[..n.min(limit)];
        let row =
            |it: &&Finding| vec![words.identities(it).join(", "), words.why(it), words.command(it)];
        let rows: Vec<Vec<String>> = shown.iter().map(row).collect();
        page.table(kind.title, &["who", "why", "command"], &rows);
        if n > limit {
            let text = format!("{} more are not shown; `--limit` shows more.", count(n - limit));
            page.note(NoteKind::Caution, &text);
        }
        let mut pairs = Vec::new();
        for finding in shown {
            pairs.extend(pair(words, gallery, finding, printer)?);
        }
        if !pairs.is_empty() {
            page.pictures("The pictures that were kept of them", &pairs);
        }
    }
    Ok(page.finish())
}

fn highlights(words: &Words<'_>) -> Vec<Highlight> {
    let check = words.diagnosis.leave_one_out;
    let rate = |label: &str, n: usize, of: usize, what: &str| Highlight {
        label: label.to_owned(),
        value: if of == 0 { "–".to_owned() } else { percent(n as f64 / of as f64, 1) },
        detail: format!("{} of {} {what}", count(n), count(of)),
    };
    let n_mated = check.n_mated;
    let mated = "templates that have another of their person";
    vec![
        rate("rank-1", check.n_rank_1, n_mated, mated),
        rate("named rightly", check.n_named, n_mated, mated),
        rate("refused at the threshold", check.n_refused, n_mated, mated),
        rate("taken for somebody else", check.n_mistaken, n_mated, mated),
        rate(
            "taken for somebody if not enrolled",
            check.n_false_positives,
            check.n_non_mated,
            "templates, their whole person left out",
        ),
    ]
}

/// The two pictures of a finding, if both were kept.
fn pair(
    words: &Words<'_>,
    gallery: &Gallery,
    finding: &Finding,
    printer: &Printer,
) -> anyhow::Result<Option<PicturePair>> {
    let Some([left, right]) = words.pair(finding) else { return Ok(None) };
    let mut pictures = Vec::new();
    for template in [left, right] {
        pictures.extend(picture(words, gallery, template, printer)?);
    }
    let Ok([left_picture, right_picture]) = <[Picture; 2]>::try_from(pictures) else {
        return Ok(None);
    };
    let names = [left, right].map(|it| words.owner(it).to_owned());
    let label = words.score(finding).map(|it| format!("score {}", score(it))).unwrap_or_default();
    Ok(Some(PicturePair { left: left_picture, right: right_picture, names, label }))
}

fn picture(
    words: &Words<'_>,
    gallery: &Gallery,
    template: usize,
    printer: &Printer,
) -> anyhow::Result<Option<Picture>> {
    let id = words.diagnosis.templates[template].id;
    let Some(thumbnail) = gallery.thumbnail(id)? else { return Ok(None) };
    // A caller of the library may have kept whatever it liked.
    match decode_picture(&thumbnail.0, Path::new(&words.template(template))) {
        Ok(picture) => Ok(Some(picture)),
        Err(error) => {
            printer.warning(explained(&error));
            Ok(None)
        }
    }
}
