//! Writing: a section with one interface, then packets, and secrets before the packets that need them.

use std::io::{self, Write};

use super::Captured;
use super::pcapng::{BYTE_ORDER, ENHANCED_PACKET, INTERFACE, OPTION_RESOLUTION, SECRETS, SECTION, TLS_KEY_LOG};
use crate::Link;

/// Times are written in nanoseconds: ten to the power of minus this.
const RESOLUTION: u8 = 9;
const APPLICATION: &str = concat!("wirelight ", env!("CARGO_PKG_VERSION"));
const OPTION_INTERFACE_NAME: u16 = 2;
const OPTION_APPLICATION: u16 = 4;
const OPTION_END: u16 = 0;

/// Writes a pcapng file, as its specification has it, in little-endian order.
#[derive(Debug)]
pub struct Writer<W> {
    to: W,
    link: Link,
}

impl<W: Write> Writer<W> {
    /// Begins a file of packets of one kind, from what `interface` names; at most `kept_bytes` of each were captured.
    pub fn new(mut to: W, link: Link, interface: &str, kept_bytes: u32) -> io::Result<Self> {
        let mut section = Vec::new();
        section.extend_from_slice(&BYTE_ORDER.to_le_bytes());
        section.extend_from_slice(&[1, 0, 0, 0]);
        // How long the section is, nobody knows yet.
        section.extend_from_slice(&u64::MAX.to_le_bytes());
        option(&mut section, OPTION_APPLICATION, APPLICATION.as_bytes());
        option(&mut section, OPTION_END, &[]);
        block(&mut to, SECTION, &section)?;
        let mut described = Vec::new();
        described.extend_from_slice(&link.number().to_le_bytes());
        described.extend_from_slice(&[0, 0]);
        described.extend_from_slice(&kept_bytes.to_le_bytes());
        option(&mut described, OPTION_INTERFACE_NAME, interface.as_bytes());
        option(&mut described, OPTION_RESOLUTION, &[RESOLUTION]);
        option(&mut described, OPTION_END, &[]);
        block(&mut to, INTERFACE, &described)?;
        Ok(Self { to, link })
    }

    /// Writes a packet.
    ///
    /// # Errors
    /// Those of writing, and one of kind `InvalidInput` for a packet of another link type than the file's.
    pub fn packet(&mut self, packet: &Captured) -> io::Result<()> {
        if packet.link != self.link.number() {
            let because = format!("a packet of link type {} in a file of {}", packet.link, self.link.number());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, because));
        }
        let units = packet.at.as_nanos() as u64;
        let mut body = Vec::with_capacity(packet.bytes.len() + 24);
        body.extend_from_slice(&0_u32.to_le_bytes());
        body.extend_from_slice(&((units >> 32) as u32).to_le_bytes());
        body.extend_from_slice(&(units as u32).to_le_bytes());
        body.extend_from_slice(&(packet.bytes.len() as u32).to_le_bytes());
        body.extend_from_slice(&(packet.length as u32).to_le_bytes());
        body.extend_from_slice(&packet.bytes);
        block(&mut self.to, ENHANCED_PACKET, &body)
    }

    /// Writes lines of a TLS key log, so that whoever reads the file can decrypt the packets behind them.
    pub fn secrets(&mut self, key_log: &[u8]) -> io::Result<()> {
        let mut body = Vec::with_capacity(key_log.len() + 12);
        body.extend_from_slice(&TLS_KEY_LOG.to_le_bytes());
        body.extend_from_slice(&(key_log.len() as u32).to_le_bytes());
        body.extend_from_slice(key_log);
        block(&mut self.to, SECRETS, &body)
    }

    /// Hands on what was written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    /// Gives back what was written to.
    pub fn into_inner(self) -> W {
        self.to
    }
}

fn option(to: &mut Vec<u8>, code: u16, value: &[u8]) {
    to.extend_from_slice(&code.to_le_bytes());
    to.extend_from_slice(&(value.len() as u16).to_le_bytes());
    to.extend_from_slice(value);
    pad(to);
}

fn pad(to: &mut Vec<u8>) {
    to.resize(to.len().next_multiple_of(4), 0);
}

fn block(to: &mut impl Write, kind: u32, body: &[u8]) -> io::Result<()> {
    let padded = body.len().next_multiple_of(4);
    let length = (padded as u32 + 12).to_le_bytes();
    let mut whole = Vec::with_capacity(padded + 12);
    whole.extend_from_slice(&kind.to_le_bytes());
    whole.extend_from_slice(&length);
    whole.extend_from_slice(body);
    pad(&mut whole);
    whole.extend_from_slice(&length);
    to.write_all(&whole)
}
