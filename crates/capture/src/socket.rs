//! Packets off an interface, by a packet socket of Linux (packet(7)), which needs the capability CAP_NET_RAW.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::sys::socket::sockopt::{RcvBuf, ReceiveTimeout, ReceiveTimestampns};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recvmsg, setsockopt,
    socket,
};
use nix::sys::time::{TimeSpec, TimeVal};

use crate::Link;
use crate::capture_file::Captured;

/// The most that is taken of one packet, in bytes; even what the system puts together from segments is shorter.
pub const KEPT_BYTES_MAX: usize = 256 * 1024;
/// How much the system may hold for us, in bytes.
const WAITING_BYTES: usize = 32 * 1024 * 1024;
/// Values of `sll_pkttype` and `sll_hatype`.
const OUTGOING: u8 = 4;
const LOOPBACK: u16 = 772;

/// A socket that hears every packet of an interface.
#[derive(Debug)]
pub struct Socket {
    socket: OwnedFd,
    interface: Option<Interface>,
    buffer: Vec<u8>,
}

/// An interface of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name: `lo`, `eth0`.
    pub name: String,
    /// Its number.
    pub index: usize,
}

/// A packet off an interface; it begins with its IP header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The packet.
    pub captured: Captured,
    /// The number of the interface.
    pub interface: usize,
}

impl Interface {
    /// All interfaces of this machine.
    pub fn all() -> io::Result<Vec<Self>> {
        let interfaces = nix::net::if_::if_nameindex()?;
        let named = interfaces.iter().map(|interface| Self {
            name: interface.name().to_string_lossy().into_owned(),
            index: interface.index() as usize,
        });
        Ok(named.collect())
    }
}

impl Socket {
    /// Hears one interface, or all of them. Waiting for a packet ends after `patience`.
    ///
    /// # Errors
    /// `PermissionDenied` without the capability CAP_NET_RAW.
    pub fn open(interface: Option<Interface>, patience: Duration) -> io::Result<Self> {
        let socket = socket(AddressFamily::Packet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll)?;
        setsockopt(&socket, ReceiveTimestampns, &true)?;
        setsockopt(&socket, ReceiveTimeout, &TimeVal::new(patience.as_secs() as i64, patience.subsec_micros().into()))?;
        // The system gives less to who may not have more.
        let _ = setsockopt(&socket, RcvBuf, &WAITING_BYTES);
        Ok(Self { socket, interface, buffer: vec![0; KEPT_BYTES_MAX] })
    }

    /// The next packet of IP; `None` where none came in time.
    pub fn next_frame(&mut self) -> io::Result<Option<Frame>> {
        loop {
            let mut control = nix::cmsg_space!(TimeSpec);
            let mut room = [IoSliceMut::new(&mut self.buffer)];
            let flags = MsgFlags::MSG_TRUNC;
            let received = match recvmsg::<LinkAddr>(self.socket.as_raw_fd(), &mut room, Some(&mut control), flags) {
                Ok(received) => received,
                Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
                // An interface that goes down says so once.
                Err(Errno::ENETDOWN) => continue,
                Err(errno) => return Err(errno.into()),
            };
            let Some(address) = received.address else { continue };
            let at = received.cmsgs().ok().and_then(|mut messages| messages.find_map(stamp)).unwrap_or_else(now);
            let length = received.bytes;
            if !is_wanted(&address, self.interface.as_ref()) {
                continue;
            }
            let bytes = self.buffer[..length.min(KEPT_BYTES_MAX)].to_vec();
            let captured = Captured { link: Link::Ip.number(), at, bytes, length };
            return Ok(Some(Frame { captured, interface: address.ifindex() }));
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn stamp(message: ControlMessageOwned) -> Option<Duration> {
    match message {
        ControlMessageOwned::ScmTimestampns(at) => Some(Duration::new(at.tv_sec() as u64, at.tv_nsec() as u32)),
        _ => None,
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A packet of the loopback passes twice, on its way out and on its way in: once is enough.
fn is_wanted(address: &LinkAddr, interface: Option<&Interface>) -> bool {
    const IP: [u16; 2] = [0x0800, 0x86dd];
    let is_echo = address.hatype() == LOOPBACK && address.pkttype() == OUTGOING;
    let is_ours = interface.is_none_or(|interface| interface.index == address.ifindex());
    is_ours && !is_echo && IP.contains(&u16::from_be(address.protocol()))
}
