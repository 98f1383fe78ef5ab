//! The engines, driven from outside.

mod h1_server;
