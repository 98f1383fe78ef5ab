//! The streams of a connection that are not closed, and what is remembered of those that are.

use std::collections::VecDeque;

use super::stream::Stream;

/// How many resets are remembered.
const RESETS_MAX: usize = 256;

/// The streams that are not closed, found by their identifiers.
#[derive(Default)]
pub(crate) struct Streams {
    /// Identifiers in ascending order, each with the place of its stream.
    index: Vec<(u32, u32)>,
    places: Vec<Option<Stream>>,
    vacant: Vec<u32>,
    /// The last streams that were closed by force, the newest last.
    resets: VecDeque<(u32, ResetBy)>,
}

/// Who closed a stream by force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResetBy {
    /// This end: frames that were under way are forgiven.
    Us,
    /// The peer, which may send nothing after it.
    Peer,
}

impl Streams {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    #[inline]
    fn place(&self, id: u32) -> Option<usize> {
        // The newest stream is the one most often asked for.
        match self.index.last() {
            Some((last, place)) if *last == id => return Some(*place as usize),
            _ => {}
        }
        let at = self.index.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        Some(self.index[at].1 as usize)
    }

    #[inline]
    pub(crate) fn get(&self, id: u32) -> Option<&Stream> {
        self.places[self.place(id)?].as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut Stream> {
        let place = self.place(id)?;
        self.places[place].as_mut()
    }

    /// Adds a stream, whose identifier is above all others.
    pub(crate) fn insert(&mut self, stream: Stream) {
        let id = stream.id;
        let place = match self.vacant.pop() {
            Some(place) => {
                self.places[place as usize] = Some(stream);
                place
            }
            None => {
                self.places.push(Some(stream));
                self.places.len() as u32 - 1
            }
        };
        self.index.push((id, place));
    }

    pub(crate) fn remove(&mut self, id: u32) -> Option<Stream> {
        let at = self.index.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        let (_, place) = self.index.remove(at);
        self.vacant.push(place);
        self.places[place as usize].take()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.places.iter_mut().filter_map(Option::as_mut)
    }

    /// The identifiers in ascending order.
    pub(crate) fn ids(&self) -> Vec<u32> {
        self.index.iter().map(|(id, _)| *id).collect()
    }

    /// Remembers who closed a stream by force.
    pub(crate) fn remember(&mut self, id: u32, by: ResetBy) {
        if self.resets.len() == RESETS_MAX {
            self.resets.pop_front();
        }
        self.resets.push_back((id, by));
    }

    /// Who closed a stream by force, if that is remembered.
    pub(crate) fn was_reset(&self, id: u32) -> Option<ResetBy> {
        self.resets.iter().rev().find(|(reset, _)| *reset == id).map(|(_, by)| *by)
    }

    /// Gives back all memory that no stream needs.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() {
            // What the peer had under way when its stream was reset may come at any later time.
            self.resets.shrink_to_fit();
            *self = Self { resets: std::mem::take(&mut self.resets), ..Self::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stream::Receiving;
    use super::*;

    fn stream(id: u32) -> Stream {
        Stream::new(id, Receiving::Ended, 0, 0)
    }

    #[test]
    fn streams_are_found_until_they_are_removed() {
        let mut streams = Streams::default();
        for id in [1, 3, 7, 9] {
            streams.insert(stream(id));
        }
        assert_eq!(streams.remove(3).map(|stream| stream.id), Some(3));
        assert!(streams.remove(3).is_none());
        streams.insert(stream(11));
        assert_eq!(streams.ids(), [1, 7, 9, 11]);
        for id in [1, 7, 9, 11] {
            assert_eq!(streams.get(id).map(|stream| stream.id), Some(id));
            assert_eq!(streams.get_mut(id).map(|stream| stream.id), Some(id));
        }
        assert!(streams.get(3).is_none() && streams.get(13).is_none());
        assert_eq!((streams.len(), streams.iter_mut().count()), (4, 4));
    }

    #[test]
    fn resets_are_remembered_when_memory_is_given_back() {
        let mut streams = Streams::default();
        streams.insert(stream(1));
        streams.remove(1);
        streams.remember(1, ResetBy::Us);
        streams.shrink();
        assert_eq!(streams.was_reset(1), Some(ResetBy::Us));
    }

    #[test]
    fn the_last_resets_are_remembered() {
        let mut streams = Streams::default();
        streams.remember(1, ResetBy::Peer);
        for id in 0..RESETS_MAX as u32 {
            assert_eq!(streams.was_reset(1), Some(ResetBy::Peer));
            streams.remember(id * 2 + 3, ResetBy::Us);
        }
        assert_eq!(streams.was_reset(1), None);
        assert_eq!(streams.was_reset(3), Some(ResetBy::Us));
    }
}
