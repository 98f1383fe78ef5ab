//! The receiving half: from frames to events.

use super::headers::Block;
use super::{Connection, Leaving, PING_DRAINS, PING_MEASURES, PING_PRESENCE, Pending, Stage, name};
use crate::h2::PREFACE;
use crate::h2::abuse::{CONTINUATION_FLOOD, HEADER_BLOCK_SIZE, Nuisance, PIECES};
use crate::h2::fault::{self, Code, Fault, Scope};
use crate::h2::flow::{WINDOW_DEFAULT, WINDOW_MAX};
use crate::h2::frame::{
    self, Continuation, Data, Frame, GoAway, HEAD_LENGTH, Head, Headers, PAYLOAD_DEFAULT_MAX, Ping, PriorityUpdate,
    RstStream, STREAM_LAST, Settings, WindowUpdate,
};
use crate::h2::message::Malformed;
use crate::h2::schedule::Priority;
use crate::h2::stream::Receiving;
use crate::h2::streams::ResetBy;
use crate::{Event, Incoming, Part, Role};

/// How much of the words in a GOAWAY is kept.
const FAREWELL_BYTES_MAX: usize = 256;

/// What came of looking at the input.
pub(super) enum Step {
    /// An event, which was put where the caller asked for it.
    Heard,
    /// Something was consumed; there may be more.
    Consumed,
    /// There is no whole frame.
    Starved,
}

/// What becomes of content.
enum Admission {
    Taken,
    /// It is late: it counts for the connection's window, and is dropped.
    Dropped,
}

impl Connection {
    /// Reads frames until one is an event or none is whole.
    #[inline]
    pub(super) fn read(&mut self, input: &mut Incoming, slot: &mut Option<Event>) -> Result<(), Fault> {
        loop {
            // Answers that the peer does not take are not piled up.
            if self.control.len() >= self.config.control_bytes_max {
                return Ok(());
            }
            match self.step(input, slot) {
                Ok(Step::Heard) => return Ok(()),
                Ok(Step::Consumed) => {}
                Ok(Step::Starved) => break,
                Err(fault) => match fault.scope {
                    Scope::Connection => return Err(fault),
                    Scope::Stream(stream) => self.fail_stream(stream, fault)?,
                },
            }
            if let Some(pending) = self.pending.pop_front() {
                *slot = Some(pending.event());
                return Ok(());
            }
        }
        self.starve(input);
        *slot = self.pending.pop_front().map(Pending::event);
        Ok(())
    }

    /// There is nothing more to read now: notes what was begun, and what will never come.
    fn starve(&mut self, input: &Incoming) {
        if self.peer_ended {
            for id in self.streams.ids() {
                self.close(id);
                self.pending.push_back(Pending::Reset(id, Code::CANCEL));
            }
            return;
        }
        let content = Head::read(input.bytes()).is_some_and(|head| head.kind == frame::kind::DATA);
        let begun = self.block.is_some() || !input.is_empty() && !content;
        self.timers.begun(begun || self.stage != Stage::Open, self.now);
    }

    #[inline]
    fn step(&mut self, input: &mut Incoming, slot: &mut Option<Event>) -> Result<Step, Fault> {
        if self.stage == Stage::Preface {
            return self.preface(input);
        }
        let Some(head) = Head::read(input.bytes()) else { return Ok(Step::Starved) };
        self.expect(head)?;
        if input.len() < HEAD_LENGTH + head.length {
            return Ok(Step::Starved);
        }
        self.timers.heard(self.now, head.kind);
        if self.block.is_none() && self.stage == Stage::Open {
            // This frame is whole: what is begun behind it has a time of its own.
            self.timers.begun(false, self.now);
        }
        if head.kind == frame::kind::DATA {
            return self.data(head, input, slot);
        }
        let payload = &input.bytes()[HEAD_LENGTH..HEAD_LENGTH + head.length];
        let outcome = Frame::read(head, payload).and_then(|frame| self.frame(frame, slot));
        input.advance(HEAD_LENGTH + head.length);
        outcome
    }

