//! `netpol audit show`.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write};

use anyhow::anyhow;
use clap::builder::PossibleValuesParser;
use jiff::Timestamp;

use super::logs::{cannot_read, open_all};
use super::moment::{self, Moment};
use super::summary::{Summary, VERDICTS};
use super::table::{Table, printable};
use crate::audit::chain::Hash;
use crate::audit::shown::{self, Filter, Seen, ShownLine};
use crate::audit::sorted::Sorted;
use crate::cli::exit::{CommandResult, Failure, Status};
use crate::cli::input::STDIN;
use crate::cli::manifests::display::Count;
use crate::cli::output::{Format, OutputArgs, Streams};

/// The arguments of `audit show`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
The table shows the time, the verdict, the user, the operation, the object, the
rule and the first message of each line. With --output json, the command prints
the selected lines as they are in the log; docs/audit.md lists their fields. The
verdict unanswered is a request that got an HTTP error instead of a verdict: the
server knows neither its user nor its object.

Filters of the same kind add to each other; filters of different kinds must all
match. The log can be collected as for netpol audit verify, which also shows
whether a line was changed. Lines that are not audit lines are counted on standard
error.

Examples:
  netpol audit show /var/log/netpol/audit.log*
  netpol audit show --since 2h --verdict denied audit.log
  netpol audit show --kind NetworkPolicy --name 'memcached-*' audit.log
  netpol audit show --rule break-glass --output json audit.log | jq -r '.user'
  netpol audit show --summary --since 2026-11-22T00:00:00Z audit.log
  kubectl -n netpol-system logs deployment/abcdesktop-netpol --all-pods --ignore-errors |
    netpol audit show --user alice -
  kubectl -n netpol-system logs deployment/abcdesktop-netpol --all-pods --ignore-errors --follow |
    netpol audit show --unsorted -")]
pub(super) struct Args {
    /// File of the log; - is standard input, which is also the default.
    #[arg(value_name = "FILE", default_value = STDIN)]
    files: Vec<String>,

    /// Show only lines with this rule (repeatable).
    #[arg(long = "rule", value_name = "RULE", help_heading = "Filters")]
    rules: Vec<String>,

    /// Show only lines with this verdict (repeatable).
    #[arg(long = "verdict", value_name = "VERDICT", value_parser = PossibleValuesParser::new(VERDICTS), help_heading = "Filters")]
    verdicts: Vec<String>,

    /// Show only requests of this user; * stands for any characters (repeatable).
    #[arg(long = "user", value_name = "USER", help_heading = "Filters")]
    users: Vec<String>,

    /// Show only objects of this namespace (repeatable).
    #[arg(long = "namespace", short = 'n', value_name = "NS", help_heading = "Filters")]
    namespaces: Vec<String>,

    /// Show only objects of this kind: Pod, NetworkPolicy, CiliumNetworkPolicy.cilium.io (repeatable).
    #[arg(long = "kind", value_name = "KIND", help_heading = "Filters")]
    kinds: Vec<String>,

    /// Show only objects with this name; * stands for any characters (repeatable).
    #[arg(long = "name", value_name = "NAME", help_heading = "Filters")]
    names: Vec<String>,

    /// Show only lines since this time: RFC 3339, or a duration before now, such as 90m or 7d.
    #[arg(long, value_name = "TIME", value_parser = moment::parse, help_heading = "Filters")]
    since: Option<Moment>,

    /// Show only lines before this time: RFC 3339, or a duration before now, such as 90m or 7d.
    #[arg(long, value_name = "TIME", value_parser = moment::parse, help_heading = "Filters")]
    until: Option<Moment>,

    /// Print how many lines each rule and each user has.
    #[arg(long, conflicts_with = "unsorted")]
    summary: bool,

    /// Print each line at once, in the order of the input: to follow a log.
    #[arg(long)]
    unsorted: bool,

    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    fn filter(&self, now: Timestamp) -> Filter {
        Filter {
            rules: self.rules.clone(),
            verdicts: self.verdicts.clone(),
            users: self.users.clone(),
            namespaces: self.namespaces.clone(),
            kinds: self.kinds.clone(),
            names: self.names.clone(),
            since: self.since.map(|moment| moment.time(now)),
            until: self.until.map(|moment| moment.time(now)),
        }
    }
}

/// Prints the lines of audit logs.
///
/// # Errors
/// Returns an error if a file cannot be read or the output cannot be written.
pub(super) fn run(args: &Args, streams: &mut Streams) -> CommandResult {
    if args.files == [STDIN] && io::stdin().is_terminal() {
        return Err(Failure::input(anyhow!("specify the file of an audit log, or pass a log on standard input")));
    }
    let filter = args.filter(Timestamp::now());
    let Streams { input, out, err, is_terminal } = streams;
    let width = if *is_terminal { terminal_width() } else { None };
    let mut output = Output::new(args, width, out);
    let mut seen = Seen::default();
    let mut selected = Selected::default();
    for (name, log) in open_all("show", &args.files, input) {
        let mut failed = None;
        let read = log.and_then(|log| {
            shown::read(log, &mut seen, |bytes, line| {
                let is_new = args.unsorted || selected.is_new(bytes);
                let added = if is_new && selected.count(&filter, line) { output.add(bytes, line) } else { Ok(()) };
                added.map_err(|error| io::Error::from(failed.insert(error).kind()))
            })
        });
        if let Some(error) = failed {
            return Err(error.into());
        }
        read.map_err(|error| cannot_read((name, error)))?;
    }
    output.finish(&seen, &selected)?;
    selected.report(&filter, &seen, err)?;
    Ok(Status::Clean)
}

