//! Transcripts: what a peer sends, what an engine says to it, what the application does and what is sent, as text.
//!
//! A file holds cases. A line that begins with `#` is a comment; a case begins with its role in brackets and its
//! name, then come the limits that differ from the default, then steps:
//!
//! ```text
//! [server] a limit is answered 431
//! head_bytes_max = 64
//! >> GET / HTTP/1.1            the peer sends a line; CRLF is added unless the line ends in a backslash
//! -> error 431 section-size    the engine says this, and nothing else
//! <- response 431 length 0     the application sends this; ` ! wrong-length` at the end expects a refusal
//!     x-why: too long          fields stand indented below a head, an end, or an event
//! << HTTP/1.1 431 Request Header Fields Too Large
//! @ eof                        also: wait 10 | consume 5 | shut down | open | reset
//! ? finished                   also: idle | reads | aborts | timeout 10 | left 5 | closing PeerAsked; or `not ...`
//! ```
//!
//! `\r`, `\n`, `\t`, `\0`, `\\` and `\xHH` are escapes, and `{*N text}` repeats text. Fields are compared where they
//! are written, and always those of an end. Content is taken by the application at once, unless `takes = no`.

mod read;
mod run;

pub use read::{Act, Case, Check, Head, Step, read};
pub use run::{Log, run};
