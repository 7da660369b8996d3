//! What is recorded, and what is promised never to go wrong: one binary, a file for each theme.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests fail by panics

mod concurrency;
mod configuration;
mod diagnostics;
mod ends;
mod errors;
mod events;
mod fields;
mod golden;
mod hazards;
mod in_progress;
mod late;
mod logs;
mod outcomes;
mod parents;
mod propagation;
mod roots;
mod scenes;
mod size;
mod streaming;
mod support;
mod unsampled;
mod values;
