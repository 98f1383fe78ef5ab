//! Settings: what the peer said, judged, and what this end says (RFC 9113, section 6.5).

use super::config::Config;
use super::fault::{Code, FLOW_CONTROL, Fault, SETTING_VALUE};
use super::flow::{WINDOW_DEFAULT, WINDOW_MAX};
use super::frame::{PAYLOAD_DEFAULT_MAX, Setting};
use super::hpack::TABLE_BYTES_DEFAULT;
use crate::Role;

/// What the peer announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Announced {
    /// The largest table that our encoder may use, in bytes.
    pub(crate) table_bytes: usize,
    /// How many streams we may have open; `None` before the peer has said anything at all.
    pub(crate) streams_max: Option<u32>,
    /// How much we may send on a new stream, in bytes.
    pub(crate) initial_window: u32,
    /// The largest payload that we may send, in bytes.
    pub(crate) frame_bytes_max: usize,
    /// Whether we may use extended CONNECT.
    pub(crate) extended_connect: bool,
}

impl Default for Announced {
    fn default() -> Self {
        Self {
            table_bytes: TABLE_BYTES_DEFAULT,
            streams_max: None,
            initial_window: WINDOW_DEFAULT,
            frame_bytes_max: PAYLOAD_DEFAULT_MAX,
            extended_connect: false,
        }
    }
}

impl Announced {
    /// Takes one setting of a peer that `role` talks to; one that is not known is ignored.
    pub(crate) fn take(&mut self, setting: Setting, role: Role) -> Result<(), Fault> {
        let value = setting.value;
        match setting.identifier {
            Setting::HEADER_TABLE_SIZE => self.table_bytes = value as usize,
            Setting::ENABLE_PUSH if value > 1 => return Err(wrong(setting, "0 or 1")),
            Setting::ENABLE_PUSH if value == 1 && role == Role::Client => {
                return Err(wrong(setting, "0 from a server"));
            }
            Setting::MAX_CONCURRENT_STREAMS => self.streams_max = Some(value),
            Setting::INITIAL_WINDOW_SIZE => {
                if i64::from(value) > WINDOW_MAX {
                    let fault = wrong(setting, "at most 2147483647");
                    return Err(Fault { rule: &FLOW_CONTROL, code: Code::FLOW_CONTROL_ERROR, ..fault });
                }
                self.initial_window = value;
            }
            Setting::MAX_FRAME_SIZE => {
                if !(16_384..=16_777_215).contains(&value) {
                    return Err(wrong(setting, "from 16384 to 16777215"));
                }
                self.frame_bytes_max = value as usize;
            }
            Setting::ENABLE_CONNECT_PROTOCOL => {
                if value > 1 || value == 0 && self.extended_connect {
                    return Err(wrong(setting, "0 or 1, and not 0 after 1"));
                }
                self.extended_connect = value == 1;
            }
            Setting::NO_RFC7540_PRIORITIES if value > 1 => return Err(wrong(setting, "0 or 1")),
            _ => {}
        }
        Ok(())
    }
}

fn wrong(setting: Setting, wanted: &'static str) -> Fault {
    let name = setting.name().unwrap_or("a setting");
    let because = format!("{name} is {}", setting.value);
    Fault::connection(&SETTING_VALUE, Code::PROTOCOL_ERROR, because).or(format!("{wanted} would have been accepted"))
}

/// What this end announces when the connection begins; what has its default value is left out.
pub(crate) fn ours(role: Role, config: &Config) -> Vec<Setting> {
    let mut settings = Vec::with_capacity(6);
    let mut say = |identifier, value, default: Option<u32>| {
        if default != Some(value) {
            settings.push(Setting { identifier, value });
        }
    };
    say(Setting::HEADER_TABLE_SIZE, config.table_bytes_max, Some(TABLE_BYTES_DEFAULT as u32));
    match role {
        Role::Client => say(Setting::ENABLE_PUSH, 0, None),
        Role::Server => say(Setting::MAX_CONCURRENT_STREAMS, config.streams_max, None),
    }
    say(Setting::INITIAL_WINDOW_SIZE, config.stream_window_bytes, Some(WINDOW_DEFAULT));
    let header_list = u32::try_from(config.header_list_bytes_max).unwrap_or(u32::MAX);
    say(Setting::MAX_HEADER_LIST_SIZE, header_list, None);
    if role == Role::Server {
        say(Setting::ENABLE_CONNECT_PROTOCOL, config.extended_connect.into(), Some(0));
        say(Setting::NO_RFC7540_PRIORITIES, 1, None);
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_judged() {
        use Setting as S;
        let (protocol, flow) = (Code::PROTOCOL_ERROR, Code::FLOW_CONTROL_ERROR);
        for (identifier, value, role, refused) in [
            (S::ENABLE_PUSH, 2, Role::Server, Some(protocol)),
            (S::ENABLE_PUSH, 1, Role::Server, None),
            (S::ENABLE_PUSH, 1, Role::Client, Some(protocol)),
            (S::INITIAL_WINDOW_SIZE, 1 << 31, Role::Server, Some(flow)),
            (S::INITIAL_WINDOW_SIZE, (1 << 31) - 1, Role::Server, None),
            (S::MAX_FRAME_SIZE, 16_383, Role::Server, Some(protocol)),
            (S::MAX_FRAME_SIZE, 16_777_216, Role::Server, Some(protocol)),
            (S::MAX_FRAME_SIZE, 16_777_215, Role::Server, None),
            (S::ENABLE_CONNECT_PROTOCOL, 2, Role::Client, Some(protocol)),
            (S::NO_RFC7540_PRIORITIES, 2, Role::Server, Some(protocol)),
            (S::NO_RFC7540_PRIORITIES, 1, Role::Server, None),
            (0x9999, u32::MAX, Role::Server, None),
        ] {
            let judged = Announced::default().take(Setting { identifier, value }, role);
            assert_eq!(judged.err().map(|fault| fault.code), refused, "{identifier:#x} = {value}");
        }
    }

    #[test]
    fn extended_connect_is_not_taken_back() {
        let mut announced = Announced::default();
        let mut take = |value| announced.take(Setting { identifier: 8, value }, Role::Client).is_ok();
        assert_eq!([take(0), take(1), take(1), take(0)], [true, true, true, false]);
    }

    #[test]
    fn a_server_says_more_than_a_client() {
        let names = |role| -> Vec<_> { ours(role, &Config::default()).into_iter().filter_map(Setting::name).collect() };
        assert_eq!(
            names(Role::Server),
            [
                "MAX_CONCURRENT_STREAMS",
                "INITIAL_WINDOW_SIZE",
                "MAX_HEADER_LIST_SIZE",
                "ENABLE_CONNECT_PROTOCOL",
                "NO_RFC7540_PRIORITIES"
            ]
        );
        assert_eq!(names(Role::Client), ["ENABLE_PUSH", "INITIAL_WINDOW_SIZE", "MAX_HEADER_LIST_SIZE"]);
    }
}