    fn preface(&mut self, input: &mut Incoming) -> Result<Step, Fault> {
        let length = input.len().min(PREFACE.len());
        if input.bytes()[..length] != PREFACE[..length] {
            let because = "the connection does not begin with the preface of HTTP/2";
            return Err(Fault::connection(&fault::PREFACE, Code::PROTOCOL_ERROR, because));
        }
        if length < PREFACE.len() {
            return Ok(Step::Starved);
        }
        input.advance(length);
        self.stage = Stage::Settings;
        Ok(Step::Consumed)
    }

    /// Whether a frame may come now, and is not too long, as far as its head says.
    #[inline]
    fn expect(&self, head: Head) -> Result<(), Fault> {
        if head.length > PAYLOAD_DEFAULT_MAX {
            let because = format!("a frame of {} octets came", head.length);
            let fault = Fault::connection(&fault::FRAME_SIZE, Code::FRAME_SIZE_ERROR, because);
            return Err(fault.or(format!("a length of at most {PAYLOAD_DEFAULT_MAX} would have been accepted")));
        }
        if self.stage == Stage::Settings
            && (head.kind != frame::kind::SETTINGS || head.has(frame::flag::ACK) && head.stream == 0)
        {
            let because = "the first frame is not SETTINGS";
            return Err(Fault::connection(&fault::PREFACE, Code::PROTOCOL_ERROR, because));
        }
        let Some(block) = &self.block else { return Ok(()) };
        if head.kind == frame::kind::CONTINUATION && head.stream == block.stream {
            return Ok(());
        }
        let kind = frame::kind_name(head.kind).unwrap_or("a frame of an unknown type");
        let because = format!("{kind} came inside the header block of stream {}", block.stream);
        Err(Fault::connection(&fault::CONTINUATION, Code::PROTOCOL_ERROR, because))
    }

    fn frame(&mut self, frame: Frame<'_>, slot: &mut Option<Event>) -> Result<Step, Fault> {
        match frame {
            Frame::Headers(frame) => return self.headers(frame, slot),
            Frame::Continuation(frame) => return self.continuation(frame, slot),
            Frame::WindowUpdate(frame) => self.window_update(frame)?,
            Frame::RstStream(frame) => self.rst_stream(frame)?,
            Frame::Settings(frame) => self.settings(frame)?,
            Frame::SettingsAck => self.settings_ack()?,
            Frame::Ping(frame) => self.ping(frame)?,
            Frame::GoAway(frame) => self.go_away(frame)?,
            Frame::PriorityUpdate(frame) => self.priority_update(frame)?,
            Frame::PushPromise(_) => {
                let because = "PUSH_PROMISE came, which this end does not take";
                return Err(Fault::connection(&fault::PUSH, Code::PROTOCOL_ERROR, because));
            }
            Frame::Priority(_) | Frame::Unknown => self.count(Nuisance::Ignored)?,
            Frame::Data(_) => unreachable!("content is read where it lies"),
        }
        Ok(Step::Consumed)
    }

    #[inline]
    fn headers(&mut self, frame: Headers<'_>, slot: &mut Option<Event>) -> Result<Step, Fault> {
        if frame.end_headers {
            return self.header_block(frame.stream, frame.end_stream, frame.fragment, slot);
        }
        self.block = Some(Box::new(Block {
            stream: frame.stream,
            end_stream: frame.end_stream,
            bytes: frame.fragment.to_vec(),
            continuations: 0,
        }));
        Ok(Step::Consumed)
    }

    fn continuation(&mut self, frame: Continuation<'_>, slot: &mut Option<Event>) -> Result<Step, Fault> {
        let Some(mut block) = self.block.take() else {
            let because = format!("CONTINUATION came on stream {} without a header block", frame.stream);
            return Err(Fault::connection(&fault::CONTINUATION, Code::PROTOCOL_ERROR, because));
        };
        if frame.fragment.is_empty() {
            self.count(Nuisance::Empty)?;
        }
        block.continuations += 1;
        block.bytes.extend_from_slice(frame.fragment);
        let config = &self.config;
        if block.continuations > config.continuations_max {
            let because = format!("a header block takes more than {} CONTINUATION frames", config.continuations_max);
            return Err(Fault::connection(&CONTINUATION_FLOOD, Code::ENHANCE_YOUR_CALM, because));
        }
        if block.bytes.len() > config.header_block_bytes_max {
            let because = format!("a header block is larger than {} bytes", config.header_block_bytes_max);
            return Err(Fault::connection(&HEADER_BLOCK_SIZE, Code::ENHANCE_YOUR_CALM, because));
        }
        if !frame.end_headers {
            self.block = Some(block);
            return Ok(Step::Consumed);
        }
        self.header_block(block.stream, block.end_stream, &block.bytes, slot)
    }

