//! Tar shards as WebDataset has them: `KEY.jpg` beside `KEY.cls`, `KEY.json` or `KEY.txt`.
//!
//! Files that follow each other and have one name up to the first dot are a sample. Whose it is says
//! `.cls` (a number or a name), else `identity`, `label` or `cls` in `.json`, else `.txt`, else the folder
//! that it lies in. Shards are listed once; then any picture is read at once.

mod header;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use self::header::{Member, members};
use super::identities::Identities;
use super::positioned::PositionedFile;
use super::{Archive, ArchiveError, CorruptRecord, Format, file_name, shards};
use crate::image::EXTENSIONS;

/// Endings of files that name an identity, the one to believe first.
const LABEL_ENDINGS: [&str; 3] = ["cls", "json", "txt"];
/// Members of a JSON object that name an identity, likewise.
const LABEL_MEMBERS: [&str; 3] = ["identity", "label", "cls"];
/// Bytes of a file that names an identity at most.
const MAX_LABEL_BYTES: u64 = 1 << 16;

/// Pictures in tar files.
#[derive(Debug)]
pub struct Tar {
    shards: Vec<PathBuf>,
    identities: Vec<String>,
    labels: Vec<u64>,
    entries: Vec<Entry>,
    corrupt: Vec<CorruptRecord>,
}

#[derive(Debug)]
struct Entry {
    shard: u32,
    member: Member,
}

impl Tar {
    /// Lists a tar file, the files of a pattern `train-{000..012}.tar`, or those of a folder.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be read, or if none holds a picture of an identity.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let shards = shards::find(path, "tar")?;
        let listed: Result<Vec<Shard>, ArchiveError> =
            shards.par_iter().map(|shard| Shard::list(shard)).collect();
        let mut names = Identities::default();
        let (mut labels, mut entries, mut corrupt) = (Vec::new(), Vec::new(), Vec::new());
        for (shard, listed) in (0..).zip(listed?) {
            for (member, identity) in listed.pictures {
                labels.push(names.number(&identity));
                entries.push(Entry { shard, member });
            }
            corrupt.extend(listed.corrupt);
        }
        if entries.is_empty() {
            let missing = "KEY.jpg and KEY.cls are expected, or NAME/1.jpg";
            return Err(ArchiveError::empty(path, &corrupt, missing));
        }
        let identities = names.sorted(&mut labels);
        Ok(Self { shards, identities, labels, entries, corrupt })
    }
}

/// What one file holds.
#[derive(Default)]
struct Shard {
    pictures: Vec<(Member, String)>,
    corrupt: Vec<CorruptRecord>,
}

/// Files of one key.
#[derive(Default)]
struct Sample {
    key: String,
    picture: Option<Member>,
    /// A file that looks like a picture, but of another name.
    other_picture: Option<String>,
    /// The file to believe, by its position in the list of endings.
    label: Option<(usize, Member)>,
}

impl Shard {
    fn list(path: &Path) -> Result<Self, ArchiveError> {
        let file = PositionedFile::open(path)?;
        let mut shard = Self::default();
        let corrupt = &mut shard.corrupt;
        let members = members(&file, |position, reason| {
            let place = file_name(path).join(format!("byte {position}"));
            corrupt.push(CorruptRecord { place, reason });
        });
        let members = members.map_err(|reason| ArchiveError::at_byte(path, 0, reason))?;
        let mut sample = Sample::default();
        for member in members {
            let Some((key, ending)) = key_and_ending(&member.name) else { continue };
            if key != sample.key {
                let next = Sample { key: key.to_owned(), ..Sample::default() };
                shard.take(&file, std::mem::replace(&mut sample, next));
            }
            sample.add(&ending, member);
        }
        shard.take(&file, sample);
        Ok(shard)
    }

    fn take(&mut self, file: &PositionedFile, sample: Sample) {
        let key = sample.key.clone();
        match sample.identified(file) {
            Ok(Some(picture)) => self.pictures.push(picture),
            Ok(None) => {}
            Err(reason) => {
                let place = file_name(file.path()).join(key);
                self.corrupt.push(CorruptRecord { place, reason });
            }
        }
    }
}

