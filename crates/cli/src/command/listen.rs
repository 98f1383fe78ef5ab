//! What every command that listens has in common: sockets, workers, signals, and who watches.

use std::io;
use std::net::SocketAddr;
use std::process;
use std::sync::Arc;
use std::thread;

use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use wirelight_server::{Address, Config, Listener, Server, Shutdown, Workers};
use wirelight_service::{Clock, Service};

use super::watch::Watch;
use crate::args::{Listen, Log};
use crate::exit::{Failure, INTERRUPTED};
use crate::print::Paint;
use crate::print::printer::Printer;

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
    let printer = Printer::stdout();
    let watch = Watch::new(listen, printer.clone());
    let server = Server::observed(config, Clock::system(), Some(Arc::new(watch)));
    let signals = Signals::listen().map_err(|error| Failure::new(format!("signals cannot be heard: {error}")))?;
    let workers = Workers::start(&server, listeners, listen.workers, service)
        .map_err(|error| Failure::new(format!("the workers cannot be started: {error}")))?;
    for address in &addresses {
        announce(listen, what, address, &printer);
    }
    if let Some(address) = addresses.first() {
        ready(address);
    }
    signals.obey(server.shutdown());
    let ended = workers.join();
    printer.flush();
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
fn announce(listen: &Listen, what: &str, address: &Address, printer: &Printer) {
    if listen.log == Log::Pretty {
        let paint = Paint::stdout();
        printer.print(format!("{what} on {}\n", paint.strong(address)).into_bytes());
    } else {
        eprintln!("{what} on {}", Paint::stderr().strong(address));
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
