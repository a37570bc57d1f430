//! Which values of hyper-parameters are searched for a loss: the rule, and nothing that tries them.

use serde::Serialize;
use toml::Value;

use super::entry::{Entry, Values};

/// A value is searched from a fourth of it to its fourfold.
const FACTOR: f64 = 4.0;
/// Sizes from here to 1 are margins and shares, which are searched in equal steps and end at 1.
const LEAST_SHARE: f64 = 0.1;
/// How often an end that the recipe refuses is taken halfway back to the recipe's own value.
const MAX_HALVINGS: usize = 12;
/// What is tuned for every loss.
const LR: &str = "optimizer.lr";

/// A hyper-parameter and where it is searched.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Dimension {
    /// Dotted key in the recipe.
    pub(crate) key: String,
    /// The lowest value.
    pub(crate) low: f64,
    /// The highest value.
    pub(crate) high: f64,
    /// The value of the recipe.
    pub(crate) start: f64,
    /// Whether factors are searched evenly, or else differences.
    pub(crate) is_logarithmic: bool,
}

impl Dimension {
    /// The value at a share, in `[0, 1]`, of the way from the lowest to the highest.
    pub(crate) fn value(&self, share: f64) -> f64 {
        let Self { low, high, .. } = *self;
        let value = if self.is_logarithmic {
            low.signum() * low.abs() * (high / low).powf(share)
        } else {
            low + share * (high - low)
        };
        value.clamp(low, high)
    }

    /// The share at which a value lies; undoes [`value`](Self::value).
    pub(crate) fn share(&self, value: f64) -> f64 {
        let Self { low, high, .. } = *self;
        let share = if self.is_logarithmic {
            (value / low).ln() / (high / low).ln()
        } else {
            (value - low) / (high - low)
        };
        share.clamp(0.0, 1.0)
    }
}

/// The dimensions of an entry: every number of its loss that is a fraction and not 0, and the
/// learning rate.
///
/// Counts, names and switches are part of what the loss is, and a 0 switches something off. Sizes
/// from 0.1 to 1 are searched linearly up to 1 at most, all others logarithmically. An end that the
/// recipe refuses is moved towards its own value until it does not.
pub(crate) fn space(entry: &Entry) -> Vec<Dimension> {
    let mut found = vec![(LR.to_owned(), entry.recipe.optimizer.lr())];
    walk("loss", entry.loss(), &mut found);
    let dimensions = found.into_iter().map(|(key, start)| dimension(key, start));
    dimensions.filter_map(|it| within_recipe(it, entry)).collect()
}

/// The values of an entry's own recipe.
pub(crate) fn own_values(space: &[Dimension]) -> Values {
    space.iter().map(|it| (it.key.clone(), it.start)).collect()
}

fn walk(key: &str, value: &Value, found: &mut Vec<(String, f64)>) {
    match value {
        Value::Float(value) if value.is_finite() && *value != 0.0 => {
            found.push((key.to_owned(), *value));
        }
        Value::Table(table) => {
            table.iter().for_each(|(name, value)| walk(&format!("{key}.{name}"), value, found));
        }
        Value::Array(array) => {
            let numbered = array.iter().enumerate();
            numbered.for_each(|(idx, value)| walk(&format!("{key}.{idx}"), value, found));
        }
        _ => {}
    }
}

fn dimension(key: String, start: f64) -> Dimension {
    let size = start.abs();
    let is_share = (LEAST_SHARE..=1.0).contains(&size) && key != LR;
    let most = if is_share { (FACTOR * size).min(1.0) } else { FACTOR * size };
    let ends = [size / FACTOR, most].map(|end| end * start.signum());
    let [low, high] = [ends[0].min(ends[1]), ends[0].max(ends[1])];
    Dimension { key, low, high, start, is_logarithmic: !is_share }
}

/// The dimension between the values that the recipe takes; none if it takes its own alone.
fn within_recipe(mut dimension: Dimension, entry: &Entry) -> Option<Dimension> {
    let Dimension { start, .. } = dimension;
    let accepted = |mut end: f64| {
        for _ in 0..MAX_HALVINGS {
            if entry.with(&Values::from([(dimension.key.clone(), end)])).is_ok() {
                return end;
            }
            end = f64::midpoint(end, start);
        }
        start
    };
    (dimension.low, dimension.high) = (accepted(dimension.low), accepted(dimension.high));
    (dimension.low < dimension.high).then_some(dimension)
}

#[cfg(test)]
mod tests {
    use super::super::entry::entries;
    use super::super::entry::tests::recipe;
    use super::*;

    fn space_of(loss: &str) -> Vec<Dimension> {
        space(&entries(vec![recipe("it", loss)], false).unwrap()[0])
    }

    #[track_caller]
    fn check(space: &[Dimension], key: &str, expected: (f64, f64, bool)) {
        let found = space.iter().find(|it| it.key == key).expect(key);
        let (low, high, is_logarithmic) = expected;
        let is_near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(is_near(found.low, low) && is_near(found.high, high), "{found:?}");
        assert_eq!(found.is_logarithmic, is_logarithmic, "{found:?}");
    }

    #[test]
    fn every_fraction_but_zero_is_searched() {
        let space = space_of("{ kind = 'arcface', margin = 0.5, scale = 32.0 }");
        check(&space, "optimizer.lr", (2.5e-4, 4e-3, true));
        check(&space, "loss.margin", (0.125, 1.0, false));
        check(&space, "loss.scale", (8.0, 128.0, true));
        let space = space_of("{ kind = 'arcface', margin = 0.0, scale = 32.0 }");
        assert!(!space.iter().any(|it| it.key == "loss.margin"), "{space:?}");
        // A plain classifier has nothing but the learning rate.
        let keys: Vec<String> =
            space_of("{ kind = 'softmax' }").into_iter().map(|it| it.key).collect();
        assert_eq!(keys, ["optimizer.lr"]);
    }

    #[test]
    fn an_end_that_the_recipe_refuses_is_moved() {
        // The margin of ArcFace lies below a right angle: 4 * 1.2 does not.
        let space = space_of("{ kind = 'arcface', margin = 1.2, scale = 32.0 }");
        let found = space.iter().find(|it| it.key == "loss.margin").unwrap();
        assert!(found.low == 0.3 && found.high > 1.2 && found.high < 1.571, "{found:?}");
    }

    #[test]
    fn shares_and_values_undo_each_other() {
        for start in [-20.0, -0.3, 0.02, 0.4, 1.0, 64.0] {
            let dimension = dimension("loss.it".to_owned(), start);
            assert!(dimension.low < start && start <= dimension.high, "{dimension:?}");
            for share in [0.0, 0.3, 1.0] {
                let value = dimension.value(share);
                assert!((dimension.low..=dimension.high).contains(&value), "{dimension:?}");
                assert!((dimension.share(value) - share).abs() < 1e-9, "{dimension:?} {share}");
            }
            assert!((dimension.value(dimension.share(start)) - start).abs() < 1e-9);
        }
    }
}
