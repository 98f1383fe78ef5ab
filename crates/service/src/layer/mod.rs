//! The layers: each wraps a [`Service`](crate::Service) in one behaviour and is usable alone.
