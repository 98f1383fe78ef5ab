//! Stored responses in a folder, so that the next process has them: a file for each, written beside its place and then
//! renamed, so that whoever reads finds a whole one or none. Several processes may share a folder.
//!
//! What cannot be written is not stored, and what cannot be read is not there: a cache is nothing to fail for.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue, PROXY_AUTHORIZATION};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wirelight_semantics::cache::key::Match;
use wirelight_semantics::cache::{Selecting, Times};

use super::memory::Entry;

/// How files are written; those of another format are not read.
const FORMAT: u32 = 1;
/// How many digits of a SHA-256 a name has.
const NAME_LENGTH: usize = 32;
/// The longest head of a file, in bytes.
const HEAD_BYTES_MAX: u64 = 1 << 20;
/// Files that were begun and are older than this were left by a process that died.
const ABANDONED: Duration = Duration::from_secs(60 * 60);
/// Tells programs that make copies of folders that this one is not worth it (the Cache Directory Tagging convention).
const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n";

/// How much a folder holds; what was used longest ago goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FolderLimits {
    /// The most bytes of all files.
    pub bytes_max: u64,
    /// The most files.
    pub files_max: usize,
}

impl Default for FolderLimits {
    /// 256 MiB in 16384 files.
    fn default() -> Self {
        Self { bytes_max: 256 << 20, files_max: 16_384 }
    }
}

/// A folder of stored responses: in it one folder for each key, and in that one file for each variant.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    limits: FolderLimits,
    /// What the folder held when it was looked through last, with what was written since: bytes and files.
    held: Mutex<Option<(u64, usize)>>,
    begun: AtomicU64,
}

/// What a folder has for a request.
pub(super) enum Loaded {
    Entry(Entry),
    /// Other variants only; why the last was passed over.
    Others(Match),
    Nothing,
}

/// What a file says before its content.
#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
    key: String,
    status: u16,
    fields: Vec<(String, String)>,
    requested: SystemTime,
    responded: SystemTime,
    selecting: Vec<(String, Option<Presented>)>,
    /// SHA-256 of the content: a machine that lost its power may leave a file that is long enough, and empty.
    digest: String,
}

/// What a request presented in a field that its response was selected by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Presented {
    Value(String),
    /// A secret is recognised by its SHA-256, and does not lie about in a file.
    Digest(String),
}

impl Folder {
    /// The folder at `path`, which is made if it is not there, for nobody else to read.
    pub(super) fn open(path: &Path, limits: FolderLimits) -> io::Result<Self> {
        make(path)?;
        match OpenOptions::new().write(true).create_new(true).open(path.join("CACHEDIR.TAG")) {
            Ok(mut file) => file.write_all(TAG.as_bytes())?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        Ok(Self { path: path.to_owned(), limits, held: Mutex::new(None), begun: AtomicU64::new(0) })
    }

    fn of_key(&self, key: &str) -> PathBuf {
        self.path.join(&hex(key.as_bytes())[..NAME_LENGTH])
    }

    /// What is there under a key for a request with these fields; of several, the one that was made last.
    pub(super) fn load(&self, key: &str, request: &HeaderMap, content_bytes_max: usize) -> Loaded {
        let mut others = Loaded::Nothing;
        let mut best: Option<(SystemTime, Opened)> = None;
        for path in files(&self.of_key(key)) {
            let Some(read) = Opened::open(&path, key, request, content_bytes_max) else {
                // It is of no use to anybody; if somebody else has put a better one there, that is made again.
                let _ = fs::remove_file(&path);
                continue;
            };
            match read.selecting.judge(request) {
                Match::Same { .. } => {
                    let made = read.made();
                    if best.as_ref().is_none_or(|(before, _)| *before <= made) {
                        best = Some((made, read));
                    }
                }
                other => others = Loaded::Others(other),
            }
        }
        match best.and_then(|(_, read)| read.finish()) {
            Some(entry) => Loaded::Entry(entry),
            None => others,
        }
    }

    /// Writes a response, in the place of one that was selected by the same fields.
    pub(super) fn store(&self, key: &str, entry: &Entry, variants_max: usize) {
        let Some(name) = name_of(&entry.selecting) else { return };
        let folder = self.of_key(key);
        if let Ok((written, replaced)) = self.write(&folder, &name, key, entry) {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((bytes, files)) = held.as_mut() {
                *bytes = bytes.saturating_sub(replaced.unwrap_or(0)) + written;
                *files += usize::from(replaced.is_none());
            }
            drop(held);
            if replaced.is_none() {
                self.keep_variants(&folder, variants_max);
            }
            self.keep_limits();
        }
    }

    /// How many bytes were written, and how many were in their place before.
    fn write(&self, folder: &Path, name: &str, key: &str, entry: &Entry) -> io::Result<(u64, Option<u64>)> {
        let mut head = serde_json::to_vec(&Head::of(key, entry)).map_err(io::Error::other)?;
        head.push(b'\n');
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let beside = folder.join(format!(".{}-{number}", std::process::id()));
        let place = folder.join(name);
        let begin = || {
            make(folder)?;
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)
        };
        // Somebody who makes room may take the empty folder away in between: once is enough to find that out.
        let mut file = begin().or_else(|_| begin())?;
        let replaced = fs::metadata(&place).ok().map(|before| before.len());
        let written = file
            .write_all(&head)
            .and_then(|()| file.write_all(&entry.content))
            .and_then(|()| fs::rename(&beside, &place));
        if let Err(error) = written {
            // There is nobody to tell if it cannot be removed; whoever looks through the folder will.
            let _ = fs::remove_file(&beside);
            return Err(error);
        }
        Ok(((head.len() + entry.content.len()) as u64, replaced))
    }

