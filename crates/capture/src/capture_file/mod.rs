//! Files of packets: pcapng is written and read, the older pcap is read.

mod blocks;
mod pcap;
mod pcapng;
mod write;

use std::fmt;
use std::io;
use std::time::Duration;

pub use self::pcapng::Reader;
pub use self::write::Writer;

/// How long a block or a packet may be, in bytes: what a reader takes into memory at once.
pub const BLOCK_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A packet as it stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// What it begins with, by its number; not all of them can be read here.
    pub link: u16,
    /// When it was seen, since 1970 in UTC.
    pub at: Duration,
    /// What was captured of it.
    pub bytes: Vec<u8>,
    /// How long it was.
    pub length: usize,
}

/// What stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A packet.
    Packet(Captured),
    /// Secrets of TLS, in the format of NSS's key log.
    Secrets(Vec<u8>),
}

/// Why a file could not be read further.
#[derive(Debug)]
pub enum Fault {
    /// It is neither pcapng nor pcap.
    Foreign,
    /// It contradicts itself at this byte, in words.
    Malformed(u64, String),
    /// It ends within a block that begins at this byte.
    CutOff(u64),
    /// The system says so.
    Io(io::Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("it is neither a pcapng nor a pcap file"),
            Self::Malformed(at, because) => write!(f, "at byte {at}: {because}"),
            Self::CutOff(at) => write!(f, "it is cut off within the block that begins at byte {at}"),
            Self::Io(error) => write!(f, "it cannot be read: {error}"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
