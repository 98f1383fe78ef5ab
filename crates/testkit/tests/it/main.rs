//! Whether the house is kept as its rules say.

mod tidy;
