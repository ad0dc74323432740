//! The log: lines on standard error, as text or as JSON.

use std::io::{self, IsTerminal as _};

use anyhow::anyhow;
use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use super::exit::Failure;

/// The flags about the log.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// Text, or a JSON object a line; without: text on a terminal, else JSON.
    #[arg(long, value_name = "FORMAT", env = "NETPOL_LOG_FORMAT", value_enum)]
    log_format: Option<LogFormat>,

    /// What is logged: a level, or levels by target (info,hyper=debug).
    #[arg(long, value_name = "FILTER", env = "NETPOL_LOG", default_value = "info")]
    log: String,
}

/// `--log-format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: fields at the top level.
    Json,
}

impl LogArgs {
    /// Starts the log of this process.
    ///
    /// # Errors
    /// A filter that is none.
    pub fn start(&self) -> Result<(), Failure> {
        let filter = EnvFilter::try_new(&self.log)
            .map_err(|error| Failure::input(anyhow!(error).context(format!("the filter \"{}\" (--log) cannot be read", self.log))))?;
        // What the client of the cluster says of a failure is said once in our own words; and what it says of an
        // answer that it cannot read would be the answer.
        let quiet = "kube_client=off".parse().map_err(Failure::ours)?;
        let filter = if self.log.contains("kube") { filter } else { filter.add_directive(quiet) };
        let terminal = io::stderr().is_terminal();
        let format = self.log_format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
        let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
        // Somebody who calls this as a library may have a log already: then that one is right.
        let _ = match format {
            LogFormat::Text => {
                lines.with_ansi(terminal && anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never).try_init()
            }
            LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
        };
        Ok(())
    }
}
