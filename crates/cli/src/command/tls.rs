//! TLS for a command that listens: the certificates that the user has, or those of the local authority.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use wirelight_gateway::tls::authority::{self, Origin};
use wirelight_gateway::tls::certificates::Fault;
use wirelight_gateway::tls::{Authority, Certificates, Source, Watch, names};
use wirelight_net::tls::Settings;
use wirelight_service::Clock;

use crate::args::Listen;
use crate::exit::Failure;

/// How often files are asked whether they have changed.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Reads or makes the certificates, if TLS is spoken at all.
pub(crate) fn open(listen: &Listen) -> Result<Option<Certificates>, Failure> {
    let flags = &listen.tls;
    if !flags.is_on() {
        let needless = [
            ("--redirect-http", flags.redirect_http.is_some()),
            ("--client-ca", flags.client_ca.is_some()),
            ("--keylog", flags.keylog.is_some()),
        ];
        return match needless.iter().find(|(_, given)| *given) {
            Some((flag, _)) => {
                Err(Failure::new(format!("{flag} means nothing without TLS")).advise("Add --tls, or --cert and --key."))
            }
            None => Ok(None),
        };
    }
    let rest = Settings {
        identities: Vec::new(),
        client_authorities: flags.client_ca.clone(),
        http2: true,
        key_log: key_log(listen)?,
    };
    let now = SystemTime::now();
    Certificates::open(source(listen)?, rest, now).map(Some).map_err(explain)
}

fn source(listen: &Listen) -> Result<Source, Failure> {
    let flags = &listen.tls;
    if flags.cert.len() != flags.key.len() {
        let (certificates, keys) = (flags.cert.len(), flags.key.len());
        return Err(Failure::new(format!("{certificates} certificates do not go with {keys} keys"))
            .advise("Give a --key for each --cert, in the same order."));
    }
    if !flags.cert.is_empty() {
        return Ok(Source::Files(flags.cert.iter().cloned().zip(flags.key.iter().cloned()).collect()));
    }
    let authority = authority()?;
    match authority.origin() {
        Origin::Found => {}
        Origin::Made => note("a local authority was made; `wirelight trust` has this machine's browsers trust it"),
        Origin::Renewed => note("the local authority was renewed; `wirelight trust` keeps browsers trusting it"),
    }
    let names = names::of_server(&names::of_machine(), listen.address);
    Ok(Source::Local(Box::new(authority), names))
}

/// The local authority, made if there is none.
pub(crate) fn authority() -> Result<Authority, Failure> {
    Authority::open_or_make(&data_folder()?, &authority::whose(), SystemTime::now()).map_err(explain_authority)
}

/// Where the user's data lies.
pub(crate) fn data_folder() -> Result<PathBuf, Failure> {
    authority::folder_of_user().ok_or_else(|| {
        Failure::new("neither XDG_DATA_HOME nor HOME names a folder, so there is no place for a local authority")
            .advise("Set one of them, or give --cert and --key.")
    })
}

/// Where the secrets of sessions go.
fn key_log(listen: &Listen) -> Result<Option<PathBuf>, Failure> {
    match &listen.tls.keylog {
        Some(name) if name == "env" => match std::env::var_os("SSLKEYLOGFILE").filter(|path| !path.is_empty()) {
            Some(path) => Ok(Some(path.into())),
            None => Err(Failure::new("SSLKEYLOGFILE is not set").advise("Set it, or name a file: --keylog FILE.")),
        },
        Some(path) => Ok(Some(path.into())),
        None => Ok(None),
    }
}

/// Keeps the certificates up to date for as long as the watch is kept, and says what becomes of them.
pub(crate) fn watch(certificates: Certificates) -> Result<Watch, Failure> {
    let report = |outcome: Result<_, _>| match outcome {
        Ok(because) => note(&format!("the certificates were exchanged: {because}")),
        Err(fault) => note(&format!("the certificates stay as they were: {fault}")),
    };
    let watch = certificates.watch(LOOK_EVERY, Clock::system(), report);
    watch.map_err(|error| Failure::new(format!("the certificates cannot be watched: {error}")))
}

fn note(words: &str) {
    eprintln!("wirelight: {words}");
}

fn explain(fault: Fault) -> Failure {
    match fault {
        Fault::Settings(fault) => Failure::new(fault),
        Fault::Authority(fault) => explain_authority(fault),
    }
}

/// What is wrong with the local authority, and what to do about it.
pub(crate) fn explain_authority(fault: authority::Fault) -> Failure {
    let failure = Failure::new(format!("the local authority cannot be used: {fault}"));
    match fault.advice() {
        Some(advice) => failure.advise(advice),
        None => failure,
    }
}
