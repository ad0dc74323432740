//! Writes the tables to `docs/performance.md`, each between its markers, and the charts to `docs/performance/`.

use std::path::{Path, PathBuf};

use super::results::Results;
use super::{curves, tables};

/// The marker after a table.
const END: &str = "<!-- end of table -->";

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance.md")
}

pub(crate) fn write(results: &Results) -> Result<(), String> {
    curves::draw_all(&results.scale)?;
    let path = path();
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let written = filled(&text, |name| tables::table(name, results))?;
    std::fs::write(&path, written).map_err(|error| format!("{}: {error}", path.display()))
}

/// Returns the page with the current tables.
fn filled(text: &str, table: impl Fn(&str) -> Result<String, String>) -> Result<String, String> {
    let mut written = String::with_capacity(text.len());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        written.push_str(line);
        written.push('\n');
        let Some(name) = line.strip_prefix("<!-- table: ").and_then(|rest| rest.strip_suffix(" -->")) else { continue };
        written.push('\n');
        written.push_str(&table(name)?);
        written.push('\n');
        written.push_str(END);
        written.push('\n');
        if !lines.any(|line| line == END) {
            return Err(format!("the table {name} has no end marker in the page"));
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_written_between_its_markers() {
        let page = "# A\n<!-- table: one -->\nold\n<!-- end of table -->\nrest\n";
        let expected = "# A\n<!-- table: one -->\n\nnew one\n\n<!-- end of table -->\nrest\n";
        let table = |name: &str| Ok(format!("new {name}\n"));
        assert_eq!(filled(page, table).unwrap(), expected);
        assert_eq!(filled(expected, table).unwrap(), expected);
        assert!(filled("<!-- table: one -->\n", table).is_err());
    }
}
