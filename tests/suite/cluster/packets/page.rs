//! The matrix in `docs/analysis.md`: what the packets did, beside what `netpol reach` says.
//! `NETPOL_BLESS=1 cargo test --test suite cluster::packets::canonical` updates it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use netpol::analysis::PortSet;

use super::matrix::Matrix;
use super::prediction::{Prediction, SiteEnd};
use crate::support::root;

const PAGE: &str = "docs/analysis.md";
const BEGIN: &str = "<!-- The tests with packets write this part. -->\n";
const END: &str = "<!-- The end of that part. -->\n";

/// The open ports of each pair of ends.
type Cells = BTreeMap<(usize, usize), Vec<PortSet>>;

/// Compares the matrix in the page with the measured one.
pub(super) fn check(prediction: &Prediction, measured: &Matrix, guarded: &str) {
    let written = text(prediction, measured, guarded);
    let path = root().join(PAGE);
    let page = fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once(BEGIN).expect("the begin of the generated part");
    let (_, after) = rest.split_once(END).expect("the end of the generated part");
    let updated = format!("{before}{BEGIN}{written}{END}{after}");
    if std::env::var_os("NETPOL_BLESS").is_some() {
        fs::write(&path, &updated).expect("the page is written");
        return;
    }
    assert!(
        page == updated,
        "{PAGE} is out of date: run NETPOL_BLESS=1 cargo test --test suite cluster::packets::canonical and review the changes"
    );
}

fn text(prediction: &Prediction, measured: &Matrix, guarded: &str) -> String {
    let ports: Vec<_> = measured.keys().map(|(.., port)| *port).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    let predicted = prediction.matrix(&prediction.pairs(), &ports);
    let shown: Vec<usize> = (0..prediction.ends.len()).filter(|end| is_shown(&prediction.ends[*end])).collect();
    let names: Vec<String> = shown.iter().map(|end| name(&prediction.ends[*end], guarded)).collect();
    let width = names.iter().map(String::len).max().unwrap_or_default();
    let [packets, reach] = [measured, &predicted].map(cells);
    let mut text = String::from("\n```text\n");
    let grid = shown.len() * 2;
    _ = writeln!(text, "{:width$}     {:grid$}   netpol reach", "", "packets");
    let letters: Vec<char> = ('a'..='z').take(shown.len()).collect();
    let head: String = letters.iter().flat_map(|letter| [' ', *letter]).collect();
    _ = writeln!(text, "{:width$}   {head}   {head}", "from \\ to");
    for (index, from) in shown.iter().enumerate() {
        let row = |cells: &Cells| -> String { shown.iter().map(|to| symbol(cells.get(&(*from, *to)), ports.len())).collect() };
        _ = writeln!(text, "{:width$} {} {}   {}", names[index], letters[index], row(&packets), row(&reach));
    }
    let open = measured.values().filter(|open| **open).count();
    let differing = measured.iter().filter(|(probe, open)| predicted[*probe] != **open).count();
    _ = write!(
        text,
        "```\n\n`.` no port, `o` some ports, `#` every port that was asked. Of {} connections over IPv4 and IPv6, {open} were open. \
         {differing} differ from `netpol reach`.\n\n",
        measured.len()
    );
    text.push_str("| from | to | open ports |\n|---|---|---|\n");
    for (index, from) in shown.iter().enumerate() {
        // Destinations with the same ports are one row.
        let mut rows: Vec<(String, Vec<&str>)> = Vec::new();
        for (column, to) in shown.iter().enumerate() {
            let Some(open) = packets.get(&(*from, *to)).filter(|open| open.len() < ports.len()) else { continue };
            let open = PortSet::union(open).to_string();
            match rows.iter_mut().find(|(ports, _)| *ports == open) {
                Some((_, destinations)) => destinations.push(&names[column]),
                None => rows.push((open, vec![&names[column]])),
            }
        }
        for (open, destinations) in rows {
            _ = writeln!(text, "| {} | {} | {open} |", names[index], destinations.join(", "));
        }
    }
    text.push('\n');
    text
}

/// Returns whether an end is in the tables: over IPv4, and one of pods that are alike.
fn is_shown(end: &SiteEnd) -> bool {
    end.address.is_ipv4() && !end.name.ends_with("/pyos-b")
}

fn name(end: &SiteEnd, guarded: &str) -> String {
    let Some((namespace, pod)) = end.name.split_once('/') else { return end.name.clone() };
    let namespace_of = namespace.split_once("-of-").map_or(namespace, |(name, _)| name);
    match namespace_of {
        _ if namespace == guarded => pod.to_owned(),
        // The pods of a test have the name of its node.
        "kube-system" if namespace == "kube-system" => format!("{}@kube-system", pod.split('-').next().unwrap_or(pod)),
        name => format!("{pod}@name={name}"),
    }
}

fn cells(matrix: &Matrix) -> Cells {
    let mut cells = Cells::new();
    for ((from, to, port), _) in matrix.iter().filter(|(_, open)| **open) {
        cells.entry((*from, *to)).or_default().push(port.set());
    }
    cells
}

fn symbol(open: Option<&Vec<PortSet>>, asked: usize) -> &'static str {
    match open.map_or(0, Vec::len) {
        0 => " .",
        count if count == asked => " #",
        _ => " o",
    }
}
