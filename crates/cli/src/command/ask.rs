//! Asking a running inspector.

use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use wirelight_client::blocking::{Client, Response};
use wirelight_client::{ClientConfig, Phase};

use super::inspect::{Found, known};
use crate::exit::Failure;

/// A running inspector, and the right to ask it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    client: Client,
    /// The URL without its path.
    base: String,
    token: String,
}

/// What an inspector says when it does not do what it is asked.
#[derive(Deserialize)]
struct Problem {
    detail: String,
    at: Option<usize>,
    length: Option<usize>,
}

impl Asked {
    /// The inspector at `url`, or the newest that this user runs.
    pub(crate) fn find(url: Option<&str>, token: Option<&str>) -> Result<Self, Failure> {
        let config = ClientConfig { redirects: None, ..ClientConfig::default() };
        let client = Client::with(config).map_err(Failure::of_request)?;
        let Some(url) = url else {
            for Found { url, token: found } in known() {
                let base = url.trim_end_matches('/').to_owned();
                let asked = Self { client: client.clone(), base, token: token.unwrap_or(&found).to_owned() };
                // One that has ended without a word has left its file behind.
                if asked.get::<serde::de::IgnoredAny>("/api/status").is_ok() {
                    return Ok(asked);
                }
            }
            return Err(Failure::new("no inspector is running")
                .advise("Start a server with --inspect, such as: wirelight serve --inspect."));
        };
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let place = place.trim_end_matches('/');
        let base = match place.strip_prefix(':') {
            Some(port) => format!("http://127.0.0.1:{port}"),
            None if place.contains("://") => place.to_owned(),
            None => format!("http://{place}"),
        };
        let in_url = query.split('&').find_map(|pair| pair.strip_prefix("token="));
        let written = || known().into_iter().find(|found| found.url.trim_end_matches('/') == base);
        let token = in_url.or(token).map(str::to_owned).or_else(|| Some(written()?.token));
        let token = token.ok_or_else(|| {
            Failure::new("the inspector's token is not known")
                .advise("Give the whole URL that was printed when the server started, or --token.")
        })?;
        Ok(Self { client, base, token })
    }

    /// Where it is, without the token.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The stream of events at a place, behind the event that was heard last.
    pub(crate) fn stream(&self, path: &str, last: u64) -> Result<Response, Failure> {
        // It waits for as long as nothing happens: others must not wait with it.
        let config = ClientConfig { redirects: None, ..ClientConfig::default() };
        let client = Client::with(config).map_err(Failure::of_request)?;
        let request = client.get(&format!("{}{path}", self.base));
        let request = request.header("authorization", format!("Bearer {}", self.token));
        let request = request.header("accept", "text/event-stream").header("last-event-id", last.to_string());
        let answer = request.send().map_err(|error| self.unanswered(error))?;
        match answer.status() {
            StatusCode::OK => Ok(answer),
            status => Err(Failure::new(format!("{} answered {status}", self.base))),
        }
    }

    fn unanswered(&self, error: wirelight_service::Error) -> Failure {
        match Phase::of(&error) {
            Phase::Connect => Failure::new(format!("nobody answers at {}", self.base))
                .advise("Is the server still running, and with --inspect?"),
            _ => Failure::of_request(error),
        }
    }

    /// What stands at a place.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let url = format!("{}{path}", self.base);
        let sent = self.client.get(&url).header("authorization", format!("Bearer {}", self.token)).send();
        self.read(sent)
    }

    /// Has something done.
    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str, what: &serde_json::Value) -> Result<T, Failure> {
        let url = format!("{}{path}", self.base);
        let request = self.client.post(&url).header("authorization", format!("Bearer {}", self.token));
        self.read(request.json(what).send())
    }

    fn read<T: DeserializeOwned>(&self, sent: wirelight_service::Result<Response>) -> Result<T, Failure> {
        let answer = sent.map_err(|error| self.unanswered(error))?;
        let status = answer.status();
        let text = answer.bytes().map_err(Failure::of_request)?;
        if status.is_success() {
            return serde_json::from_slice(&text)
                .map_err(|error| Failure::new(format!("{} is no inspector of this version: {error}", self.base)));
        }
        let failure = match serde_json::from_slice(&text) {
            Ok(Problem { detail, at: Some(at), length }) => {
                let place = match length {
                    Some(0) | None => format!("at character {}", at + 1),
                    Some(length) => format!("at characters {} to {}", at + 1, at + length),
                };
                Failure::new(format!("{detail} ({place} of the filter)"))
            }
            Ok(Problem { detail, .. }) => Failure::new(detail),
            Err(_) => Failure::new(format!("{} answered {status}", self.base)),
        };
        Err(match status {
            StatusCode::UNAUTHORIZED => failure.advise("Give the whole URL that was printed when the server started."),
            _ => failure,
        })
    }
}

/// A text as it may stand in a path or a query.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
