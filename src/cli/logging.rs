//! The log: lines on standard error, as text or JSON.

use std::io::{self, IsTerminal as _};

use anyhow::anyhow;
use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use super::exit::Failure;

/// The flags of the log.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// Log format; the default is text on a terminal and JSON otherwise.
    #[arg(long, value_name = "FORMAT", env = "NETPOL_LOG_FORMAT", value_enum)]
    log_format: Option<LogFormat>,

    /// Log level, or levels per target (info,hyper=debug).
    #[arg(long, value_name = "FILTER", env = "NETPOL_LOG", default_value = "info")]
    log: String,
}

/// The format of the log: `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object per line for programs, with fields at the top level.
    Json,
}

impl LogArgs {
    /// Starts the log of this process.
    ///
    /// # Errors
    /// Returns an error if the filter of `--log` cannot be parsed.
    pub fn start(&self) -> Result<(), Failure> {
        let filter = EnvFilter::try_new(&self.log)
            .map_err(|error| Failure::input(anyhow!(error).context(format!("cannot parse the filter \"{}\" of --log", self.log))))?;
        // netpol reports failed calls itself, and the cluster client would log responses that it cannot parse,
        // which may contain secrets.
        let quiet = "kube_client=off".parse().map_err(Failure::internal)?;
        let filter = if self.log.contains("kube") { filter } else { filter.add_directive(quiet) };
        let terminal = io::stderr().is_terminal();
        let format = self.log_format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
        let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
        // A program that uses netpol as a library may have its own log, which then stays in use.
        let _ = match format {
            LogFormat::Text => {
                lines.with_ansi(terminal && anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never).try_init()
            }
            LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
        };
        Ok(())
    }
}
