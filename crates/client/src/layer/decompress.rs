//! Content codings taken off, with a limit for bombs (RFC 9110, section 8.4).

use std::borrow::Cow;
use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, RANGE};
use http::{HeaderMap, HeaderValue, Method};
use http_body::{Frame, SizeHint};
use wirelight_semantics::coding::{self, Coding};
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_service::{Body, Error, Fault, Kind, Request, Response, Result, Service, Trail};

use super::Layered;
use crate::error::{Phase, fail};

/// Says which content codings we understand, and takes them off; a request with an Accept-Encoding of its own, or with
/// a Range, is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decompress {
    /// How much may come out, in bytes.
    pub bytes_max: u64,
    /// How many times as much as went in may come out, once it is more than a megabyte.
    pub ratio_max: u64,
    /// How many codings are taken off one another.
    pub codings_max: usize,
}

impl Default for Decompress {
    fn default() -> Self {
        Self { bytes_max: 16 * 1024 * 1024 * 1024, ratio_max: 1100, codings_max: 3 }
    }
}

/// How much may come out before the ratio counts.
const RATIO_FREE_BYTES: u64 = 1024 * 1024;
/// How much is decoded at a time.
const PIECE_BYTES: usize = 4 * 1024;
/// How much may come out of one piece: deflate makes 1032 bytes of one at the most.
const BURST_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Which codings were taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded(pub Vec<&'static str>);

static CODINGS: Rule = Rule {
    name: "content-coding",
    section: "RFC 9110, section 8.4",
    says: "Content-Encoding lists the codings in the order in which they were applied.",
};

impl Decision for Decoded {
    fn rule(&self) -> &'static Rule {
        &CODINGS
    }

    fn outcome(&self) -> Cow<'static, str> {
        "the content was decoded".into()
    }

    fn because(&self) -> Cow<'static, str> {
        format!("the server applied {}", self.0.join(", ")).into()
    }
}

impl<S: Service> Service for Layered<Decompress, S> {
    async fn call(&self, mut request: Request) -> Result<Response> {
        let trail = Trail::of(&request);
        let is_head = request.method() == Method::HEAD;
        // A range of coded content could not be decoded.
        if request.headers().contains_key(ACCEPT_ENCODING) || request.headers().contains_key(RANGE) {
            return self.inner.call(request).await;
        }
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, br, zstd, deflate"));
        let mut response = self.inner.call(request).await?;
        if is_head || matches!(response.status().as_u16(), 204 | 206 | 304) {
            return Ok(response);
        }
        let codings = coding::applied(response.headers(), self.layer.codings_max);
        // What is not understood is the reader's to understand; it keeps its field.
        let Ok(mut codings) = codings else { return Ok(response) };
        codings.retain(|coding| *coding != Coding::Identity);
        if codings.is_empty() || response.body().as_bytes().is_some_and(Bytes::is_empty) {
            return Ok(response);
        }
        trail.note(Decoded(codings.iter().map(|coding| coding.name()).collect()));
        response.headers_mut().remove(CONTENT_ENCODING);
        response.headers_mut().remove(CONTENT_LENGTH);
        let mut decoders = Vec::new();
        for coding in codings.iter().rev() {
            decoders.push(Decoder::new(*coding)?);
        }
        let limits = self.layer;
        Ok(response.map(|body| {
            Body::stream(Decoding {
                body: Some(body),
                decoders,
                limits,
                taken: 0,
                given: 0,
                trailers: None,
                rest: Bytes::new(),
            })
        }))
    }
}

/// Content whose codings are taken off as it is read.
struct Decoding {
    /// `None` once it was read to its end, or failed.
    body: Option<Body>,
    /// In the order in which content passes them.
    decoders: Vec<Decoder>,
    limits: Decompress,
    taken: u64,
    given: u64,
    trailers: Option<HeaderMap>,
    /// What came and was not decoded yet.
    rest: Bytes,
}

impl Decoding {
    /// Sends content through all decoders; at the end, what they still hold.
    fn decode(&mut self, content: &[u8], is_end: bool) -> Result<Vec<u8>> {
        let mut content = Cow::Borrowed(content);
        for decoder in &mut self.decoders {
            let mut decoded = Vec::new();
            decoder.write(&content, &mut decoded)?;
            if is_end {
                decoder.finish(&mut decoded)?;
            }
            content = Cow::Owned(decoded);
        }
        self.given += content.len() as u64;
        let Decompress { bytes_max, ratio_max, .. } = self.limits;
        let free = self.given <= RATIO_FREE_BYTES;
        if self.given > bytes_max || !free && self.given / self.taken.max(1) > ratio_max {
            let (given, taken) = (self.given, self.taken);
            let because = format!("the content is a decompression bomb: {taken} bytes became more than {given}");
            return Err(fail(Phase::Receive, Kind::TooLarge, Fault::Upstream, because));
        }
        Ok(content.into_owned())
    }
}

