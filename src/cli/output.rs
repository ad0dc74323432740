//! The output of commands: streams that handle terminals, `NO_COLOR` and closed pipes, and the two formats.
//!
//! Commands always write colors, with the styles of this file. A stream that is not a terminal, or
//! `NO_COLOR`, removes them.

use std::io::{self, BufWriter, IsTerminal as _, Read, Write};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;

/// The style of good results.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// The style of warnings.
pub const WARN: Style = AnsiColor::Yellow.on_default();
/// The style of bad results.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// The style of names.
pub const NAME: Style = Style::new().bold();

/// The format of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// Text for people.
    #[default]
    Text,
    /// JSON for programs.
    Json,
}

/// The flag of every command that has both formats.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct OutputArgs {
    /// Output format.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, env = "NETPOL_OUTPUT")]
    pub output: Format,
}

/// The standard streams, as arguments of commands.
pub struct Streams {
    /// Standard input, which the file name `-` means.
    pub input: Box<dyn Read>,
    /// Standard output: the result. It is buffered; [`super::exit::code`] flushes it.
    pub out: Box<dyn Write>,
    /// Standard error: messages about the result.
    pub err: Box<dyn Write>,
    /// Whether standard output is a terminal.
    pub is_terminal: bool,
}

impl Streams {
    /// Returns the standard streams of the process.
    pub fn standard() -> Streams {
        Streams {
            input: Box::new(io::stdin()),
            out: Box::new(Pipe::new(BufWriter::new(anstream::stdout()))),
            err: Box::new(Pipe::new(anstream::stderr())),
            is_terminal: io::stdout().is_terminal(),
        }
    }
}

impl Streams {
    /// Writes a warning to standard error.
    pub fn warn(&mut self, warning: &str) {
        // A failure to write to standard error cannot be reported anywhere.
        let _ = writeln!(self.err, "netpol: {WARN}warning{WARN:#}: {warning}");
    }
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Streams").finish_non_exhaustive()
    }
}

/// A writer that discards everything after its reader has closed the pipe, so that the exit code of the
/// command still reports its findings (`netpol check … | head -1`).
#[derive(Debug)]
pub struct Pipe<W> {
    inner: W,
    closed: bool,
}

impl<W: Write> Pipe<W> {
    /// Returns a pipe that writes to `inner`.
    pub fn new(inner: W) -> Pipe<W> {
        Pipe { inner, closed: false }
    }

    fn ignore_closed<T>(&mut self, result: io::Result<T>, default: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(default)
            }
            result => result,
        }
    }
}

impl<W: Write> Write for Pipe<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Ok(buffer.len());
        }
        let result = self.inner.write(buffer);
        self.ignore_closed(result, buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let result = self.inner.flush();
        self.ignore_closed(result, ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_closed_pipe_is_not_an_error() {
        let mut pipe = Pipe::new(Failing(io::ErrorKind::BrokenPipe));
        assert!(pipe.write_all(b"much").is_ok());
        assert!(pipe.flush().is_ok());
        assert!(Pipe::new(Failing(io::ErrorKind::BrokenPipe)).flush().is_ok());
    }

    #[test]
    fn a_full_disk_is_an_error() {
        assert!(Pipe::new(Failing(io::ErrorKind::StorageFull)).write_all(b"much").is_err());
    }
}
