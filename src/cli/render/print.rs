//! The output of `render`: manifests as `kubectl` accepts them.

use std::borrow::Borrow;
use std::io::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::exit::{CommandResult, Failure, Status};
use crate::cli::output::{Format, OutputArgs, Streams};
use crate::documents::reading;

/// Prints manifests as YAML documents, or as one `List` in JSON.
pub(super) fn print(manifests: &[impl Borrow<Value> + Serialize], args: OutputArgs, streams: &mut Streams) -> CommandResult {
    match args.output {
        Format::Json => {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests});
            writeln!(streams.out, "{list:#}")?;
        }
        Format::Text => {
            for manifest in manifests {
                let text = reading::write(manifest.borrow()).map_err(Failure::internal)?;
                write!(streams.out, "---\n{text}")?;
            }
        }
    }
    Ok(Status::Clean)
}
