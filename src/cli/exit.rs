//! Exit codes: the one place that maps what a command ended with to a number.

use std::io::Write;
use std::process::ExitCode;

use super::output::Streams;

/// What a command ended with.
pub type Ended = Result<Outcome, Failure>;

/// The ways to end without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Clean, or allowed.
    Clean,
    /// Drift, findings, or denied.
    Findings,
}

/// An error, and whose it is.
#[derive(Debug)]
pub struct Failure {
    fault: Fault,
    error: anyhow::Error,
}

/// Whose error it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The caller's: wrong usage, or input that cannot be read.
    Input,
    /// Ours, the machine's, or the cluster's.
    Ours,
}

impl Failure {
    /// Wrong usage, or input that cannot be read: exit code 2.
    pub fn input(error: impl Into<anyhow::Error>) -> Failure {
        Failure { fault: Fault::Input, error: error.into() }
    }

    /// An error of ours, of the machine or of the cluster: exit code 3.
    pub fn ours(error: impl Into<anyhow::Error>) -> Failure {
        Failure { fault: Fault::Ours, error: error.into() }
    }
}

/// Writing the output failed: nothing that the caller's input could have done.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::ours(anyhow::Error::new(error).context("cannot write the output"))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:#}", self.error)
    }
}

/// Answers the exit code, after flushing the output and saying what went wrong.
pub fn code(ended: Ended, streams: &mut Streams) -> ExitCode {
    let ended = match (ended, streams.out.flush()) {
        (Ok(_), Err(error)) => Err(Failure::from(error)),
        (ended, _) => ended,
    };
    if let Err(failure) = &ended {
        // There is nowhere left to say that standard error is gone.
        let _ = writeln!(streams.err, "netpol: {failure}");
    }
    let _ = streams.err.flush();
    ExitCode::from(number(&ended))
}

/// Answers the exit code of a command line that clap answered itself: `wrong`, or help and version.
pub fn usage(wrong: bool) -> ExitCode {
    ExitCode::from(if wrong { 2 } else { 0 })
}

fn number(ended: &Ended) -> u8 {
    match ended {
        Ok(Outcome::Clean) => 0,
        Ok(Outcome::Findings) => 1,
        Err(Failure { fault: Fault::Input, .. }) => 2,
        Err(Failure { fault: Fault::Ours, .. }) => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_its_number() {
        assert_eq!(number(&Ok(Outcome::Clean)), 0);
        assert_eq!(number(&Ok(Outcome::Findings)), 1);
        assert_eq!(number(&Err(Failure::input(anyhow::anyhow!("no such file")))), 2);
        assert_eq!(number(&Err(Failure::ours(anyhow::anyhow!("disk full")))), 3);
    }

    #[test]
    fn a_failure_names_its_causes_in_one_line() {
        let failure = Failure::input(anyhow::anyhow!("no such file").context("cannot read \"x\""));
        assert_eq!(failure.to_string(), "cannot read \"x\": no such file");
    }
}
