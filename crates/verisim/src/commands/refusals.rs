//! Pictures that could not be used, and why: named at the end, and in a CSV file for programs.

use std::path::{Path, PathBuf};

use anyhow::bail;
use verisim_face::image::DecodeError;
use verisim_face::pipeline::{PipelineError, SightError};

use super::Outcome;
use crate::output::{MAX_NAMED, Printer, explained, first_named};
use crate::whole_file;

/// Where to list them.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct RefusalArgs {
    /// List what cannot be used in this CSV file, too
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,
}

/// Pictures that could not be used.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Vec<Refusal>);

#[derive(Debug)]
struct Refusal {
    path: PathBuf,
    /// A word that does not change between versions.
    reason: &'static str,
    /// A sentence for people.
    explanation: String,
}

impl Refusals {
    /// Adds a picture, and the error that it led to.
    pub(crate) fn add(&mut self, path: &Path, error: &anyhow::Error) {
        self.add_for(path, reason(error), error);
    }

    /// Adds one with a reason that the error does not say.
    pub(crate) fn add_for(&mut self, path: &Path, reason: &'static str, error: &anyhow::Error) {
        let explanation = explained(error);
        self.0.push(Refusal { path: path.to_owned(), reason, explanation });
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Sentences for people.
    pub(crate) fn explanations(&self) -> Vec<String> {
        self.0.iter().map(|it| it.explanation.clone()).collect()
    }

    /// Names them, lists them where that was asked for, and fails if there are any.
    ///
    /// `what` says of how many pictures what could not be done: `3 of 9 pictures` ... `have no embedding`.
    pub(crate) fn finish(
        self,
        (n_all, what): (usize, &str),
        args: &RefusalArgs,
        printer: &Printer,
    ) -> anyhow::Result<Outcome> {
        let csv = args.errors.as_deref();
        if let Some(path) = csv {
            // Also without any: a file of the last run would be taken for this one's.
            whole_file::write(path, &self.csv()?)?;
        }
        let n = self.0.len();
        if n == 0 {
            return Ok(Outcome::Done);
        }
        // Who asked for a file looks there for the rest.
        let most = if csv.is_some() { MAX_NAMED } else { n };
        printer.warning(format_args!(
            "these cannot be used:{}",
            first_named(&self.explanations(), most)
        ));
        let list = csv.map(|path| format!(", see {}", path.display())).unwrap_or_default();
        bail!("{n} of {n_all} {what}{list}")
    }

    fn csv(&self) -> anyhow::Result<Vec<u8>> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(["path", "reason", "explanation"])?;
        for Refusal { path, reason, explanation } in &self.0 {
            csv.write_record([path.to_string_lossy().as_ref(), reason, explanation])?;
        }
        Ok(csv.into_inner()?)
    }
}

/// A word for what went wrong with a picture.
fn reason(error: &anyhow::Error) -> &'static str {
    let sight = error.downcast_ref::<SightError>().or_else(|| {
        match error.downcast_ref::<PipelineError>() {
            Some(PipelineError::Sight(error)) => Some(error),
            _ => None,
        }
    });
    match (sight, error.downcast_ref::<DecodeError>()) {
        (Some(SightError::Choice(choice)), _) => choice.reason(),
        (Some(SightError::Align(_)), _) => "not_alignable",
        (
            _,
            Some(
                DecodeError::TooManyBytes { .. }
                | DecodeError::TooManyPixels { .. }
                | DecodeError::SideTooLong { .. },
            ),
        ) => "image_too_large",
        (_, Some(_)) => "invalid_image",
        _ if error.chain().any(<dyn std::error::Error>::is::<std::io::Error>) => "unreadable",
        _ => "failed",
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;
    use verisim_face::choice::ChoiceError;

    use super::*;

    #[test]
    fn a_reason_is_found_below_what_was_added_to_an_error() {
        let of = |error: anyhow::Error| reason(&error.context("cannot use a.jpg"));
        let no_face = SightError::Choice(ChoiceError::NoFace);
        assert_eq!(of(no_face.clone().into()), "no_face");
        assert_eq!(of(PipelineError::Sight(no_face).into()), "no_face");
        assert_eq!(of(DecodeError::Empty.into()), "invalid_image");
        assert_eq!(of(DecodeError::TooManyBytes { found: 2, max: 1 }.into()), "image_too_large");
        let missing = std::fs::read("no such file").context("cannot read it");
        assert_eq!(of(missing.unwrap_err()), "unreadable");
        assert_eq!(of(anyhow::anyhow!("odd")), "failed");
    }

    #[test]
    fn refusals_end_the_command_and_are_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("errors.csv");
        let finish = |refusals: Refusals| {
            let args = RefusalArgs { errors: Some(path.clone()) };
            refusals.finish((9, "pictures have no face"), &args, &Printer::new(true))
        };
        finish(Refusals::default()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "path,reason,explanation\n");
        let mut refusals = Refusals::default();
        refusals.add(Path::new("a,b.jpg"), &DecodeError::Empty.into());
        let said = finish(refusals).unwrap_err().to_string();
        assert!(said.starts_with("1 of 9 pictures have no face, see "), "{said}");
        let expected = "path,reason,explanation\n\"a,b.jpg\",invalid_image,the file is empty\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    }
}
