//! `backbone pull` through the binary against an HTTP server on this machine.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod broken;
mod digests;
mod server;
mod site;
mod ways;
