//! The older format: one header, then packets with a header each.

use std::io::Read;
use std::time::Duration;

use super::blocks::{Input, Order};
use super::{Captured, Fault};

/// What the header says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    order: Order,
    nanoseconds: bool,
    link: u16,
}

const HEADER_BYTES: usize = 24;
const PACKET_HEADER_BYTES: usize = 16;

impl Header {
    /// Reads the header, of which the first four bytes were read already; `None` if they are not those of pcap.
    pub(super) fn read<R: Read>(first: [u8; 4], input: &mut Input<R>) -> Result<Option<Self>, Fault> {
        let (order, nanoseconds) = match first {
            [0xd4, 0xc3, 0xb2, 0xa1] => (Order::Little, false),
            [0xa1, 0xb2, 0xc3, 0xd4] => (Order::Big, false),
            [0x4d, 0x3c, 0xb2, 0xa1] => (Order::Little, true),
            [0xa1, 0xb2, 0x3c, 0x4d] => (Order::Big, true),
            _ => return Ok(None),
        };
        let rest = input.need(HEADER_BYTES - first.len(), 0)?;
        let link = order.u32(&rest, 16).unwrap_or_default() as u16;
        Ok(Some(Self { order, nanoseconds, link }))
    }

    /// The next packet.
    pub(super) fn packet<R: Read>(self, input: &mut Input<R>) -> Result<Option<Captured>, Fault> {
        let began = input.at;
        let Some(header) = input.take(PACKET_HEADER_BYTES, began)? else {
            return Ok(None);
        };
        let number = |at| self.order.u32(&header, at).unwrap_or_default();
        let fraction = if self.nanoseconds { number(4) } else { number(4).saturating_mul(1000) };
        let at = Duration::from_secs(number(0).into()) + Duration::from_nanos(fraction.into());
        let bytes = input.need(number(8) as usize, began)?;
        Ok(Some(Captured { link: self.link, at, length: (number(12) as usize).max(bytes.len()), bytes }))
    }
}
