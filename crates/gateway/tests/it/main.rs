//! What a folder answers and what the log says of it, asked without a socket.

mod changes;
mod conditions;
mod config;
mod config_corpus;
mod config_property;
mod control;
mod corpus;
mod example;
mod links;
mod listing;
mod log;
mod observed;
mod paths;
mod proxy;
mod remembered;
mod serving;
mod site;
mod tls;
mod variants;
mod words;
