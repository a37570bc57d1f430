//! How the demonstration's recipe fits the data at hand: it must end in minutes on any of them.

use anyhow::bail;
use verisim_learn::train::Recipe;

use crate::dataset::FaceSet;

const RECIPE: &str = include_str!("../../../../recipes/demo.toml");
/// Training images in all, over all epochs: about 75 seconds on two cores.
const N_TRAINED: usize = 20_000;
const MAX_EPOCHS: usize = 60;
/// Identities with two images that there must be: two to validate, four to test, some to train on.
const MIN_IDENTITIES: usize = 10;

/// A recipe and what it keeps away.
pub(crate) struct Plan {
    /// What to train.
    pub(crate) recipe: Recipe,
}

impl Plan {
    /// The recipe for as many identities and images as there are.
    pub(crate) fn new(set: &FaceSet, seed: u64) -> anyhow::Result<Self> {
        let mut images = vec![0; set.names.len()];
        for sample in &set.samples {
            images[sample.label as usize] += 1;
        }
        let n_pairs = images.iter().filter(|n| **n >= 2).count();
        if n_pairs < MIN_IDENTITIES {
            bail!(
                "the demo needs {MIN_IDENTITIES} identities with two pictures or more, to train on \
                 some and test with others, but there are {n_pairs}; leave --data out to see it on \
                 drawn faces"
            );
        }
        let mut recipe = Recipe::parse(RECIPE)?;
        recipe.seed = seed;
        let split = &mut recipe.split;
        split.validation_identities = split.validation_identities.min(n_pairs / 5);
        split.test_identities = split.test_identities.min(n_pairs * 2 / 5);
        let n_away = split.validation_identities + split.test_identities;
        let n_left = set.samples.len() * (set.names.len() - n_away) / set.names.len();
        recipe.epochs = (N_TRAINED / n_left.max(1)).clamp(1, MAX_EPOCHS);
        Ok(Self { recipe })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use verisim_face::archive::Paths;
    use verisim_face::folder::IdentityFolder;

    use super::*;

    fn set(n_identities: usize, n_images: usize) -> FaceSet {
        let identity = |name: String| IdentityFolder { name, pictures: vec!["x".into(); n_images] };
        let identities = (0..n_identities).map(|it| identity(it.to_string()));
        FaceSet::new(Arc::new(Paths::new(identities.collect())))
    }

    #[test]
    fn few_identities_are_divided_and_too_few_refused() {
        let recipe = Plan::new(&set(10, 4), 3).unwrap().recipe;
        assert_eq!((recipe.split.validation_identities, recipe.split.test_identities), (2, 4));
        assert_eq!((recipe.epochs, recipe.seed), (60, 3));
        let refused = Plan::new(&set(9, 4), 3).err().unwrap().to_string();
        assert!(refused.contains("10 identities") && refused.contains("there are 9"), "{refused}");
        assert!(Plan::new(&set(50, 1), 3).is_err());
    }

    #[test]
    fn the_more_images_the_fewer_epochs() {
        let recipe = Plan::new(&set(1000, 10), 1).unwrap().recipe;
        assert_eq!((recipe.split.validation_identities, recipe.split.test_identities), (30, 40));
        assert_eq!(recipe.epochs, 2);
        assert_eq!(Plan::new(&set(9000, 10), 1).unwrap().recipe.epochs, 1);
    }
}
