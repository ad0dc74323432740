//! The document with its head.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::input::Input;
use super::model::Model;
use super::reasons::Reasons;
use super::text::Text;
use super::{data, findings, graph, matrix, policies, sections, state};

/// The styles of the page.
const STYLE: &str = include_str!("style.css");

/// The parts of the page: anchor and title.
const PARTS: [(&str, &str); 6] = [
    ("state", "State"),
    ("findings", "Findings"),
    ("matrix", "Matrix"),
    ("graph", "Graph"),
    ("endpoints", "Endpoints"),
    ("policies", "Policies"),
];

/// Returns the page as one HTML document.
pub fn render(input: &Input<'_>) -> String {
    let model = Model::new(input);
    let reasons = Reasons::new(&model);
    let title = format!("Who reaches whom: {}", input.about);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(&title))
            body {
                a.skip href="#state" { "Skip to the content" }
                header {
                    h1 { "Who reaches whom" }
                    p { (Text(input.about)) }
                    nav aria-label="Parts" { ul { @for (anchor, title) in PARTS { li { a href={ "#" (anchor) } { (title) } } } } }
                }
                main {
                    (state::state(&model))
                    (findings::findings(&model))
                    (matrix::matrix(&model, &reasons))
                    (graph::graph(&model))
                    (sections::sections(&model, &reasons))
                    (policies::policies(&model))
                }
                footer { p { "netpol " (env!("CARGO_PKG_VERSION")) ". This page requests nothing and runs no script." } }
                script type="application/json" id="data" { (PreEscaped(data::data(&model))) }
            }
        }
    };
    page.into_string()
}

fn head(title: &str) -> Markup {
    // Nothing may be requested or run. The only style is this one, known by its hash.
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    let policy = format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'");
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy);
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="referrer" content="no-referrer";
            meta name="generator" content={ "netpol " (env!("CARGO_PKG_VERSION")) };
            title { (Text(title)) }
            style { (PreEscaped(STYLE)) }
        }
    }
}