    fn data(&mut self, head: Head, input: &mut Incoming, slot: &mut Option<Event>) -> Result<Step, Fault> {
        let whole = HEAD_LENGTH + head.length;
        let payload = &input.bytes()[HEAD_LENGTH..whole];
        let (length, padding, end_stream) = match Frame::read(head, payload)? {
            Frame::Data(Data { content, padding, end_stream, .. }) => (content.len(), padding, end_stream),
            _ => unreachable!("the head says DATA"),
        };
        let admission = self.admit(head.stream, head.length as u32, length as u32, end_stream);
        if let (Ok(Admission::Taken), 1..) = (&admission, length) {
            let before = HEAD_LENGTH + usize::from(padding.is_some());
            input.advance(before);
            let content = input.take(length);
            input.advance(whole - before - length);
            if end_stream {
                self.pending.push_back(Pending::End(head.stream));
            }
            *slot = Some(Event::Received(name(head.stream), Part::Content(content)));
            return Ok(Step::Heard);
        }
        input.advance(whole);
        if let Admission::Taken = admission?
            && end_stream
        {
            self.pending.push_back(Pending::End(head.stream));
        }
        Ok(Step::Consumed)
    }

    /// Accounts for a frame of content of `length` bytes, of which `content` are not padding.
    fn admit(&mut self, id: u32, length: u32, content: u32, end_stream: bool) -> Result<Admission, Fault> {
        let taken = self.streams.get(id).is_some_and(|stream| stream.receiving == Receiving::Content);
        if !self.receive_window.receive(length, if taken { content } else { 0 }) {
            let because = "content came beyond the window of the connection";
            return Err(Fault::connection(&fault::FLOW_CONTROL, Code::FLOW_CONTROL_ERROR, because));
        }
        self.estimator.receive(length);
        self.grant_connection();
        if content == 0 && !end_stream {
            self.count(Nuisance::Empty)?;
        }
        let (pieces_max, target) = (self.config.received_pieces_max, self.stream_target);
        let Some(stream) = self.streams.get_mut(id) else { return self.late_data(id).map(|()| Admission::Dropped) };
        match stream.receiving {
            Receiving::Content => {}
            Receiving::Ended => return Err(closed(id, "DATA")),
            Receiving::Head => {
                self.expect_not_idle(id, "DATA")?;
                return Err(Malformed::Headless.fault(id));
            }
        }
        if !stream.receive_window.receive(length, content) {
            let because = "content came beyond the window of its stream";
            return Err(Fault::stream(id, &fault::FLOW_CONTROL, Code::FLOW_CONTROL_ERROR, because));
        }
        let left = stream.to_receive.map(|left| left.checked_sub(content.into()));
        if left == Some(None) || end_stream && matches!(left, Some(Some(1..))) {
            return Err(Malformed::WrongLength.fault(id));
        }
        stream.to_receive = left.flatten();
        stream.progress = stream.progress.saturating_add(content);
        stream.pieces += 1;
        if stream.pieces > pieces_max {
            let because = format!("more than {pieces_max} frames of content wait on the stream");
            return Err(Fault::stream(id, &PIECES, Code::ENHANCE_YOUR_CALM, because));
        }
        if end_stream {
            self.end_receiving(id);
        } else if content < length
            && let Some(increment) = stream.receive_window.grant(target, target)
        {
            // Padding is nobody's to take.
            WindowUpdate { stream: id, increment }.write(&mut self.control);
        }
        Ok(Admission::Taken)
    }

