//! What is compared: the losses of recipes that agree in everything else; it trains nothing.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use toml::{Table, Value};
use verisim_learn::train::Recipe;

use super::differences::{differences, listed};

/// Values of hyper-parameters, by dotted key: `loss.margin`.
pub(crate) type Values = BTreeMap<String, f64>;

/// Keys that recipes may differ in: identities are divided anew, and no run leaves checkpoints.
const FREE: [&str; 4] = ["name", "loss", "split", "checkpoint_steps"];
/// Rows of the report that are no losses.
pub(crate) const CONTROLS: [&str; 3] = ["random", "untrained", "pixels"];

/// A loss under the conditions that all share.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// What the recipe calls it.
    pub(crate) name: String,
    /// The recipe before tuning: its own loss, and all else as everybody's.
    pub(crate) recipe: Recipe,
    /// The same as a table, with every default.
    table: Table,
}

impl Entry {
    fn new(recipe: Recipe) -> anyhow::Result<Self> {
        // As text 0.1 stays 0.1, whatever its precision.
        let text = recipe.to_toml().context("cannot write a recipe")?;
        let table = text.parse().context("cannot read a recipe that was written")?;
        Ok(Self { name: recipe.name.clone(), recipe, table })
    }

    /// The recipe with these values in place of its own; the error says which cannot be.
    pub(crate) fn with(&self, values: &Values) -> anyhow::Result<Recipe> {
        let mut root = Value::Table(self.table.clone());
        for (key, &value) in values {
            let place = key.split('.').try_fold(&mut root, child);
            *place.with_context(|| format!("{} has no {key}", self.name))? = Value::Float(value);
        }
        let text = toml::to_string(&root).context("cannot write a recipe")?;
        Ok(Recipe::parse(&text)?)
    }

    /// The loss, as the recipe says.
    pub(crate) fn loss(&self) -> &Value {
        &self.table["loss"]
    }

    /// Everything that all entries share.
    pub(crate) fn shared(&self) -> Table {
        let pairs = self.table.clone().into_iter();
        pairs.filter(|(key, _)| !FREE.contains(&key.as_str())).collect()
    }

    /// Why its figures may fall short of what it can do, as far as the recipe shows.
    pub(crate) fn caution(&self) -> Option<String> {
        let Recipe { loss, sampler, .. } = &self.recipe;
        (loss.needs_mated_pairs() && !sampler.repeats_images()).then(|| {
            format!(
                "{} compares the images of a batch with each other, but the sampler brings several \
                 images of an identity by chance only",
                self.name
            )
        })
    }
}

fn child<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    match value {
        Value::Table(table) => table.get_mut(key),
        Value::Array(array) => array.get_mut(key.parse::<usize>().ok()?),
        _ => None,
    }
}

/// Makes entries of recipes: from all but the first only the name and the loss are taken.
///
/// Fails if two have the same name, or if they differ elsewhere and are not to be aligned.
pub(crate) fn entries(recipes: Vec<Recipe>, align: bool) -> anyhow::Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    for recipe in recipes {
        let name = &recipe.name;
        if CONTROLS.contains(&name.as_str()) {
            bail!("a recipe is called {name:?}, as a row of the report is; rename it");
        }
        if entries.iter().any(|entry| entry.name == *name) {
            bail!("two recipes are called {name:?}, and nobody could tell them apart; rename one");
        }
        let entry = match entries.first() {
            None => Entry::new(recipe)?,
            Some(first) => aligned(recipe, first, align)?,
        };
        entries.push(entry);
    }
    Ok(entries)
}

