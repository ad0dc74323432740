//! What commands write to: streams that know terminals, `NO_COLOR` and closed pipes, and the two
//! formats.
//!
//! Color is written always, with the styles here; a stream that is no terminal, or `NO_COLOR`,
//! strips it.

use std::io::{self, BufWriter, Read, Write};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;

/// How words about something good look.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// How words about something that needs a look look.
pub const WARN: Style = AnsiColor::Yellow.on_default();
/// How words about something bad look.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// How names look that are to be found again.
pub const NAME: Style = Style::new().bold();

/// Who the output is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// People.
    #[default]
    Text,
    /// Programs.
    Json,
}

/// The flag of every command that has both formats.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct OutputArgs {
    /// Text for people, JSON for programs.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, env = "NETPOL_OUTPUT")]
    pub output: Format,
}

/// The standard streams, as arguments.
pub struct Streams {
    /// Standard input: what the file name `-` stands for.
    pub input: Box<dyn Read>,
    /// What was asked for. Buffered: [`super::exit::code`] flushes it.
    pub out: Box<dyn Write>,
    /// Words for people about it.
    pub err: Box<dyn Write>,
    /// How wide standard output is, where it is a terminal.
    pub columns: Option<u16>,
}

impl Streams {
    /// The process's own.
    pub fn standard() -> Streams {
        Streams {
            input: Box::new(io::stdin()),
            out: Box::new(Pipe::new(BufWriter::new(anstream::stdout()))),
            err: Box::new(Pipe::new(anstream::stderr())),
            columns: terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0),
        }
    }
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Streams").finish_non_exhaustive()
    }
}

/// A writer whose reader may leave: from then on everything is written into the void, so that the
/// command ends with the exit code that its findings deserve (`netpol check … | head -1`).
#[derive(Debug)]
pub struct Pipe<W> {
    inner: W,
    closed: bool,
}

impl<W: Write> Pipe<W> {
    /// Wraps a writer.
    pub fn new(inner: W) -> Pipe<W> {
        Pipe { inner, closed: false }
    }

    fn forgive<T>(&mut self, result: io::Result<T>, instead: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(instead)
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
        self.forgive(result, buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let result = self.inner.flush();
        self.forgive(result, ())
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
    fn a_reader_that_left_is_no_error() {
        let mut pipe = Pipe::new(Failing(io::ErrorKind::BrokenPipe));
        assert!(pipe.write_all(b"much").is_ok());
        assert!(pipe.flush().is_ok());
        assert!(Pipe::new(Failing(io::ErrorKind::BrokenPipe)).flush().is_ok());
    }

    #[test]
    fn a_full_disk_is_one() {
        assert!(Pipe::new(Failing(io::ErrorKind::StorageFull)).write_all(b"much").is_err());
    }
}
