//! A transport over which TLS runs. It holds no buffer while nothing is in flight.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};

use crate::Transport;

/// How much ciphertext is read at once: four records of the greatest size, with their overhead.
const READ_BYTES: usize = 4 * (16 * 1024 + 256);
/// How much plaintext is encrypted at once.
const WRITE_BYTES: usize = 64 * 1024;
/// The most that a record of 16 KiB grows by: header, content type and tag (RFC 8446, section 5.2), with room.
const RECORD_OVERHEAD: usize = 64;

thread_local! {
    /// The ciphertext buffer that no connection of this thread is using.
    static CIPHERTEXT: Cell<BytesMut> = Cell::default();
    /// Pieces of plaintext are joined here, so that they share records.
    static PLAINTEXT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    /// Records are made here, and leave from here as far as the transport takes them at once.
    static RECORDS: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// One end of a TLS connection, without a socket.
pub trait Machine: Send + Unpin + 'static {
    /// What tells the ends apart.
    type Data;
    /// Whether an end of the transport without a close alert is taken for an end of the data.
    const TRUSTS_END: bool;

    /// Reads ciphertext and says what is to be done next.
    fn process<'c, 'i>(&'c mut self, ciphertext: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;

    /// Whether it has something to say.
    fn has_output(&self) -> bool;

    /// What was negotiated, once the handshake is over.
    fn secured(&self) -> Secured;
}

macro_rules! machines {
    ($($machine:ty: $data:ty, $trusts_end:literal;)*) => {$(
        impl Machine for $machine {
            type Data = $data;
            const TRUSTS_END: bool = $trusts_end;

            fn process<'c, 'i>(&'c mut self, ciphertext: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, $data> {
                self.process_tls_records(ciphertext)
            }

            fn has_output(&self) -> bool {
                self.wants_write()
            }

            fn secured(&self) -> Secured {
                Secured {
                    alpn: self.alpn_protocol().map(<[u8]>::to_vec),
                    version: self.protocol_version().and_then(|version| version.as_str()),
                    suite: self.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()),
                    group: self.negotiated_key_exchange_group().and_then(|group| group.name().as_str()),
                }
            }
        }
    )*};
}

// A request says where it ends, so a client that forgets the close alert can cut nothing short unnoticed; a response
// may end with the connection.
machines! {
    rustls::server::UnbufferedServerConnection: rustls::server::ServerConnectionData, true;
    rustls::client::UnbufferedClientConnection: rustls::client::ClientConnectionData, false;
}

/// What a handshake has agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secured {
    /// The protocol chosen by ALPN.
    pub alpn: Option<Vec<u8>>,
    /// The version of TLS, e.g. `TLSv1_3`.
    pub version: Option<&'static str>,
    /// The cipher suite, e.g. `TLS13_AES_256_GCM_SHA384`.
    pub suite: Option<&'static str>,
    /// The key exchange group, e.g. `X25519MLKEM768`.
    pub group: Option<&'static str>,
}

/// A transport over which TLS runs.
pub struct Tls<T, M> {
    transport: T,
    machine: Box<M>,
    /// Ciphertext of a record that has not come whole.
    leftover: Vec<u8>,
    /// Plaintext that came with the end of the handshake.
    early: BytesMut,
    /// Ciphertext that has not left yet, from this offset on.
    outgoing: Vec<u8>,
    sent: usize,
    peer_closed: bool,
    closing: bool,
}

/// What stopped the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopped {
    /// The handshake waits for the peer.
    Handshaking,
    /// Everything that came was read, and data can be sent.
    Ready,
    /// The peer will send nothing more.
    Closed,
}

impl<T: Transport, M: Machine> Tls<T, M> {
    /// Puts a machine on a transport, with ciphertext that was read from it already.
    pub fn new(transport: T, machine: M, leftover: &[u8]) -> Self {
        Self {
            transport,
            machine: Box::new(machine),
            leftover: leftover.to_vec(),
            early: BytesMut::new(),
            outgoing: Vec::new(),
            sent: 0,
            peer_closed: false,
            closing: false,
        }
    }

    /// The machine, for what only one end can say.
    pub(super) fn machine(&self) -> &M {
        &self.machine
    }

    /// Ready when the handshake is over.
    ///
    /// When it fails, the peer has been sent the alert that says why, as far as it takes it at once.
    pub fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Secured>> {
        let mut ciphertext = self.borrow_ciphertext();
        let mut early = std::mem::take(&mut self.early);
        let done = self.handshake(&mut ciphertext, &mut early, cx);
        self.early = early;
        self.give_back(ciphertext);
        done.map_ok(|()| self.machine.secured())
    }

