//! Serving a folder: what a path names, which variant of it is sent, and how much of that.
//!
//! Everything that can be judged without the folder is judged first ([`path`]); what lies there is looked up so that
//! nothing outside the root can be reached, whatever names and links say; what was found is kept in bounded memory for
//! a moment; and only then preconditions and ranges are applied to it.

mod answer;
mod content;
mod entry;
mod fallback;
mod language;
mod listing;
mod memory;
mod missing;
mod page;
pub mod path;
mod precompressed;
mod present;
mod resource;
mod root;
mod send;
mod source;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use rustix::io::Errno;
use wirelight_semantics::range;
use wirelight_service::layer::remember::{Lasting, Wanted};
use wirelight_service::{Clock, Request, Response, Result, Service, Trail};

pub use content::FileBody;
pub use memory::Limits as MemoryLimits;
pub use missing::Missing;
pub use precompressed::Unfit;

use answer::Asked;
use fallback::Fallback;
use memory::{Memory, Recalled};
use path::{Place, Plainer, Way};
use resource::{Found, Resource, Search};
use root::{Patience, Root};
use source::Source;

/// How often a file that changes while it is looked at is looked at again.
const ATTEMPTS_MAX: usize = 4;

/// How a folder is served.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder. Links in its own path are followed wherever they lead.
    pub root: PathBuf,
    /// The names of the files that stand for their folder, the first that exists. `index.html`.
    pub index: Vec<String>,
    /// Endings that a path may leave out: with `.html`, `/about` is answered with `about.html` where there is no
    /// `about`. None.
    pub endings: Vec<String>,
    /// The page below the root that says to people that there is nothing, with status 404: `404.html`. None: a plain
    /// page with the reason.
    pub not_found: Option<PathBuf>,
    /// Media types by extension, without a dot, before those that are known. None.
    pub media_types: Vec<(String, HeaderValue)>,
    /// Whether a folder without an index is listed. Off.
    pub listing: bool,
    /// At most so many entries of a folder are listed. 10,000.
    pub listing_entries_max: usize,
    /// Whether names that begin with a dot are served; `/.well-known/` always is (RFC 8615). Off.
    pub hidden: bool,
    /// Whether the root's index answers navigations to paths that name no file, as an application that routes in the
    /// browser wants it. Off.
    pub fallback: bool,
    /// Whether `app.js.br`, `app.js.zst` and `app.js.gz` are sent for `app.js` to who accepts them, if they are not
    /// older than it. On.
    pub precompressed: bool,
    /// The languages of the site, that of files whose names say none first. With more than one, `page.fr.html` is sent
    /// for `page.html` to who prefers `fr`. None.
    pub languages: Vec<String>,
    /// The values of `Cache-Control`, by the first rule that matches. `no-cache` for everything: whatever was stored
    /// is asked about before it is used again, which entity tags make cheap.
    pub cache_control: Vec<CacheRule>,
    /// What is kept in memory, and for how long without a look.
    pub memory: MemoryLimits,
    /// What a range request may ask for.
    pub ranges: range::Limits,
    /// Files that are not kept in memory are read in pieces of so many bytes. 128 KiB.
    pub chunk_bytes: usize,
    /// Tells the time.
    pub clock: Clock,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            root: PathBuf::from("."),
            index: vec!["index.html".to_owned()],
            endings: Vec::new(),
            not_found: None,
            media_types: Vec::new(),
            listing: false,
            listing_entries_max: 10_000,
            hidden: false,
            fallback: false,
            precompressed: true,
            languages: Vec::new(),
            cache_control: vec![CacheRule::for_all(HeaderValue::from_static("no-cache"))],
            memory: MemoryLimits::default(),
            ranges: range::Limits::default(),
            chunk_bytes: 128 << 10,
            clock: Clock::system(),
        }
    }
}

/// Which files get which `Cache-Control`.
#[derive(Debug, Clone)]
pub struct CacheRule {
    /// The path below the root that files must lie in; empty for the root itself.
    pub below: PathBuf,
    /// The extensions, without a dot, of which files must have one; empty for all.
    pub extensions: Vec<String>,
    /// The value (RFC 9111, section 5.2).
    pub value: HeaderValue,
}

impl CacheRule {
    /// A rule for all files.
    pub fn for_all(value: HeaderValue) -> Self {
        Self { below: PathBuf::new(), extensions: Vec::new(), value }
    }

    fn matches(&self, path: &Path) -> bool {
        let extension = || path.extension().and_then(|extension| extension.to_str());
        let has = |known: &String| extension().is_some_and(|extension| extension.eq_ignore_ascii_case(known));
        path.starts_with(&self.below) && (self.extensions.is_empty() || self.extensions.iter().any(has))
    }
}

