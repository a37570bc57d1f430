//! How far identities spread before and after training, as a line and as a table; it measures nothing.

use verisim_learn::train::SpreadRecord;
use verisim_learn::train::spread::Interval;

use crate::report::Page;
use crate::report::number::count;

/// One look at the network, in a line.
pub(super) fn in_words(record: &SpreadRecord) -> String {
    let number =
        |it: Option<Interval>| it.map_or("–".to_owned(), |it| format!("{:.3}", it.value));
    format!(
        "{} training, {}: distance within identities {} (worst {}), between {} (worst {}), ratio {}",
        if record.step == 0 { "before" } else { "after" },
        looked_at(record),
        number(record.mean_within),
        number(record.max_within),
        number(record.mean_between),
        number(record.min_between),
        number(record.ratio),
    )
}

/// What training changed.
pub(super) fn add_change(page: &mut Page, before: &SpreadRecord, after: &SpreadRecord) {
    page.section("Before and after", INTRODUCTION);
    let cells = |it: Option<Interval>| match it {
        Some(Interval { value, lower, upper }) => {
            [format!("{value:.3}"), format!("{lower:.3}–{upper:.3}")]
        }
        None => ["–".to_owned(), String::new()],
    };
    let row = |name: &str, figure: fn(&SpreadRecord) -> Option<Interval>| {
        let [before, after] = [before, after].map(|it| cells(figure(it)));
        [&[name.to_owned()], before.as_slice(), after.as_slice()].concat()
    };
    let rows = [
        row("distance within identities, mean", |it| it.mean_within),
        row("the same, worst", |it| it.max_within),
        row("distance between identities, mean", |it| it.mean_between),
        row("the same, worst", |it| it.min_between),
        row("between / within, of the means", |it| it.ratio),
    ];
    let caption =
        format!("Distances of embeddings, 0 to 2, of {}; 95 % intervals", looked_at(after));
    let headers = ["Figure", "Before", "95 % interval", "After", "95 % interval"];
    page.table(&caption, &headers, &rows);
}

fn looked_at(record: &SpreadRecord) -> String {
    let (n_identities, n_images) = (count(record.n_identities), count(record.n_images));
    let kind = if record.trained_on { "identities trained on" } else { "unseen identities" };
    format!("{n_images} images of {n_identities} {kind}")
}

const INTRODUCTION: &str = "What metric learning is for: images of one identity near each other, and \
    identities apart. A ratio of 1 means that identity makes no difference; the untrained network has \
    the weights that the run began with.";

#[cfg(test)]
mod tests {
    use super::*;

    fn record(step: usize, trained_on: bool, ratio: Option<f64>) -> SpreadRecord {
        let interval = |value| Interval { value, lower: value / 2.0, upper: 1.25 };
        SpreadRecord {
            step,
            trained_on,
            n_identities: 8,
            n_images: 1048,
            mean_within: Some(interval(0.5)),
            max_within: Some(interval(1.0)),
            mean_between: Some(interval(1.25)),
            min_between: Some(interval(0.25)),
            ratio: ratio.map(interval),
        }
    }

    #[test]
    fn a_line_says_when_and_of_whom() {
        let line = in_words(&record(0, false, Some(2.5)));
        let expected = "before training, 1,048 images of 8 unseen identities: distance within \
                        identities 0.500 (worst 1.000), between 1.250 (worst 0.250), ratio 2.500";
        assert_eq!(line, expected);
        let line = in_words(&record(9, true, None));
        assert!(
            line.starts_with("after training, 1,048 images of 8 identities trained on:"),
            "{line}"
        );
        assert!(line.ends_with("ratio –"), "{line}");
    }

    #[test]
    fn both_moments_stand_in_the_table() {
        let mut page = Page::new("t", "s");
        add_change(&mut page, &record(0, false, Some(1.25)), &record(9, false, Some(2.5)));
        let page = page.finish();
        for cell in ["1.250", "0.625–1.250", "2.500", "1.250–1.250"] {
            assert!(page.contains(&format!(">{cell}</td>")), "{cell} is missing: {page}");
        }
    }
}
