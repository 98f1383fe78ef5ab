//! `wirelight capture`: packets as the system saw them, and what each did to its connection.

mod kept;
mod link;
mod live;
mod tale;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use wirelight_capture::capture_file::{Entry, Fault, Reader};
use wirelight_capture::{Link, Packet};

use self::kept::Kept;
use self::link::Link as Inspected;
use self::tale::Tale;
use crate::args::Capture;
use crate::exit::Failure;

/// The ports that are heeded when none is named.
const USUAL_PORTS: [u16; 4] = [80, 443, 8080, 8443];

/// Listens, or reads a file.
pub(crate) fn run(arguments: &Capture) -> Result<(), Failure> {
    match &arguments.file {
        Some(file) => read(arguments, file),
        None => live::run(arguments),
    }
}

/// Which packets are heeded.
#[derive(Debug, Clone)]
struct Wanted {
    /// All ports where this is empty.
    ports: Vec<u16>,
}

impl Wanted {
    fn of(arguments: &Capture) -> Self {
        let is_usual = arguments.port.is_empty() && !arguments.all_ports && arguments.file.is_none();
        Self { ports: if is_usual { USUAL_PORTS.to_vec() } else { arguments.port.clone() } }
    }

    fn holds(&self, packet: &Packet) -> bool {
        let is_named = |port: u16| self.ports.contains(&port);
        self.ports.is_empty() || is_named(packet.from.port()) || is_named(packet.to.port())
    }

    /// The ports, as a sentence has them.
    fn in_words(&self) -> String {
        let named: Vec<String> = self.ports.iter().map(u16::to_string).collect();
        match named.as_slice() {
            [] => "every port".to_owned(),
            [one] => format!("port {one}"),
            [rest @ .., last] => format!("ports {} and {last}", rest.join(", ")),
        }
    }
}

fn read(arguments: &Capture, path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| Failure::new(format!("{shown} cannot be read: {error}")))?;
    let mut reader = Reader::new(BufReader::new(file));
    let wanted = Wanted::of(arguments);
    let mut kept = arguments.write.as_deref().map(|path| Kept::create(path, arguments.keylog.as_deref(), "file"));
    let mut kept = kept.take().transpose()?;
    let mut tale = Tale::new(arguments, &wanted, Inspected::find(arguments)?);
    let (mut heard, mut unread, mut secrets) = (0, 0_u64, false);
    let broken = loop {
        if arguments.count.is_some_and(|count| heard >= count) {
            break None;
        }
        match reader.next_entry() {
            Ok(None) => break None,
            Err(fault) => break Some(fault),
            Ok(Some(Entry::Secrets(found))) => {
                secrets = true;
                if let Some(kept) = &mut kept {
                    kept.secrets(&found)?;
                }
            }
            Ok(Some(Entry::Packet(captured))) => {
                let link = Link::from_number(captured.link);
                let read = link.map(|link| Packet::read(link, &captured.bytes, captured.length, captured.at));
                match read {
                    Some(Ok(packet)) if wanted.holds(&packet) => {
                        heard += 1;
                        if let Some(kept) = &mut kept {
                            kept.packet(&captured)?;
                        }
                        tale.hear(&packet)?;
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => unread += 1,
                }
            }
        }
    };
    tale.end()?;
    if let Some(kept) = kept {
        tale.note(&kept.finish()?)?;
    }
    if unread > 0 {
        tale.note(&format!("{unread} packets carry neither TCP nor UDP, or cannot be read"))?;
    }
    if secrets {
        tale.note("the file holds secrets of TLS: Wireshark can decrypt what they belong to")?;
    }
    match broken {
        None if heard == 0 && arguments.count.is_none() => tale.note("there is nothing of that kind in the file"),
        None => Ok(()),
        Some(Fault::Foreign) => Err(Failure::new(format!("{shown} is neither a pcapng nor a pcap file"))),
        Some(fault) => Err(Failure::new(format!("{shown} could not be read to its end: {fault}"))),
    }
}
