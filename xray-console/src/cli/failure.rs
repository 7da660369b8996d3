//! How a command ends that does not succeed.

use std::fmt;

/// A message for people and an exit status for programs.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: u8,
    pub(crate) message: String,
}

impl Failure {
    /// Nothing was found, or a check failed.
    pub(crate) fn found(message: impl fmt::Display) -> Failure {
        Failure { status: 1, message: message.to_string() }
    }

    /// The command line or a file it names is wrong.
    pub(crate) fn usage(message: impl fmt::Display) -> Failure {
        Failure { status: 2, message: message.to_string() }
    }

    /// Nobody to ask.
    pub(crate) fn unreachable(message: impl fmt::Display) -> Failure {
        Failure { status: 3, message: message.to_string() }
    }

    /// A port or a file cannot be used.
    pub(crate) fn io(message: impl fmt::Display) -> Failure {
        Failure { status: 4, message: message.to_string() }
    }
}

/// What a command answers.
pub(crate) type Done = Result<(), Failure>;
