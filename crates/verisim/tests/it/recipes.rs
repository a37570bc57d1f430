//! The recipes that the project ships can be used, and say what they are.

use std::fs;
use std::path::Path;

use verisim_learn::train::Recipe;

#[test]
fn every_recipe_can_be_used_and_is_named_like_its_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let recipe = Recipe::parse(&text).unwrap_or_else(|it| panic!("{}: {it}", path.display()));
        assert_eq!(path.file_stem().unwrap().to_str(), Some(recipe.name.as_str()));
        assert!(text.starts_with("# "), "{} does not say what it is for", path.display());
        names.push(recipe.name);
    }
    assert!(names.contains(&"arcface-small".to_owned()), "{names:?}");
}
