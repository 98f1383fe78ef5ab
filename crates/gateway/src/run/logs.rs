//! The access logs of a plan: the one for everything, and those that stand around handlers in its place.
//!
//! Which log an exchange is for is a decision in its trail, since its route is known long before it is over. A log stays
//! open until the last exchange that is for it is over, whatever was reloaded meanwhile.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use wirelight_semantics::decision::{Decision, Rule};
use wirelight_service::service::Boxed;
use wirelight_service::{Request, Response, Result, Service, Trail};

use super::Trouble;
use crate::access_log::{self, LogFile, Writer};
use crate::config::Plan;
use crate::config::plan::AccessLog;

/// The logs that are open.
#[derive(Default)]
pub(super) struct Logs {
    /// For what no route has a log for.
    general: Option<Arc<Open>>,
    all: Vec<Arc<Open>>,
    /// Whether there may be exchanges that are not for the general one.
    is_divided: bool,
}

/// A log that is open. It ends, with everything written, when it is dropped.
struct Open {
    said: AccessLog,
    log: access_log::AccessLog,
    _writer: Writer,
    /// Where plans say it, for as long as anything may be logged there.
    claims: Mutex<Vec<Weak<AccessLog>>>,
}

impl Open {
    fn new(said: &AccessLog) -> std::result::Result<Self, Trouble> {
        let config = access_log::Config { format: said.format, ..access_log::Config::default() };
        let started = match &said.file {
            Some(path) => {
                LogFile::open(path, said.rotation).and_then(|file| access_log::AccessLog::start(config, file, None))
            }
            None => access_log::AccessLog::start(config, io::stdout(), None),
        };
        let (log, writer) = started.map_err(|error| Trouble::AccessLog(said.file.clone(), error))?;
        Ok(Self { said: said.clone(), log, _writer: writer, claims: Mutex::default() })
    }

    fn claim(&self, by: &Arc<AccessLog>) {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        claims.retain(|claim| claim.strong_count() > 0);
        claims.push(Arc::downgrade(by));
    }

    fn is_claimed(&self) -> bool {
        let claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        claims.iter().any(|claim| claim.strong_count() > 0)
    }
}

impl Logs {
    /// The logs of a plan. What is open already goes on; nothing is closed by it.
    ///
    /// # Errors
    /// If one cannot be opened.
    pub(super) fn prepare(&self, plan: &Plan) -> std::result::Result<Self, Trouble> {
        let mut next = Self { general: None, all: Vec::new(), is_divided: self.is_divided };
        if let Some(said) = &plan.access_log {
            next.general = Some(next.open(said, self)?);
        }
        for said in plan.route_logs() {
            next.open(said, self)?.claim(said);
        }
        next.is_divided |= plan.divides_logs();
        let kept = self.all.iter().filter(|open| open.is_claimed() && next.find(&open.said).is_none());
        let kept: Vec<_> = kept.map(Arc::clone).collect();
        next.all.extend(kept);
        Ok(next)
    }

    /// A log that is said: the one that is open here or was before, or a new one.
    fn open(&mut self, said: &AccessLog, before: &Self) -> std::result::Result<Arc<Open>, Trouble> {
        if let Some(known) = self.find(said) {
            return Ok(Arc::clone(known));
        }
        let open = match before.find(said) {
            Some(known) => Arc::clone(known),
            None => Arc::new(Open::new(said)?),
        };
        self.all.push(Arc::clone(&open));
        Ok(open)
    }

    fn find(&self, said: &AccessLog) -> Option<&Arc<Open>> {
        self.all.iter().find(|open| open.said == *said)
    }

    /// Lets go of the logs of an exchange that is over, however long its decisions are kept.
    pub(super) fn release(&self, trail: &Trail) {
        if self.is_divided {
            trail.read(|all| all.iter().filter_map(|each| logged(&**each)).for_each(Logged::release));
        }
    }

    /// Any of them: in what they keep of a message they are the same.
    pub(super) fn any(&self) -> Option<&access_log::AccessLog> {
        self.all.first().map(|open| &open.log)
    }

    /// The log for an exchange with these decisions.
    pub(super) fn of(&self, trail: &Trail) -> Option<&access_log::AccessLog> {
        let general = self.general.as_ref();
        let open = match self.is_divided {
            true => trail.read(|all| match all.iter().rev().find_map(|each| logged(&**each)) {
                None => general,
                Some(Logged { said: None, .. }) => None,
                // A log that cannot be found was closed by force: better in the general one than nowhere.
                Some(Logged { said: Some(said), .. }) => self.find(said).or(general),
            }),
            false => general,
        };
        open.map(|open| &open.log)
    }

    /// Has log files looked at: those that were moved away are made anew.
    pub(super) fn reopen(&self) {
        self.all.iter().for_each(|open| open.log.reopen());
    }
}

fn logged(decision: &dyn Decision) -> Option<&Logged> {
    let decision: &dyn Any = decision.inner().unwrap_or(decision);
    decision.downcast_ref()
}

/// Where an exchange will be logged, by the word that stands innermost around what answers it; nowhere without a log.
pub(super) struct Logged {
    said: Option<Arc<AccessLog>>,
    /// Keeps the log open until the exchange is over.
    claim: Mutex<Option<Arc<AccessLog>>>,
}

impl Logged {
    fn release(&self) {
        self.claim.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

static RULE: Rule = Rule {
    name: "access-log",
    section: "RFC 9110, section 17.8",
    says: "What a server logs of its exchanges tells about people: where it goes is for whoever runs it to say.",
};

impl fmt::Debug for Logged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Logged").field(&self.said).finish()
    }
}

impl Decision for Logged {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self.said.as_ref().map(|log| &log.file) {
            Some(Some(file)) => format!("logged in {}", file.display()).into(),
            Some(None) => "logged on standard output".into(),
            None => "not logged".into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        match &self.said {
            Some(log) => format!("the config says `{log}` here").into(),
            None => "the config says `access-log off` here".into(),
        }
    }

    fn setting(&self) -> Option<&'static str> {
        Some("access-log")
    }
}

/// Says where an exchange is to be logged.
pub(super) struct LogHere {
    said: Option<Arc<AccessLog>>,
    /// What the plan says, whose references count who may still log there.
    claim: Option<Arc<AccessLog>>,
    inner: Boxed,
}

impl LogHere {
    pub(super) fn new(log: Option<&Arc<AccessLog>>, inner: Boxed) -> Self {
        Self { said: log.map(|log| Arc::new(AccessLog::clone(log))), claim: log.cloned(), inner }
    }
}

impl Service for LogHere {
    fn call(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        let trail = Trail::of(&request);
        if trail.is_watched() {
            trail.note(Logged { said: self.said.clone(), claim: Mutex::new(self.claim.clone()) });
        }
        self.inner.call(request)
    }
}
