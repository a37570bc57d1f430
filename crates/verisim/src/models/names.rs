//! From what was typed for a model to its file: a path, or the name of a model that is installed.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use verisim_face::model::registry::{Published, Registry, is_model_name};

use super::folder::ModelFolder;
use super::lists;

/// The file of a model that was typed as a path or as a name.
///
/// A file that is there counts as a path, whatever it is called.
pub(crate) fn resolve(typed: &Path) -> anyhow::Result<PathBuf> {
    let Some(name) = as_name(typed) else { return Ok(typed.to_owned()) };
    let folder = ModelFolder::at(None)?;
    if folder.has(name) {
        return Ok(folder.model(name));
    }
    Err(unknown(name, &folder, &lists::own()?))
}

/// What was typed, if it is no file and may be a name.
pub(crate) fn as_name(typed: &Path) -> Option<&str> {
    typed.to_str().filter(|text| is_model_name(text) && !typed.is_file())
}

/// The model of this name in a list.
pub(crate) fn listed<'a>(
    name: &str,
    folder: &ModelFolder,
    list: &'a Registry,
) -> anyhow::Result<&'a Published> {
    match list.get(name) {
        Some(model) => Ok(model),
        None if folder.has(name) => {
            bail!("{name} is installed, but no list names it, so it cannot be fetched")
        }
        None => Err(unknown(name, folder, list)),
    }
}

/// Why a name stands for no installed model, and what may have been meant.
pub(crate) fn unknown(name: &str, folder: &ModelFolder, list: &Registry) -> anyhow::Error {
    let installed = match folder.installed() {
        Ok(installed) => installed,
        Err(error) => return error,
    };
    let root = folder.root().display();
    if let Some(model) = list.get(name) {
        let how = match model.url {
            Some(_) => format!("verisim models fetch {name}"),
            None => format!(
                "verisim models add FILE --name {name}, with the file from {}",
                model.source
            ),
        };
        return anyhow!(
            "there is no file {name}, and the model is not installed in {root}; get it by: {how}"
        );
    }
    let others = list.models().iter().map(|it| it.name.clone());
    let others: Vec<String> = others.filter(|it| !installed.contains(it)).collect();
    let meant = closest(name, installed.iter().chain(&others));
    let meant = meant.map_or(String::new(), |it| format!("; did you mean {it}?"));
    let all = |names: &[String]| match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    anyhow!(
        "there is no file {name}, and no model of that name{meant}\n  installed in {root}: {}\n  others that are known: {}",
        all(&installed),
        all(&others)
    )
}

/// The name that looks most like the one that was typed, if one does.
fn closest<'a>(typed: &str, names: impl Iterator<Item = &'a String>) -> Option<&'a str> {
    let near = names.map(|it| (strsim::damerau_levenshtein(typed, it), it.as_str()));
    let is_near = |(distance, name): &(usize, &str)| *distance <= name.len().max(typed.len()) / 2;
    near.min().filter(is_near).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_mistyped_is_answered_with_those_there_are() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = ModelFolder::at(Some(scratch.path())).unwrap();
        std::fs::write(folder.model("mine"), "").unwrap();
        let list = lists::own().unwrap();
        let said = |name: &str| unknown(name, &folder, &list).to_string();
        assert!(said("sfase").contains("did you mean sface?"), "{}", said("sfase"));
        assert!(said("mien").contains("did you mean mine?"), "{}", said("mien"));
        let found = said("something-else-altogether");
        assert!(!found.contains("did you mean"), "{found}");
        assert!(found.contains(": mine\n") && found.contains("yunet, "), "{found}");
        assert!(said("yunet").ends_with("verisim models fetch yunet"), "{}", said("yunet"));
    }

    #[test]
    fn paths_are_no_names() {
        let scratch = tempfile::tempdir().unwrap();
        assert_eq!(as_name(&scratch.path().join("a")), None);
        assert_eq!(as_name(Path::new("runs/first/model.onnx")), None);
        assert_eq!(as_name(Path::new("sface")), Some("sface"));
    }
}
