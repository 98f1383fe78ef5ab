//! What lies at a place: a file with its variants, a folder, or nothing that is served, and why.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT_ENCODING, ACCEPT_LANGUAGE, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LANGUAGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue, VARY,
};
use wirelight_semantics::coding::Coding;
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_semantics::media_type;
use wirelight_semantics::validator::{EntityTag, Validators};
use wirelight_service::Response;

use super::entry::{self, Nature, Stamp};
use super::language;
use super::missing::Missing;
use super::path::Place;
use super::precompressed;
use super::present;
use super::root::{Patience, Root};
use super::{Config, cache_control};

/// Everything that one path can be answered with.
#[derive(Debug)]
pub(super) struct Resource {
    /// In every language, the default first; never empty.
    pub(super) editions: Vec<Edition>,
    /// The ending that the path left out.
    pub(super) completed: Option<Completed>,
}

/// A file in one language, as it is and in the codings in which it lies beside itself.
#[derive(Debug, Default)]
pub(super) struct Edition {
    /// The language, where that is known.
    pub(super) language: Option<Box<str>>,
    /// The codings of the representations below, in their order: the preferred first.
    pub(super) codings: Vec<Coding>,
    pub(super) representations: Vec<Representation>,
    /// Siblings that are not sent, and why.
    pub(super) unfit: Vec<precompressed::Unfit>,
}

/// One file that can be sent.
#[derive(Debug)]
pub(super) struct Representation {
    /// The file, relative to the root.
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
    /// Whether any later change is certain to change the stamp.
    is_settled: bool,
    pub(super) validators: Validators,
    /// The fields of a 200 response.
    pub(super) fields: HeaderMap,
    /// The content, if it is kept in memory.
    pub(super) content: Option<Bytes>,
}

/// What a place turned out to be.
#[derive(Debug)]
pub(super) enum Found {
    /// Something to send.
    Resource(Resource),
    /// A folder, asked for without the slash at its end.
    FolderWithoutSlash,
    /// A folder without an index, to be listed.
    Listing,
}

/// Looks for what a request may be sent.
pub(super) struct Search<'a> {
    pub(super) root: &'a Root,
    pub(super) config: &'a Config,
    pub(super) patience: Patience,
    pub(super) now: Instant,
    pub(super) wall: SystemTime,
    /// What was found there before: what did not change is not read again.
    pub(super) previous: Option<&'a Resource>,
}