    fn handshake(
        &mut self,
        ciphertext: &mut BytesMut,
        early: &mut BytesMut,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let stopped = self.advance(ciphertext, early);
            let sent = self.poll_send(cx);
            match stopped? {
                Stopped::Ready => {
                    ready!(sent)?;
                    return Poll::Ready(Ok(()));
                }
                Stopped::Closed => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Stopped::Handshaking => {}
            }
            if let Poll::Ready(Err(error)) = sent {
                return Poll::Ready(Err(error));
            }
            if ready!(self.transport.poll_read(cx, ciphertext))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// The thread's ciphertext buffer, with what this connection has left over in it.
    fn borrow_ciphertext(&mut self) -> BytesMut {
        let mut ciphertext = CIPHERTEXT.take();
        ciphertext.clear();
        ciphertext.extend_from_slice(&self.leftover);
        self.leftover = Vec::new();
        ciphertext.reserve(READ_BYTES);
        ciphertext
    }

    fn give_back(&mut self, ciphertext: BytesMut) {
        self.leftover.extend_from_slice(&ciphertext);
        CIPHERTEXT.set(ciphertext);
    }

    /// Lets the machine read all that came: plaintext goes to `plaintext`, what it has to say to the output.
    fn advance(&mut self, ciphertext: &mut BytesMut, plaintext: &mut BytesMut) -> io::Result<Stopped> {
        loop {
            let UnbufferedStatus { mut discard, state, .. } = self.machine.process(ciphertext);
            let stopped = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(invalid)?;
                        discard += record.discard;
                        plaintext.extend_from_slice(record.payload);
                    }
                    None
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    append(&mut self.outgoing, |room| {
                        data.encode(room).map_err(|error| match error {
                            EncodeError::InsufficientSize(size) => Refused::Room(size.required_size),
                            other => Refused::Failed(other.to_string()),
                        })
                    })?;
                    None
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    // It leaves before anything is waited for, and in order.
                    data.done();
                    None
                }
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
                    self.peer_closed = true;
                    Some(Stopped::Closed)
                }
                Ok(ConnectionState::BlockedHandshake) => Some(Stopped::Handshaking),
                Ok(ConnectionState::WriteTraffic(_)) => Some(Stopped::Ready),
                Ok(_) => return Err(io::Error::other("TLS asks for something that was not agreed to")),
                Err(error) => {
                    ciphertext.advance(discard);
                    self.encode_alert(ciphertext);
                    return Err(invalid(error));
                }
            };
            ciphertext.advance(discard);
            if let Some(stopped) = stopped {
                return Ok(stopped);
            }
        }
    }

    /// The machine has failed; what it wants the peer to know goes to the output.
    ///
    /// It remembers where in the input messages of the handshake lie, so it is given the same input; and it is not
    /// asked once it has nothing more to say, since it would read on, which it must not after an error.
    fn encode_alert(&mut self, ciphertext: &mut BytesMut) {
        while self.machine.has_output() {
            let UnbufferedStatus { discard, state, .. } = self.machine.process(ciphertext);
            let Ok(ConnectionState::EncodeTlsData(mut data)) = state else { return };
            let encoded = append(&mut self.outgoing, |room| {
                data.encode(room).map_err(|error| match error {
                    EncodeError::InsufficientSize(size) => Refused::Room(size.required_size),
                    other => Refused::Failed(other.to_string()),
                })
            });
            ciphertext.advance(discard);
            if encoded.is_err() {
                return;
            }
        }
    }

    /// Sends the ciphertext that has not left yet.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.outgoing.len() {
            let piece = IoSlice::new(&self.outgoing[self.sent..]);
            let written = ready!(self.transport.poll_write(cx, &[piece]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += written;
        }
        self.outgoing = Vec::new();
        self.sent = 0;
        self.transport.poll_flush(cx)
    }

    /// Encrypts what is to be sent, and sends what the transport takes at once; the rest waits in the output.
    fn send(&mut self, plaintext: &[u8], cx: &mut Context<'_>) -> io::Result<()> {
        let mut records = RECORDS.take();
        let sent = self.encrypt(plaintext, &mut records).and_then(|length| self.send_now(&records[..length], cx));
        RECORDS.set(records);
        sent
    }

    /// Makes records at the beginning of `records`, which grows as far as they need; how long they are.
    fn encrypt(&mut self, plaintext: &[u8], records: &mut Vec<u8>) -> io::Result<usize> {
        let UnbufferedStatus { state, .. } = self.machine.process(&mut self.leftover);
        let Ok(ConnectionState::WriteTraffic(mut traffic)) = state else {
            return Err(io::Error::other("TLS does not allow data to be sent now"));
        };
        let room = plaintext.len() + plaintext.len().div_ceil(16 * 1024).max(1) * RECORD_OVERHEAD;
        if records.len() < room {
            records.resize(room, 0);
        }
        loop {
            match traffic.encrypt(plaintext, records) {
                Ok(length) => return Ok(length),
                Err(EncryptError::InsufficientSize(size)) => records.resize(size.required_size, 0),
                Err(error @ EncryptError::EncryptExhausted) => return Err(io::Error::other(error.to_string())),
            }
        }
    }

    /// Sends records before which nothing waits.
    fn send_now(&mut self, mut records: &[u8], cx: &mut Context<'_>) -> io::Result<()> {
        while !records.is_empty() {
            match self.transport.poll_write(cx, &[IoSlice::new(records)])? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(written) => records = &records[written..],
                Poll::Pending => {
                    self.outgoing.extend_from_slice(records);
                    return Ok(());
                }
            }
        }
        // What the transport holds back leaves when it is flushed.
        let _ = self.transport.poll_flush(cx)?;
        Ok(())
    }
}

