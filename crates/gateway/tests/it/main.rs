//! What a folder answers, asked without a socket.

mod corpus;
mod log;
mod serving;
mod site;
