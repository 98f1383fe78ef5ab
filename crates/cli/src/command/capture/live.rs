//! Listening on an interface, until somebody has had enough.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use wirelight_capture::{Interface, Link, Packet, Socket};

use super::Wanted;
use super::kept::Kept;
use super::link::Link as Inspected;
use super::tale::Tale;
use crate::args::Capture;
use crate::exit::Failure;

/// How long the end of it may go unnoticed while nothing passes.
const PATIENCE: Duration = Duration::from_millis(100);

/// Listens until told to stop, or until it was enough.
pub(super) fn run(arguments: &Capture) -> Result<(), Failure> {
    let interface = arguments.interface.as_deref().map(interface).transpose()?;
    let shown = interface.as_ref().map_or("every interface", |interface| &interface.name).to_owned();
    let socket = Socket::open(interface, PATIENCE).map_err(explain)?;
    let wanted = Wanted::of(arguments);
    let kept = arguments.write.as_deref();
    let kept = kept.map(|path| Kept::create(path, arguments.keylog.as_deref(), &shown)).transpose()?;
    let stopped = stopped()?;
    let inspected = Inspected::find(arguments)?;
    let known = inspected.as_ref().map(Inspected::in_words);
    let mut tale = Tale::new(arguments, &wanted, inspected);
    tale.note(&format!("listening on {shown} for {}; INT ends it", wanted.in_words()))?;
    if let Some(known) = known {
        tale.note(&known)?;
    }
    listen(arguments, socket, &wanted, kept, &mut tale, &stopped)
}

fn listen(
    arguments: &Capture,
    mut socket: Socket,
    wanted: &Wanted,
    mut kept: Option<Kept>,
    tale: &mut Tale,
    stopped: &AtomicBool,
) -> Result<(), Failure> {
    let until = arguments.duration.map(|length| Instant::now() + length);
    let mut heard = 0;
    let is_enough = |heard: u64| {
        stopped.load(Ordering::Relaxed)
            || until.is_some_and(|until| Instant::now() >= until)
            || arguments.count.is_some_and(|count| heard >= count)
    };
    while !is_enough(heard) {
        let frame = socket.next_frame().map_err(|error| Failure::new(format!("listening failed: {error}")))?;
        let Some(frame) = frame else {
            tale.pause()?;
            continue;
        };
        let captured = frame.captured;
        let packet = Packet::read(Link::Ip, &captured.bytes, captured.length, captured.at);
        let Some(packet) = packet.ok().filter(|packet| wanted.holds(packet)) else {
            continue;
        };
        heard += 1;
        if let Some(kept) = &mut kept {
            kept.packet(&captured)?;
        }
        tale.hear(&packet)?;
    }
    tale.end()?;
    match kept {
        Some(kept) => tale.note(&kept.finish()?),
        None => Ok(()),
    }
}

fn interface(name: &str) -> Result<Interface, Failure> {
    let all = Interface::all().map_err(|error| Failure::new(format!("the interfaces cannot be listed: {error}")))?;
    if let Some(found) = all.iter().find(|interface| interface.name == name) {
        return Ok(found.clone());
    }
    let names: Vec<&str> = all.iter().map(|interface| &*interface.name).collect();
    let advice = format!("This machine has {}.", names.join(", "));
    Err(Failure::new(format!("there is no interface `{name}`")).advise(advice))
}

fn explain(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            Failure::new("listening to packets needs the capability CAP_NET_RAW, which this process does not have")
                .advise(
                    "Run it with sudo, or give it to the program once: sudo setcap cap_net_raw+ep \"$(command -v \
                     wirelight)\"",
                )
        }
        _ => Failure::new(format!("packets cannot be listened to: {error}")),
    }
}

/// Becomes true once INT or TERM comes.
fn stopped() -> Result<Arc<AtomicBool>, Failure> {
    let failed = |error: io::Error| Failure::new(format!("signals cannot be heard: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt()).map_err(failed)?, signal(SignalKind::terminate()).map_err(failed)?)
    };
    let stopped = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&stopped);
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        heard.store(true, Ordering::Relaxed);
    });
    Ok(stopped)
}
