//! The document with its head.

use std::sync::LazyLock;

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
const PARTS: [(&str, &str); 7] = [
    ("state", "State"),
    (CLUSTER, "Cluster"),
    ("findings", "Findings"),
    ("matrix", "Matrix"),
    ("graph", "Graph"),
    ("endpoints", "Endpoints"),
    ("policies", "Policies"),
];

/// The anchor of the part that only the page of a controller has.
const CLUSTER: &str = "cluster";

/// The Content-Security-Policy of every page: nothing may be requested or run. The only style is this one, known by its hash.
pub static CONTENT_POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
});

/// The page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One HTML document.
    pub html: String,
    /// Its data as JSON.
    pub json: String,
}

/// Returns the page.
pub fn render(input: &Input<'_>) -> Rendered {
    let model = Model::new(input);
    let reasons = Reasons::new(&model);
    let title = format!("Who reaches whom: {}", input.about);
    let json = data::data(&model);
    let parts = || PARTS.iter().filter(|(anchor, _)| *anchor != CLUSTER || input.live.is_some());
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(&title))
            body {
                a.skip href="#state" { "Skip to the content" }
                header {
                    h1 { "Who reaches whom" }
                    p { (Text(input.about)) }
                    nav aria-label="Parts" { ul { @for (anchor, title) in parts() { li { a href={ "#" (anchor) } { (title) } } } } }
                }
                main {
                    (state::state(&model))
                    @if let Some(live) = input.live { (live.markup()) }
                    (findings::findings(&model))
                    (matrix::matrix(&model, &reasons))
                    (graph::graph(&model))
                    (sections::sections(&model, &reasons))
                    (policies::policies(&model))
                }
                footer { p { "netpol " (env!("CARGO_PKG_VERSION")) ". This page requests nothing and runs no script." } }
                script type="application/json" id="data" { (PreEscaped(&json)) }
            }
        }
    };
    Rendered { html: page.into_string(), json }
}

fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(*CONTENT_POLICY);
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="referrer" content="no-referrer";
            meta name="generator" content={ "netpol " (env!("CARGO_PKG_VERSION")) };
            title { (Text(title)) }
            style { (PreEscaped(STYLE)) }
        }
    }
}
