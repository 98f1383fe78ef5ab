//! Listening sockets, handed from one process to the next over a Unix socket (SCM_RIGHTS), so that no connection that
//! waits in their queues is lost.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};
use wirelight_server::{Address, Listener};

use crate::config::Plan;

/// How many sockets go in one message; the system takes at most 253.
const SOCKETS_A_MESSAGE: usize = 64;
/// The longest description of sockets that is taken.
const DESCRIPTION_BYTES_MAX: u32 = 1 << 20;
/// What a new process says once it serves.
const READY: &[u8] = b"ready\n";

/// Listening sockets that somebody else has opened.
#[derive(Debug, Default)]
pub struct Inherited {
    /// The sockets for each listener of the plan, by its address there.
    pub listeners: Vec<(SocketAddr, Vec<Listener>)>,
    /// The socket of the admin listener, by its address.
    pub admin: Option<(SocketAddr, Listener)>,
    /// The socket for commands.
    pub control: Option<Listener>,
}

/// What goes before the sockets, which follow in this order.
#[derive(Debug, Serialize, Deserialize)]
struct Description {
    listeners: Vec<(SocketAddr, usize)>,
    admin: Option<SocketAddr>,
    control: bool,
}

impl Inherited {
    /// The sockets that systemd has opened, each for the listener with its address; those that no listener of the plan
    /// is for are given back with where they are.
    pub fn matching(plan: &Plan, given: Vec<Listener>) -> (Self, Vec<Address>) {
        let mut inherited = Self::default();
        let mut left = Vec::new();
        for socket in given {
            let address = match socket.address() {
                Address::Internet(address) | Address::Secure(address) => address,
                other => {
                    left.push(other);
                    continue;
                }
            };
            let is_for = |wanted: SocketAddr| {
                wanted == address
                    || wanted.port() == address.port() && wanted.ip().is_unspecified() && address.ip().is_unspecified()
            };
            if let Some(listen) = plan.listeners.iter().find(|listen| is_for(listen.address)) {
                match inherited.listeners.iter_mut().find(|(known, _)| *known == listen.address) {
                    Some((_, sockets)) => sockets.push(socket),
                    None => inherited.listeners.push((listen.address, vec![socket])),
                }
            } else if let Some(admin) = plan.admin.as_ref().filter(|admin| is_for(admin.address)) {
                inherited.admin = Some((admin.address, socket));
            } else {
                left.push(socket.address());
            }
        }
        (inherited, left)
    }

    /// Takes the sockets for a listener out.
    pub(super) fn take(&mut self, address: SocketAddr) -> Vec<Listener> {
        match self.listeners.iter().position(|(known, _)| *known == address) {
            Some(place) => self.listeners.swap_remove(place).1,
            None => Vec::new(),
        }
    }

    /// Sends the sockets to another process.
    ///
    /// # Errors
    /// If it does not take them.
    pub fn send(&self, mut to: &UnixStream) -> io::Result<()> {
        let description = Description {
            listeners: self.listeners.iter().map(|(address, sockets)| (*address, sockets.len())).collect(),
            admin: self.admin.as_ref().map(|(address, _)| *address),
            control: self.control.is_some(),
        };
        let text = serde_json::to_vec(&description).map_err(io::Error::other)?;
        let length = u32::try_from(text.len()).map_err(io::Error::other)?;
        to.write_all(&length.to_be_bytes())?;
        to.write_all(&text)?;
        let listeners = self.listeners.iter().flat_map(|(_, sockets)| sockets);
        let all: Vec<_> = listeners
            .chain(self.admin.iter().map(|(_, socket)| socket))
            .chain(&self.control)
            .map(AsFd::as_fd)
            .collect();
        for sockets in all.chunks(SOCKETS_A_MESSAGE) {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_A_MESSAGE))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            if !ancillary.push(SendAncillaryMessage::ScmRights(sockets)) {
                return Err(io::Error::other("the sockets do not fit into a message"));
            }
            sendmsg(to, &[IoSlice::new(b"s")], &mut ancillary, SendFlags::empty())?;
        }
        Ok(())
    }

    /// Takes the sockets that another process sends.
    ///
    /// # Errors
    /// If it sends something else.
    pub fn receive(mut from: &UnixStream) -> io::Result<Self> {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length);
        if length > DESCRIPTION_BYTES_MAX {
            return Err(io::Error::other("the description of the sockets is too long"));
        }
        let mut text = vec![0; length as usize];
        from.read_exact(&mut text)?;
        let description: Description = serde_json::from_slice(&text).map_err(io::Error::other)?;
        let counts = description.listeners.iter().map(|(_, count)| count).sum::<usize>();
        let wanted = counts + usize::from(description.admin.is_some()) + usize::from(description.control);
        let mut sockets = Vec::new();
        while sockets.len() < wanted {
            let before = sockets.len();
            receive_some(from, &mut sockets)?;
            if sockets.len() == before {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "sockets are missing"));
            }
        }
        let mut sockets = sockets.into_iter();
        let mut next = || Listener::from_fd(sockets.next().ok_or(io::ErrorKind::UnexpectedEof)?);
        let mut inherited = Self::default();
        for (address, count) in description.listeners {
            let of_it = (0..count).map(|_| next()).collect::<io::Result<_>>()?;
            inherited.listeners.push((address, of_it));
        }
        if let Some(address) = description.admin {
            inherited.admin = Some((address, next()?));
        }
        if description.control {
            inherited.control = Some(next()?);
        }
        Ok(inherited)
    }
}

