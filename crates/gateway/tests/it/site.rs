//! A folder to serve, and questions to it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method, StatusCode};
use tempfile::TempDir;
use wirelight_gateway::files::{Config, Files};
use wirelight_semantics::decision::Decision;
use wirelight_service::{Body, Clock, Exchange, Request, Service, Trail};

/// A folder, served.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) files: Files,
    pub(crate) clock: Clock,
}

/// What came back, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
    /// The content, or why it broke off.
    pub(crate) content: Result<Vec<u8>, String>,
    /// `rule: outcome` of each decision.
    pub(crate) decisions: Vec<String>,
}

impl Site {
    /// Serves `files`, given as path and content, with the default config.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        Self::with(files, |_| {})
    }

    /// Serves `files` with a config that `change` has changed. Files are as old as they need to be to be settled.
    pub(crate) fn with(files: &[(&str, &str)], change: impl FnOnce(&mut Config)) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        fs::create_dir(folder.path().join("root")).unwrap();
        let clock = Clock::manual(SystemTime::now() + Duration::from_secs(10));
        let mut config = Config { root: folder.path().join("root"), clock: clock.clone(), ..Config::default() };
        change(&mut config);
        let site = Self { files: Files::open(config).unwrap(), folder, clock };
        for (path, content) in files {
            site.write(path, content);
        }
        site
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path)
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn link(&self, path: &str, target: &str) {
        symlink(target, self.path(path)).unwrap();
    }

    /// Sets the time of modification to so many seconds after 1970.
    pub(crate) fn touch(&self, path: &str, seconds: u64) {
        let file = fs::File::options().write(true).open(self.path(path)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.ask(Method::GET, target, &[]).await
    }

    pub(crate) async fn get_with(&self, target: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask(Method::GET, target, fields).await
    }

    pub(crate) async fn ask(&self, method: Method, target: &str, fields: &[(&str, &str)]) -> Answer {
        Answer::of(&self.files, method, target, fields).await
    }
}

impl Answer {
    /// What a service, which is watched, answers.
    pub(crate) async fn of(service: &impl Service, method: Method, target: &str, fields: &[(&str, &str)]) -> Self {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = target.parse().unwrap_or_else(|error| panic!("{target:?}: {error}"));
        for (name, value) in fields {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let trail = Trail::watched();
        request.extensions_mut().insert(Exchange { trail: trail.clone(), ..Exchange::default() });
        let (head, mut body) = service.call(request).await.expect("files always answer").into_parts();
        let mut content = Ok(Vec::new());
        while let Some(data) = body.data().await {
            match (data, &mut content) {
                (Ok(data), Ok(content)) => content.extend_from_slice(&data),
                (Err(error), content) => *content = Err(error.to_string()),
                (Ok(_), Err(_)) => panic!("content after an error"),
            }
        }
        let line = |decision: &dyn Decision| format!("{}: {}", decision.rule().name, decision.outcome());
        let decisions = trail.read(|all| all.iter().map(|decision| line(&**decision)).collect());
        Self { status: head.status, fields: head.headers, content, decisions }
    }

    /// A field's value, or nothing.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The content as text.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.content.as_ref().expect("whole content")).expect("UTF-8")
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16, content: &str) {
        assert_eq!((self.status.as_u16(), self.text()), (status, content), "{:?} {:?}", self.fields, self.decisions);
    }

    #[track_caller]
    pub(crate) fn has_decision(&self, wanted: &str) {
        assert!(self.decisions.iter().any(|line| line.starts_with(wanted)), "no {wanted:?} in {:?}", self.decisions);
    }
}
