//! Severities.

use maud::{Markup, html};

use crate::analysis::lint::Severity;

/// Returns a severity as a sign and a word.
pub(super) fn mark(severity: Severity) -> Markup {
    let sign = match severity {
        Severity::Error => "✕",
        Severity::Warning => "▲",
        Severity::Info => "●",
    };
    html! { span class={ "mark " (severity.word()) } { span aria-hidden="true" { (sign) } " " (severity.word()) } }
}
