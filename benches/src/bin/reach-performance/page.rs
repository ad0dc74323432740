//! The table, the data and the chart.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use plotters::prelude::*;

use super::children::Used;
use super::{Measured, Results};

const BEGIN: &str = "<!-- reach: measured -->";
const END: &str = "<!-- end of reach -->";

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// Returns a line of the table.
pub(crate) fn row(measured: &Measured) -> String {
    let Measured { size, netpol, other } = measured;
    let cell = |used: Option<Used>, text: fn(&Used) -> String| match used {
        None => String::new(),
        Some(used) => format!("{}{}", if used.stopped { "> " } else { "" }, text(&used)),
    };
    let times = |of: fn(&Used) -> f64| match (netpol, other) {
        (Some(netpol), Some(other)) if !netpol.stopped => {
            format!("{}{:.0}", if other.stopped { "> " } else { "" }, of(other) / of(netpol))
        }
        _ => String::new(),
    };
    let (policies, pods, classes) = (size.policies, size.pods, size.classes);
    format!(
        "| {policies} × {pods} in {classes} | {} | {} | {} | {} | {} | {} |",
        cell(*netpol, time),
        cell(*other, time),
        times(seconds),
        cell(*netpol, bytes),
        cell(*other, bytes),
        times(mebibytes)
    )
}

/// Returns both tables.
pub(crate) fn tables(results: &Results) -> String {
    let mut text = "| | target | measured | met |\n|---|---|---|---|\n".to_owned();
    for (what, target, measured) in targets(results) {
        let (measured, met) = measured.unwrap_or_else(|| ("not measured".to_owned(), false));
        let _ = writeln!(text, "| {what} | {target} | {measured} | {} |", if met { "yes" } else { "no" });
    }
    text.push_str(
        "\n| policies × pods in classes | `netpol` | np-guard | × | `netpol`, memory | np-guard | × |\n|---|--:|--:|--:|--:|--:|--:|\n",
    );
    for measured in &results.clusters {
        let _ = writeln!(text, "{}", row(measured));
    }
    text.trim_end().to_owned()
}

type Target = (&'static str, &'static str, Option<(String, bool)>);

fn targets(results: &Results) -> Vec<Target> {
    let of = |pods: usize| results.clusters.iter().find(|measured| measured.size.pods == pods);
    let netpol = |pods: usize| of(pods)?.netpol;
    let more = |used: &Used, text: String| if used.stopped { format!("> {text}") } else { text };
    let time_within =
        |pods: usize, limit: f64| netpol(pods).map(|used| (more(&used, time(&used)), !used.stopped && seconds(&used) < limit));
    let faster = |value: fn(&Used) -> f64, least: f64| {
        let (netpol, other) = (netpol(200)?, of(200)?.other?);
        let times = value(&other) / value(&netpol);
        Some((more(&other, format!("{times:.0}")), !netpol.stopped && times >= least))
    };
    vec![
        ("30 policies × 200 pods in 20 classes: np-guard's time ÷ `netpol`'s", "≥ 100", faster(seconds, 100.0)),
        ("the same for memory", "≥ 10", faster(mebibytes, 10.0)),
        ("300 × 2,000 in 60: time", "< 1 s", time_within(2_000, 1.0)),
        ("1,000 × 10,000 in 100: time", "< 5 s", time_within(10_000, 5.0)),
        (
            "the same: memory",
            "≤ 256 MiB",
            netpol(10_000).map(|used| (more(&used, bytes(&used)), !used.stopped && mebibytes(&used) <= 256.0)),
        ),
        ("the built-in canon: time", "≤ 30 ms", Some((time(&results.canon), seconds(&results.canon) <= 0.03))),
    ]
}

