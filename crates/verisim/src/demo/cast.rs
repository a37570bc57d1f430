//! Who plays which part: enrolled people, strangers, and the pictures that are searched for.

use std::path::PathBuf;

use verisim_gallery::Candidate;

use crate::dataset::FaceSet;

/// Every fourth identity is a stranger.
const STRANGER_EVERY: usize = 4;
/// Pictures that a person is enrolled with at most.
const MAX_ENROLLED: usize = 3;

/// The parts of all identities and pictures.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    /// People to enroll, with the pictures to enroll them with.
    pub(crate) enrolled: Vec<(String, Vec<PathBuf>)>,
    /// Pictures to search for: of enrolled people, none of them enrolled, and of strangers.
    pub(crate) probes: Vec<Probe>,
    /// Number of people who are not enrolled.
    pub(crate) n_strangers: usize,
}

/// A picture that is searched for.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// Whom it shows.
    pub(crate) identity: String,
    /// Whether that person is enrolled.
    pub(crate) is_enrolled: bool,
}

/// What a search came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The right person.
    Right,
    /// Nobody.
    Nobody,
    /// Somebody else.
    Wrong,
}

impl Cast {
    /// Casts identities, all of which have two pictures or more.
    pub(crate) fn new(set: &FaceSet) -> Self {
        let mut cast = Self { enrolled: Vec::new(), probes: Vec::new(), n_strangers: 0 };
        let places = set.places();
        for (label, name) in set.names.iter().enumerate() {
            let samples = set.samples.iter().zip(&places);
            let of_identity = samples.filter(|(sample, _)| sample.label == label as u64);
            let mut paths: Vec<PathBuf> = of_identity.map(|(_, place)| place.clone()).collect();
            let is_enrolled = label % STRANGER_EVERY != STRANGER_EVERY - 1;
            if is_enrolled {
                let n_enrolled = (paths.len() / 2).clamp(1, MAX_ENROLLED);
                let rest = paths.split_off(n_enrolled.min(paths.len()));
                cast.enrolled.push((name.clone(), std::mem::replace(&mut paths, rest)));
            } else {
                cast.n_strangers += 1;
            }
            let identity = name.clone();
            cast.probes.extend(paths.into_iter().map(|path| Probe {
                path,
                identity: identity.clone(),
                is_enrolled,
            }));
        }
        cast
    }

    /// Share of enrolled people's pictures that are named rightly, and of strangers' that are turned
    /// away, given the nearest candidate of each probe.
    pub(crate) fn shares(&self, nearest: &[Option<Candidate>], threshold: f32) -> (f64, f64) {
        let share = |is_enrolled: bool, wanted: Found| {
            let (mut n, mut n_wanted) = (0u32, 0u32);
            for (probe, found) in self.probes.iter().zip(nearest) {
                if probe.is_enrolled == is_enrolled {
                    n += 1;
                    n_wanted += u32::from(probe.outcome(found.as_ref(), threshold) == wanted);
                }
            }
            f64::from(n_wanted) / f64::from(n)
        };
        (share(true, Found::Right), share(false, Found::Nobody))
    }

    /// The enrolled person whose pictures are named rightly most often.
    pub(crate) fn most_recognized(
        &self,
        nearest: &[Option<Candidate>],
        threshold: f32,
    ) -> Option<&str> {
        let n_right = |name: &str| {
            let probes = self.probes.iter().zip(nearest).filter(|(it, _)| it.identity == name);
            let right = |probe: &Probe, found: &Option<Candidate>| {
                probe.outcome(found.as_ref(), threshold) == Found::Right
            };
            probes.filter(|(probe, found)| right(probe, found)).count()
        };
        self.enrolled.iter().map(|(name, _)| name.as_str()).max_by_key(|name| n_right(name))
    }
}

impl Probe {
    /// What the nearest candidate means for this probe.
    pub(crate) fn outcome(&self, nearest: Option<&Candidate>, threshold: f32) -> Found {
        match nearest.filter(|candidate| candidate.score >= threshold) {
            None => Found::Nobody,
            Some(candidate) if candidate.identity == self.identity => Found::Right,
            Some(_) => Found::Wrong,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use verisim_face::archive::Paths;
    use verisim_face::folder::IdentityFolder;

    use super::*;

    #[test]
    fn nobody_is_searched_for_with_an_enrolled_picture() {
        // Identity c has two pictures, the others nine.
        let identities = ["a", "b", "c", "d", "e"].map(|name| IdentityFolder {
            name: name.to_owned(),
            pictures: (0..if name == "c" { 2 } else { 9 })
                .map(|number| format!("{name}/{number}.png").into())
                .collect(),
        });
        let cast = Cast::new(&FaceSet::new(Arc::new(Paths::new(identities.to_vec()))));
        let sizes: Vec<usize> = cast.enrolled.iter().map(|(_, paths)| paths.len()).collect();
        assert_eq!((sizes, cast.n_strangers), (vec![3, 3, 1, 3], 1));
        assert_eq!(cast.probes.len(), 6 + 6 + 1 + 9 + 6);
        assert!(cast.probes.iter().all(|it| it.is_enrolled == (it.identity != "d")));
        let enrolled = || cast.enrolled.iter().flat_map(|(_, paths)| paths);
        assert!(cast.probes.iter().all(|probe| enrolled().all(|path| *path != probe.path)));
    }

    #[test]
    fn shares_are_of_the_enrolled_and_of_the_strangers() {
        let probe = |identity: &str, is_enrolled| Probe {
            path: "x".into(),
            identity: identity.to_owned(),
            is_enrolled,
        };
        let found =
            |identity: &str, score| Some(Candidate { identity: identity.to_owned(), score });
        let cast = Cast {
            enrolled: vec![("ann".to_owned(), Vec::new()), ("bob".to_owned(), Vec::new())],
            probes: vec![
                probe("ann", true),
                probe("bob", true),
                probe("bob", true),
                probe("ann", true),
                probe("eve", false),
                probe("eve", false),
            ],
            n_strangers: 1,
        };
        let nearest = [
            found("ann", 0.4),
            found("bob", 0.9),
            found("bob", 0.7),
            found("bob", 0.6),
            found("ann", 0.8),
            None,
        ];
        assert_eq!(cast.shares(&nearest, 0.5), (0.5, 0.5));
        assert_eq!(cast.most_recognized(&nearest, 0.5), Some("bob"));
    }

    #[test]
    fn a_search_is_right_wrong_or_finds_nobody() {
        let probe = Probe { path: "x".into(), identity: "ann".to_owned(), is_enrolled: true };
        let nearest = |identity: &str| Candidate { identity: identity.to_owned(), score: 0.5 };
        assert_eq!(probe.outcome(Some(&nearest("ann")), 0.5), Found::Right);
        assert_eq!(probe.outcome(Some(&nearest("bob")), 0.5), Found::Wrong);
        assert_eq!(probe.outcome(Some(&nearest("ann")), 0.51), Found::Nobody);
        assert_eq!(probe.outcome(None, 0.0), Found::Nobody);
    }
}