/// The value of the first rule that matches the file at `path`.
fn cache_control(rules: &[CacheRule], path: &Path) -> Option<HeaderValue> {
    rules.iter().find(|rule| rule.matches(path)).map(|rule| rule.value.clone())
}

/// A [`Service`] that serves the files of a folder; cheap to clone.
///
/// ```
/// use wirelight_gateway::files::{Config, Files};
/// use wirelight_service::{Body, Request, Service};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::TempDir::new()?;
/// # let root = folder.path().to_owned();
/// std::fs::write(root.join("index.html"), "<h1>Hello")?;
/// let files = Files::open(Config { root, ..Config::default() })?;
/// let response = files.call(Request::new(Body::empty())).await?;
/// assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
/// assert_eq!(response.into_body().collect(100).await?, "<h1>Hello");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Files(Arc<Shelf>);

#[derive(Debug)]
struct Shelf {
    config: Config,
    root: Root,
    memory: Memory,
}

/// Something to answer with, or why there is nothing.
type Located = std::result::Result<Arc<Resource>, Elsewhere>;

/// What a place is instead of a file.
enum Elsewhere {
    FolderWithoutSlash,
    Listing,
    Missing(Missing),
}

impl Files {
    /// Opens the folder.
    ///
    /// # Errors
    /// If there is no folder at [`Config::root`], or it cannot be entered.
    pub fn open(config: Config) -> io::Result<Self> {
        let root = Root::open(&config.root, config.memory.recheck, config.clock.now())?;
        let memory = Memory::new(config.memory.clone());
        Ok(Self(Arc::new(Shelf { config, root, memory })))
    }

    async fn answer(&self, head: &Parts, trail: &Trail) -> Response {
        let asked = Asked { head, trail };
        match head.method {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS => return asked.options(),
            _ => return asked.method_refused(),
        }
        let now = self.0.config.clock.now();
        let path = head.uri.path();
        // A path without escapes is its own decoded form, so it can be recalled before it is judged.
        if !path.contains('%')
            && let Recalled::Current(resource, until) = self.0.memory.recall(path.as_bytes(), now)
        {
            trail.note(Source::Memory);
            match self.send(&asked, &resource, now).await {
                Ok(response) => return lasting(response, head, &resource, until),
                Err(Missing::Changing) => self.0.memory.forget(path.as_bytes()),
                Err(missing) => return asked.missing(missing),
            }
        }
        match path::judge(path, self.0.config.hidden) {
            // Boxed, so that the future of what memory answers stays small.
            Way::Here(place) => Box::pin(self.answer_from(&asked, place, now)).await,
            Way::Elsewhere(location) => {
                let response = asked.redirect(&location);
                trail.note(Plainer { location });
                response
            }
            Way::Refused(refusal) if refusal.is_malformed() => asked.refuse(StatusCode::BAD_REQUEST, refusal),
            Way::Refused(refusal) => {
                let plain = asked.refuse(StatusCode::NOT_FOUND, refusal);
                Box::pin(self.with_page(&asked, plain, now)).await
            }
        }
    }

    async fn answer_from(&self, asked: &Asked<'_>, place: Place, now: Instant) -> Response {
        let key = key(&place);
        for _ in 0..ATTEMPTS_MAX {
            let sent = match self.locate(asked.trail, &place, &key, now).await {
                Ok(resource) => self.send(asked, &resource, now).await,
                Err(Elsewhere::FolderWithoutSlash) => return asked.folder_redirect(&place.path),
                Err(Elsewhere::Listing) => return self.list(asked, place, now).await,
                Err(Elsewhere::Missing(missing)) => Err(missing),
            };
            match sent {
                Ok(response) => return response,
                Err(Missing::Changing) => self.0.memory.forget(&key),
                Err(missing) => return self.fall_back(asked, missing, now).await,
            }
        }
        asked.missing(Missing::Changing)
    }

    async fn list(&self, asked: &Asked<'_>, place: Place, now: Instant) -> Response {
        let read = move |shelf: &Shelf| listing::read(&shelf.search(None, Patience::Wait, now), &place.path);
        match self.wait(read).await {
            Ok(listing) => listing.answer(asked),
            Err(missing) => asked.missing(missing),
        }
    }

