//! The matrix: a row for each source, a column for each destination.

use maud::{Markup, html};

use super::links::of_group;
use super::model::{MOST_IN_MATRIX, Model, in_words, short};
use super::reasons::Reasons;
use super::text::{Text, count};

/// The most ports that a cell lists.
const MOST_PORTS: usize = 3;

pub(super) fn matrix(model: &Model<'_>, reasons: &Reasons) -> Markup {
    let groups = model.groups.len();
    html! {
        section aria-labelledby="matrix" {
            h2 id="matrix" { "Who reaches whom" }
            @if groups == 0 {
                p { "There is no endpoint." }
            } @else if model.has_matrix() {
                p.hint {
                    "Read a row from left to right: the endpoint at its start opens connections to those at the top. A cell has TCP ports, "
                    "other protocols by name, and “+8” for eight more; “?” marks ports that depend on what netpol does not know. "
                    "A cell leads to its explanation. “–” is denied. An empty cell is not considered: both ends are outside."
                }
                a.skip href="#graph" { "Skip the matrix" }
                (table(model, reasons))
            } @else {
                p.hint {
                    (count(groups, "endpoint")) " are too many for a matrix of at most " (MOST_IN_MATRIX)
                    ". The connections of each endpoint are listed below; what is not listed is denied. "
                    code { "netpol reach --from NAME" } " and " code { "--to NAME" } " print a part of the matrix."
                }
            }
        }
    }
}

fn table(model: &Model<'_>, reasons: &Reasons) -> Markup {
    let groups = 0..model.groups.len();
    let edge = |group: usize| (group > 0 && model.is_outside(group) && !model.is_outside(group - 1)).then_some("edge");
    html! {
        div.wide.tall role="region" aria-labelledby="matrix" tabindex="0" {
            table.matrix {
                caption { "Open ports from each row to each column" }
                thead {
                    tr {
                        th.corner scope="col" { "from \\ to" }
                        @for to in groups.clone() {
                            th scope="col" class=[edge(to)] { div { (link(model, to, false)) } }
                        }
                    }
                }
                tbody {
                    @for from in groups.clone() {
                        tr class=[edge(from)] {
                            th scope="row" { (link(model, from, true)) }
                            @for to in groups.clone() { (cell(model, reasons, (from, to), edge(to))) }
                        }
                    }
                }
            }
        }
    }
}

/// Returns a link to what is said about a group. Only the links of rows are in the tab order: those of columns lead to the same.
fn link(model: &Model<'_>, group: usize, is_row: bool) -> Markup {
    let tabindex = (!is_row).then_some("-1");
    html! { a href={ "#" (of_group(group)) } tabindex=[tabindex] { bdi { (Text(&model.short_title(group))) } } }
}

fn cell(model: &Model<'_>, reasons: &Reasons, (from, to): (usize, usize), edge: Option<&str>) -> Markup {
    let (Some(flow), true) = (model.flow(from, to), model.is_considered(from, to)) else {
        return html! { td class=[edge] {} };
    };
    let target = reasons.of_pair(from, to).map(|number| format!("#w{number}"));
    if flow.is_empty() {
        // The section that the link of the row leads to explains what is denied too, so the tab order has only what is open.
        return html! { td class=[edge] { a.no href=[target] tabindex="-1" { "–" } } };
    }
    let label = format!("{} to {}: {}", model.short_title(from), model.short_title(to), in_words(flow));
    let state = if flow.allowed.is_empty() { "may" } else { "yes" };
    let shown = short(flow, MOST_PORTS);
    html! {
        td class={ (state) @if let Some(edge) = edge { " " (edge) } } {
            a href=[target] aria-label=(Text(&label).plain()) {
                @for word in shown.split(' ') { span { (word) } " " }
            }
        }
    }
}
