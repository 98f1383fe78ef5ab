//! Asking servers how they are.

use std::borrow::Cow;
use std::pin::pin;
use std::sync::{Arc, Weak};

use http::uri::PathAndQuery;
use http::{Request, Uri};
use wirelight_client::route::Announced;
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_service::{Body, Service};

use super::group::Group;
use crate::config::plan::Health;

/// What a server's answers say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Whether it counts as well.
    pub is_well: bool,
    /// How many answers in a row have said otherwise.
    against: u32,
}

/// What one question came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It answered well.
    Well(u16),
    /// It answered with a status that is not 2xx or 3xx.
    Status(u16),
    /// It did not answer.
    Failed(String),
}

impl Default for Record {
    fn default() -> Self {
        Self { is_well: true, against: 0 }
    }
}

impl Record {
    /// Takes another answer into account; true if the server's state changes by it.
    pub fn take(&mut self, found: &Found, plan: &Health) -> bool {
        if matches!(found, Found::Well(_)) == self.is_well {
            self.against = 0;
            return false;
        }
        self.against += 1;
        let enough = if self.is_well { plan.unhealthy } else { plan.healthy };
        if self.against < enough {
            return false;
        }
        *self = Self { is_well: !self.is_well, against: 0 };
        true
    }
}

/// Asks one server again and again, until its group is gone.
pub async fn watch(group: Weak<Group>, index: usize) {
    let mut record = Record::default();
    loop {
        let Some(strong) = group.upgrade() else { return };
        let Some(plan) = strong.plan.health.clone() else { return };
        let clock = strong.clock().clone();
        let found = ask(&strong, index, &plan).await;
        if record.take(&found, &plan) {
            strong.found(index, record.is_well);
        }
        drop(strong);
        clock.sleep(plan.every).await;
    }
}

async fn ask(group: &Arc<Group>, index: usize, plan: &Health) -> Found {
    let connections = match group.connections(index, false) {
        Ok(connections) => connections,
        Err(because) => return Found::Failed(because),
    };
    let mut target = group.servers[index].plan.uri.clone().into_parts();
    target.path_and_query = plan.path.parse::<PathAndQuery>().ok();
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = match Uri::from_parts(target) {
        Ok(uri) => uri,
        Err(error) => return Found::Failed(error.to_string()),
    };
    let agent = http::HeaderValue::from_static("wirelight-health");
    request.headers_mut().insert(http::header::USER_AGENT, agent);
    if let Some(version) = group.plan.announced {
        // It is we who ask.
        request.extensions_mut().insert(Announced { version, ends: None });
    }
    let mut timer = group.clock().timer();
    let deadline = group.clock().now() + plan.timeout;
    let mut answer = pin!(async {
        let response = connections.call(request).await?;
        let status = response.status();
        // Read to its end, so that the connection can be used again; what is long is given up.
        let _ = response.into_body().collect(64 * 1024).await;
        Ok::<_, wirelight_service::Error>(status)
    });
    let answered = std::future::poll_fn(|cx| {
        if let std::task::Poll::Ready(answered) = answer.as_mut().poll(cx) {
            return std::task::Poll::Ready(Some(answered));
        }
        timer.poll_until(deadline, cx).map(|()| None)
    });
    match answered.await {
        Some(Ok(status)) if status.is_success() || status.is_redirection() => Found::Well(status.as_u16()),
        Some(Ok(status)) => Found::Status(status.as_u16()),
        Some(Err(error)) => Found::Failed(error.because().to_owned()),
        None => Found::Failed(format!("no answer in {:?}", plan.timeout)),
    }
}

static RULE: Rule = Rule {
    name: "health-check",
    section: "RFC 9110, section 3.7",
    says: "A gateway asks its servers how they are, and forwards nothing to those that do not answer well.",
};

impl Decision for Found {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        if matches!(self, Self::Well(_)) { "the server is well" } else { "the server is ill" }.into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Well(status) | Self::Status(status) => format!("it answered {status}").into(),
            Self::Failed(because) => because.clone().into(),
        }
    }

    fn declines(&self) -> bool {
        !matches!(self, Self::Well(_))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_state_changes_after_enough_answers_in_a_row() {
        let plan = Health {
            path: "/".to_owned(),
            every: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            healthy: 2,
            unhealthy: 3,
        };
        let (well, ill) = (Found::Well(200), Found::Status(500));
        let mut record = Record::default();
        let answers = [&ill, &ill, &well, &ill, &ill, &ill, &well, &ill, &well, &well, &well];
        let changes: Vec<bool> = answers.iter().map(|found| record.take(found, &plan)).collect();
        assert_eq!(changes, [false, false, false, false, false, true, false, false, false, true, false]);
        assert!(record.is_well);
    }
}
