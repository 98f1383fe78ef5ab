//! The command from outside: as a user, curl, a browser and the rules of the house see it.

mod arguments;
mod browser;
mod capture;
mod corpus;
mod devtools;
mod echo;
mod gateway;
mod gateway_corpus;
mod gateway_corpus_h2;
mod gateway_load;
mod gateway_reload;
mod gateway_upstreams;
mod get;
mod get_parity;
mod get_wire;
mod inspector;
mod process;
mod raw;
mod signals;
mod site;
mod slow;
mod tidy;
mod tls;
mod tls_browser;
mod tls_certificates;
mod trouble;
