//! Header blocks received: requests, responses and trailer sections.

use http::{StatusCode, request};

use super::receive::{Step, closed};
use super::{Connection, Pending, name};
use crate::h2::abuse::{HEADER_LIST_SIZE, Nuisance};
use crate::h2::fault::{self, Code, Fault};
use crate::h2::frame::RstStream;
use crate::h2::message::{self, Assembly, HeadOfResponse, Known, Limits, Malformed};
use crate::h2::stream::{Receiving, Stream};
use crate::h2::streams::ResetBy;
use crate::{Event, Length, Part, Role};

/// A header block whose end has not come.
pub(super) struct Block {
    pub(super) stream: u32,
    pub(super) end_stream: bool,
    pub(super) bytes: Vec<u8>,
    pub(super) continuations: u32,
}

impl Connection {
    /// Decodes a whole header block, whatever becomes of it: the tables are the connection's.
    #[inline]
    pub(super) fn header_block(
        &mut self,
        id: u32,
        end_stream: bool,
        block: &[u8],
        slot: &mut Option<Event>,
    ) -> Result<Step, Fault> {
        let config = &self.config;
        let limits = Limits { bytes_max: config.header_list_bytes_max, fields_max: config.fields_max };
        let mut section = Assembly::new(limits);
        let section = &mut section;
        if let Err(error) = self.decoder.decode(block, section) {
            return Err(Fault::connection(&fault::COMPRESSION, Code::COMPRESSION_ERROR, error.because()));
        }
        if id.is_multiple_of(2) {
            let because = format!("HEADERS came on stream {id}, which nobody can open");
            return Err(Fault::connection(&fault::STREAM_IDENTIFIER, Code::PROTOCOL_ERROR, because));
        }
        match self.streams.get(id).map(|stream| stream.receiving) {
            Some(Receiving::Ended) => Err(closed(id, "HEADERS")),
            Some(Receiving::Content) => self.trailers(id, end_stream, section, slot),
            Some(Receiving::Head) => {
                self.expect_not_idle(id, "HEADERS")?;
                self.response(id, end_stream, section, slot)
            }
            None if self.role == Role::Server && id > self.last_received => self.request(id, end_stream, section, slot),
            None => self.late_headers(id).map(|()| Step::Consumed),
        }
    }

    /// A header block on a stream that is not open.
    fn late_headers(&mut self, id: u32) -> Result<(), Fault> {
        self.expect_not_idle(id, "HEADERS")?;
        match self.streams.was_reset(id) {
            Some(ResetBy::Us) => self.count(Nuisance::Ignored),
            None => Err(closed(id, "HEADERS")),
            Some(ResetBy::Peer) => {
                let because = format!("HEADERS came on stream {id}, which its sender had reset");
                Err(Fault::connection(&fault::STREAM_STATE, Code::STREAM_CLOSED, because))
            }
        }
    }

    #[inline]
    fn request(
        &mut self,
        id: u32,
        end_stream: bool,
        section: &mut Assembly,
        slot: &mut Option<Event>,
    ) -> Result<Step, Fault> {
        self.last_received = id;
        if self.is_past_the_end(id) {
            return self.count(Nuisance::Ignored).map(|()| Step::Consumed);
        }
        if self.streams.len() >= self.config.streams_max as usize {
            let because = format!("more than {} streams are open", self.config.streams_max);
            return Err(Fault::stream(id, &fault::CONCURRENCY, Code::REFUSED_STREAM, because));
        }
        if let Some(excess) = section.excess() {
            return self.refuse_fields(id, end_stream, excess).map(|()| Step::Consumed);
        }
        let mut parts = Box::new(http::Request::new(()).into_parts().0);
        let length = self.begin(id, end_stream, section, &mut parts).map_err(|malformed| malformed.fault(id))?;
        *slot = Some(Event::Received(name(id), Part::Request(parts, length)));
        Ok(Step::Heard)
    }

    /// Begins a stream with its request, and says how long its content is.
    #[inline]
    fn begin(
        &mut self,
        id: u32,
        end_stream: bool,
        section: &mut Assembly,
        parts: &mut request::Parts,
    ) -> Result<Length, Malformed> {
        let Known { content_length, priority } = section.request(self.config.extended_connect, parts)?;
        if end_stream && content_length.is_some_and(|length| length > 0) {
            return Err(Malformed::WrongLength);
        }
        let receiving = if end_stream { Receiving::Ended } else { Receiving::Content };
        let mut stream = Stream::new(id, receiving, self.announced.initial_window, self.new_window());
        stream.head_only = parts.method == http::Method::HEAD;
        stream.tunnel = parts.method == http::Method::CONNECT;
        stream.to_receive = content_length;
        if let Some(priority) = self.early_priority(id).or(priority) {
            stream.priority = priority;
        }
        self.add(stream);
        if end_stream {
            self.pending.push_back(Pending::End(id));
        } else {
            self.timers.look(self.now, &self.config);
        }
        Ok(length(content_length, end_stream))
    }

