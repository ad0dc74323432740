//! Exit codes: the only place that maps the result of a command to a number.

use std::io::Write;
use std::process::ExitCode;

use super::output::Streams;

/// The result of a command.
pub type CommandResult = Result<Status, Failure>;

/// The status of a command that ran without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// No findings, or every request is allowed: exit code 0.
    Clean,
    /// Drift, other findings, or a denied request: exit code 1.
    Findings,
    /// Something could not be evaluated, and there are no findings: exit code 3.
    NotEvaluated,
}

/// An error that ends a command.
#[derive(Debug)]
pub struct Failure {
    cause: Cause,
    error: anyhow::Error,
}

/// The cause of an error, which decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Wrong usage, or input that cannot be read.
    Input,
    /// An error of netpol itself, the operating system or the cluster.
    Internal,
}

impl Failure {
    /// Returns a failure for wrong usage or input that cannot be read: exit code 2.
    pub fn input(error: impl Into<anyhow::Error>) -> Failure {
        Failure { cause: Cause::Input, error: error.into() }
    }

    /// Returns a failure for an error of netpol itself, the operating system or the cluster: exit code 3.
    pub fn internal(error: impl Into<anyhow::Error>) -> Failure {
        Failure { cause: Cause::Internal, error: error.into() }
    }
}

/// Commands convert only errors of their output this way; errors of their input name the file.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::internal(anyhow::Error::new(error).context("cannot write the output"))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:#}", self.error)
    }
}

/// Flushes the output, writes the error to standard error, and returns the exit code.
pub fn code(result: CommandResult, streams: &mut Streams) -> ExitCode {
    let result = match (result, streams.out.flush()) {
        (Ok(_), Err(error)) => Err(Failure::from(error)),
        (result, _) => result,
    };
    if let Err(failure) = &result {
        // A failure to write to standard error cannot be reported anywhere.
        let _ = writeln!(streams.err, "netpol: {failure}");
    }
    let _ = streams.err.flush();
    ExitCode::from(number(&result))
}

/// Returns the exit code for a command line that clap handled: a usage error if `is_error`, else help or version.
pub fn usage(is_error: bool) -> ExitCode {
    ExitCode::from(if is_error { 2 } else { 0 })
}

fn number(result: &CommandResult) -> u8 {
    match result {
        Ok(Status::Clean) => 0,
        Ok(Status::Findings) => 1,
        Err(Failure { cause: Cause::Input, .. }) => 2,
        Ok(Status::NotEvaluated) | Err(Failure { cause: Cause::Internal, .. }) => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_result_has_its_exit_code() {
        assert_eq!(number(&Ok(Status::Clean)), 0);
        assert_eq!(number(&Ok(Status::Findings)), 1);
        assert_eq!(number(&Ok(Status::NotEvaluated)), 3);
        assert_eq!(number(&Err(Failure::input(anyhow::anyhow!("no such file")))), 2);
        assert_eq!(number(&Err(Failure::internal(anyhow::anyhow!("disk full")))), 3);
    }

    #[test]
    fn a_failure_prints_its_causes_on_one_line() {
        let failure = Failure::input(anyhow::anyhow!("no such file").context("cannot read \"x\""));
        assert_eq!(failure.to_string(), "cannot read \"x\": no such file");
    }
}
