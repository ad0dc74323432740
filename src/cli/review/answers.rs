//! `AdmissionReview`s: the answer's bytes for programs, words about it for people.

use std::io::Write as _;

use anyhow::anyhow;

use crate::admission::{self, Explained};
use crate::cli::exit::{Ended, Failure, Outcome};
use crate::cli::output::{Format, Streams};
use crate::cli::words::{decided, rule_name};
use crate::verdict::Outcome as Decided;
use crate::verdict::{Guard, Stage};

/// Answers bodies, each with the name of its file.
pub(super) fn run(guard: &Guard, stage: Stage, bodies: &[(String, Vec<u8>)], format: Format, streams: &mut Streams) -> Ended {
    let mut explained = Vec::with_capacity(bodies.len());
    for (file, body) in bodies {
        // Where the webhook sends HTTP 400 there is no review to print.
        let answer =
            admission::explain(guard, stage, body).map_err(|sentence| Failure::input(anyhow!("cannot answer {file}: {sentence}")))?;
        explained.push((file, answer));
    }
    // The bytes of one answer are all of the output, unless somebody looks at it.
    let lines = explained.len() > 1 || streams.columns.is_some();
    for (file, Explained { answer, findings }) in &explained {
        streams.out.write_all(&answer.body)?;
        if lines {
            streams.out.write_all(b"\n")?;
        }
        if format == Format::Text {
            let (word, style) = decided(answer.tally.outcome);
            writeln!(streams.err, "{style}{word}{style:#}: {file}")?;
            for finding in findings {
                writeln!(streams.err, "  {}: {}", rule_name(finding.rule), finding.message)?;
            }
        }
    }
    let denied = explained.iter().any(|(_, explained)| explained.answer.tally.outcome == Decided::Denied);
    Ok(if denied { Outcome::Findings } else { Outcome::Clean })
}
