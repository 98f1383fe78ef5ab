//! What a folder answers, asked without a socket.

mod corpus;
mod serving;
mod site;
