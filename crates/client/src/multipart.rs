//! Forms with files (RFC 7578), streamed in bounded memory.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, ReadBuf};
use wirelight_semantics::media_type;
use wirelight_service::{Body, Error, Fault, Kind};

use crate::error::{Phase, fail_with};

/// How much of a file is read at once.
const READ_BYTES: usize = 64 * 1024;

/// A form with files.
#[derive(Debug)]
pub struct Form {
    boundary: String,
    pieces: VecDeque<Piece>,
    length: u64,
}

/// Content that is sent in a row.
#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    File(PathBuf, u64),
}

impl Form {
    /// A form whose parts are held apart by `boundary`, which must not occur in any of them: make it random.
    ///
    /// # Panics
    /// If the boundary is empty, longer than 70 bytes, or holds anything but ASCII letters and digits.
    pub fn new(boundary: impl Into<String>) -> Self {
        let boundary = boundary.into();
        let fits = (1..=70).contains(&boundary.len()) && boundary.bytes().all(|byte| byte.is_ascii_alphanumeric());
        assert!(fits, "a boundary is 1 to 70 letters and digits");
        Self { boundary, pieces: VecDeque::new(), length: 0 }
    }

    /// Adds a field.
    pub fn text(self, name: &str, value: impl Into<String>) -> Self {
        self.part(name, None, None).bytes(Bytes::from(value.into())).bytes_static(b"\r\n")
    }

    /// Adds content that is at hand, as if it were a file.
    pub fn content(self, name: &str, file_name: &str, kind: &str, content: impl Into<Bytes>) -> Self {
        self.part(name, Some(file_name), Some(kind)).bytes(content.into()).bytes_static(b"\r\n")
    }

    /// Adds a field of a media type.
    pub fn text_as(self, name: &str, kind: &str, value: impl Into<String>) -> Self {
        self.part(name, None, Some(kind)).bytes(Bytes::from(value.into())).bytes_static(b"\r\n")
    }

    /// Adds a file, under its own name and of the media type that its name says; only its length is read now.
    pub fn file(self, name: &str, path: impl AsRef<Path>) -> io::Result<Self> {
        self.file_as(name, None, None, path)
    }

    /// Adds a file under another name, or as another media type; only its length is read now.
    pub fn file_as(
        self,
        name: &str,
        file_name: Option<&str>,
        kind: Option<&str>,
        path: impl AsRef<Path>,
    ) -> io::Result<Self> {
        let path = path.as_ref();
        let length = std::fs::metadata(path)?.len();
        let own = path.file_name().unwrap_or_default().to_string_lossy();
        let file_name = file_name.unwrap_or(&own);
        // Which charset a text is in, its name does not say.
        let of_name = || media_type::by_name(file_name).split(';').next().unwrap_or_default();
        let mut form = self.part(name, Some(file_name), Some(kind.unwrap_or_else(of_name)));
        form.length += length;
        form.pieces.push_back(Piece::File(path.to_owned(), length));
        Ok(form.bytes_static(b"\r\n"))
    }

    fn part(self, name: &str, file_name: Option<&str>, kind: Option<&str>) -> Self {
        let mut head = format!("--{}\r\nContent-Disposition: form-data; name=\"{}\"", self.boundary, escape(name));
        if let Some(file_name) = file_name {
            head.push_str(&format!("; filename=\"{}\"", escape(file_name)));
        }
        if let Some(kind) = kind {
            let kind: String = kind.chars().filter(|c| !c.is_control()).collect();
            head.push_str(&format!("\r\nContent-Type: {kind}"));
        }
        head.push_str("\r\n\r\n");
        self.bytes(Bytes::from(head))
    }

    fn bytes(mut self, bytes: Bytes) -> Self {
        self.length += bytes.len() as u64;
        self.pieces.push_back(Piece::Bytes(bytes));
        self
    }

    fn bytes_static(self, bytes: &'static [u8]) -> Self {
        self.bytes(Bytes::from_static(bytes))
    }

    /// The value of Content-Type for it.
    pub fn content_type(&self) -> HeaderValue {
        HeaderValue::from_str(&format!("multipart/form-data; boundary={}", self.boundary))
            .expect("a boundary is letters and digits")
    }

    /// The content.
    pub fn into_body(self) -> Body {
        let end = Bytes::from(format!("--{}--\r\n", self.boundary));
        let form = self.bytes(end);
        if form.pieces.iter().all(|piece| matches!(piece, Piece::Bytes(_))) {
            let mut whole = BytesMut::new();
            for piece in form.pieces {
                if let Piece::Bytes(bytes) = piece {
                    whole.extend_from_slice(&bytes);
                }
            }
            return Body::from(whole.freeze());
        }
        Body::stream(Pieces { pieces: form.pieces, reading: None, remaining: form.length })
    }
}

