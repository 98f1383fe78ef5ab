//! The engines, driven from outside.

mod h1_corpus;
mod h1_server;
mod h1_transcripts;
