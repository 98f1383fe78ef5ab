//! What tests of several crates share: transcripts, splits, a pair of engines, the corpus and the fuzz targets.
//!
//! For tests only: no other crate depends on it but as a dev-dependency. It must not know a crate above proto, so that
//! every crate's tests can use it.

pub mod corpus;
pub mod echo;
pub mod fuzz;
pub mod pair;
pub mod random;
pub mod splits;
pub mod transcript;

pub use pair::Pair;
pub use random::Random;
pub use splits::Split;