/// Quotes, line breaks: as browsers write them (RFC 7578, section 4.2).
fn escape(text: &str) -> String {
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// A file as content; what is read is what it held when it was opened.
pub fn file(path: impl Into<PathBuf>) -> io::Result<Body> {
    let path = path.into();
    let metadata = std::fs::metadata(&path)?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
    let pieces = VecDeque::from([Piece::File(path, metadata.len())]);
    Ok(Body::stream(Pieces { pieces, reading: None, remaining: metadata.len() }))
}

/// Whatever a reader gives, as content of unknown length.
pub fn reader(reader: impl AsyncRead + Send + Unpin + 'static) -> Body {
    Body::stream(Reading { reader: Box::pin(reader), what: "the content".to_owned() })
}

struct Pieces {
    pieces: VecDeque<Piece>,
    /// The file that is being read, and how much of it is still promised.
    reading: Option<(Opening, u64)>,
    remaining: u64,
}

/// A file that is being opened, or read.
enum Opening {
    Pending(Pin<Box<dyn Future<Output = io::Result<tokio::fs::File>> + Send>>, String),
    Open(Reading),
}

struct Reading {
    reader: Pin<Box<dyn AsyncRead + Send>>,
    what: String,
}

impl Reading {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let mut room = vec![0; READ_BYTES];
        let mut buffer = ReadBuf::new(&mut room);
        if let Err(error) = ready!(self.reader.as_mut().poll_read(cx, &mut buffer)) {
            return Poll::Ready(Some(Err(unreadable(&self.what, error))));
        }
        let length = buffer.filled().len();
        room.truncate(length);
        Poll::Ready((length > 0).then(|| Ok(Bytes::from(room))))
    }
}

fn unreadable(what: &str, error: io::Error) -> Error {
    fail_with(Phase::Request, Kind::Io, Fault::Ours, format!("{what} could not be read: {error}"), error)
}

impl http_body::Body for Reading {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.poll_piece(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        loop {
            if let Some((opening, left)) = &mut this.reading {
                let reading = match opening {
                    Opening::Open(reading) => reading,
                    Opening::Pending(pending, what) => {
                        let opened = ready!(pending.as_mut().poll(cx)).map_err(|error| unreadable(what, error))?;
                        let reading = Reading { reader: Box::pin(opened), what: std::mem::take(what) };
                        *opening = Opening::Open(reading);
                        continue;
                    }
                };
                match ready!(reading.poll_piece(cx)) {
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    // What was appended since is not part of what was promised.
                    Some(Ok(mut piece)) if *left > 0 => {
                        piece.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                        *left -= piece.len() as u64;
                        this.remaining -= piece.len() as u64;
                        return Poll::Ready(Some(Ok(Frame::data(piece))));
                    }
                    None if *left > 0 => {
                        let error = io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter");
                        return Poll::Ready(Some(Err(unreadable(&reading.what, error))));
                    }
                    _ => this.reading = None,
                }
            }
            match this.pieces.pop_front() {
                None => return Poll::Ready(None),
                Some(Piece::Bytes(bytes)) => {
                    this.remaining -= bytes.len() as u64;
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Piece::File(path, length)) => {
                    let what = path.display().to_string();
                    this.reading = Some((Opening::Pending(Box::pin(tokio::fs::File::open(path)), what), length));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.reading.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn forms_are_written_as_browsers_write_them() {
        let folder = std::env::temp_dir().join(format!("wirelight-form-{}", std::process::id()));
        std::fs::write(&folder, "from a file").unwrap();
        let form = Form::new("X").text("a\"b", "1").content("f", "x.bin", "a/b", "2").file("g", &folder).unwrap();
        assert_eq!(form.content_type(), "multipart/form-data; boundary=X");
        let body = form.into_body();
        let length = http_body::Body::size_hint(&body).exact().unwrap();
        let text = String::from_utf8(body.collect(10_000).await.unwrap().to_vec()).unwrap();
        std::fs::remove_file(&folder).unwrap();
        assert_eq!(text.len() as u64, length);
        assert!(
            text.starts_with("--X\r\nContent-Disposition: form-data; name=\"a%22b\"\r\n\r\n1\r\n--X\r\n"),
            "{text}"
        );
        assert!(text.contains("filename=\"x.bin\"\r\nContent-Type: a/b\r\n\r\n2\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nfrom a file\r\n--X--\r\n"), "{text}");
    }
}
