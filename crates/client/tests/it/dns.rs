//! A server of DNS over UDP and TCP that says what it is told to say, on a port that the system chooses (RFC 1035, section 4).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// What is said of a name and a type of record.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// These addresses, for so many seconds.
    Addresses(Vec<IpAddr>, u32),
    /// There is no such name, for so many seconds (RFC 2308).
    NoName(u32),
    /// There is no record of this type.
    NoRecord,
    /// It failed.
    Failure,
    /// Nothing at all.
    Silence,
    /// Over UDP, that it did not fit; over TCP, these addresses, for so many seconds.
    Long(Vec<IpAddr>, u32),
}

/// The types of records that are asked for.
pub(crate) const A: u16 = 1;
pub(crate) const AAAA: u16 = 28;

type Script = HashMap<(String, u16), Reply>;

/// A scripted server of DNS. It stops when it is dropped.
pub(crate) struct Names {
    pub(crate) address: SocketAddr,
    told: Told,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

/// What a server is told to say, and what it was asked.
#[derive(Clone, Default)]
struct Told {
    script: Arc<Mutex<Script>>,
    asked: Arc<Mutex<Vec<(String, u16)>>>,
}

impl Told {
    /// The answer to a question; `None` for silence.
    fn answer(&self, packet: &[u8], is_udp: bool) -> Option<Vec<u8>> {
        let (name, kind, end) = question(packet);
        self.asked.lock().unwrap().push((name.clone(), kind));
        // Who was told nothing of a type says that there is no such record.
        let reply = self.script.lock().unwrap().get(&(name, kind)).cloned().unwrap_or(Reply::NoRecord);
        answer(&packet[..end], kind, &reply, is_udp)
    }

    /// Answers one question that came over TCP, where its length stands before it.
    async fn serve(self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut packet = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut packet).await?;
        if let Some(answer) = self.answer(&packet, false) {
            stream.write_u16(u16::try_from(answer.len()).unwrap()).await?;
            stream.write_all(&answer).await?;
        }
        Ok(())
    }
}

impl Names {
    pub(crate) async fn start() -> Self {
        let (socket, listener) = loop {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            // The port is free for UDP; for TCP, somebody may have it.
            if let Ok(listener) = TcpListener::bind(socket.local_addr().unwrap()).await {
                break (socket, listener);
            }
        };
        let address = socket.local_addr().unwrap();
        let told = Told::default();
        let (over_udp, over_tcp) = (told.clone(), told.clone());
        let udp = tokio::spawn(async move {
            let mut packet = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut packet).await {
                if let Some(answer) = over_udp.answer(&packet[..length], true) {
                    socket.send_to(&answer, from).await.unwrap();
                }
            }
        });
        let tcp = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(over_tcp.clone().serve(stream));
            }
        });
        Self { address, told, tasks: [udp, tcp] }
    }

    /// What is said from now on of a name and a type.
    pub(crate) fn say(&self, name: &str, kind: u16, reply: Reply) {
        self.told.script.lock().unwrap().insert((name.to_owned(), kind), reply);
    }

    /// That a name stands for these IPv4 addresses, for so many seconds.
    pub(crate) fn stands_for(&self, name: &str, addresses: &[&str], seconds: u32) {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        self.say(name, A, Reply::Addresses(addresses, seconds));
    }

    /// How often the server was asked for a type of record of a name.
    pub(crate) fn asked(&self, name: &str, kind: u16) -> usize {
        self.told.asked.lock().unwrap().iter().filter(|(asked, of)| asked == name && *of == kind).count()
    }

    /// How often it was asked for anything.
    pub(crate) fn asked_in_all(&self) -> usize {
        self.told.asked.lock().unwrap().len()
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// The name and the type that are asked for, and where the question ends.
fn question(packet: &[u8]) -> (String, u16, usize) {
    let (mut at, mut labels) = (12, Vec::new());
    while packet[at] != 0 {
        let length = usize::from(packet[at]);
        labels.push(String::from_utf8_lossy(&packet[at + 1..][..length]).to_ascii_lowercase());
        at += length + 1;
    }
    (labels.join("."), u16::from_be_bytes([packet[at + 1], packet[at + 2]]), at + 5)
}

/// The answer to a question that begins the packet.
fn answer(asked: &[u8], kind: u16, reply: &Reply, is_udp: bool) -> Option<Vec<u8>> {
    let (code, addresses, seconds) = match reply {
        Reply::Addresses(addresses, seconds) => (0, addresses.as_slice(), *seconds),
        Reply::NoName(seconds) => (3, &[][..], *seconds),
        Reply::NoRecord => (0, &[][..], 1),
        Reply::Failure => (2, &[][..], 0),
        Reply::Silence => return None,
        Reply::Long(addresses, seconds) => (0, if is_udp { &[][..] } else { addresses.as_slice() }, *seconds),
    };
    let truncated = if matches!(reply, Reply::Long(..)) && is_udp { 2 } else { 0 };
    let authority = u8::from(addresses.is_empty() && code != 2);
    let mut answer = asked[..2].to_vec();
    // A response, recursion desired and available; the code; the counts of each section.
    answer.extend([0x81 | truncated, 0x80 | code, 0, 1, 0, u8::try_from(addresses.len()).unwrap(), 0, authority, 0, 0]);
    answer.extend(&asked[12..]);
    for address in addresses {
        let bytes = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        record(&mut answer, kind, seconds, &bytes);
    }
    if authority == 1 {
        // SOA: two roots as names, and five numbers, of which the last is for how long nothing is known.
        let mut start = vec![0, 0];
        (0..4).for_each(|_| start.extend(1u32.to_be_bytes()));
        start.extend(seconds.to_be_bytes());
        record(&mut answer, 6, seconds, &start);
    }
    Some(answer)
}

/// A record of the name that was asked for.
fn record(answer: &mut Vec<u8>, kind: u16, seconds: u32, data: &[u8]) {
    answer.extend([0xc0, 12]);
    answer.extend(kind.to_be_bytes());
    answer.extend([0, 1]);
    answer.extend(seconds.to_be_bytes());
    answer.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    answer.extend(data);
}
