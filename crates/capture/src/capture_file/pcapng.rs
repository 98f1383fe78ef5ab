//! Reading: a file is a row of blocks, of which those that are not known are left out.

use std::io::Read;
use std::time::Duration;

use super::blocks::{Input, Order};
use super::pcap;
use super::{Captured, Entry, Fault};

pub(super) const SECTION: u32 = 0x0a0d_0d0a;
pub(super) const INTERFACE: u32 = 1;
pub(super) const SIMPLE_PACKET: u32 = 3;
pub(super) const ENHANCED_PACKET: u32 = 6;
pub(super) const SECRETS: u32 = 10;
/// Secrets in the format of NSS's key log.
pub(super) const TLS_KEY_LOG: u32 = 0x544c_534b;
pub(super) const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// How finely an interface tells the time.
pub(super) const OPTION_RESOLUTION: u16 = 9;

/// Reads what stands in a file, one entry after the other.
pub struct Reader<R> {
    input: Input<R>,
    format: Format,
}

enum Format {
    Unknown,
    Pcap(pcap::Header),
    Section { order: Order, interfaces: Vec<Interface> },
}

#[derive(Debug, Clone, Copy)]
struct Interface {
    link: u16,
    kept_bytes: u32,
    /// Units of time in a second.
    resolution: u64,
}

impl<R: Read> Reader<R> {
    /// Reads from here; a file wants to be buffered.
    pub fn new(from: R) -> Self {
        Self { input: Input::new(from), format: Format::Unknown }
    }

    /// The next entry; `None` at the end.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, Fault> {
        loop {
            if let Format::Pcap(header) = self.format {
                return Ok(header.packet(&mut self.input)?.map(Entry::Packet));
            }
            let began = self.input.at;
            let Some(first) = self.input.take(4, began)? else {
                return if began == 0 { Err(Fault::Foreign) } else { Ok(None) };
            };
            let first: [u8; 4] = first.try_into().expect("four were asked for");
            if let Format::Unknown = self.format
                && let Some(header) = pcap::Header::read(first, &mut self.input)?
            {
                self.format = Format::Pcap(header);
                continue;
            }
            if let Some(entry) = self.block(first, began)? {
                return Ok(Some(entry));
            }
        }
    }

    fn block(&mut self, first: [u8; 4], began: u64) -> Result<Option<Entry>, Fault> {
        if first == SECTION.to_be_bytes() {
            self.section(began)?;
            return Ok(None);
        }
        let Format::Section { order, interfaces } = &mut self.format else {
            return Err(Fault::Foreign);
        };
        let order = *order;
        let length = self.input.need(4, began)?;
        let body = body(&mut self.input, order, &length, began)?;
        let kind = order.u32(&first, 0).unwrap_or_default();
        let entry = match kind {
            INTERFACE => Interface::read(order, &body).map(|interface| {
                interfaces.push(interface);
                None
            }),
            ENHANCED_PACKET => enhanced(order, interfaces, &body).map(|packet| Some(Entry::Packet(packet))),
            SIMPLE_PACKET => simple(order, interfaces, &body).map(|packet| Some(Entry::Packet(packet))),
            SECRETS => secrets(order, &body),
            _ => Some(None),
        };
        entry.ok_or_else(|| Fault::Malformed(began, format!("a block of kind {kind} contradicts itself")))
    }

    /// A section begins, and with it the order of the bytes and the numbers of the interfaces.
    fn section(&mut self, began: u64) -> Result<(), Fault> {
        let head = self.input.need(8, began)?;
        let order = [Order::Little, Order::Big].into_iter().find(|order| order.u32(&head, 4) == Some(BYTE_ORDER));
        let order = order.ok_or(Fault::Foreign)?;
        let length = order.u32(&head, 0).unwrap_or_default() as usize;
        // What was read already: kind, length and byte order; at the end the length stands again.
        let rest = length.checked_sub(12).filter(|rest| *rest >= 4 && length.is_multiple_of(4));
        let rest = rest.ok_or_else(|| Fault::Malformed(began, format!("a section header of {length} bytes")))?;
        self.input.need(rest, began)?;
        self.format = Format::Section { order, interfaces: Vec::new() };
        Ok(())
    }
}

/// What is between the two lengths of a block.
fn body<R: Read>(input: &mut Input<R>, order: Order, length: &[u8], began: u64) -> Result<Vec<u8>, Fault> {
    let length = order.u32(length, 0).unwrap_or_default() as usize;
    let inner = length.checked_sub(12).filter(|_| length.is_multiple_of(4));
    let inner = inner.ok_or_else(|| Fault::Malformed(began, format!("a block of {length} bytes")))?;
    let body = input.need(inner, began)?;
    let again = input.need(4, began)?;
    if order.u32(&again, 0) != Some(length as u32) {
        return Err(Fault::Malformed(began, "a block's two lengths differ".to_owned()));
    }
    Ok(body)
}

impl Interface {
    fn read(order: Order, body: &[u8]) -> Option<Self> {
        let mut interface = Self { link: order.u16(body, 0)?, kept_bytes: order.u32(body, 4)?, resolution: 1_000_000 };
        let mut at = 8;
        while let (Some(code @ 1..), Some(length)) = (order.u16(body, at), order.u16(body, at + 2)) {
            if (code, length) == (OPTION_RESOLUTION, 1) {
                let exponent = *body.get(at + 4)?;
                let power = u32::from(exponent & 0x7f);
                let base = if exponent & 0x80 == 0 { 10_u64 } else { 2 };
                interface.resolution = base.checked_pow(power)?;
            }
            at += 4 + usize::from(length).next_multiple_of(4);
        }
        Some(interface)
    }

    fn time(self, units: u64) -> Duration {
        let nanoseconds = u128::from(units % self.resolution) * 1_000_000_000 / u128::from(self.resolution);
        Duration::new(units / self.resolution, nanoseconds as u32)
    }
}

fn enhanced(order: Order, interfaces: &[Interface], body: &[u8]) -> Option<Captured> {
    let interface = interfaces.get(order.u32(body, 0)? as usize)?;
    let units = u64::from(order.u32(body, 4)?) << 32 | u64::from(order.u32(body, 8)?);
    let captured = order.u32(body, 12)? as usize;
    let length = order.u32(body, 16)? as usize;
    let bytes = body.get(20..20_usize.checked_add(captured)?)?.to_vec();
    Some(Captured { link: interface.link, at: interface.time(units), length: length.max(captured), bytes })
}

fn simple(order: Order, interfaces: &[Interface], body: &[u8]) -> Option<Captured> {
    let interface = interfaces.first()?;
    let length = order.u32(body, 0)? as usize;
    let kept = if interface.kept_bytes == 0 { length } else { length.min(interface.kept_bytes as usize) };
    let bytes = body.get(4..4_usize.checked_add(kept)?)?.to_vec();
    Some(Captured { link: interface.link, at: Duration::ZERO, length, bytes })
}

fn secrets(order: Order, body: &[u8]) -> Option<Option<Entry>> {
    let length = order.u32(body, 4)? as usize;
    let secrets = body.get(8..8_usize.checked_add(length)?)?;
    Some((order.u32(body, 0)? == TLS_KEY_LOG).then(|| Entry::Secrets(secrets.to_vec())))
}