fn receive_some(from: &UnixStream, sockets: &mut Vec<OwnedFd>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_A_MESSAGE))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(from, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            sockets.extend(rights);
        }
    }
    Ok(())
}

/// Says that this process serves.
///
/// # Errors
/// If nobody listens.
pub fn say_ready(mut to: &UnixStream) -> io::Result<()> {
    to.write_all(READY)
}

/// Waits until the other process says that it serves; false if it ends without.
///
/// # Errors
/// If it says nothing within the stream's timeout.
pub fn hear_ready(mut from: &UnixStream) -> io::Result<bool> {
    let mut said = [0; READY.len()];
    match from.read_exact(&mut said) {
        Ok(()) => Ok(said == READY),
        Err(error) if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener() -> (SocketAddr, Listener) {
        let listener = Listener::tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let Address::Internet(address) = listener.address() else { panic!("it has an address") };
        (address, listener)
    }

    #[test]
    fn sockets_arrive_as_what_they_were() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let many: Vec<_> = (0..SOCKETS_A_MESSAGE + 3).map(|_| listener().1).collect();
        let ((one, first), (admin, second)) = (listener(), listener());
        let planned: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let control = Listener::unix(folder.path().join("control")).unwrap();
        let sent = Inherited {
            listeners: vec![(planned, vec![first]), (one, many)],
            admin: Some((admin, second)),
            control: Some(control),
        };
        let receiving = std::thread::spawn(move || {
            let inherited = Inherited::receive(&theirs).unwrap();
            say_ready(&theirs).unwrap();
            inherited
        });
        sent.send(&ours).unwrap();
        assert!(hear_ready(&ours).unwrap());
        let mut received = receiving.join().unwrap();
        let addresses = |all: &Inherited| all.listeners[1].1.iter().map(Listener::address).collect::<Vec<_>>();
        assert_eq!(addresses(&received), addresses(&sent));
        assert_eq!(received.take(planned)[0].address(), Address::Internet(one));
        assert!(received.take(planned).is_empty());
        assert_eq!(received.admin.unwrap().1.address(), Address::Internet(admin));
        assert_eq!(received.control.unwrap().address(), Address::Path(folder.path().join("control")));
        assert!(!hear_ready(&ours).unwrap(), "the other side is gone");
    }

    #[test]
    fn what_is_no_handover_is_refused() {
        for bytes in [
            &b""[..],
            b"\xff\xff\xff\xff",
            b"\0\0\0\x02{}",
            b"\0\0\0\x3f{\"listeners\":[[\"127.0.0.1:80\",1]],\"admin\":null,\"control\":false}",
        ] {
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            ours.write_all(bytes).unwrap();
            drop(ours);
            assert!(Inherited::receive(&theirs).is_err(), "{bytes:?}");
        }
    }
}