    /// The peer has ended its half of a stream; nothing is left of one whose other half had ended before.
    pub(super) fn end_receiving(&mut self, id: u32) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        stream.receiving = Receiving::Ended;
        if stream.is_over()
            && let Some(stream) = self.streams.remove(id)
        {
            self.closed(&stream);
        }
    }

    /// Content on a stream that is not open.
    fn late_data(&mut self, id: u32) -> Result<(), Fault> {
        self.expect_not_idle(id, "DATA")?;
        match self.streams.was_reset(id) {
            Some(ResetBy::Us) => self.count(Nuisance::Ignored),
            _ if self.is_past_the_end(id) => self.count(Nuisance::Ignored),
            _ => Err(closed(id, "DATA")),
        }
    }

    /// Whether the peer was told that this stream will not be acted on.
    pub(super) fn is_past_the_end(&self, id: u32) -> bool {
        matches!(self.leaving, Leaving::Final(last) if id > last)
    }

    /// A frame that needs a stream which was opened some time.
    pub(super) fn expect_not_idle(&self, id: u32, kind: &str) -> Result<(), Fault> {
        if !self.is_idle_stream(id) {
            return Ok(());
        }
        let because = format!("{kind} came on stream {id}, which nobody has opened");
        Err(Fault::connection(&fault::STREAM_STATE, Code::PROTOCOL_ERROR, because))
    }

    fn rst_stream(&mut self, frame: RstStream) -> Result<(), Fault> {
        let id = frame.stream;
        self.expect_not_idle(id, "RST_STREAM")?;
        if self.close(id) {
            self.pending.push_back(Pending::Reset(id, frame.code));
            self.streams.remember(id, ResetBy::Peer);
        }
        match self.role {
            Role::Server => self.count(Nuisance::RapidReset),
            Role::Client => Ok(()),
        }
    }

    fn window_update(&mut self, frame: WindowUpdate) -> Result<(), Fault> {
        self.count(Nuisance::WindowUpdate)?;
        let by = i64::from(frame.increment);
        let because = "a window grows beyond 2^31-1";
        if frame.stream == 0 {
            let changed = self.send_window.change(by);
            return changed.map_err(|_| Fault::connection(&fault::FLOW_CONTROL, Code::FLOW_CONTROL_ERROR, because));
        }
        let id = frame.stream;
        self.expect_not_idle(id, "WINDOW_UPDATE")?;
        match self.streams.get_mut(id).map(|stream| stream.send_window.change(by)) {
            // On a stream that has ended this asks for a reset too, which is not due any more.
            None if by + i64::from(self.announced.initial_window) > WINDOW_MAX => self.count(Nuisance::ProvokedReset),
            None => Ok(()),
            Some(Err(_)) => Err(Fault::stream(id, &fault::FLOW_CONTROL, Code::FLOW_CONTROL_ERROR, because)),
            Some(Ok(())) => {
                self.window_opened(id);
                Ok(())
            }
        }
    }

    fn settings(&mut self, frame: Settings<'_>) -> Result<(), Fault> {
        if self.stage == Stage::Settings {
            self.stage = Stage::Open;
            self.timers.begun(false, self.now);
        } else {
            self.count(Nuisance::Settings)?;
        }
        let before = self.announced.initial_window;
        for setting in frame.iter() {
            self.announced.take(setting, self.role)?;
        }
        self.encoder.limit_table(self.announced.table_bytes);
        let change = i64::from(self.announced.initial_window) - i64::from(before);
        if change != 0 {
            self.change_windows(change)?;
        }
        Settings::write_ack(&mut self.control);
        Ok(())
    }

    /// The initial size of windows has changed, and with it all windows of streams (RFC 9113, section 6.9.2).
    fn change_windows(&mut self, by: i64) -> Result<(), Fault> {
        for id in self.streams.ids() {
            let Some(stream) = self.streams.get_mut(id) else { continue };
            if stream.send_window.change(by).is_err() {
                let because = format!("SETTINGS make the window of stream {id} grow beyond 2^31-1");
                return Err(Fault::connection(&fault::FLOW_CONTROL, Code::FLOW_CONTROL_ERROR, because));
            }
            self.window_opened(id);
        }
        Ok(())
    }

    fn settings_ack(&mut self) -> Result<(), Fault> {
        if self.unacknowledged == 0 {
            let because = "an acknowledgement came for settings that were not sent";
            return Err(Fault::connection(&fault::SETTINGS_ACKNOWLEDGED, Code::PROTOCOL_ERROR, because));
        }
        self.unacknowledged -= 1;
        self.timers.settings = None;
        self.decoder.limit_table(self.config.table_bytes_max as usize);
        if std::mem::take(&mut self.narrows) {
            self.narrow();
        }
        Ok(())
    }

    /// The peer has learned that windows are smaller than it had assumed.
    fn narrow(&mut self) {
        let target = self.stream_target;
        for stream in self.streams.iter_mut() {
            stream.receive_window.widen(i64::from(target) - i64::from(WINDOW_DEFAULT));
            if stream.receiving != Receiving::Ended
                && let Some(increment) = stream.receive_window.grant(target, target)
            {
                WindowUpdate { stream: stream.id, increment }.write(&mut self.control);
            }
        }
    }

    fn ping(&mut self, frame: Ping) -> Result<(), Fault> {
        if !frame.ack {
            self.count(Nuisance::Ping)?;
            Ping { ack: true, ..frame }.write(&mut self.control);
            return Ok(());
        }
        match frame.payload {
            PING_MEASURES => self.measured(),
            PING_PRESENCE => self.timers.present(),
            PING_DRAINS if self.leaving == Leaving::Announced => self.leave(),
            _ => return self.count(Nuisance::Ignored),
        }
        Ok(())
    }

    /// Makes the windows larger where a round trip has filled them.
    fn measured(&mut self) {
        let Some(target) = self.estimator.end(self.stream_target) else { return };
        let target = target.min(self.config.stream_window_bytes_max);
        let growth = i64::from(target) - i64::from(self.stream_target);
        if growth <= 0 || self.unacknowledged > 0 {
            return;
        }
        self.stream_target = target;
        self.connection_target = self.connection_target.max(target.saturating_mul(2)).min(STREAM_LAST);
        for stream in self.streams.iter_mut() {
            stream.receive_window.widen(growth);
        }
        let setting = frame::Setting { identifier: frame::Setting::INITIAL_WINDOW_SIZE, value: target };
        Settings::write_all(&[setting], &mut self.control);
        self.unacknowledged += 1;
    }

    fn go_away(&mut self, frame: GoAway<'_>) -> Result<(), Fault> {
        if self.peer_last.is_some() {
            self.count(Nuisance::Ignored)?;
        }
        let last = self.peer_last.map_or(frame.last_stream, |last| last.min(frame.last_stream));
        self.peer_last = Some(last);
        let words = String::from_utf8_lossy(&frame.debug[..frame.debug.len().min(FAREWELL_BYTES_MAX)]);
        self.farewell = Some(match words.is_empty() {
            true => frame.code.to_string(),
            false => format!("{}, \"{}\"", frame.code, words.escape_debug()),
        });
        self.pending.push_back(Pending::GoingAway(last));
        if self.role == Role::Client {
            // What the peer did not act on is safe to repeat elsewhere (RFC 9113, section 6.8).
            for id in self.streams.ids().into_iter().filter(|id| *id > last) {
                self.close(id);
                self.pending.push_back(Pending::Reset(id, Code::REFUSED_STREAM));
            }
        }
        Ok(())
    }

    fn priority_update(&mut self, frame: PriorityUpdate<'_>) -> Result<(), Fault> {
        let id = frame.prioritized;
        if self.role == Role::Client || id.is_multiple_of(2) {
            let because = format!("PRIORITY_UPDATE came for stream {id}");
            return Err(Fault::connection(&fault::PRIORITY_UPDATE, Code::PROTOCOL_ERROR, because));
        }
        self.count(Nuisance::Ignored)?;
        let priority = Priority::parse(frame.value);
        if let Some(stream) = self.streams.get_mut(id) {
            stream.priority = priority;
            self.schedule.prioritize(id, priority);
        } else if self.is_idle_stream(id) {
            self.early.retain(|(stream, _)| *stream != id);
            if self.early.len() < self.config.streams_max as usize {
                self.early.push((id, priority));
            }
        }
        Ok(())
    }
}

/// A frame on a stream that has ended (RFC 9113, section 5.1).
pub(super) fn closed(id: u32, kind: &str) -> Fault {
    let because = format!("{kind} came on stream {id} after its end");
    Fault::stream(id, &fault::STREAM_STATE, Code::STREAM_CLOSED, because)
}
