//! Adapters to and from tower, so that axum routers are served and tower-http's layers apply unchanged.
