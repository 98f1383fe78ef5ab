//! What every command that listens has in common: sockets, workers, signals, and who watches.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process;
use std::sync::Arc;
use std::thread;

use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use wirelight_gateway::access_log::{self, AccessLog, Format};
use wirelight_net::Observer;
use wirelight_server::{Address, Config, Listener, Server, Shutdown, Workers};
use wirelight_service::{Clock, Service};

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
    let listeners = listeners(listen)?;
    let addresses: Vec<Address> = listeners.iter().map(Listener::address).collect();
    let log = Watching::start(listen).map_err(|error| Failure::new(format!("the log cannot be kept: {error}")))?;
    let (observer, writer) = log.map_or((None, None), |log| (Some(log.observer), Some(log.writer)));
    let server = Server::observed(config, Clock::system(), observer);
    let signals = Signals::listen().map_err(|error| Failure::new(format!("signals cannot be heard: {error}")))?;
    let workers = Workers::start(&server, listeners, listen.workers, service)
        .map_err(|error| Failure::new(format!("the workers cannot be started: {error}")))?;
    for address in &addresses {
        announce(listen, what, address)?;
    }
    if let Some(address) = addresses.first() {
        ready(address);
    }
    signals.obey(server.shutdown());
    let ended = workers.join();
    drop(writer);
    ended.map_err(|error| Failure::new(format!("serving stopped: {error}")))
}

/// The sockets that systemd has opened for us, or else one of our own.
fn listeners(listen: &Listen) -> Result<Vec<Listener>, Failure> {
    let inherited = Listener::inherited()
        .map_err(|error| Failure::new(format!("the sockets given by LISTEN_FDS cannot be used: {error}")))?;
    if !inherited.is_empty() {
        return Ok(inherited);
    }
    let address = SocketAddr::new(listen.address, listen.port);
    let listener = Listener::tcp(address).map_err(|error| explain(&error, address))?;
    Ok(vec![listener])
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

/// TERM and INT.
struct Signals {
    runtime: runtime::Runtime,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From here on the signals are kept, and do not end the process.
    fn listen() -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        drop(entered);
        Ok(Self { runtime, terminate, interrupt })
    }

    /// The first TERM or INT drains; an INT after that ends the process at once.
    fn obey(self, shutdown: Shutdown) {
        let Self { runtime, mut terminate, mut interrupt } = self;
        thread::spawn(move || {
            runtime.block_on(async {
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