enum Refused {
    /// It needs this much room.
    Room(usize),
    Failed(String),
}

/// Appends what `write` writes, giving it as much room as it asks for.
fn append(buffer: &mut Vec<u8>, mut write: impl FnMut(&mut [u8]) -> Result<usize, Refused>) -> io::Result<()> {
    let length = buffer.len();
    buffer.resize(buffer.capacity(), 0);
    loop {
        match write(&mut buffer[length..]) {
            Ok(written) => {
                buffer.truncate(length + written);
                return Ok(());
            }
            Err(Refused::Room(size)) => buffer.resize(length + size, 0),
            Err(Refused::Failed(because)) => {
                buffer.truncate(length);
                return Err(io::Error::other(because));
            }
        }
    }
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl<T: Transport, M: Machine> Transport for Tls<T, M> {
    fn tcp(&self) -> Option<crate::Tcp> {
        self.transport.tcp()
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        if !self.early.is_empty() {
            buffer.extend_from_slice(&self.early);
            return Poll::Ready(Ok(std::mem::take(&mut self.early).len()));
        }
        if self.peer_closed {
            return Poll::Ready(Ok(0));
        }
        let before = buffer.len();
        let mut ciphertext = self.borrow_ciphertext();
        let read = loop {
            match self.transport.poll_read(cx, &mut ciphertext) {
                Poll::Ready(Ok(0)) if M::TRUSTS_END => break Poll::Ready(Ok(0)),
                Poll::Ready(Ok(0)) => break Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Pending => break Poll::Pending,
            }
            // What waits already is its writer's to send, who may be another task and is the one to be woken.
            let writing = !self.outgoing.is_empty();
            let stopped = self.advance(&mut ciphertext, buffer);
            if !writing {
                // What the machine has to say leaves now or with the next write; a failure shows there too.
                let _ = self.poll_send(cx)?;
            }
            match stopped {
                Err(error) => break Poll::Ready(Err(error)),
                Ok(_) if buffer.len() > before => break Poll::Ready(Ok(buffer.len() - before)),
                Ok(Stopped::Closed) => break Poll::Ready(Ok(0)),
                Ok(_) => {}
            }
        };
        self.give_back(ciphertext);
        read
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(cx))?;
        let first = pieces.first().map_or(&[][..], |piece| &piece[..piece.len().min(WRITE_BYTES)]);
        if pieces.len() < 2 || first.len() == WRITE_BYTES {
            self.send(first, cx)?;
            return Poll::Ready(Ok(first.len()));
        }
        let mut joined = PLAINTEXT.take();
        joined.clear();
        for piece in pieces {
            let room = WRITE_BYTES - joined.len();
            joined.extend_from_slice(&piece[..piece.len().min(room)]);
        }
        let sent = self.send(&joined, cx);
        let taken = joined.len();
        PLAINTEXT.set(joined);
        Poll::Ready(sent.map(|()| taken))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(cx)
    }

    fn unsent_bytes(&self) -> usize {
        self.outgoing.len() - self.sent + self.transport.unsent_bytes()
    }

    fn poll_shut_down(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.closing, true) {
            let UnbufferedStatus { state, .. } = self.machine.process(&mut self.leftover);
            if let Ok(ConnectionState::WriteTraffic(mut traffic)) = state {
                append(&mut self.outgoing, |room| {
                    traffic.queue_close_notify(room).map_err(|error| match error {
                        EncryptError::InsufficientSize(size) => Refused::Room(size.required_size),
                        EncryptError::EncryptExhausted => Refused::Failed(error.to_string()),
                    })
                })?;
            }
        }
        ready!(self.poll_send(cx))?;
        self.transport.poll_shut_down(cx)
    }

    fn cut_off(&mut self) {
        self.transport.cut_off();
    }
}
