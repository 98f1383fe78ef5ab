//! Which stream sends next (RFC 9218).
//!
//! Streams of the lowest urgency number go first. Among those, streams that said so take the whole connection one
//! after the other; all others share it in turns, and so do those whose client said nothing.

/// The priority of a stream (RFC 9218, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Priority {
    urgency: u8,
    /// Whether parts of the response are of use, so that it may share the connection.
    incremental: bool,
}

impl Priority {
    /// Of a stream whose client said nothing: in turns, since nobody said that one may wait for another.
    pub(crate) const UNSAID: Self = Self { urgency: 3, incremental: true };

    /// Reads the value of a Priority field; members that are not understood are passed over.
    pub(crate) fn parse(value: &[u8]) -> Self {
        let mut priority = Self { urgency: 3, incremental: false };
        for member in value.split(|byte| *byte == b',') {
            let item = member.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
            match item {
                [b'u', b'=', urgency @ b'0'..=b'7'] => priority.urgency = urgency - b'0',
                b"i" | b"i=?1" => priority.incremental = true,
                b"i=?0" => priority.incremental = false,
                _ => {}
            }
        }
        priority
    }
}

/// A stream that has something to send and a window for it.
#[derive(Debug, Clone, Copy)]
struct Ready {
    stream: u32,
    priority: Priority,
    /// When it was last served, for those that take turns.
    turn: u32,
}

/// The streams that are ready to send, and whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    ready: Vec<Ready>,
    /// Counts what was served.
    turn: u32,
    /// When one of those that go one after the other was last served: together they take turns with the others.
    sequential_turn: u32,
}

impl Schedule {
    /// Whether no stream but this one is ready.
    #[inline]
    pub(crate) fn is_only(&self, stream: u32) -> bool {
        match self.ready.as_slice() {
            [] => true,
            [ready] => ready.stream == stream,
            _ => false,
        }
    }

    /// Adds a stream, which is not there yet.
    pub(crate) fn add(&mut self, stream: u32, priority: Priority) {
        self.ready.push(Ready { stream, priority, turn: self.turn });
    }

    pub(crate) fn remove(&mut self, stream: u32) {
        if let Some(at) = self.ready.iter().position(|ready| ready.stream == stream) {
            self.ready.swap_remove(at);
        }
    }

    /// Changes the priority of a stream, if it is ready.
    pub(crate) fn prioritize(&mut self, stream: u32, priority: Priority) {
        if let Some(ready) = self.ready.iter_mut().find(|ready| ready.stream == stream) {
            ready.priority = priority;
        }
    }

    /// The stream that sends one frame now.
    pub(crate) fn next(&mut self) -> Option<u32> {
        let sequential = self.sequential_turn;
        let next = self.ready.iter_mut().min_by_key(|ready| {
            let turn = if ready.priority.incremental { ready.turn } else { sequential };
            // Turns wrap around after 2^32 frames; then one stream waits for one turn longer.
            (ready.priority.urgency, turn, ready.stream)
        })?;
        self.turn = self.turn.wrapping_add(1);
        if next.priority.incremental {
            next.turn = self.turn;
        } else {
            self.sequential_turn = self.turn;
        }
        Some(next.stream)
    }

    /// Gives back the memory that no stream needs.
    pub(crate) fn shrink(&mut self) {
        self.ready.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priority_fields_are_read() {
        let priority = |urgency, incremental| Priority { urgency, incremental };
        for (value, expected) in [
            ("", priority(3, false)),
            ("u=0", priority(0, false)),
            ("u=7, i", priority(7, true)),
            ("i, u=1", priority(1, true)),
            ("i=?0", priority(3, false)),
            ("i=?1;x=y", priority(3, true)),
            ("u=8", priority(3, false)),
            ("u=-1,u=2", priority(2, false)),
            ("u=1.5, other=\"x\"", priority(3, false)),
        ] {
            assert_eq!(Priority::parse(value.as_bytes()), expected, "{value}");
        }
    }

    fn order(streams: &[(u32, &str)], frames: usize) -> Vec<u32> {
        let mut schedule = Schedule::default();
        for (stream, priority) in streams {
            schedule
                .add(*stream, if *priority == "-" { Priority::UNSAID } else { Priority::parse(priority.as_bytes()) });
        }
        (0..frames).map(|_| schedule.next().unwrap()).collect()
    }

    #[test]
    fn the_urgent_go_first() {
        assert_eq!(order(&[(1, "u=5"), (3, "u=1"), (5, "u=3, i")], 2), [3, 3]);
    }

    #[test]
    fn the_incremental_take_turns() {
        assert_eq!(order(&[(5, "i"), (1, "i"), (3, "-")], 6), [1, 3, 5, 1, 3, 5]);
    }

    #[test]
    fn the_others_go_one_after_the_other() {
        assert_eq!(order(&[(3, "u=3"), (1, "u=3"), (5, "u=3")], 3), [1, 1, 1]);
    }

    #[test]
    fn one_that_does_not_share_does_not_starve_those_that_do() {
        assert_eq!(order(&[(1, "u=3"), (3, "u=3"), (5, "i")], 6), [1, 5, 1, 5, 1, 5]);
    }

    #[test]
    fn priorities_change_and_streams_leave() {
        let mut schedule = Schedule::default();
        schedule.add(1, Priority::UNSAID);
        schedule.add(3, Priority::UNSAID);
        schedule.prioritize(3, Priority::parse(b"u=0"));
        assert_eq!(schedule.next(), Some(3));
        schedule.remove(3);
        assert_eq!(schedule.next(), Some(1));
        schedule.remove(1);
        assert_eq!(schedule.next(), None);
        assert!(schedule.is_only(1));
    }
}