/// Writes the table to the page, and the data and the chart beside it.
pub(crate) fn write(results: &Results) -> Result<(), String> {
    let path = docs().join("performance.md");
    let page = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let written = filled(&page, &tables(results)).ok_or_else(|| format!("{}: the markers of the table are missing", path.display()))?;
    let picture = picture(results).map_err(|error| error.to_string())?;
    let files = [("performance.md", written), ("performance/reach.csv", csv(results)), ("performance/reach.svg", picture)];
    for (name, text) in files {
        std::fs::write(docs().join(name), text).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}

fn filled(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{table}\n\n{END}{after}"))
}

fn csv(results: &Results) -> String {
    let mut text = "program,policies,pods,classes,seconds,cpu_seconds,bytes,stopped\n".to_owned();
    for Measured { size, netpol, other } in &results.clusters {
        for (program, used) in [("netpol", netpol), ("np-guard", other)] {
            let Some(Used { time, cpu, memory, stopped }) = used else { continue };
            let (policies, pods, classes) = (size.policies, size.pods, size.classes);
            let _ = writeln!(
                text,
                "{program},{policies},{pods},{classes},{:.4},{:.4},{memory},{stopped}",
                time.as_secs_f64(),
                cpu.as_secs_f64()
            );
        }
    }
    text
}

fn time(used: &Used) -> String {
    let seconds = seconds(used);
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1e3) } else { format!("{seconds:.1} s") }
}

fn bytes(used: &Used) -> String {
    format!("{:.0} MiB", mebibytes(used))
}

fn seconds(used: &Used) -> f64 {
    used.time.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "sizes of memory are far below 2^52 bytes")]
fn mebibytes(used: &Used) -> f64 {
    used.memory as f64 / f64::from(1 << 20)
}

/// What a program used on the clusters with some numbers of pods.
type Series = (&'static str, Vec<(f64, Used)>);

/// The time and the memory of both programs by the number of pods. Runs that were stopped are left out.
#[expect(clippy::cast_precision_loss, reason = "numbers of pods are far below 2^52")]
fn picture(results: &Results) -> Result<String, Box<dyn std::error::Error>> {
    let points = |of: fn(&Measured) -> Option<Used>| -> Vec<(f64, Used)> {
        let point = |measured: &Measured| Some((measured.size.pods as f64, of(measured).filter(|used| !used.stopped)?));
        results.clusters.iter().filter_map(point).collect()
    };
    let all: [Series; 2] = [("netpol reach", points(|measured| measured.netpol)), ("np-guard list", points(|measured| measured.other))];
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, (820, 440)).into_drawing_area();
        root.fill(&WHITE)?;
        let (left, right) = root.split_horizontally(410);
        panel(&left, &all, "seconds", seconds)?;
        panel(&right, &all, "MiB", mebibytes)?;
        root.present()?;
    }
    Ok(text)
}

/// Draws one value of all series, with logarithmic axes.
fn panel(
    area: &DrawingArea<SVGBackend, plotters::coord::Shift>,
    all: &[Series],
    unit: &str,
    value: fn(&Used) -> f64,
) -> Result<(), Box<dyn std::error::Error>> {
    const COLORS: [RGBColor; 2] = [RGBColor(0, 114, 178), RGBColor(213, 94, 0)];
    let values = || all.iter().flat_map(|(_, points)| points).map(|(pods, used)| (*pods, value(used)));
    let (lowest, highest) = values().fold((f64::INFINITY, 0.0_f64), |(low, high), (_, value)| (low.min(value), high.max(value)));
    let pods = values().map(|(pods, _)| pods).fold(0.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d((40.0..pods * 1.2).log_scale(), (lowest / 1.5..highest * 3.0).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(225, 225, 225))
        .x_desc("pods (log scale)")
        .y_desc(format!("{unit} (log scale)"))
        .x_label_formatter(&|value| short(*value))
        .y_label_formatter(&|value| short(*value))
        .label_style(("sans-serif", 13))
        .draw()?;
    for ((name, points), color) in all.iter().zip(COLORS).filter(|((_, points), _)| !points.is_empty()) {
        let line = points.iter().map(|(pods, used)| (*pods, value(used)));
        chart
            .draw_series(LineSeries::new(line, color.stroke_width(2)).point_size(3))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], color.stroke_width(2)));
    }
    let legend = SeriesLabelPosition::UpperLeft;
    chart.configure_series_labels().position(legend).background_style(WHITE.mix(0.8)).label_font(("sans-serif", 13)).draw()?;
    Ok(())
}

fn short(value: f64) -> String {
    if value >= 1e3 { format!("{} k", value / 1e3) } else { format!("{value}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_written_between_its_markers() {
        let page = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let expected = format!("a\n{BEGIN}\n\nnew\n\n{END}\nb\n");
        assert_eq!(filled(&page, "new").as_deref(), Some(expected.as_str()));
        assert_eq!(filled(&expected, "new"), Some(expected));
        assert_eq!(filled(END, "new"), None);
    }
}