impl http_body::Body for Decoding {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        let this = &mut *self;
        loop {
            let (decoded, is_end) = if !this.rest.is_empty() {
                // A little at a time, so that little that becomes much is found out early.
                let piece = this.rest.split_to(this.rest.len().min(PIECE_BYTES));
                this.taken += piece.len() as u64;
                (this.decode(&piece, false), false)
            } else if let Some(body) = &mut this.body {
                match ready!(Pin::new(body).poll_frame(cx)) {
                    Some(Err(error)) => (Err(error), false),
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(content) => {
                            this.rest = content;
                            continue;
                        }
                        Err(frame) => {
                            this.trailers = frame.into_trailers().ok();
                            continue;
                        }
                    },
                    None => (this.decode(&[], true), true),
                }
            } else {
                return Poll::Ready(this.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
            };
            if is_end || decoded.is_err() {
                this.body = None;
                this.rest = Bytes::new();
            }
            match decoded {
                Ok(decoded) if decoded.is_empty() => {}
                Ok(decoded) => return Poll::Ready(Some(Ok(Frame::data(decoded.into())))),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// Takes one coding off content that comes in pieces.
enum Decoder {
    Gzip(Box<flate2::write::MultiGzDecoder<Sink>>, bool),
    /// With the wrapper of zlib or without, as servers disagree about it.
    Deflate(Option<Deflate>),
    Brotli(Box<brotli::DecompressorWriter<Sink>>, bool),
    Zstd(Box<zstd::stream::write::Decoder<'static, Sink>>, bool),
}

enum Deflate {
    Zlib(Box<flate2::write::ZlibDecoder<Sink>>),
    Raw(Box<flate2::write::DeflateDecoder<Sink>>),
}

impl Decoder {
    fn new(coding: Coding) -> Result<Self> {
        Ok(match coding {
            Coding::Gzip => Self::Gzip(Box::new(flate2::write::MultiGzDecoder::new(Sink::default())), false),
            Coding::Deflate => Self::Deflate(None),
            Coding::Brotli => Self::Brotli(Box::new(brotli::DecompressorWriter::new(Sink::default(), 4096)), false),
            Coding::Zstd => {
                let mut decoder = zstd::stream::write::Decoder::new(Sink::default()).map_err(Error::ours)?;
                // RFC 9659: content on the web needs no window larger than 8 MiB.
                decoder.set_parameter(zstd::zstd_safe::DParameter::WindowLogMax(23)).map_err(Error::ours)?;
                Self::Zstd(Box::new(decoder), false)
            }
            Coding::Identity => return Err(Error::new(Kind::Other, Fault::Ours, "identity is no coding to take off")),
        })
    }

    fn write(&mut self, content: &[u8], decoded: &mut Vec<u8>) -> Result<()> {
        if content.is_empty() {
            return Ok(());
        }
        match self {
            Self::Gzip(decoder, begun) => {
                *begun = true;
                decoder.write_all(content).map_err(|error| broken("gzip", error))?;
                decoded.append(&mut decoder.get_mut().0);
            }
            Self::Deflate(decoder) => {
                let decoder = decoder.get_or_insert_with(|| match content[0] & 0x0f == 8 {
                    true => Deflate::Zlib(Box::new(flate2::write::ZlibDecoder::new(Sink::default()))),
                    false => Deflate::Raw(Box::new(flate2::write::DeflateDecoder::new(Sink::default()))),
                });
                match decoder {
                    Deflate::Zlib(decoder) => {
                        decoder.write_all(content).map_err(|error| broken("deflate", error))?;
                        decoded.append(&mut decoder.get_mut().0);
                    }
                    Deflate::Raw(decoder) => {
                        decoder.write_all(content).map_err(|error| broken("deflate", error))?;
                        decoded.append(&mut decoder.get_mut().0);
                    }
                }
            }
            Self::Brotli(decoder, begun) => {
                *begun = true;
                decoder.write_all(content).map_err(|error| broken("br", error))?;
                decoded.append(&mut decoder.get_mut().0);
            }
            Self::Zstd(decoder, begun) => {
                *begun = true;
                decoder.write_all(content).map_err(|error| broken("zstd", error))?;
                decoded.append(&mut decoder.get_mut().0);
            }
        }
        Ok(())
    }

    /// The content is over: it must be whole in its coding, too.
    fn finish(&mut self, decoded: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Gzip(decoder, true) => {
                decoder.try_finish().map_err(|error| broken("gzip", error))?;
                decoded.append(&mut decoder.get_mut().0);
            }
            Self::Deflate(Some(Deflate::Zlib(decoder))) => {
                decoder.try_finish().map_err(|error| broken("deflate", error))?;
                decoded.append(&mut decoder.get_mut().0);
            }
            Self::Deflate(Some(Deflate::Raw(decoder))) => {
                decoder.try_finish().map_err(|error| broken("deflate", error))?;
                decoded.append(&mut decoder.get_mut().0);
            }
            Self::Brotli(decoder, true) => {
                decoder.close().map_err(|error| broken("br", error))?;
                decoded.append(&mut decoder.get_mut().0);
            }
            Self::Zstd(decoder, true) => {
                decoder.flush().map_err(|error| broken("zstd", error))?;
                decoded.append(&mut decoder.get_mut().0);
            }
            _ => {}
        }
        Ok(())
    }
}

/// What one piece of content became; so much that it must be a bomb is not taken.
#[derive(Default)]
struct Sink(Vec<u8>);

impl Write for Sink {
    fn write(&mut self, decoded: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + decoded.len() > BURST_BYTES_MAX {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(decoded);
        Ok(decoded.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn broken(coding: &str, error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::FileTooLarge {
        let because =
            format!("the content is a decompression bomb: {PIECE_BYTES} bytes became more than {BURST_BYTES_MAX}");
        return fail(Phase::Receive, Kind::TooLarge, Fault::Upstream, because);
    }
    let because = format!("the content is not whole {coding}: {error}");
    fail(Phase::Receive, Kind::Malformed, Fault::Upstream, because)
}
