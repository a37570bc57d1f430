//! Examining a gallery: reads every template at one moment and hands them to the doctor.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Gallery;
use crate::audit::Action;
use crate::doctor::{Diagnosis, DoctorRules, ExaminedTemplate, Roll, diagnose};
use crate::{GalleryError, people};

impl Gallery {
    /// Looks for templates under the wrong name, people enrolled twice, look-alikes, near duplicates
    /// and the like, and checks how each template would be found among the rest.
    ///
    /// Nothing is changed, but for a record in the log. All templates are compared with all others, in
    /// memory of the size of all of them: for a hundred thousand of 512 components a quarter of a GB.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read, or if the examination cannot be recorded.
    pub fn examine(&mut self, rules: &DoctorRules) -> Result<Diagnosis, GalleryError> {
        let roll = self.roll()?;
        let session = self.store.change()?;
        self.record(&session, Action::Examined { n_templates: roll.len() })?;
        session.commit()?;
        diagnose(roll, rules).map_err(|error| {
            let path = self.store.path().to_owned();
            GalleryError::Engine { path, source: error.into() }
        })
    }

    fn roll(&self) -> Result<Roll, GalleryError> {
        let session = self.store.view()?;
        let mut roll = Roll::default();
        let mut known = HashMap::new();
        session.templates_after(0, |row| {
            let (identity, person) = match known.entry(row.identity) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let identity = session.identity(row.identity)?;
                    let (details, person) = people::open(&session, &self.vault, &identity)?;
                    new.insert((roll.introduce(details.name), person))
                }
            };
            let (embedding, label) =
                people::open_template(&session, &self.vault, person, &row, self.row.dim)?;
            let (id, identity, quality) = (row.uid, *identity, row.quality);
            roll.push(ExaminedTemplate { id, identity, quality, label }, embedding);
            Ok(())
        })?;
        Ok(roll)
    }
}