impl Search<'_> {
    /// Looks at a place.
    pub(super) fn find(&self, place: &Place) -> Result<Found, Missing> {
        if place.is_folder {
            return self.find_index(place);
        }
        match self.open(&place.path) {
            Ok((file, Nature::File(stamp))) => self.resource(&place.path, file, stamp).map(Found::Resource),
            Ok((_, Nature::Folder(_))) => Ok(Found::FolderWithoutSlash),
            Ok((_, Nature::Special(what))) => Err(Missing::Special(what)),
            // A folder that nobody may list can still hold an index that everybody may read.
            Err(Missing::Denied) if self.is_folder(&place.path)? => Ok(Found::FolderWithoutSlash),
            Err(Missing::Absent) => self.complete(&place.path).map(Found::Resource),
            Err(missing) => Err(missing),
        }
    }

    /// Looks for a file whose name goes on where the path ends.
    fn complete(&self, path: &Path) -> Result<Resource, Missing> {
        for ending in &self.config.endings {
            let mut whole = OsString::from(path);
            whole.push(ending);
            match self.open(Path::new(&whole)) {
                Ok((file, Nature::File(stamp))) => {
                    let resource = self.resource(Path::new(&whole), file, stamp)?;
                    return Ok(Resource { completed: Some(Completed(ending.clone())), ..resource });
                }
                Ok(_) | Err(Missing::Absent) => {}
                Err(missing) => return Err(missing),
            }
        }
        Err(Missing::Absent)
    }

    fn find_index(&self, place: &Place) -> Result<Found, Missing> {
        for name in &self.config.index {
            let path = place.path.join(name);
            match self.open(&path) {
                Ok((file, Nature::File(stamp))) => return self.resource(&path, file, stamp).map(Found::Resource),
                Ok(_) | Err(Missing::Absent) => {}
                Err(missing) => return Err(missing),
            }
        }
        match self.is_folder(&place.path) {
            Ok(true) if self.config.listing => Ok(Found::Listing),
            Ok(true) => Err(Missing::NoIndex),
            Ok(false) => Err(Missing::NotAFolder),
            Err(missing) => Err(missing),
        }
    }

    fn is_folder(&self, path: &Path) -> Result<bool, Missing> {
        self.look(path).map(|nature| matches!(nature, Nature::Folder(_)))
    }

    /// Asks what something is, whether or not it can be read.
    pub(super) fn look(&self, path: &Path) -> Result<Nature, Missing> {
        let found = self.root.look(path, self.patience, self.now)?;
        entry::nature(&found).map_err(|error| Missing::from_io(&error))
    }

    /// Opens a file and asks what it is.
    pub(super) fn open(&self, path: &Path) -> Result<(File, Nature), Missing> {
        let file = self.root.read(path, self.patience, self.now)?;
        let nature = entry::nature(&file).map_err(|error| Missing::from_io(&error))?;
        Ok((file, nature))
    }

    fn resource(&self, path: &Path, file: File, stamp: Stamp) -> Result<Resource, Missing> {
        let mut found = vec![(path.to_owned(), file, stamp, self.config.languages.first().map(String::as_str))];
        for (path, language) in language::variants(path, &self.config.languages) {
            found.extend(self.beside(&path)?.map(|(file, stamp)| (path, file, stamp, Some(language))));
        }
        let varies_by_language = found.len() > 1;
        let editions = found.into_iter().map(|(path, file, stamp, language)| {
            let language = language.filter(|_| varies_by_language);
            self.edition(path, file, stamp, language)
        });
        let mut editions = editions.collect::<Result<Vec<_>, _>>()?;
        let varies_by_coding = editions.iter().any(|edition| edition.codings.len() > 1);
        if let Some(vary) = vary(varies_by_coding, varies_by_language) {
            for representation in editions.iter_mut().flat_map(|edition| &mut edition.representations) {
                representation.fields.insert(VARY, vary.clone());
            }
        }
        Ok(Resource { editions, completed: None })
    }

    /// A file that may lie beside another: one that cannot be read is no reason to refuse the other.
    fn beside(&self, path: &Path) -> Result<Option<(File, Stamp)>, Missing> {
        match self.open(path) {
            Ok((file, Nature::File(stamp))) => Ok(Some((file, stamp))),
            Err(Missing::WouldWait) => Err(Missing::WouldWait),
            Ok(_) | Err(_) => Ok(None),
        }
    }

    fn edition(&self, path: PathBuf, file: File, stamp: Stamp, language: Option<&str>) -> Result<Edition, Missing> {
        let fields = self.fields(&path, language);
        let mut edition = Edition { language: language.map(Box::from), ..Edition::default() };
        if self.config.precompressed {
            for (coding, path) in precompressed::siblings(&path) {
                let Some((file, beside)) = self.beside(&path)? else { continue };
                match precompressed::judge(coding, &stamp, &beside) {
                    Ok(()) => {
                        let mut fields = fields.clone();
                        fields.insert(CONTENT_ENCODING, coding.value());
                        edition.push(coding, self.representation(path, file, beside, fields)?);
                    }
                    Err(unfit) => edition.unfit.push(unfit),
                }
            }
        }
        edition.push(Coding::Identity, self.representation(path, file, stamp, fields)?);
        Ok(edition)
    }

    /// The fields that all representations of a file have.
    fn fields(&self, path: &Path, language: Option<&str>) -> HeaderMap {
        let mut fields = HeaderMap::with_capacity(12);
        fields.insert(CONTENT_TYPE, self.media_type(path));
        fields.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if let Some(value) = cache_control(&self.config.cache_control, path) {
            fields.insert(CACHE_CONTROL, value);
        }
        if let Some(language) = language.and_then(|language| HeaderValue::from_str(language).ok()) {
            fields.insert(CONTENT_LANGUAGE, language);
        }
        fields
    }

    fn media_type(&self, path: &Path) -> HeaderValue {
        let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        let own = self.config.media_types.iter().find(|(known, _)| known.eq_ignore_ascii_case(extension));
        match own {
            Some((_, media_type)) => media_type.clone(),
            None => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                HeaderValue::from_static(media_type::by_name(&name))
            }
        }
    }

    fn representation(
        &self,
        path: PathBuf,
        file: File,
        stamp: Stamp,
        mut fields: HeaderMap,
    ) -> Result<Representation, Missing> {
        let before = self.previous.and_then(|previous| previous.settled(&path, &stamp));
        let is_settled = stamp.is_settled(self.wall);
        let validators = match before {
            Some(before) => before.validators.clone(),
            None => self.validators(&stamp, is_settled),
        };
        let content = match before {
            Some(before) => before.content.clone(),
            None if stamp.length <= self.config.memory.file_bytes_max => {
                Some(read_whole(&file, &stamp, self.patience)?)
            }
            None => None,
        };
        validators.write(self.wall, &mut fields);
        Ok(Representation { path, stamp, is_settled, validators, fields, content })
    }

    /// A file that was changed just now may change again without a trace, so its tag is valid for this look only.
    fn validators(&self, stamp: &Stamp, is_settled: bool) -> Validators {
        let mut tag = stamp.tag();
        if !is_settled {
            let look = self.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
            tag.push_str(&format!("-{look:x}"));
        }
        let entity_tag = EntityTag::strong(tag).expect("hexadecimal digits and hyphens are the characters of a tag");
        Validators { entity_tag: Some(entity_tag), last_modified: Some(stamp.modified()) }
    }
}

