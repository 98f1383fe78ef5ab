//! What a place of the pool is found by: a route with its hash, which is taken once and not for each request.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::ops::Deref;

use crate::route::Route;

/// A route that is quickly found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// By the state of one pool: keys of two pools are never compared.
    hash: u64,
    route: Route,
}

impl Key {
    pub(super) fn new(route: Route, state: &RandomState) -> Self {
        Self { hash: state.hash_one(&route), route }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// Takes the hash of a [`Key`] for what it is.
#[derive(Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Deref for Key {
    type Target = Route;

    fn deref(&self) -> &Route {
        &self.route
    }
}
