//! Everybody's templates in memory, as an examination needs them; it does not know who reads them.

use verisim_core::Embedding;

use super::{ExaminedIdentity, ExaminedTemplate};

/// All templates of a gallery, in the order of enrollment.
#[derive(Default)]
pub(crate) struct Roll {
    pub(super) identities: Vec<ExaminedIdentity>,
    pub(super) templates: Vec<ExaminedTemplate>,
    pub(super) embeddings: Vec<Embedding>, // [templates.len()]
}

impl Roll {
    /// Adds an identity, and returns its position.
    pub(crate) fn introduce(&mut self, name: String) -> usize {
        self.identities.push(ExaminedIdentity { name, templates: Vec::new() });
        self.identities.len() - 1
    }

    /// Adds a template of an identity that was introduced.
    pub(crate) fn push(&mut self, template: ExaminedTemplate, embedding: Embedding) {
        self.identities[template.identity].templates.push(self.templates.len());
        self.templates.push(template);
        self.embeddings.push(embedding);
    }

    /// Number of templates.
    pub(crate) fn len(&self) -> usize {
        self.templates.len()
    }

    /// Whose a template is.
    pub(super) fn owner(&self, template: usize) -> usize {
        self.templates[template].identity
    }

    /// How alike two templates are.
    pub(super) fn score(&self, a: usize, b: usize) -> f32 {
        self.embeddings[a].similarity(&self.embeddings[b])
    }
}
