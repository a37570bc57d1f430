//! The figures of a comparison as a table for programs; nothing in it depends on the clock.

use anyhow::Context;

use super::analysis::{Analysis, Summary};
use super::measured::Measure;

const HEADER: [&str; 9] = [
    "row",
    "kind",
    "measure",
    "runs",
    "mean",
    "seeds_lower",
    "seeds_upper",
    "identities_lower",
    "identities_upper",
];

/// One line for each row and measure, and for each paired test; what there is not is empty.
pub(crate) fn csv(analysis: &Analysis) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut lines = vec![HEADER.map(str::to_owned).to_vec()];
    for row in &analysis.rows {
        let kind = if row.is_control { "control" } else { "loss" };
        for measure in Measure::ALL {
            let Some(&Summary { mean, seeds, identities }) = row.figures.get(&measure) else {
                continue;
            };
            lines.push(line(
                [&row.name, kind, measure.key(), &row.n_runs.to_string()],
                mean,
                seeds,
                identities,
            ));
        }
    }
    for test in &analysis.tests {
        let n_runs = analysis.rows.iter().find(|row| row.name == test.name).map(|row| row.n_runs);
        let n_runs = n_runs.unwrap_or_default().to_string();
        let head = |measure| [test.name.as_str(), "test", measure, n_runs.as_str()];
        lines.push(line(head("map_at_r_difference"), test.difference, test.seeds, test.identities));
        for (measure, p) in [("p", test.p), ("p_holm", test.p_holm)] {
            let mut line: Vec<String> = head(measure).map(str::to_owned).to_vec();
            line.push(p.to_string());
            line.resize(HEADER.len(), String::new());
            lines.push(line);
        }
    }
    for line in lines {
        writer.write_record(line).context("cannot write CSV")?;
    }
    writer.into_inner().context("cannot write CSV")
}

fn line(head: [&str; 4], mean: f64, seeds: Option<[f64; 2]>, identities: [f64; 2]) -> Vec<String> {
    let seeds = seeds.map_or([String::new(), String::new()], |it| it.map(|end| end.to_string()));
    let mut line = head.map(str::to_owned).to_vec();
    line.push(mean.to_string());
    line.extend(seeds);
    line.extend(identities.map(|end| end.to_string()));
    line
}
