//! A function's process.

use std::ffi::OsStr;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::RuntimeApi;

/// A program that runs as Lambda runs it. Killed when dropped.
#[derive(Debug)]
pub struct Function {
    child: Option<Child>,
}

impl Function {
    /// Starts `program` with Lambda's variables and no others, as a function called `my-lambda` whose X-Ray daemon
    /// listens on `daemon`. `adjust` may set more, or take some away.
    ///
    /// # Errors
    ///
    /// If the program cannot be started.
    pub fn start(
        program: impl AsRef<Path>,
        api: &RuntimeApi,
        daemon: SocketAddr,
        adjust: impl FnOnce(&mut Command),
    ) -> io::Result<Function> {
        let mut command = Command::new(program.as_ref().as_os_str());
        command
            .env_clear()
            .envs(VARIABLES.iter().map(|(name, value)| (OsStr::new(name), OsStr::new(value))))
            .env("AWS_LAMBDA_RUNTIME_API", api.address().to_string())
            .env("AWS_XRAY_DAEMON_ADDRESS", daemon.to_string())
            .stdin(Stdio::null());
        adjust(&mut command);
        Ok(Function { child: Some(command.spawn()?) })
    }

    /// Waits for the program to end by itself; what it wrote, where that was piped.
    ///
    /// # Errors
    ///
    /// If the system does not tell.
    pub fn wait(mut self) -> io::Result<Output> {
        match self.child.take() {
            Some(child) => child.wait_with_output(),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Kills the program, as the platform does at the end; what it wrote, where that was piped.
    ///
    /// # Errors
    ///
    /// If the system does not tell.
    pub fn kill(mut self) -> io::Result<Output> {
        if let Some(child) = &mut self.child {
            child.kill()?;
        }
        self.wait()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What the platform sets. Source: Lambda Developer Guide, "Defined runtime environment variables".
pub(crate) const VARIABLES: &[(&str, &str)] = &[
    ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ("AWS_LAMBDA_FUNCTION_NAME", "my-lambda"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/my-lambda"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "2016/06/09/[$LATEST]"),
    ("LAMBDA_TASK_ROOT", "/var/task"),
];