    /// The priority that was given before the stream was opened.
    #[inline]
    fn early_priority(&mut self, id: u32) -> Option<crate::h2::schedule::Priority> {
        if self.early.is_empty() {
            return None;
        }
        let found = self.early.iter().find(|(stream, _)| *stream == id).map(|(_, priority)| *priority);
        self.early.retain(|(stream, _)| *stream > id);
        found
    }

    /// Answers a request whose fields are too many with 431, without ever having it in memory.
    #[cold]
    fn refuse_fields(&mut self, id: u32, end_stream: bool, excess: (usize, usize)) -> Result<(), Fault> {
        let (parts, ()) = {
            let mut response = http::Response::new(());
            *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            response.into_parts()
        };
        let (encoder, frame_bytes_max) = (&mut self.encoder, self.announced.frame_bytes_max);
        message::block(id, true, frame_bytes_max, &mut self.control, |out| {
            message::response(&parts, Some(0), encoder, out);
        });
        if !end_stream {
            RstStream { stream: id, code: Code::NO_ERROR }.write(&mut self.control);
            self.streams.remember(id, ResetBy::Us);
        }
        let fault = self.too_large(id, excess);
        self.keep_fault(fault);
        self.count(Nuisance::ProvokedReset)
    }

    fn too_large(&self, id: u32, (bytes, fields): (usize, usize)) -> Fault {
        let because = format!("a header section of {bytes} bytes in {fields} fields came");
        let (bytes_max, fields_max) = (self.config.header_list_bytes_max, self.config.fields_max);
        Fault::stream(id, &HEADER_LIST_SIZE, Code::ENHANCE_YOUR_CALM, because)
            .or(format!(
                "at most {bytes_max} bytes, each field counting 32 more, in at most {fields_max} fields, would have been accepted"
            ))
    }

    fn response(
        &mut self,
        id: u32,
        end_stream: bool,
        section: &mut Assembly,
        slot: &mut Option<Event>,
    ) -> Result<Step, Fault> {
        let interim_max = self.config.interim_max;
        if let Some(excess) = section.excess() {
            return Err(self.too_large(id, excess));
        }
        let HeadOfResponse { parts, content_length } = section.response().map_err(|malformed| malformed.fault(id))?;
        let Some(stream) = self.streams.get_mut(id) else { return Ok(Step::Consumed) };
        if parts.status.is_informational() {
            stream.interims += 1;
            if end_stream || parts.status == StatusCode::SWITCHING_PROTOCOLS || stream.interims > interim_max {
                return Err(Malformed::Interim.fault(id));
            }
            *slot = Some(Event::Received(name(id), Part::interim(parts)));
            return Ok(Step::Heard);
        }
        let absent = stream.head_only || matches!(parts.status.as_u16(), 204 | 304);
        if end_stream && !absent && content_length.is_some_and(|length| length > 0) {
            return Err(Malformed::WrongLength.fault(id));
        }
        stream.tunnel &= parts.status.is_success();
        stream.to_receive = if absent { Some(0) } else { content_length };
        stream.receiving = Receiving::Content;
        if end_stream {
            self.end_receiving(id);
            self.pending.push_back(Pending::End(id));
        }
        *slot = Some(Event::Received(name(id), Part::response(parts, length(content_length, end_stream))));
        Ok(Step::Heard)
    }

    fn trailers(
        &mut self,
        id: u32,
        end_stream: bool,
        section: &mut Assembly,
        slot: &mut Option<Event>,
    ) -> Result<Step, Fault> {
        if !end_stream {
            return Err(Malformed::EndlessTrailers.fault(id));
        }
        if let Some(excess) = section.excess() {
            return Err(self.too_large(id, excess));
        }
        let trailers = section.trailers().map_err(|malformed| malformed.fault(id))?;
        let owed = self.streams.get(id).and_then(|stream| stream.to_receive);
        if owed.is_some_and(|length| length > 0) {
            return Err(Malformed::WrongLength.fault(id));
        }
        self.end_receiving(id);
        *slot = Some(Event::Received(name(id), Part::End(trailers)));
        Ok(Step::Heard)
    }
}

/// How long a message says its content is.
fn length(content_length: Option<u64>, end_stream: bool) -> Length {
    match content_length {
        Some(length) => Length::Known(length),
        None if end_stream => Length::Known(0),
        None => Length::Unknown,
    }
}
