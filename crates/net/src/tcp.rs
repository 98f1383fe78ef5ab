//! What the kernel knows of a TCP connection: round trips, segments, retransmissions.

use std::io;
use std::time::Duration;

/// How TCP carries a connection, as the kernel has counted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tcp {
    /// The smoothed time of a round trip.
    pub round_trip: Duration,
    /// How much round trips differ.
    pub round_trip_variation: Duration,
    /// The most that one segment we send carries, in bytes (MSS).
    pub segment_bytes: u32,
    /// The most that one packet of the path carries, in bytes (path MTU).
    pub path_bytes: u32,
    /// How many segments may be on their way before one is acknowledged.
    pub window_segments: u32,
    /// How many segments were sent again since the connection began.
    pub retransmissions: u32,
}

impl Tcp {
    /// Asks the kernel about a connection.
    ///
    /// # Errors
    /// That of the system call; [`Unsupported`](io::ErrorKind::Unsupported) where there is none.
    #[cfg(target_os = "linux")]
    #[expect(unsafe_code, reason = "getsockopt is the only way to TCP_INFO, and no safe wrapper of it has that option")]
    pub fn of(socket: &impl std::os::fd::AsRawFd) -> io::Result<Self> {
        let mut info = std::mem::MaybeUninit::<libc::tcp_info>::zeroed();
        let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
        let (socket, option) = (socket.as_raw_fd(), (libc::IPPROTO_TCP, libc::TCP_INFO));
        // SAFETY: the kernel writes at most `length` bytes to `info`, which is that long; both outlive the call. An
        // older kernel writes fewer, and the rest stays zero: a tcp_info is whole numbers only, so that zeros are one.
        let info = unsafe {
            if libc::getsockopt(socket, option.0, option.1, info.as_mut_ptr().cast(), &raw mut length) != 0 {
                return Err(io::Error::last_os_error());
            }
            info.assume_init()
        };
        Ok(Self {
            round_trip: Duration::from_micros(info.tcpi_rtt.into()),
            round_trip_variation: Duration::from_micros(info.tcpi_rttvar.into()),
            segment_bytes: info.tcpi_snd_mss,
            path_bytes: info.tcpi_pmtu,
            window_segments: info.tcpi_snd_cwnd,
            retransmissions: info.tcpi_total_retrans,
        })
    }

    /// Asks the kernel about a connection.
    ///
    /// # Errors
    /// [`Unsupported`](io::ErrorKind::Unsupported): this system has no such question.
    #[cfg(not(target_os = "linux"))]
    pub fn of<S>(_: &S) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Has a listening socket keep a connection until its first bytes have come, for `patience`, in seconds.
///
/// # Errors
/// That of the system call; [`Unsupported`](io::ErrorKind::Unsupported) where there is none.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no safe wrapper of setsockopt has TCP_DEFER_ACCEPT")]
pub fn defer_accept(socket: &impl std::os::fd::AsRawFd, patience: Duration) -> io::Result<()> {
    let seconds = libc::c_int::try_from(patience.as_secs()).unwrap_or(libc::c_int::MAX).max(1);
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    let (socket, option) = (socket.as_raw_fd(), (libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT));
    // SAFETY: the kernel reads `length` bytes of `seconds`, which is that long and outlives the call.
    let set = unsafe { libc::setsockopt(socket, option.0, option.1, (&raw const seconds).cast(), length) };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// For how long a listening socket keeps a connection until its first bytes have come; zero where it does not.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no safe wrapper of getsockopt has TCP_DEFER_ACCEPT")]
pub fn deferral(socket: &impl std::os::fd::AsRawFd) -> Duration {
    let mut seconds: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    let (socket, option) = (socket.as_raw_fd(), (libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT));
    // SAFETY: the kernel writes at most `length` bytes to `seconds`, which is that long; both outlive the call.
    let got = unsafe { libc::getsockopt(socket, option.0, option.1, (&raw mut seconds).cast(), &raw mut length) };
    Duration::from_secs(if got == 0 { seconds.max(0) as u64 } else { 0 })
}

/// For how long a listening socket keeps a connection until its first bytes have come: this system's does not.
#[cfg(not(target_os = "linux"))]
pub fn deferral<S>(_: &S) -> Duration {
    Duration::ZERO
}

/// Has a listening socket keep a connection until its first bytes have come.
///
/// # Errors
/// [`Unsupported`](io::ErrorKind::Unsupported): this system does not.
#[cfg(not(target_os = "linux"))]
pub fn defer_accept<S>(_: &S, _: Duration) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    #[test]
    fn a_connection_that_stands_has_a_round_trip_and_segments() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let tcp = Tcp::of(&stream).unwrap();
        assert!(!tcp.round_trip.is_zero() && tcp.round_trip < Duration::from_secs(10), "{tcp:?}");
        assert!((500..=65_536).contains(&tcp.segment_bytes) && tcp.path_bytes >= tcp.segment_bytes, "{tcp:?}");
        assert!(tcp.window_segments > 0 && tcp.retransmissions == 0, "{tcp:?}");
    }

    #[test]
    fn a_deferred_connection_comes_with_its_first_bytes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(deferral(&listener), Duration::ZERO);
        defer_accept(&listener, Duration::from_secs(30)).unwrap();
        assert!(deferral(&listener) >= Duration::from_secs(30));
        listener.set_nonblocking(true).unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        std::io::Write::write_all(&mut stream, b"x").unwrap();
        while listener.accept().is_err() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_is_no_tcp_is_an_error() {
        assert!(Tcp::of(&UdpSocket::bind("127.0.0.1:0").unwrap()).is_err());
    }
}
