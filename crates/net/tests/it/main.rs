//! The driver between a real engine and scripted peers, on a manual clock.

mod driver;
mod pipe;
mod request;
