//! The lists of published models: the program's own, and the user's.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, ensure};
use verisim_face::model::registry::{InvalidRegistry, Registry};

/// What the program knows; `models.toml` of this crate.
const OWN: &str = include_str!("../../models.toml");
/// The longest list that is read, in bytes.
const MAX_LIST: u64 = 1 << 20;

/// The list that comes with the program.
pub(crate) fn own() -> Result<Registry, InvalidRegistry> {
    Registry::parse(OWN)
}

/// The same, and the user's list if there is one.
pub(crate) fn with(further: Option<&Path>) -> anyhow::Result<Registry> {
    let own = own()?;
    let Some(path) = further else { return Ok(own) };
    let name = || format!("cannot read the list {}", path.display());
    let mut text = String::new();
    let file = File::open(path).with_context(name)?;
    file.take(MAX_LIST + 1).read_to_string(&mut text).with_context(name)?;
    ensure!(
        text.len() as u64 <= MAX_LIST,
        "{} is longer than 1 MiB, which no list of models is",
        path.display()
    );
    let further = Registry::parse(&text).with_context(|| path.display().to_string())?;
    own.extended(further).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_list_is_one() {
        let models = own().unwrap();
        assert!(models.get("yunet").is_some() && models.get("sface").is_some());
        assert!(models.models().iter().flat_map(|it| &it.url).all(|it| it.starts_with("https:")));
    }
}
