//! What every command that listens has in common: sockets, workers, signals, and who watches.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process;
use std::sync::Arc;
use std::thread;

use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use wirelight_gateway::access_log::{self, AccessLog, Format};
use wirelight_gateway::tls::{Certificates, RedirectToHttps, Watch};
use wirelight_net::Observer;
use wirelight_net::tls::Acceptor;
use wirelight_server::{Address, Config, Listener, Server, Shutdown, Workers};
use wirelight_service::{Clock, Service};

use super::inspect::Inspection;
use super::tls;
use crate::args::{Listen, Log};
use crate::exit::{Failure, INTERRUPTED};
use crate::print::Paint;

/// Serves until TERM or INT, and returns once every exchange under way was answered.
///
/// `what` is what the line that tells the address says is served; `ready` is called once connections are accepted.
pub(crate) fn serve<S: Service>(
    listen: &Listen,
    config: Config,
    what: &str,
    service: S,
    ready: impl FnOnce(&Address),
) -> Result<(), Failure> {
    let certificates = tls::open(listen)?;
    let listeners = listeners(listen, certificates.as_ref().map(Certificates::acceptor))?;
    let addresses: Vec<Address> = listeners.iter().map(Listener::address).collect();
    let port = secure_port(listen, &addresses);
    let service = RedirectToHttps { inner: service, port, clock: Clock::system() };
    let watch = certificates.map(tls::watch).transpose()?;
    let log = Watching::start(listen).map_err(|error| Failure::new(format!("the log cannot be kept: {error}")))?;
    let (observer, writer) = log.map_or((None, None), |log| (Some(log.observer), Some(log.writer)));
    let inspection = Inspection::open(&listen.inspect, observer.clone())?;
    let observer = inspection.as_ref().map(Inspection::observer).or(observer);
    let server = Server::observed(config, Clock::system(), observer);
    let signals =
        Signals::listen(watch.is_some()).map_err(|error| Failure::new(format!("signals cannot be heard: {error}")))?;
    let workers = Workers::start(&server, listeners, listen.workers, service)
        .map_err(|error| Failure::new(format!("the workers cannot be started: {error}")))?;
    for address in &addresses {
        let redirects = port.is_some() && !matches!(address, Address::Secure(_));
        announce(listen, if redirects { "redirecting to HTTPS" } else { what }, address)?;
    }
    let _told = inspection.map(|inspection| inspection.serve(&addresses)).transpose()?;
    if let Some(address) = addresses.first() {
        ready(address);
    }
    signals.obey(server.shutdown(), watch);
    let ended = workers.join();
    drop(writer);
    ended.map_err(|error| Failure::new(format!("serving stopped: {error}")))
}

/// The sockets that systemd has opened for us, or else one of our own, and one for whoever is to be redirected.
fn listeners(listen: &Listen, acceptor: Option<Arc<Acceptor>>) -> Result<Vec<Listener>, Failure> {
    let secured = |listener: Listener| match &acceptor {
        Some(acceptor) => listener.secured(Arc::clone(acceptor)),
        None => listener,
    };
    let inherited = Listener::inherited()
        .map_err(|error| Failure::new(format!("the sockets given by LISTEN_FDS cannot be used: {error}")))?;
    if !inherited.is_empty() {
        return Ok(inherited.into_iter().map(secured).collect());
    }
    let bound = |port| {
        let address = SocketAddr::new(listen.address, port);
        Listener::tcp(address).map_err(|error| explain(&error, address))
    };
    let mut listeners = vec![secured(bound(listen.port())?)];
    if let Some(port) = listen.tls.redirect_http {
        listeners.push(bound(port)?);
    }
    Ok(listeners)
}

/// The port that requests in cleartext are redirected to, if they are.
fn secure_port(listen: &Listen, addresses: &[Address]) -> Option<u16> {
    listen.tls.redirect_http?;
    addresses.iter().find_map(|address| match address {
        Address::Secure(address) => Some(address.port()),
        _ => None,
    })
}

fn explain(error: &io::Error, address: SocketAddr) -> Failure {
    let (ip, port) = (address.ip(), address.port());
    match error.kind() {
        io::ErrorKind::AddrInUse => Failure::new(format!("port {port} of {ip} is in use by another program"))
            .advise("Choose another with --port, or have a free one picked with --port 0."),
        io::ErrorKind::PermissionDenied => Failure::new(format!("this user may not listen on port {port}"))
            .advise("Ports below 1024 are for the administrator: choose another with --port."),
        io::ErrorKind::AddrNotAvailable => Failure::new(format!("{ip} is not an address of this machine"))
            .advise("127.0.0.1 is, for this machine alone, and 0.0.0.0 stands for all of its addresses."),
        _ => Failure::new(format!("cannot listen on {address}: {error}")),
    }
}

/// Tells where we listen: with the log for people, and apart from a log for programs.
fn announce(listen: &Listen, what: &str, address: &Address) -> Result<(), Failure> {
    if listen.log == Log::Pretty {
        let line = format!("{what} on {}\n", Paint::stdout().strong(address));
        io::stdout().write_all(line.as_bytes()).map_err(Failure::of_output)
    } else {
        eprintln!("{what} on {}", Paint::stderr().strong(address));
        Ok(())
    }
}

/// Who watches the connections, and what ends the log that comes of it.
struct Watching {
    observer: Arc<dyn Observer>,
    writer: access_log::Writer,
}

impl Watching {
    /// Nobody watches where the user wants quiet. The bytes of messages go where the address goes.
    fn start(listen: &Listen) -> io::Result<Option<Self>> {
        if listen.quiet {
            return Ok(None);
        }
        let format = match listen.log {
            Log::Combined => Format::Combined,
            Log::Json => Format::Json,
            Log::Pretty => Format::Pretty { colors: Paint::stdout().colors(), decisions: listen.verbose },
        };
        let raw: Option<Box<dyn Write + Send>> = match (listen.raw, listen.log) {
            (false, _) => None,
            (true, Log::Pretty) => Some(Box::new(io::stdout())),
            (true, _) => Some(Box::new(io::stderr())),
        };
        let config = access_log::Config { format, ..access_log::Config::default() };
        let (log, writer) = AccessLog::start(config, io::stdout(), raw)?;
        Ok(Some(Self { observer: Arc::new(log), writer }))
    }
}

/// TERM, INT and HUP.
struct Signals {
    runtime: runtime::Runtime,
    terminate: Signal,
    interrupt: Signal,
    hang_up: Option<Signal>,
}

impl Signals {
    /// From here on the signals are kept, and do not end the process.
    ///
    /// HUP is one of them if it has a meaning.
    fn listen(hears_hang_up: bool) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        let hang_up = hears_hang_up.then(|| signal(SignalKind::hangup())).transpose()?;
        drop(entered);
        Ok(Self { runtime, terminate, interrupt, hang_up })
    }

    /// The first TERM or INT drains; an INT after that ends the process at once. HUP has certificates read again.
    fn obey(self, shutdown: Shutdown, watch: Option<Watch>) {
        let Self { runtime, mut terminate, mut interrupt, hang_up } = self;
        thread::spawn(move || {
            runtime.block_on(async {
                if let (Some(mut hang_up), Some(watch)) = (hang_up, watch) {
                    tokio::spawn(async move {
                        while hang_up.recv().await.is_some() {
                            watch.reload();
                        }
                    });
                }
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                shutdown.drain();
                interrupt.recv().await;
                process::exit(INTERRUPTED.into());
            });
        });
    }
}
