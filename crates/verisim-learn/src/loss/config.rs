//! What a recipe says about its loss: which, over what distance, mined and reduced how.

use std::ops::Range;

use serde::de::{DeserializeOwned, Error as _};
use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Deserializer, Serialize};
use toml::{Table, Value};

use super::kind::{Form, LossKind};
use crate::metric::distance::Distance;
use crate::metric::miner::Miner;
use crate::metric::reducer::Reducer;
use crate::metric::regularizer::Regularizer;
use crate::metric::{InvalidLoss, require};

/// A loss, and everything around it.
///
/// In a recipe, the parameters of the loss and these keys stand in one table:
///
/// ```toml
/// [loss]
/// kind = "contrastive"
/// margin = 0.5
/// distance = { kind = "cosine" }
/// reducer = { kind = "mean" }
/// miner = { kind = "multi-similarity", epsilon = 0.1 }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LossConfig {
    /// Which loss, and its parameters.
    pub kind: LossKind,
    /// The distance; the loss's own if none. Losses over classes compare by cosine.
    pub distance: Option<Distance>,
    /// The reduction; the loss's own if none.
    pub reducer: Option<Reducer>,
    /// What chooses pairs or triplets. For a loss over classes, how often a sample is chosen is how
    /// much it counts.
    pub miner: Option<Miner>,
    /// The distance that the miner looks at; `distance` in the miner's table.
    pub miner_distance: Option<Distance>,
    /// Samples of earlier batches that a loss over tuples compares with, too; 0 for none.
    pub memory: usize,
    /// What features are asked for beside the loss.
    pub regularizers: Vec<WeightedRegularizer>,
    /// What centers are asked for beside the loss.
    pub center_regularizers: Vec<WeightedRegularizer>,
    /// Share of the identities that a step of a loss over identities looks at, in `(0, 1]`; 1 by
    /// default, which is all. Those of the batch are always among them.
    pub sample_rate: f64,
    /// Parts that the centers of a loss over identities are kept in; 0 by default, which keeps them
    /// with the network. The loss is the same, and a run may be resumed with another number.
    pub shards: usize,
}

/// One of several losses that are added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// How much it counts, 0 or more.
    #[serde(default = "one")]
    pub weight: f64,
    /// The components of an embedding that it sees, from the first number up to the second; all by
    /// default. So each of several networks side by side can have a loss of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub components: Option<[usize; 2]>,
    /// The loss.
    pub loss: LossConfig,
}

impl Term {
    /// The components that the loss sees.
    pub(super) fn seen(&self, embedding_dim: usize) -> Range<usize> {
        self.components.map_or(0..embedding_dim, |[from, to]| from..to)
    }
}

/// A regularizer, and how much it counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightedRegularizer {
    /// How much it counts, 0 or more.
    #[serde(default = "one")]
    pub weight: f64,
    /// The regularizer.
    pub regularizer: Regularizer,
}

fn one() -> f64 {
    1.0
}

impl From<LossKind> for LossConfig {
    fn from(kind: LossKind) -> Self {
        Self {
            kind,
            distance: None,
            reducer: None,
            miner: None,
            miner_distance: None,
            memory: 0,
            regularizers: Vec::new(),
            center_regularizers: Vec::new(),
            sample_rate: 1.0,
            shards: 0,
        }
    }
}

impl LossConfig {
    /// Checks every parameter.
    ///
    /// # Errors
    ///
    /// Names the first that is out of range.
    pub fn check(&self) -> Result<(), InvalidLoss> {
        match self.kind.form() {
            Form::Tuples(loss) => loss.check()?,
            Form::Classes(loss) => {
                loss.check()?;
                require(
                    "memory",
                    self.memory as f64,
                    self.memory == 0,
                    "0 for a loss over classes",
                )?;
            }
            Form::Sum(terms) => {
                require("terms", terms.len() as f64, !terms.is_empty(), "one loss or more")?;
                for Term { weight, components, loss } in terms {
                    require("weight", *weight, *weight >= 0.0, "0 or more")?;
                    let [from, to] = components.unwrap_or([0, 1]);
                    let expected = "two numbers, the first below the second";
                    require("components", to as f64, from < to, expected)?;
                    loss.check()?;
                }
            }
        }
        self.check_centers()?;
        self.distance.iter().chain(&self.miner_distance).try_for_each(Distance::check)?;
        self.reducer.iter().try_for_each(Reducer::check)?;
        self.miner.iter().try_for_each(Miner::check)?;
        for it in self.regularizers.iter().chain(&self.center_regularizers) {
            require("regularizer.weight", it.weight, it.weight >= 0.0, "0 or more")?;
            it.regularizer.check()?;
        }
        Ok(())
    }

