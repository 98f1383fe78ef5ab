//! Servers that are not as they should be, but whose answer can be told: it arrives as it is, nothing that comes behind
//! it is anybody's answer, and the next request is unharmed. And servers that do wrong in HTTP/2.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::thread;

use super::{Front, Scripted, is_whole, request, status, well};

/// What the first connection of a server does once it has read the head of a request; later ones answer well.
struct Odd {
    name: &'static str,
    /// What it writes, piece by piece.
    says: &'static [&'static [u8]],
    /// Whether each byte is a packet of its own.
    drips: bool,
    /// What the client is told.
    status: u16,
    /// The content of the client's answer, without its framing.
    content: &'static str,
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

const ODD: &[Odd] = &[
    Odd { name: "drips", says: &[OK], drips: true, status: 200, content: "ok" },
    Odd {
        name: "drips chunks",
        says: &[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n"],
        drips: true,
        status: 200,
        content: "ok",
    },
    Odd {
        name: "drips interim responses",
        says: &[b"HTTP/1.1 102 Processing\r\n\r\n", OK],
        drips: true,
        status: 200,
        content: "ok",
    },
    Odd {
        name: "says more than its length",
        says: &[b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore and more"],
        drips: false,
        status: 200,
        content: "ok",
    },
    Odd { name: "answers twice", says: &[OK, OK], drips: false, status: 200, content: "ok" },
    Odd {
        name: "says something after the last chunk",
        says: &[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"],
        drips: false,
        status: 200,
        content: "ok",
    },
    Odd {
        name: "has content with 204",
        says: &[b"HTTP/1.1 204 No Content\r\n\r\nevil"],
        drips: false,
        status: 204,
        content: "",
    },
    Odd {
        name: "has content with 304",
        says: &[b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil"],
        drips: false,
        status: 304,
        content: "",
    },
    Odd {
        name: "closes where content ends",
        says: &[b"HTTP/1.0 200 OK\r\n\r\nok"],
        drips: false,
        status: 200,
        content: "ok",
    },
    Odd {
        name: "sends empty chunks of a kind",
        says: &[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0002;a=b\r\nok\r\n000\r\n\r\n"],
        drips: false,
        status: 200,
        content: "ok",
    },
    Odd {
        name: "has no reason",
        says: &[b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok"],
        drips: false,
        status: 200,
        content: "ok",
    },
];

/// The content of chunks.
fn unchunked(content: &str) -> String {
    content.split("\r\n").skip(1).step_by(2).collect()
}

fn play_odd(odd: &Odd, wrong: &mut String) {
    let (says, drips) = (odd.says, odd.drips);
    let server = Scripted::start(move |number, mut stream| {
        if number > 0 {
            return well(stream);
        }
        if request(&mut stream).is_none() {
            return;
        }
        stream.set_nodelay(true).unwrap();
        let all = says.concat();
        for piece in all.chunks(if drips { 1 } else { all.len() }) {
            if stream.write_all(piece).is_err() {
                return;
            }
        }
        if !says[0].starts_with(b"HTTP/1.0") {
            // It waits for what may come, and is deaf to it.
            let _ = stream.read(&mut [0]);
        }
    });
    let front = Front::start("timeout answer=\"5s\" stall=\"5s\"", &[server.address]);
    let answer = front.get();
    // Interim responses pass ahead of the response.
    let answer = answer
        .rsplit_once("HTTP/1.1 102 ")
        .map_or(&*answer, |(_, rest)| rest.split_once("\r\n\r\n").map_or(rest, |(_, response)| response));
    let (head, content) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let told = if is_chunked { unchunked(content) } else { content.to_owned() };
    let is_bare = matches!(odd.status, 204 | 304);
    if status(answer) != odd.status || told != odd.content || !is_bare && !is_whole(answer) {
        wrong.push_str(&format!("{}: {answer:?}\n  {}\n", odd.name, front.trail(0)));
    }
    for _ in 0..2 {
        let next = front.get();
        if status(&next) != 200 || !next.ends_with("ok") || !is_whole(&next) {
            wrong.push_str(&format!("{}: the next request was answered {next:?}\n", odd.name));
        }
    }
}

#[test]
fn an_odd_server_is_understood_and_trusted_with_nothing_more() {
    let wrong = Mutex::new(String::new());
    thread::scope(|scope| {
        for odd in ODD {
            let wrong = &wrong;
            scope.spawn(move || {
                let mut found = String::new();
                play_odd(odd, &mut found);
                wrong.lock().unwrap().push_str(&found);
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong}");
}

/// What a server of HTTP/2 says to the first request, in frames, and what the client is told.
struct Framed {
    name: &'static str,
    frames: fn(u32) -> Vec<u8>,
    then_closes: bool,
    /// 0 where its answer breaks off.
    status: u16,
    error: &'static str,
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// `:status: 200`, from the static table.
const STATUS_200: &[u8] = &[0x88];
/// `:status: 200` and `content-length: 10`.
const LENGTH_10: &[u8] = &[0x88, 0x0f, 0x0d, 0x02, b'1', b'0'];

const FRAMED: &[Framed] = &[
    Framed {
        name: "closes at once",
        frames: |_| Vec::new(),
        then_closes: true,
        status: 502,
        error: "connection_terminated",
    },
    Framed {
        name: "says nothing",
        frames: |_| Vec::new(),
        then_closes: false,
        status: 504,
        error: "http_response_timeout",
    },
    Framed {
        name: "resets the stream",
        frames: |stream| frame(3, 0, stream, &2_u32.to_be_bytes()),
        then_closes: false,
        status: 502,
        error: "",
    },
    Framed {
        name: "goes away with an error",
        frames: |_| frame(7, 0, 0, &[&1_u32.to_be_bytes()[..], &11_u32.to_be_bytes()].concat()),
        then_closes: true,
        status: 502,
        error: "",
    },
    Framed {
        // Whoever goes away before a stream has not begun it: it is sent again.
        name: "goes away before the request",
        frames: |_| frame(7, 0, 0, &[&0_u32.to_be_bytes()[..], &0_u32.to_be_bytes()].concat()),
        then_closes: true,
        status: 200,
        error: "",
    },
    Framed {
        name: "answers with a frame that is none",
        frames: |stream| frame(1, 4, stream, &[0xff; 8]),
        then_closes: false,
        status: 502,
        error: "http_protocol_error",
    },
    Framed {
        name: "sends content before the head",
        frames: |stream| frame(0, 0, stream, b"half"),
        then_closes: false,
        status: 502,
        error: "http_protocol_error",
    },
    Framed {
        name: "closes in the content",
        frames: |stream| [frame(1, 4, stream, STATUS_200), frame(0, 0, stream, b"half")].concat(),
        then_closes: true,
        status: 0,
        error: "",
    },
    Framed {
        name: "resets in the content",
        frames: |stream| {
            let reset = frame(3, 0, stream, &2_u32.to_be_bytes());
            [frame(1, 4, stream, STATUS_200), frame(0, 0, stream, b"half"), reset].concat()
        },
        then_closes: false,
        status: 0,
        error: "",
    },
    Framed {
        name: "says less than its length",
        frames: |stream| [frame(1, 4, stream, LENGTH_10), frame(0, 1, stream, b"half")].concat(),
        then_closes: false,
        status: 0,
        error: "",
    },
    Framed {
        name: "says more than its length",
        frames: |stream| [frame(1, 4, stream, LENGTH_10), frame(0, 1, stream, b"much more than ten")].concat(),
        then_closes: false,
        status: 0,
        error: "",
    },
    Framed {
        name: "stops in the content",
        frames: |stream| [frame(1, 4, stream, STATUS_200), frame(0, 0, stream, b"half")].concat(),
        then_closes: false,
        status: 0,
        error: "connection_read_timeout",
    },
    Framed {
        // What was refused was not processed: it is sent again, whatever its method.
        name: "refuses the stream",
        frames: |stream| frame(3, 0, stream, &7_u32.to_be_bytes()),
        then_closes: false,
        status: 200,
        error: "",
    },
    Framed {
        name: "wants another version",
        frames: |stream| frame(3, 0, stream, &13_u32.to_be_bytes()),
        then_closes: false,
        status: 502,
        error: "",
    },
    Framed {
        name: "switches protocols",
        frames: |stream| frame(1, 4, stream, b"\x08\x03101"),
        then_closes: false,
        status: 502,
        error: "",
    },
    Framed {
        name: "has no status",
        frames: |stream| frame(1, 5, stream, b"\0\x01a\x01b"),
        then_closes: false,
        status: 502,
        error: "",
    },
    Framed {
        name: "speaks of its connection",
        frames: |stream| frame(1, 5, stream, b"\x88\0\x0aconnection\x05close"),
        then_closes: false,
        status: 502,
        error: "",
    },
    Framed {
        name: "spells a name with a capital",
        frames: |stream| frame(1, 5, stream, b"\x88\0\x03X-A\x01b"),
        then_closes: false,
        status: 502,
        error: "",
    },
    Framed {
        name: "pushes",
        frames: |stream| frame(5, 4, stream, &[0, 0, 0, 2, 0x82]),
        then_closes: false,
        status: 502,
        error: "http_protocol_error",
    },
    Framed {
        name: "opens a window too far",
        frames: |_| frame(8, 0, 0, &0x7fff_ffff_u32.to_be_bytes()),
        then_closes: false,
        status: 502,
        error: "http_protocol_error",
    },
    Framed {
        name: "sends a frame that is too large",
        frames: |stream| frame(0, 0, stream, &[b'x'; 16_385]),
        then_closes: false,
        status: 502,
        error: "http_protocol_error",
    },
    Framed {
        name: "breaks into a header block",
        frames: |stream| [frame(1, 0, stream, STATUS_200), frame(0, 1, stream, b"half")].concat(),
        then_closes: false,
        status: 502,
        error: "http_protocol_error",
    },
    Framed {
        name: "has trailers without an end",
        frames: |stream| {
            let half = [frame(1, 4, stream, STATUS_200), frame(0, 0, stream, b"half")].concat();
            [half, frame(1, 4, stream, b"\0\x01a\x01b")].concat()
        },
        then_closes: false,
        status: 0,
        error: "",
    },
];

/// Reads frames until one is HEADERS, and gives its stream; acknowledges settings on the way.
fn heard(stream: &mut TcpStream) -> Option<u32> {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).ok()?;
        match (head[3], head[4] & 1) {
            (1, _) => return Some(u32::from_be_bytes([head[5], head[6], head[7], head[8]])),
            (4, 0) => stream.write_all(&frame(4, 1, 0, &[])).ok()?,
            _ => {}
        }
    }
}

fn serve_frames(mut stream: TcpStream, framed: &Framed, is_first: bool) {
    let mut preface = [0; 24];
    if stream.read_exact(&mut preface).is_err() || stream.write_all(&frame(4, 0, 0, &[])).is_err() {
        return;
    }
    if is_first {
        let Some(of) = heard(&mut stream) else { return };
        let _ = stream.write_all(&(framed.frames)(of));
        if framed.then_closes {
            return;
        }
    }
    while let Some(of) = heard(&mut stream) {
        let answer = [frame(1, 4, of, STATUS_200), frame(0, 1, of, b"ok")].concat();
        if stream.write_all(&answer).is_err() {
            return;
        }
    }
}

fn play_framed(framed: &'static Framed, wrong: &mut String) {
    let server = Scripted::start(move |number, stream| serve_frames(stream, framed, number == 0));
    let front = Front::start("protocol http2\ntimeout answer=\"300ms\" stall=\"300ms\"", &[server.address]);
    let answer = front.send(b"POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
    let trail = front.trail(0);
    let mut say = |what: &str| wrong.push_str(&format!("{}: {what}\n  {answer:?}\n  {trail}\n", framed.name));
    if framed.status == 0 {
        // What is known to be wrong before anything has left may still be said.
        if is_whole(&answer) && status(&answer) != 502 {
            say("the answer looks whole");
        }
    } else if status(&answer) != framed.status || !is_whole(&answer) {
        say(&format!("not a whole answer with {}", framed.status));
    } else if framed.status != 200 && !answer.contains("Proxy-Status: wirelight; error=")
        || !answer.contains(framed.error)
    {
        say("Proxy-Status does not name the error");
    }
    if !trail.contains(&server.address.to_string()) || !trail.contains(framed.error) {
        say("the trail does not name the error and the server");
    }
    // A stream that failed alone leaves its connection as it was.
    let next = front.get();
    if status(&next) != 200 {
        wrong.push_str(&format!("{}: the next request was answered {next:?}\n", framed.name));
    }
}

#[test]
fn a_bad_server_of_http2_is_answered_for_honestly() {
    let wrong = Mutex::new(String::new());
    thread::scope(|scope| {
        for framed in FRAMED {
            let wrong = &wrong;
            scope.spawn(move || {
                let mut found = String::new();
                play_framed(framed, &mut found);
                wrong.lock().unwrap().push_str(&found);
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn there_are_at_least_sixty_ways_to_go_wrong() {
    let mut names: Vec<String> = super::bad::BAD.iter().map(|bad| format!("http1 {}", bad.name)).collect();
    names.extend(ODD.iter().map(|odd| format!("odd {}", odd.name)));
    names.extend(FRAMED.iter().map(|framed| format!("http2 {}", framed.name)));
    names.sort();
    let count = names.len();
    names.dedup();
    assert!(names.len() == count && count >= 60, "{count}");
}
