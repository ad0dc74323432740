//! `AdmissionReview`s: prints the response of the webhook, and explains it on standard error.

use std::io::Write as _;

use anyhow::anyhow;

use crate::admission::{self, Explained};
use crate::cli::exit::{CommandResult, Failure, Status};
use crate::cli::output::{Format, Streams};
use crate::cli::words::{outcome_word, rule_name};
use crate::verdict::{Guard, Outcome, Stage};

/// Evaluates reviews, each a file name and a body, and prints the responses.
pub(super) fn run(guard: &Guard, stage: Stage, bodies: &[(String, Vec<u8>)], format: Format, streams: &mut Streams) -> CommandResult {
    let mut explained = Vec::with_capacity(bodies.len());
    for (file, body) in bodies {
        // The webhook responds with HTTP 400 to such a body, without a review that could be printed.
        let answer = admission::explain(guard, stage, body).map_err(|reason| Failure::input(anyhow!("cannot answer {file}: {reason}")))?;
        explained.push((file, answer));
    }
    // A single response in a pipe or file has exactly the bytes that the webhook sends.
    let ends_lines = explained.len() > 1 || streams.is_terminal;
    for (file, Explained { answer, findings }) in &explained {
        streams.out.write_all(&answer.body)?;
        if ends_lines {
            streams.out.write_all(b"\n")?;
        }
        if format == Format::Text {
            let (word, style) = outcome_word(answer.tally.outcome);
            writeln!(streams.err, "{style}{word}{style:#}: {file}")?;
            for finding in findings {
                writeln!(streams.err, "  {}: {}", rule_name(finding.rule), finding.message)?;
            }
        }
    }
    let is_denied = explained.iter().any(|(_, explained)| explained.answer.tally.outcome == Outcome::Denied);
    Ok(if is_denied { Status::Findings } else { Status::Clean })
}