    /// Takes one response out.
    pub(super) fn remove(&self, key: &str, selecting: &Selecting) {
        if let Some(name) = name_of(selecting) {
            let _ = fs::remove_file(self.of_key(key).join(name));
        }
    }

    /// Takes out all that is there under a key; says how many there were.
    pub(super) fn remove_all(&self, key: &str) -> usize {
        let folder = self.of_key(key);
        let removed = files(&folder).into_iter().filter(|path| fs::remove_file(path).is_ok()).count();
        let _ = fs::remove_dir(folder);
        removed
    }

    /// Takes everything out.
    pub(super) fn clear(&self) {
        self.shrink(0, 0);
    }

    fn keep_variants(&self, folder: &Path, variants_max: usize) {
        let mut variants: Vec<(SystemTime, PathBuf)> = files(folder)
            .into_iter()
            .filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)))
            .collect();
        variants.sort();
        let surplus = variants.len().saturating_sub(variants_max.max(1));
        for (_, path) in variants.drain(..surplus) {
            let _ = fs::remove_file(path);
        }
    }

    /// Looks through the folder the first time, and whenever it is full as far as is known here.
    fn keep_limits(&self) {
        let FolderLimits { bytes_max, files_max } = self.limits;
        let held = *self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none_or(|(bytes, files)| bytes > bytes_max || files > files_max) {
            let held = self.shrink(bytes_max, files_max);
            *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(held);
        }
    }

    /// Removes what was used longest ago until a tenth is free, if there is more than that; says what is left.
    fn shrink(&self, bytes_max: u64, files_max: usize) -> (u64, usize) {
        let mut all = self.all();
        let (mut bytes, mut count) = (all.iter().map(|(_, length, _)| length).sum::<u64>(), all.len());
        if bytes > bytes_max || count > files_max {
            all.sort();
            for (_, length, path) in all {
                if bytes <= bytes_max / 10 * 9 && count <= files_max / 10 * 9 {
                    break;
                }
                if fs::remove_file(&path).is_ok() {
                    bytes -= length;
                    count -= 1;
                }
                // Only an empty one goes.
                let _ = path.parent().map(fs::remove_dir);
            }
        }
        (bytes, count)
    }

    /// All files: when each was used last, and how long it is. What a dead process has begun is removed.
    fn all(&self) -> Vec<(SystemTime, u64, PathBuf)> {
        let mut all = Vec::new();
        for folder in entries(&self.path).filter(|path| is_named(path)) {
            for path in entries(&folder) {
                let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
                let Ok(modified) = metadata.modified() else { continue };
                if is_named(&path) {
                    all.push((modified, metadata.len(), path));
                } else if modified.elapsed().is_ok_and(|age| age > ABANDONED) {
                    let _ = fs::remove_file(path);
                }
            }
        }
        all
    }
}

