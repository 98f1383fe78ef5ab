//! A connection of the generator: a socket that never blocks, with or without TLS on it.
//!
//! The generator believes every certificate: what a client checks is no cost of the server. It offers one suite and one
//! group, so that all servers do the same work, and never resumes a session.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::{Errno, read, write};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, ipproto, socket_with, sockopt};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConnection, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme, StreamOwned};

use crate::wire::Wire;

/// How much is read at once.
const READ_BYTES: usize = 256 << 10;
/// How much ciphertext is read at once: with what may be left over inside, its plaintext fits into the other buffer.
const CIPHERTEXT_BYTES: usize = READ_BYTES / 2;
/// How long an answer may take where it is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Where and how connections are made.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where the server listens.
    pub address: SocketAddr,
    /// What is spoken.
    pub wire: Wire,
    tls: Option<Arc<ClientConfig>>,
}

impl Target {
    /// A target.
    pub fn new(address: SocketAddr, wire: Wire) -> Self {
        Self { address, wire, tls: wire.tls.then(|| Arc::new(config(wire.http2))) }
    }

    /// Begins to connect.
    pub fn begin(&self) -> io::Result<Link> {
        let family = if self.address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        match connect(&socket, &self.address) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(Link { socket, tls: self.session()? }),
            Err(error) => Err(error.into()),
        }
    }

    /// Connects, and waits for that.
    pub fn connect(&self) -> io::Result<Link> {
        let stream = self.stream()?;
        stream.set_nonblocking(true)?;
        Ok(Link { socket: stream.into(), tls: self.session()? })
    }

    /// Connects for reads and writes that wait, but not for ever.
    pub fn connect_blocking(&self) -> io::Result<Blocking> {
        let stream = self.stream()?;
        Ok(match self.session()? {
            None => Blocking::Plain(stream),
            Some(tls) => Blocking::Secure(Box::new(StreamOwned::new(*tls, stream))),
        })
    }

    fn stream(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(stream)
    }

    fn session(&self) -> io::Result<Option<Box<ClientConnection>>> {
        let Some(config) = &self.tls else { return Ok(None) };
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let mut session = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        session.set_buffer_limit(None);
        Ok(Some(Box::new(session)))
    }
}

fn config(http2: bool) -> ClientConfig {
    let provider = CryptoProvider {
        cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![aws_lc_rs::kx_group::X25519],
        ..aws_lc_rs::default_provider()
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has a suite of TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Believe))
        .with_no_client_auth();
    config.alpn_protocols = vec![if http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    config.resumption = Resumption::disabled();
    config
}

/// Believes every certificate.
#[derive(Debug)]
struct Believe;

impl ServerCertVerifier for Believe {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

/// A connection that waits for what it reads and writes.
pub enum Blocking {
    /// In cleartext.
    Plain(TcpStream),
    /// Over TLS.
    Secure(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Blocking {
    /// The socket alone: whatever was remembered of TLS is forgotten, which the server cannot see.
    pub fn into_socket(self) -> TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Secure(stream) => stream.into_parts().1,
        }
    }
}

impl Read for Blocking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Secure(stream) => stream.read(buffer),
        }
    }
}

impl Write for Blocking {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Secure(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Secure(stream) => stream.flush(),
        }
    }
}

/// A connection that never waits.
pub struct Link {
    socket: OwnedFd,
    tls: Option<Box<ClientConnection>>,
}

/// Where links read to; one for all of them.
pub struct Buffers {
    /// What was read last.
    pub plain: Vec<u8>,
    ciphertext: Vec<u8>,
}

impl Buffers {
    /// Buffers for links to a target.
    pub fn new(target: &Target) -> Self {
        Self { plain: vec![0; READ_BYTES], ciphertext: vec![0; if target.wire.tls { CIPHERTEXT_BYTES } else { 0 }] }
    }
}

/// What a read came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Got {
    /// So many bytes, which stand at the beginning of the buffer.
    Bytes {
        /// How many.
        length: usize,
        /// Whether nothing more was there.
        emptied: bool,
    },
    /// Nothing yet.
    Nothing,
    /// The server will send nothing more.
    End,
}

impl Link {
    /// The socket, to be watched.
    pub fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// Takes some bytes to be sent; how many it took.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return some(write(&self.socket, bytes)) };
        tls.writer().write_all(bytes)?;
        self.flush()?;
        Ok(bytes.len())
    }

    /// Sends what TLS has still to send.
    pub fn flush(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            match tls.write_tls(&mut Socket(&self.socket)) {
                Ok(_) => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads once.
    pub fn read(&mut self, buffers: &mut Buffers) -> io::Result<Got> {
        if self.tls.is_none() {
            let room = buffers.plain.len();
            return Ok(match read(&self.socket, &mut *buffers.plain) {
                Ok(0) => Got::End,
                Ok(length) => Got::Bytes { length, emptied: length < room },
                Err(Errno::AGAIN | Errno::NOTCONN) => Got::Nothing,
                Err(error) => return Err(error.into()),
            });
        }
        loop {
            let came = match read(&self.socket, &mut *buffers.ciphertext) {
                Ok(0) => return Ok(Got::End),
                Ok(came) => came,
                Err(Errno::AGAIN | Errno::NOTCONN) => return Ok(Got::Nothing),
                Err(error) => return Err(error.into()),
            };
            let (length, closed) = self.decrypt(buffers, came)?;
            self.flush()?;
            match (length, closed) {
                (0, true) => return Ok(Got::End),
                (0, false) => {}
                // The end is to be seen, too.
                _ => return Ok(Got::Bytes { length, emptied: came < buffers.ciphertext.len() && !closed }),
            }
        }
    }

    /// Takes ciphertext; how much plaintext it was, and whether it was the last.
    fn decrypt(&mut self, buffers: &mut Buffers, came: usize) -> io::Result<(usize, bool)> {
        let (mut rest, mut length, mut closed) = (&buffers.ciphertext[..came], 0, false);
        let Some(tls) = &mut self.tls else { return Ok((0, false)) };
        while !rest.is_empty() && !closed {
            tls.read_tls(&mut rest)?;
            let state = tls.process_new_packets().map_err(io::Error::other)?;
            closed = state.peer_has_closed();
            let end = length + state.plaintext_bytes_to_read();
            tls.reader().read_exact(&mut buffers.plain[length..end])?;
            length = end;
        }
        Ok((length, closed))
    }
}

/// A socket as rustls writes to it.
struct Socket<'a>(&'a OwnedFd);

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(write(self.0, bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How much was written; no room, and no connection yet, is nothing.
fn some(written: rustix::io::Result<usize>) -> io::Result<usize> {
    match written {
        Err(Errno::AGAIN | Errno::NOTCONN) => Ok(0),
        other => Ok(other?),
    }
}
