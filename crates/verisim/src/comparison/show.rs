//! A comparison as a table on a terminal; it decides nothing.

use super::analysis::{Analysis, PairedTest, Summary, Verdict};
use super::measured::Measure;

/// What a person calls a measure.
pub(crate) fn name(measure: Measure, fmr: Option<f64>) -> String {
    match measure {
        Measure::MapAtR => "MAP@R".to_owned(),
        Measure::RPrecision => "R-precision".to_owned(),
        Measure::PrecisionAt1 => "P@1".to_owned(),
        Measure::Auc => "AUC".to_owned(),
        Measure::Eer => "EER".to_owned(),
        Measure::Tar => format!("TAR at FMR {} %", 100.0 * fmr.unwrap_or_default()),
        Measure::Rank1 => "rank-1".to_owned(),
    }
}

/// A rate in percent with what it may be off by through other seeds: `52.31 ± 1.20`.
pub(crate) fn with_seeds(summary: &Summary) -> String {
    let mean = format!("{:.2}", 100.0 * summary.mean);
    match summary.seeds {
        Some([_, upper]) => format!("{mean} ± {:.2}", 100.0 * (upper - summary.mean)),
        None => mean,
    }
}

/// What a test came to, in words.
pub(crate) fn verdict(test: &PairedTest) -> String {
    match test.verdict {
        Verdict::Better => format!("better than {}", test.baseline),
        Verdict::Worse => format!("worse than {}", test.baseline),
        Verdict::NotShown => format!("no difference to {} shown", test.baseline),
    }
}

/// Everything that a terminal should show.
pub(crate) fn table(analysis: &Analysis) -> String {
    let measures = Measure::ALL;
    let mut rows = vec![vec![String::new()]];
    rows[0].extend(measures.map(|measure| name(measure, analysis.fmr)));
    for row in &analysis.rows {
        let cell = |measure| row.figures.get(&measure).map_or("–".to_owned(), with_seeds);
        let mut cells = vec![row.name.clone()];
        cells.extend(measures.map(cell));
        rows.push(cells);
    }
    let mut text = columns(&rows);
    text += "\nIn percent: mean ± half of the 95 % interval over seeds.\n";
    for test in &analysis.tests {
        let PairedTest { name, difference, p, p_holm, .. } = test;
        let [lower, upper] = test.identities;
        text += &format!(
            "{name}: MAP@R {:+.2} ({:+.2} to {:+.2} over identities), p {p:.4}, by Holm \
             {p_holm:.4}: {}\n",
            100.0 * difference,
            100.0 * lower,
            100.0 * upper,
            verdict(test)
        );
    }
    text.trim_end().to_owned()
}

fn columns(rows: &[Vec<String>]) -> String {
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|it| it.chars().count()).max()
    };
    let widths: Vec<usize> = (0..n_columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            line +=
                &if column == 0 { format!("{cell:width$}") } else { format!("  {cell:>width$}") };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}