impl Resource {
    /// How much memory its content takes, in bytes, with an allowance for the rest.
    pub(super) fn memory_bytes(&self) -> u64 {
        let contents = self.representations().filter_map(|representation| representation.content.as_ref());
        contents.map(|content| content.len() as u64).sum::<u64>() + 1024 * self.representations().count() as u64
    }

    /// The content, if it is kept in memory, in the place of that of a plain page: as it is, and with its type.
    pub(super) fn as_not_found(&self, mut plain: Response) -> Response {
        let page = self.editions.first().and_then(|edition| edition.representations.last());
        if let Some((page, content)) = page.and_then(|page| Some((page, page.content.clone()?))) {
            let media_type = page.fields.get(CONTENT_TYPE).cloned();
            plain.headers_mut().extend(media_type.map(|media_type| (CONTENT_TYPE, media_type)));
            plain.headers_mut().remove(CONTENT_SECURITY_POLICY);
            *plain.body_mut() = content.into();
        }
        plain
    }

    /// Whether it may be kept: a file too large for memory that changed just now must be looked at each time.
    pub(super) fn is_keepable(&self) -> bool {
        self.representations().all(|representation| representation.is_settled || representation.content.is_some())
    }

    /// The representation in the file at `path`, if it is certain to be the same as then.
    fn settled(&self, path: &Path, stamp: &Stamp) -> Option<&Representation> {
        self.representations().find(|one| one.is_settled && one.stamp == *stamp && one.path == path)
    }

    fn representations(&self) -> impl Iterator<Item = &Representation> {
        self.editions.iter().flat_map(|edition| &edition.representations)
    }
}

impl Edition {
    fn push(&mut self, coding: Coding, representation: Representation) {
        self.codings.push(coding);
        self.representations.push(representation);
    }
}

fn vary(by_coding: bool, by_language: bool) -> Option<HeaderValue> {
    match (by_coding, by_language) {
        (true, true) => Some(HeaderValue::from_static("accept-encoding, accept-language")),
        (true, false) => Some(ACCEPT_ENCODING.into()),
        (false, true) => Some(ACCEPT_LANGUAGE.into()),
        (false, false) => None,
    }
}

/// Reads a small file whole, or says that this would have to wait for a disk.
fn read_whole(file: &File, stamp: &Stamp, patience: Patience) -> Result<Bytes, Missing> {
    let mut buffer = BytesMut::zeroed(stamp.length as usize);
    let mut filled = 0;
    while filled < buffer.len() {
        let read = match patience {
            Patience::Wait => file.read_at(&mut buffer[filled..], filled as u64),
            Patience::Never => present::read(file, &mut buffer[filled..], filled as u64).ok_or(Missing::WouldWait)?,
        };
        match read {
            Ok(0) => return Err(Missing::Changing),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Missing::from_io(&error)),
        }
    }
    match entry::nature(file) {
        Ok(Nature::File(after)) if after == *stamp => Ok(buffer.freeze()),
        Ok(_) => Err(Missing::Changing),
        Err(error) => Err(Missing::from_io(&error)),
    }
}

/// A path left the ending of a file's name out.
#[derive(Debug, Clone)]
pub(super) struct Completed(String);

static RULE_COMPLETED: Rule = Rule {
    name: "name-endings",
    section: "Wirelight, files",
    says: "A path that names nothing is tried again with each of the endings that may be left out.",
};

impl Decision for Completed {
    fn rule(&self) -> &'static Rule {
        &RULE_COMPLETED
    }

    fn outcome(&self) -> Cow<'static, str> {
        format!("answered with the name and {}", self.0).into()
    }

    fn because(&self) -> Cow<'static, str> {
        "nothing has the name itself, and this ending may be left out".into()
    }
}
