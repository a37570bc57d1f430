//! The engine of a server, as every gallery is used: which file does what.

use std::path::Path;

use verisim_core::{ModelDigest, Template};

use super::PostgresGallery;
use super::state::{self, State};
use crate::audit::Action;
use crate::engine::Engine;
use crate::{
    Candidate, Decision, DecisionRule, Enrolled, Enrollment, Event, Forgotten, GalleryError,
    IdentitySummary, Policy, Receipt, SourceDigest, Stats, TemplateSummary,
};

impl Engine for PostgresGallery {
    fn model(&self) -> ModelDigest {
        self.row.model
    }

    fn dim(&self) -> usize {
        self.row.dim
    }

    fn place(&self) -> &Path {
        self.link.place()
    }

    fn is_sealed(&self) -> bool {
        self.vault.check().is_some()
    }

    fn can_wipe(&self) -> bool {
        false
    }

    fn set_actor(&mut self, actor: &str) -> Result<(), GalleryError> {
        self.act_as(actor)
    }

    fn n_identities(&self) -> Result<usize, GalleryError> {
        self.count_of("identity")
    }

    fn n_templates(&self) -> Result<usize, GalleryError> {
        self.count_of("template")
    }

    fn policy(&self) -> Result<Policy, GalleryError> {
        self.view(async |sql| Ok(State::read(sql, self.link.place()).await?.policy))
    }

    fn set_policy(&mut self, policy: Policy) -> Result<(), GalleryError> {
        let changed = self.change(async |sql, _| {
            state::set_policy(sql, policy).await?;
            Ok(((), vec![Action::Configured { setting: "policy".to_owned() }]))
        });
        changed.map(drop)
    }

    fn setting(&self, key: &str) -> Result<Option<String>, GalleryError> {
        self.view(async |sql| state::setting(sql, key).await)
    }

    fn set_setting(&mut self, key: &str, value: &str) -> Result<(), GalleryError> {
        let changed = self.change(async |sql, _| {
            if state::setting(sql, key).await?.as_deref() == Some(value) {
                return Ok(((), Vec::new()));
            }
            state::set_setting(sql, key, value).await?;
            Ok(((), vec![Action::Configured { setting: key.to_owned() }]))
        });
        changed.map(drop)
    }

    fn enroll_many(
        &mut self,
        enrollments: &[Enrollment<'_>],
    ) -> Result<Vec<Result<Enrolled, GalleryError>>, GalleryError> {
        self.enroll_all(enrollments)
    }

    fn forget(&mut self, identity: &str) -> Result<Forgotten, GalleryError> {
        self.forget_one(identity)
    }

    fn identify(
        &mut self,
        probe: &Template,
        threshold: f32,
        limit: usize,
    ) -> Result<Vec<Candidate>, GalleryError> {
        self.identify_one(probe, threshold, limit)
    }

    fn decide_many(
        &mut self,
        probes: &[Template],
        rule: &DecisionRule,
    ) -> Result<Vec<Decision>, GalleryError> {
        self.search(probes, rule, |_| {})
    }

    fn identities(&self) -> Result<Vec<IdentitySummary>, GalleryError> {
        self.list()
    }

    fn has_picture(&self, identity: &str, picture: SourceDigest) -> Result<bool, GalleryError> {
        self.is_enrolled_from(identity, picture)
    }

    fn templates(&self, identity: &str) -> Result<Vec<TemplateSummary>, GalleryError> {
        self.templates_of(identity)
    }

    fn stats(&self) -> Result<Stats, GalleryError> {
        self.measure()
    }

    fn check(&self) -> Result<(), GalleryError> {
        self.check_all()
    }

    fn compact(&mut self) -> Result<(), GalleryError> {
        self.write_anew()
    }

    fn events(&self) -> Result<Vec<Event>, GalleryError> {
        self.read_events()
    }

    fn verify_log(&self) -> Result<(i64, [u8; 32]), GalleryError> {
        let end = self.check_log()?;
        Ok((end.position, end.head))
    }

    fn verify_receipt(&self, receipt: &Receipt) -> Result<(), GalleryError> {
        self.check_receipt(receipt)
    }
}
