//! The driver between a real engine and scripted peers, on a manual clock.

mod driver;
mod faults;
mod files;
mod interim;
mod pipe;
mod recording;
mod request;
mod secure;
mod storm;