impl Sample {
    fn add(&mut self, ending: &str, member: Member) {
        let is_picture = |ending: &str| EXTENSIONS.contains(&ending);
        if is_picture(ending) && self.picture.is_none() {
            self.picture = Some(member);
        } else if ending.rsplit('.').next().is_some_and(is_picture) {
            self.other_picture = Some(member.name);
        } else if let Some(rank) = LABEL_ENDINGS.iter().position(|it| *it == ending)
            && self.label.as_ref().is_none_or(|(known, _)| rank < *known)
        {
            self.label = Some((rank, member));
        }
    }

    /// The picture and whose it is; nothing if the files are no sample at all.
    fn identified(self, file: &PositionedFile) -> Result<Option<(Member, String)>, String> {
        let Some(picture) = self.picture else {
            return match (self.other_picture, self.label) {
                (Some(other), _) => {
                    Err(format!("{other} is no picture's name: one dot is expected"))
                }
                (None, Some((0, _))) => {
                    Err(format!("a label without a picture ({})", EXTENSIONS.join(", ")))
                }
                _ => Ok(None),
            };
        };
        let identity = match self.label {
            Some((rank, member)) => read_label(file, rank, &member)?,
            None => match picture.name.trim_start_matches("./").rsplit_once('/') {
                Some((folder, _)) => folder.to_owned(),
                None => {
                    return Err(
                        "nothing says whose picture it is: .cls, .json, .txt or a folder is \
                                expected"
                            .to_owned(),
                    );
                }
            },
        };
        Ok(Some((picture, identity)))
    }
}

fn read_label(file: &PositionedFile, rank: usize, member: &Member) -> Result<String, String> {
    let name = &member.name;
    if member.n_bytes > MAX_LABEL_BYTES {
        return Err(format!(
            "{name} has {} bytes, but at most {MAX_LABEL_BYTES} name an identity",
            member.n_bytes
        ));
    }
    let bytes = file.read_record(member.position, member.n_bytes)?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8"))?;
    if LABEL_ENDINGS[rank] != "json" {
        let text = text.trim();
        return if text.is_empty() { Err(format!("{name} is empty")) } else { Ok(text.to_owned()) };
    }
    let value: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
    let found = LABEL_MEMBERS.iter().find_map(|member| match &value[*member] {
        serde_json::Value::String(text) if !text.is_empty() => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    });
    found.ok_or_else(|| format!("{name} has no `{}`", LABEL_MEMBERS.join("`, `")))
}

/// A name up to the first dot behind its folder, and what follows, in small letters.
fn key_and_ending(name: &str) -> Option<(&str, String)> {
    let start = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = start + name[start..].find('.')?;
    (dot > start).then(|| (&name[..dot], name[dot + 1..].to_lowercase()))
}

impl Archive for Tar {
    fn format(&self) -> Format {
        Format::Tar
    }

    fn identities(&self) -> &[String] {
        &self.identities
    }

    fn labels(&self) -> &[u64] {
        &self.labels
    }

    fn place(&self, index: usize) -> PathBuf {
        let Entry { shard, member } = &self.entries[index];
        // Not `join`: a name that begins with a slash lies in the shard all the same.
        let shard = file_name(&self.shards[*shard as usize]);
        PathBuf::from(format!("{}/{}", shard.display(), member.name.trim_start_matches('/')))
    }

    fn read(&self, index: usize) -> Result<Vec<u8>, CorruptRecord> {
        let Entry { shard, member } = &self.entries[index];
        // Shards may be more than files may be open.
        let file = PositionedFile::open(&self.shards[*shard as usize]);
        let bytes = file
            .map_err(|error| error.to_string())
            .and_then(|file| file.read_record(member.position, member.n_bytes));
        bytes.map_err(|reason| CorruptRecord { place: self.place(index), reason })
    }

    fn corrupt(&self) -> &[CorruptRecord] {
        &self.corrupt
    }
}
