//! The engine of a folder: every method is that of [`Gallery`].

use std::path::Path;

use verisim_core::{ModelDigest, Template};

use super::Engine;
use crate::{
    Candidate, Decision, DecisionRule, Enrolled, Enrollment, Event, Forgotten, Gallery,
    GalleryError, IdentitySummary, Policy, Receipt, SourceDigest, Stats, TemplateSummary,
};

impl Engine for Gallery {
    fn model(&self) -> ModelDigest {
        self.model()
    }

    fn dim(&self) -> usize {
        self.dim()
    }

    fn place(&self) -> &Path {
        self.path()
    }

    fn is_sealed(&self) -> bool {
        self.is_sealed()
    }

    fn can_wipe(&self) -> bool {
        true
    }

    fn set_actor(&mut self, actor: &str) -> Result<(), GalleryError> {
        self.set_actor(actor)
    }

    fn n_identities(&self) -> Result<usize, GalleryError> {
        self.n_identities()
    }

    fn n_templates(&self) -> Result<usize, GalleryError> {
        self.n_templates()
    }

    fn policy(&self) -> Result<Policy, GalleryError> {
        self.policy()
    }

    fn set_policy(&mut self, policy: Policy) -> Result<(), GalleryError> {
        self.set_policy(policy)
    }

    fn setting(&self, key: &str) -> Result<Option<String>, GalleryError> {
        self.setting(key)
    }

    fn set_setting(&mut self, key: &str, value: &str) -> Result<(), GalleryError> {
        self.set_setting(key, value)
    }

    fn enroll_many(
        &mut self,
        enrollments: &[Enrollment<'_>],
    ) -> Result<Vec<Result<Enrolled, GalleryError>>, GalleryError> {
        self.enroll_many(enrollments)
    }

    fn forget(&mut self, identity: &str) -> Result<Forgotten, GalleryError> {
        self.forget(identity)
    }

    fn identify(
        &mut self,
        probe: &Template,
        threshold: f32,
        limit: usize,
    ) -> Result<Vec<Candidate>, GalleryError> {
        self.identify(probe, threshold, limit)
    }

    fn decide_many(
        &mut self,
        probes: &[Template],
        rule: &DecisionRule,
    ) -> Result<Vec<Decision>, GalleryError> {
        self.decide_many(probes, rule)
    }

    fn identities(&self) -> Result<Vec<IdentitySummary>, GalleryError> {
        self.identities()
    }

    fn has_picture(&self, identity: &str, picture: SourceDigest) -> Result<bool, GalleryError> {
        self.has_picture(identity, picture)
    }

    fn templates(&self, identity: &str) -> Result<Vec<TemplateSummary>, GalleryError> {
        self.templates(identity)
    }

    fn stats(&self) -> Result<Stats, GalleryError> {
        self.stats()
    }

    fn check(&self) -> Result<(), GalleryError> {
        self.check()
    }

    fn compact(&mut self) -> Result<(), GalleryError> {
        self.compact()
    }

    fn events(&self) -> Result<Vec<Event>, GalleryError> {
        self.events()
    }

    fn verify_log(&self) -> Result<(i64, [u8; 32]), GalleryError> {
        self.verify_log()
    }

    fn verify_receipt(&self, receipt: &Receipt) -> Result<(), GalleryError> {
        self.verify_receipt(receipt)
    }
}