/// A file whose head was read, and whose content was not.
struct Opened {
    file: BufReader<File>,
    head: Head,
    headers: HeaderMap,
    selecting: Selecting,
    length: usize,
}

impl Opened {
    /// `None` if it is nothing that was written here.
    fn open(path: &Path, key: &str, request: &HeaderMap, content_bytes_max: usize) -> Option<Self> {
        let file = File::open(path).ok()?;
        let whole = file.metadata().ok()?.len();
        let mut file = BufReader::new(file);
        let mut head = Vec::new();
        let length = (&mut file).take(HEAD_BYTES_MAX).read_until(b'\n', &mut head).ok()?;
        let length =
            usize::try_from(whole.checked_sub(length as u64)?).ok().filter(|length| *length <= content_bytes_max)?;
        let head: Head = serde_json::from_slice(&head).ok()?;
        if head.format != FORMAT || head.key != key {
            return None;
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &head.fields {
            headers
                .append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(&bytes(value)?).ok()?);
        }
        let mut fields = Vec::new();
        for (name, presented) in &head.selecting {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            let value = match presented {
                Some(Presented::Value(value)) => Some(bytes(value)?),
                // Whoever presents the same secret again has shown it; another stays another.
                Some(Presented::Digest(digest)) => {
                    let asked = Selecting::with(request, &HeaderMap::new(), std::slice::from_ref(&name));
                    let asked = asked.fields()?.first()?.1.clone();
                    Some(asked.filter(|asked| hex(asked) == *digest).unwrap_or_else(|| digest.clone().into_bytes()))
                }
                None => None,
            };
            fields.push((name, value));
        }
        Some(Self { file, headers, selecting: Selecting::of_fields(fields), length, head })
    }

    /// When the response was made, as far as that is known.
    fn made(&self) -> SystemTime {
        wirelight_semantics::validator::response_date(&self.headers).unwrap_or(self.head.responded)
    }

    /// The response with its content; it counts as used now.
    fn finish(mut self) -> Option<Entry> {
        let mut content = Vec::with_capacity(self.length);
        self.file.read_to_end(&mut content).ok()?;
        if hex(&content) != self.head.digest {
            return None;
        }
        let _ = self.file.get_ref().set_modified(SystemTime::now());
        Some(Entry {
            status: StatusCode::from_u16(self.head.status).ok()?,
            headers: self.headers,
            content: Bytes::from(content),
            times: Times { requested: self.head.requested, responded: self.head.responded },
            selecting: self.selecting,
        })
    }
}

impl Head {
    fn of(key: &str, entry: &Entry) -> Self {
        let fields = entry.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())));
        Self {
            format: FORMAT,
            key: key.to_owned(),
            status: entry.status.as_u16(),
            fields: fields.collect(),
            requested: entry.times.requested,
            responded: entry.times.responded,
            selecting: presented(&entry.selecting).unwrap_or_default(),
            digest: hex(&entry.content),
        }
    }
}

/// What a response was selected by, without secrets.
fn presented(selecting: &Selecting) -> Option<Vec<(String, Option<Presented>)>> {
    let fields = selecting.fields()?.iter().map(|(name, value)| {
        let is_secret = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION].contains(name);
        let presented = value.as_deref().map(|value| match is_secret {
            true => Presented::Digest(hex(value)),
            false => Presented::Value(text(value)),
        });
        (name.as_str().to_owned(), presented)
    });
    Some(fields.collect())
}

/// What the file of a variant is called; `None` for one that no request can be known to ask for.
fn name_of(selecting: &Selecting) -> Option<String> {
    let text = serde_json::to_vec(&presented(selecting)?).ok()?;
    Some(hex(&text)[..NAME_LENGTH].to_owned())
}

fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

/// The files of responses in the folder of a key.
fn files(folder: &Path) -> Vec<PathBuf> {
    entries(folder).filter(|path| is_named(path)).collect()
}

/// Whether a name is one that was made here: nothing else in the folder is touched.
fn is_named(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.len() == NAME_LENGTH && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes as text, one character for each.
fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(c).ok()).collect()
}
