//! SETTINGS (RFC 9113, section 6.5).

use super::{Frame, Head, flag, kind, of_connection, sized, write, wrong_size};
use crate::h2::fault::Fault;

/// One setting, whose value was not judged yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Which one.
    pub identifier: u16,
    /// Its value.
    pub value: u32,
}

impl Setting {
    /// How large the peer's compression table may be, in bytes.
    pub const HEADER_TABLE_SIZE: u16 = 0x1;
    /// Whether the server may push.
    pub const ENABLE_PUSH: u16 = 0x2;
    /// How many streams the peer may have open.
    pub const MAX_CONCURRENT_STREAMS: u16 = 0x3;
    /// How much content a new stream may receive, in bytes.
    pub const INITIAL_WINDOW_SIZE: u16 = 0x4;
    /// The largest payload of a frame, in bytes.
    pub const MAX_FRAME_SIZE: u16 = 0x5;
    /// The largest header section, in bytes as RFC 7541 counts them.
    pub const MAX_HEADER_LIST_SIZE: u16 = 0x6;
    /// Whether extended CONNECT may be used (RFC 8441, section 3).
    pub const ENABLE_CONNECT_PROTOCOL: u16 = 0x8;
    /// Whether the priorities of RFC 7540 are of no use (RFC 9218, section 2.1).
    pub const NO_RFC7540_PRIORITIES: u16 = 0x9;

    /// The name of the setting, without its prefix.
    pub fn name(self) -> Option<&'static str> {
        Some(match self.identifier {
            Self::HEADER_TABLE_SIZE => "HEADER_TABLE_SIZE",
            Self::ENABLE_PUSH => "ENABLE_PUSH",
            Self::MAX_CONCURRENT_STREAMS => "MAX_CONCURRENT_STREAMS",
            Self::INITIAL_WINDOW_SIZE => "INITIAL_WINDOW_SIZE",
            Self::MAX_FRAME_SIZE => "MAX_FRAME_SIZE",
            Self::MAX_HEADER_LIST_SIZE => "MAX_HEADER_LIST_SIZE",
            Self::ENABLE_CONNECT_PROTOCOL => "ENABLE_CONNECT_PROTOCOL",
            Self::NO_RFC7540_PRIORITIES => "NO_RFC7540_PRIORITIES",
            _ => return None,
        })
    }
}

/// Settings of the connection, six octets each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings<'a>(&'a [u8]);

impl<'a> Settings<'a> {
    pub(super) fn read(head: Head, payload: &'a [u8]) -> Result<Frame<'a>, Fault> {
        of_connection(head)?;
        if head.has(flag::ACK) {
            return sized::<0>(head, payload).map(|_| Frame::SettingsAck);
        }
        if !payload.len().is_multiple_of(6) {
            return Err(wrong_size(head, "a multiple of 6 octets".into()));
        }
        Ok(Frame::Settings(Self(payload)))
    }

    /// The settings in their order.
    pub fn iter(self) -> impl Iterator<Item = Setting> + 'a {
        self.0.as_chunks::<6>().0.iter().map(|octets| Setting {
            identifier: u16::from_be_bytes([octets[0], octets[1]]),
            value: u32::from_be_bytes([octets[2], octets[3], octets[4], octets[5]]),
        })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        write(kind::SETTINGS, 0, 0, out, |out| out.extend_from_slice(self.0));
    }

    /// Writes a frame of these settings.
    pub(crate) fn write_all(settings: &[Setting], out: &mut Vec<u8>) {
        write(kind::SETTINGS, 0, 0, out, |out| {
            for setting in settings {
                out.extend(setting.identifier.to_be_bytes());
                out.extend(setting.value.to_be_bytes());
            }
        });
    }

    pub(crate) fn write_ack(out: &mut Vec<u8>) {
        write(kind::SETTINGS, flag::ACK, 0, out, |_| {});
    }
}
