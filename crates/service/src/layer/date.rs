//! `Date` on every response (RFC 9110, section 6.6.1).

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use http::header::{self, Entry};
use wirelight_semantics::date;

use super::Layered;
use super::answering::Amended;
use crate::{Clock, Layer, Request, Response, Result, Service};

/// Adds `Date` to responses that have none (RFC 9110, section 6.6.1).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::time::SystemTime;
/// use wirelight_service::layer::AddDate;
/// use wirelight_service::{Body, Clock, Request, Response, Result, Service, ServiceExt};
///
/// async fn hello(_: Request) -> Result<Response> {
///     Ok(Response::new(Body::from("hello")))
/// }
///
/// let service = hello.layer(AddDate { clock: Clock::manual(SystemTime::UNIX_EPOCH) });
/// let response = service.call(Request::new(Body::empty())).await.unwrap();
/// assert_eq!(response.headers()["date"], "Thu, 01 Jan 1970 00:00:00 GMT");
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct AddDate {
    /// Tells the time of day.
    pub clock: Clock,
}

impl<S> Layer<S> for AddDate {
    type Service = Layered<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered { layer: self.clone(), inner }
    }
}

impl<S: Service> Service for Layered<AddDate, S> {
    fn call(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        Amended::new(self.inner.call(request), |answer| {
            if let Ok(response) = answer
                && let Entry::Vacant(vacant) = response.headers_mut().entry(header::DATE)
            {
                vacant.insert(now(&self.layer.clock));
            }
        })
    }
}

thread_local! {
    /// The last date that this thread wrote, with the first time that it is for and the first that it is not for.
    static WRITTEN: RefCell<Option<(SystemTime, SystemTime, HeaderValue)>> = const { RefCell::new(None) };
}

/// The time of day as an HTTP-date, written once a second and thread.
pub fn now(clock: &Clock) -> HeaderValue {
    let time = clock.wall();
    WRITTEN.with_borrow_mut(|written| match written {
        Some((from, until, value)) if (*from..*until).contains(&time) => value.clone(),
        _ => {
            let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let from = time - Duration::from_nanos(since.subsec_nanos().into());
            written.insert((from, from + Duration::from_secs(1), date::format(time))).2.clone()
        }
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::{Body, ServiceExt};

    #[test]
    fn the_date_follows_the_clock_and_clocks_do_not_mix() {
        let clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_millis(999));
        let other = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(86_400));
        assert_eq!(now(&clock), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(now(&other), "Fri, 02 Jan 1970 00:00:00 GMT");
        assert_eq!(now(&clock), "Thu, 01 Jan 1970 00:00:00 GMT");
        clock.advance(Duration::from_millis(1));
        assert_eq!(now(&clock), "Thu, 01 Jan 1970 00:00:01 GMT");
    }

    #[tokio::test]
    async fn a_date_that_is_there_stays() {
        async fn dated(_: Request) -> Result<Response> {
            Ok(http::Response::builder().header("date", "yesterday").body(Body::empty()).unwrap())
        }
        let response = dated.layer(AddDate::default()).call(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.headers()["date"], "yesterday");
    }
}
