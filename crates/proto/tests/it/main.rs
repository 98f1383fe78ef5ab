//! The engines, driven from outside.

mod fuzz_inputs;
mod h1_corpus;
mod h1_old_request;
mod h1_pair;
mod h1_server;
mod h1_transcripts;
mod h2;