/// Returns the width of the terminal that standard output is.
fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|width| *width > 0)
}

/// What the selected lines become.
enum Output<'o> {
    Summary(Summary, Format, &'o mut dyn Write),
    Sorted(Sorted, Printer<'o>),
    Unsorted(Printer<'o>),
}

impl<'o> Output<'o> {
    fn new(args: &Args, width: Option<usize>, out: &'o mut dyn Write) -> Output<'o> {
        let format = args.output.output;
        if args.summary {
            Output::Summary(Summary::default(), format, out)
        } else if args.unsorted {
            Output::Unsorted(Printer { format, table: Table::of_usual_width(width), has_header: false, out })
        } else {
            Output::Sorted(Sorted::default(), Printer { format, table: Table::new(width), has_header: false, out })
        }
    }

    fn add(&mut self, bytes: &[u8], line: &ShownLine<'_>) -> io::Result<()> {
        match self {
            Output::Summary(summary, ..) => {
                summary.add(line);
                Ok(())
            }
            Output::Sorted(sorted, printer) => {
                printer.table.fit(line);
                sorted.add(line.time, bytes)
            }
            Output::Unsorted(printer) => {
                printer.print(bytes)?;
                printer.out.flush()
            }
        }
    }

    fn finish(self, seen: &Seen, selected: &Selected) -> io::Result<()> {
        match self {
            Output::Summary(summary, Format::Json, out) => summary.json(seen, selected.dropped, selected.repeated, out),
            Output::Summary(summary, Format::Text, out) => summary.text(out),
            Output::Sorted(sorted, mut printer) => sorted.each(|line| printer.print(line)),
            Output::Unsorted(_) => Ok(()),
        }
    }
}

/// Prints lines.
struct Printer<'o> {
    format: Format,
    table: Table,
    has_header: bool,
    out: &'o mut dyn Write,
}

impl Printer<'_> {
    fn print(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.format {
            Format::Json => {
                self.out.write_all(bytes)?;
                self.out.write_all(b"\n")
            }
            Format::Text => {
                if !std::mem::replace(&mut self.has_header, true) {
                    self.table.write_header(self.out)?;
                }
                ShownLine::parse(bytes).map_or(Ok(()), |line| self.table.write(&line, self.out))
            }
        }
    }
}

/// The maximum number of rules to name in a message. There are fewer.
const MAX_RULES: usize = 64;

/// What is known about the selected lines.
#[derive(Default)]
struct Selected {
    lines: usize,
    /// Decisions without a line, in the selected time.
    dropped: u64,
    /// The rules of all lines.
    rules: BTreeSet<String>,
    /// The hashes of all lines: a line that was collected twice counts once.
    hashes: BTreeSet<Hash>,
    repeated: usize,
}

impl Selected {
    /// Returns whether a line was not read before.
    fn is_new(&mut self, bytes: &[u8]) -> bool {
        let is_new = self.hashes.insert(Hash::of(bytes));
        self.repeated += usize::from(!is_new);
        is_new
    }

    /// Notes a line, and returns whether the filter selects it.
    fn count(&mut self, filter: &Filter, line: &ShownLine<'_>) -> bool {
        if filter.spans(line) {
            self.dropped = self.dropped.saturating_add(line.dropped);
        }
        if let Some(rule) = line.rule.as_deref().filter(|rule| !self.rules.contains(*rule) && self.rules.len() < MAX_RULES) {
            self.rules.insert(rule.to_owned());
        }
        let is_selected = filter.selects(line);
        self.lines += usize::from(is_selected);
        is_selected
    }

    /// Says what the output does not show.
    fn report(&self, filter: &Filter, seen: &Seen, err: &mut dyn Write) -> io::Result<()> {
        if seen.lines == 0 {
            writeln!(err, "no audit lines")?;
        } else if self.lines == 0 {
            writeln!(err, "none of {} matches", Count(seen.lines, "audit line"))?;
        }
        for rule in filter.rules.iter().filter(|rule| seen.lines > 0 && !self.rules.contains(*rule)) {
            let rules = if self.rules.is_empty() {
                "none".to_owned()
            } else {
                self.rules.iter().map(|rule| printable(rule)).collect::<Vec<_>>().join(", ")
            };
            writeln!(err, "no line has the rule {}; the rules of these lines: {rules}", printable(rule))?;
        }
        if self.dropped > 0 {
            writeln!(err, "{} decisions have no line: they were dropped because they could not be written fast enough", self.dropped)?;
        }
        if self.repeated > 0 {
            writeln!(err, "skipped {}: they are in the input more than once", Count(self.repeated, "repeated line"))?;
        }
        if seen.other > 0 {
            writeln!(err, "skipped {}: not audit lines", Count(seen.other, "other line"))?;
        }
        if seen.damaged > 0 {
            writeln!(
                err,
                "skipped {} that cannot be read: netpol audit verify checks the log",
                Count(seen.damaged, "incomplete or changed line")
            )?;
        }
        Ok(())
    }
}
