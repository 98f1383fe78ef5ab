//! What a running gateway tells of its exchanges: metrics, traces, spans, and the words of the config for them.

mod logs;
mod metrics;
mod timing;
mod traces;
mod words;