    /// Checks how centers are kept and looked at.
    fn check_centers(&self) -> Result<(), InvalidLoss> {
        let (rate, shards) = (self.sample_rate, self.shards as f64);
        require("sample_rate", rate, rate > 0.0 && rate <= 1.0, "above 0 and up to 1")?;
        if let Form::Classes(loss) = self.kind.form() {
            let learns_of_each = loss.parameters(2).len() != loss.parameters(3).len();
            let expected = "1 for a loss that learns a number for each identity";
            require("sample_rate", rate, rate == 1.0 || !learns_of_each, expected)?;
            let all_needed = !self.center_regularizers.is_empty();
            let expected = "1 where centers are regularized, all of them";
            require("sample_rate", rate, rate == 1.0 || !all_needed, expected)?;
            let expected = "0 where centers are regularized, all of them";
            return require("shards", shards, self.shards == 0 || !all_needed, expected);
        }
        require("sample_rate", rate, rate == 1.0, "1 for a loss that is not over identities")?;
        require("shards", shards, self.shards == 0, "0 for a loss that is not over identities")
    }

    /// Whether the loss compares the samples of a batch with each other, so that every batch needs
    /// several images of an identity.
    pub fn needs_mated_pairs(&self) -> bool {
        match self.kind.form() {
            Form::Tuples(_) => true,
            Form::Classes(_) => false,
            Form::Sum(terms) => terms.iter().any(|term| term.loss.needs_mated_pairs()),
        }
    }
}

/// Takes a key out of a table, if it is there.
fn take<T: DeserializeOwned>(table: &mut Table, key: &str) -> Result<Option<T>, toml::de::Error> {
    table.remove(key).map(T::deserialize).transpose()
}

impl<'de> Deserialize<'de> for LossConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = Table::deserialize(deserializer)?;
        read(table).map_err(|error| D::Error::custom(error.message()))
    }
}

fn read(mut table: Table) -> Result<LossConfig, toml::de::Error> {
    let miner_distance = match table.get_mut("miner").and_then(Value::as_table_mut) {
        Some(miner) => take(miner, "distance")?,
        None => None,
    };
    Ok(LossConfig {
        distance: take(&mut table, "distance")?,
        reducer: take(&mut table, "reducer")?,
        miner: take(&mut table, "miner")?,
        miner_distance,
        memory: take(&mut table, "memory")?.unwrap_or(0),
        regularizers: take(&mut table, "regularizers")?.unwrap_or_default(),
        center_regularizers: take(&mut table, "center_regularizers")?.unwrap_or_default(),
        sample_rate: take(&mut table, "sample_rate")?.unwrap_or(1.0),
        shards: take(&mut table, "shards")?.unwrap_or(0),
        kind: LossKind::deserialize(Value::Table(table))?,
    })
}

impl Serialize for LossConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(self).map_err(S::Error::custom)?.serialize(serializer)
    }
}

fn write(config: &LossConfig) -> Result<Table, toml::ser::Error> {
    let mut table = Table::try_from(&config.kind)?;
    let mut put = |key: &str, value: Option<Result<Value, toml::ser::Error>>| {
        if let Some(value) = value.transpose()? {
            table.insert(key.to_owned(), value);
        }
        Ok::<(), toml::ser::Error>(())
    };
    put("distance", config.distance.map(Value::try_from))?;
    put("reducer", config.reducer.as_ref().map(Value::try_from))?;
    put("memory", (config.memory > 0).then(|| Value::try_from(config.memory)))?;
    put("sample_rate", (config.sample_rate != 1.0).then(|| Value::try_from(config.sample_rate)))?;
    put("shards", (config.shards > 0).then(|| Value::try_from(config.shards)))?;
    let listed = |it: &Vec<WeightedRegularizer>| (!it.is_empty()).then(|| Value::try_from(it));
    put("regularizers", listed(&config.regularizers))?;
    put("center_regularizers", listed(&config.center_regularizers))?;
    put(
        "miner",
        config.miner.as_ref().map(|miner| {
            let mut miner = Table::try_from(miner)?;
            if let Some(distance) = &config.miner_distance {
                miner.insert("distance".to_owned(), Value::try_from(distance)?);
            }
            Ok(Value::Table(miner))
        }),
    )?;
    Ok(table)
}
