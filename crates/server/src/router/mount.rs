//! A service below a prefix that it does not know of.

use http::Uri;
use http::uri::PathAndQuery;
use wirelight_service::{Error, Request, Response, Result, Service};

/// What was asked for before a prefix was taken off its path; a request to a mounted service carries it as an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    /// The target as it came to the outermost router.
    pub target: Uri,
}

/// A service that sees paths without their first segments.
#[derive(Debug)]
pub(super) struct Mount<S> {
    pub(super) segments: usize,
    pub(super) service: S,
}

impl<S: Service> Service for Mount<S> {
    async fn call(&self, mut request: Request) -> Result<Response> {
        let target = request.uri().clone();
        *request.uri_mut() = below(&target, self.segments).map_err(Error::ours)?;
        if request.extensions().get::<Mounted>().is_none() {
            request.extensions_mut().insert(Mounted { target });
        }
        self.service.call(request).await
    }
}

/// The target without the first segments of its path, of which there are more.
fn below(target: &Uri, segments: usize) -> Result<Uri, http::Error> {
    let mut parts = target.clone().into_parts();
    if let Some(whole) = &parts.path_and_query {
        let slash = whole.as_str().match_indices('/').nth(segments).map_or(0, |(at, _)| at);
        parts.path_and_query = Some(PathAndQuery::try_from(&whole.as_str()[slash..])?);
    }
    Ok(Uri::from_parts(parts)?)
}
