//! How a search for hyper-parameters went: the figure of each trial, and the best so far; it searches
//! nothing.

use super::axis::Axis;
use super::canvas::Ink;
use super::frame::Frame;
use super::keys;
use crate::report::number::trimmed;

/// Share of the room between two trials over which several searches stand side by side.
const SPREAD: f64 = 0.5;

/// The trials of one search.
#[derive(Clone, Debug)]
pub(crate) struct Search<'a> {
    /// What the legend calls it.
    pub(crate) name: &'a str,
    /// The figure of each trial, a rate in `[0, 1]`; none for a trial that failed.
    pub(crate) trials: &'a [Option<f64>],
}

/// Each trial as a dot, and the best so far as a line; failed trials lie at 0.
pub(crate) fn searches(title: &str, searches: &[Search<'_>]) -> String {
    let n_trials = searches.iter().map(|it| it.trials.len()).max().unwrap_or(0);
    let found = || searches.iter().flat_map(|it| it.trials).flatten();
    let high = found().copied().filter(|it| it.is_finite()).fold(0.05, f64::max);
    let name = |value: f64| if value.fract() == 0.0 { trimmed(value) } else { String::new() };
    let x =
        Axis::linear("Trial; the first is the recipe itself", 0.5..n_trials as f64 + 0.5, 8, name);
    let y = Axis::linear(title, 0.0..1.05 * high, 6, |rate| trimmed(100.0 * rate));
    let mut frame = Frame::new(x.naming(1.0, "1"), y);
    frame.keys = keys(searches.iter().map(|it| it.name));
    frame.draw("Figures of validation by trial", |plot| {
        if n_trials == 0 {
            return plot.say("no trials");
        }
        for (idx, search) in searches.iter().enumerate() {
            // Side by side, so that none hides another.
            let shift = SPREAD * ((idx as f64 + 0.5) / searches.len() as f64 - 0.5);
            let values = (1..).zip(search.trials).map(|(number, found)| {
                (f64::from(number) + shift, found.filter(|it| it.is_finite()).unwrap_or(0.0))
            });
            let points: Vec<(f64, f64)> = values.collect();
            let mut best = Vec::new();
            let mut highest = 0.0;
            for &(number, value) in &points {
                best.push((number, highest));
                highest = f64::max(highest, value);
                best.push((number, highest));
            }
            // Before the first trial nothing is known.
            plot.line(best.get(1..).unwrap_or_default(), Ink::Series(idx), 1.4)?;
            points.iter().try_for_each(|&point| plot.dot(point, Ink::Series(idx)))?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::markup::check_well_formed;

    #[test]
    fn degenerate_searches_are_drawn() {
        let trials: [&[Option<f64>]; 4] =
            [&[], &[None], &[Some(f64::NAN), Some(0.3)], &[Some(0.0); 40]];
        for trials in trials {
            let search = Search { name: "<a>", trials };
            let svg = check_well_formed(&searches("MAP@R", &[search.clone(), search]));
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
        assert!(searches("MAP@R", &[]).contains("no trials"));
    }

    #[test]
    fn every_trial_is_a_dot() {
        let search = Search { name: "a", trials: &[Some(0.2), None, Some(0.4)] };
        // Each has a ring of the surface around it.
        assert_eq!(searches("MAP@R", &[search]).matches("<circle").count(), 6);
    }
}
