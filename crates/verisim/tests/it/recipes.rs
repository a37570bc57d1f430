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

#[test]
fn every_loss_of_the_lesson_makes_a_recipe_of_the_base() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/lessons/recipes");
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let base = read(&folder.join("base.toml"));
    let makefile = read(&folder.join("../../../Makefile"));
    let losses = makefile.lines().find_map(|line| line.strip_prefix("LOSSES = ")).unwrap();
    let losses: Vec<&str> = losses.split_whitespace().collect();
    for loss in &losses {
        let text = read(&folder.join(format!("{loss}.toml")));
        let recipe = Recipe::parse(&format!("name = \"{loss}\"\n{base}{text}"));
        let recipe = recipe.unwrap_or_else(|it| panic!("{loss}: {it}"));
        assert_eq!(recipe.backbone.embedding_dim(), 2);
    }
    let n_files = fs::read_dir(&folder).unwrap().count();
    assert_eq!(n_files, losses.len() + 1, "a loss is missing in the Makefile");
}