fn aligned(recipe: Recipe, first: &Entry, align: bool) -> anyhow::Result<Entry> {
    let entry = Entry::new(recipe)?;
    let [own, shared] = [&entry, first].map(|it| serde_json::to_value(it.shared()));
    let found = differences(&own?, &shared?);
    if found.is_empty() || align {
        let Recipe { name, loss, .. } = entry.recipe;
        return Entry::new(Recipe { name, loss, ..first.recipe.clone() });
    }
    bail!(
        "{} and {} differ in more than the loss, so their figures could not be compared:{}\n\
         hint: --align trains every loss as {} says",
        entry.name,
        first.name,
        listed(&found),
        first.name
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A recipe that trains in no time.
    pub(in crate::comparison) fn recipe(name: &str, loss: &str) -> Recipe {
        let text = format!(
            "name = '{name}'\nepochs = 1\nloss = {loss}\n\
             input = {{ width = 16, height = 16, channels = 1 }}\n\
             sampler = {{ kind = 'identities', identities = 2, images = 2 }}\n\
             optimizer = {{ kind = 'adamw', lr = 1e-3 }}\n\
             schedule = {{ kind = 'cosine' }}\n\
             [backbone]\nkind = 'resnet'\nstem_stride = 2\ndepths = [1]\nwidths = [8]\n\
             embedding_dim = 8\n"
        );
        Recipe::parse(&text).unwrap()
    }

    #[test]
    fn only_the_loss_may_differ() {
        let softmax = recipe("softmax", "{ kind = 'softmax' }");
        let arcface = recipe("arcface", "{ kind = 'arcface', margin = 0.3 }");
        let made = entries(vec![softmax.clone(), arcface.clone()], false).unwrap();
        assert_eq!(made[0].shared(), made[1].shared());

        let longer = Recipe { epochs: 9, ..arcface };
        let refused = entries(vec![softmax.clone(), longer.clone()], false).unwrap_err();
        let said = refused.to_string();
        assert!(said.contains("epochs is 9, not 1") && said.contains("--align"), "{said}");
        assert!(!said.contains("loss."), "{said}");

        let made = entries(vec![softmax, longer], true).unwrap();
        assert_eq!(made[1].recipe.epochs, 1);
        assert!(made[1].loss().get("margin").is_some(), "{:?}", made[1]);
    }

    #[test]
    fn names_tell_entries_apart() {
        let softmax = || recipe("softmax", "{ kind = 'softmax' }");
        let said = entries(vec![softmax(), softmax()], true).unwrap_err().to_string();
        assert!(said.contains("two recipes are called \"softmax\""), "{said}");
        let random = recipe("random", "{ kind = 'softmax' }");
        assert!(entries(vec![random], false).is_err());
    }

    #[test]
    fn values_reach_the_recipe() {
        let sum = "{ kind = 'sum', terms = [{ weight = 1.0, loss = { kind = 'softmax' } }, \
                   { weight = 0.5, loss = { kind = 'triplet', margin = 0.2 } }] }";
        let entry = &entries(vec![recipe("sum", sum)], false).unwrap()[0];
        let wanted = [("loss.terms.1.loss.margin", 0.25), ("optimizer.lr", 0.1)];
        let values: Values = wanted.map(|(key, value)| (key.to_owned(), value)).into();
        let made = Entry::new(entry.with(&values).unwrap()).unwrap();
        assert_eq!(made.recipe.optimizer.lr(), 0.1);
        assert_eq!(made.loss()["terms"][1]["loss"]["margin"].as_float(), Some(0.25));

        let unknown = Values::from([("loss.scale".to_owned(), 1.0)]);
        assert!(entry.with(&unknown).unwrap_err().to_string().contains("sum has no loss.scale"));
    }

    #[test]
    fn a_loss_over_pairs_is_wary_of_a_shuffled_sampler() {
        let mut recipe = recipe("triplet", "{ kind = 'triplet', margin = 0.2 }");
        let caution = |recipe: &Recipe| entries(vec![recipe.clone()], false).unwrap()[0].caution();
        assert_eq!(caution(&recipe), None);
        recipe.sampler = verisim_learn::sampler::SamplerConfig::Shuffle { batch: 4 };
        assert!(caution(&recipe).is_some());
    }
}