    /// Answers a navigation to nothing with the root's index, where that is wanted, or says that there is nothing.
    async fn fall_back(&self, asked: &Asked<'_>, missing: Missing, now: Instant) -> Response {
        if missing.status() != StatusCode::NOT_FOUND {
            return asked.missing(missing);
        }
        if self.0.config.fallback {
            let fallback = fallback::judge(asked.head);
            asked.trail.note(fallback);
            let root = Place { path: PathBuf::new(), is_folder: true };
            if fallback == Fallback::Navigation
                && let Ok(resource) = self.locate(asked.trail, &root, b"/", now).await
                && let Ok(response) = self.send(asked, &resource, now).await
            {
                return answer::varying_by_accept(response);
            }
        }
        self.with_page(asked, asked.missing(missing), now).await
    }

    /// Puts the site's own page in the place of a plain one that says that there is nothing.
    async fn with_page(&self, asked: &Asked<'_>, plain: Response, now: Instant) -> Response {
        let Some(page) = self.0.config.not_found.as_ref().filter(|_| asked.prefers_a_page()) else {
            return plain;
        };
        let place = Place { path: page.clone(), is_folder: false };
        // Its lookup is no part of why there is nothing, so the trail does not hear of it.
        match self.locate(&Trail::unwatched(), &place, &key(&place), now).await {
            Ok(resource) => resource.as_not_found(plain),
            Err(_) => plain,
        }
    }

    /// Finds what to send from a place: recalled, or looked up and kept.
    async fn locate(&self, trail: &Trail, place: &Place, key: &[u8], now: Instant) -> Located {
        let previous = match self.0.memory.recall(key, now) {
            Recalled::Current(resource, _) => {
                trail.note(Source::Memory);
                return Ok(resource);
            }
            Recalled::Old(resource) => Some(resource),
            Recalled::Unknown => None,
        };
        let was_known = previous.is_some();
        match self.find(place, previous, now).await {
            Ok(Found::Resource(resource)) => {
                let resource = Arc::new(resource);
                trail.note(if was_known { Source::CheckedAgain } else { Source::Folder });
                if resource.is_keepable() {
                    self.0.memory.keep(key, Arc::clone(&resource), now);
                }
                Ok(resource)
            }
            found => {
                if was_known {
                    self.0.memory.forget(key);
                }
                Err(match found {
                    Ok(Found::Listing) => Elsewhere::Listing,
                    Ok(_) => Elsewhere::FolderWithoutSlash,
                    Err(missing) => Elsewhere::Missing(missing),
                })
            }
        }
    }

    /// Looks at a place: at once if the system has it in memory, otherwise where waiting holds nobody up.
    async fn find(
        &self,
        place: &Place,
        previous: Option<Arc<Resource>>,
        now: Instant,
    ) -> std::result::Result<Found, Missing> {
        match self.0.search(previous.as_deref(), Patience::Never, now).find(place) {
            Err(Missing::WouldWait) => {
                let place = place.clone();
                self.wait(move |shelf| shelf.search(previous.as_deref(), Patience::Wait, now).find(&place)).await
            }
            found => found,
        }
    }

    /// Does what may have to wait for a disk.
    async fn wait<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shelf) -> std::result::Result<T, Missing> + Send + 'static,
    ) -> std::result::Result<T, Missing> {
        let shelf = Arc::clone(&self.0);
        let worked = tokio::task::spawn_blocking(move || work(&shelf)).await;
        worked.unwrap_or(Err(Missing::Failed(Errno::IO)))
    }
}

impl Shelf {
    fn search<'a>(&'a self, previous: Option<&'a Resource>, patience: Patience, now: Instant) -> Search<'a> {
        let wall = self.config.clock.wall();
        Search { root: &self.root, config: &self.config, patience, now, wall, previous }
    }
}

/// Says of a file that comes whole from memory that all get the same until it is looked at again, if that is wanted.
fn lasting(mut response: Response, head: &Parts, resource: &Resource, until: Instant) -> Response {
    let is_whole = response.status() == StatusCode::OK && response.body().as_bytes().is_some();
    // With several languages it depends on one more field.
    if is_whole && resource.editions.len() == 1 && head.extensions.get::<Wanted>().is_some() {
        response.extensions_mut().insert(Lasting { until });
    }
    response
}

/// The plain, decoded path that memory knows a place by.
fn key(place: &Place) -> Vec<u8> {
    let path = place.path.as_os_str().as_encoded_bytes();
    let mut key = Vec::with_capacity(path.len() + 2);
    key.push(b'/');
    key.extend_from_slice(path);
    if place.is_folder && !path.is_empty() {
        key.push(b'/');
    }
    key
}

impl Service for Files {
    async fn call(&self, request: Request) -> Result<Response> {
        let trail = Trail::of(&request);
        let (head, _content) = request.into_parts();
        Ok(self.answer(&head, &trail).await)
    }
}
