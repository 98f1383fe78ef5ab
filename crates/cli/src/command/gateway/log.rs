//! The access log of a gateway.

use std::io;
use std::sync::Arc;

use wirelight_gateway::access_log::{self, AccessLog};
use wirelight_gateway::config::plan;
use wirelight_gateway::run::log_file::LogFile;
use wirelight_net::Observer;

use crate::exit::Failure;

/// Starts an access log.
pub(super) fn start(plan: &plan::AccessLog) -> Result<(Arc<dyn Observer>, access_log::Writer), Failure> {
    let config = access_log::Config { format: plan.format, ..access_log::Config::default() };
    let kept = |error: io::Error| Failure::new(format!("the access log cannot be kept: {error}"));
    let (log, writer) = match &plan.file {
        Some(path) => {
            let file = LogFile::open(path).map_err(|error| {
                Failure::new(format!("the access log {} cannot be opened: {error}", path.display()))
            })?;
            AccessLog::start(config, file, None).map_err(kept)?
        }
        None => AccessLog::start(config, io::stdout(), None).map_err(kept)?,
    };
    Ok((Arc::new(log), writer))
}
