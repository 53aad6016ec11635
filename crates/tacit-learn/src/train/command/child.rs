//! A child process with a time limit, whose last words are kept.

use std::collections::VecDeque;
use std::io::Read;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// The end of a program's standard error that is kept, in bytes: a traceback's last lines.
const STDERR_BYTES: usize = 4096;

/// Longest pause between two looks at a running child.
const POLL: Duration = Duration::from_millis(50);

/// How a training program failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It could not be started.
    #[error("the program cannot be started: {0}")]
    Start(std::io::Error),
    /// Its state could not be asked for.
    #[error("the program cannot be waited for: {0}")]
    Wait(std::io::Error),
    /// It was killed because it took too long.
    #[error("killed after {seconds} s; it said: {stderr}")]
    TimedOut {
        /// The limit.
        seconds: u64,
        /// The end of what it wrote to standard error.
        stderr: String,
    },
    /// It ended with a failure.
    #[error("{status}; it said: {stderr}")]
    Failed {
        /// Exit code or signal.
        status: ExitStatus,
        /// The end of what it wrote to standard error.
        stderr: String,
    },
    /// It wrote no such file.
    #[error("the program did not write {file}")]
    Missing {
        /// Name of the file.
        file: String,
    },
    /// It wrote more than the file may hold.
    #[error("{file} has {found} bytes, the limit is {limit}")]
    TooLarge {
        /// Name of the file.
        file: String,
        /// Limit in bytes.
        limit: u64,
        /// Size in bytes.
        found: u64,
    },
    /// The model it wrote cannot be used.
    #[error(transparent)]
    Model(Box<tacit_core::error::Error>),
    /// The numbers it reported cannot be used.
    #[error("metrics: {why}")]
    Metrics {
        /// What is wrong with them.
        why: String,
    },
}

/// A running program; killed when dropped.
pub(super) struct Child {
    process: std::process::Child,
    stderr: Receiver<String>,
}

impl Child {
    /// Starts `command` with `job` as its last argument, without standard input and output.
    pub fn start(command: &[String], job: &Path) -> Result<Self, CommandError> {
        let (program, arguments) = command
            .split_first()
            .ok_or_else(|| CommandError::Start(std::io::ErrorKind::InvalidInput.into()))?;
        let mut builder = std::process::Command::new(program);
        builder.args(arguments).arg(job);
        builder.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        // A group of its own, so that whatever the program starts can be killed with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut builder, 0);
        let mut process = builder.spawn().map_err(CommandError::Start)?;
        let (sender, stderr) = channel();
        if let Some(pipe) = process.stderr.take() {
            std::thread::spawn(move || sender.send(tail(pipe)));
        }
        Ok(Self { process, stderr })
    }

    /// Waits for a good end.
    pub fn finish(mut self, timeout: Duration) -> Result<(), CommandError> {
        let deadline = Instant::now() + timeout;
        let mut pause = Duration::from_millis(1);
        loop {
            match self.process.try_wait().map_err(CommandError::Wait)? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    let stderr = self.last_words();
                    return Err(CommandError::Failed { status, stderr });
                }
                None if Instant::now() >= deadline => {
                    self.kill();
                    let (seconds, stderr) = (timeout.as_secs(), self.last_words());
                    return Err(CommandError::TimedOut { seconds, stderr });
                }
                None => std::thread::sleep(pause),
            }
            pause = (pause * 2).min(POLL);
        }
    }

    /// Kills the program and whatever it started.
    fn kill(&mut self) {
        #[cfg(unix)]
        {
            let group = i32::try_from(self.process.id()).ok();
            if let Some(group) = group.and_then(rustix::process::Pid::from_raw) {
                // Fails when nothing of the group is left, which is what is wanted.
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// The end of standard error. A descendant that left the group may hold the pipe open: then
    /// there are none.
    fn last_words(&mut self) -> String {
        self.kill();
        let words = self.stderr.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
        if words.trim().is_empty() { "nothing".into() } else { words.trim().into() }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads to the end and returns the last [`STDERR_BYTES`].
fn tail(mut pipe: impl Read) -> String {
    let mut last = VecDeque::with_capacity(2 * STDERR_BYTES);
    let mut buffer = [0; STDERR_BYTES];
    while let Ok(count @ 1..) = pipe.read(&mut buffer) {
        last.extend(&buffer[..count]);
        last.drain(..last.len().saturating_sub(STDERR_BYTES));
    }
    String::from_utf8_lossy(last.make_contiguous()).into_owned()
}
