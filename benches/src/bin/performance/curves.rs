//! The charts: the data as CSV, and each chart as SVG.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use plotters::prelude::*;

use super::results::{Point, write};

/// The name and title of each chart, and the label of its x axis.
const CURVES: [(&str, &str, &str); 4] = [
    ("body", "A pod at /mutate, by body size", "body size in bytes"),
    ("policies", "By number of policies in the canon", "policies"),
    ("grants", "By number of grants in the canon", "grants"),
    ("rules", "A canonical policy at /validate, by number of rules", "rules"),
];

/// Colors that people with color blindness can distinguish.
const COLORS: [RGBColor; 3] = [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115)];

pub(crate) fn draw_all(curves: &BTreeMap<String, Vec<Point>>) -> Result<(), String> {
    for (name, title, x) in CURVES {
        let Some(points) = curves.get(name) else { continue };
        write(&format!("{name}.csv"), &csv(x, points))?;
        write(&format!("{name}.svg"), &picture(title, x, points).map_err(|error| format!("{name}.svg: {error}"))?)?;
    }
    Ok(())
}

fn csv(x: &str, points: &[Point]) -> String {
    let mut text = format!("series,{x},cpu_us,p50_us,p99_us\n");
    for Point { series, x, cpu, p50, p99 } in points {
        let _ = writeln!(text, "{series},{x},{cpu:.2},{p50:.1},{p99:.1}");
    }
    text
}

fn picture(title: &str, x: &str, points: &[Point]) -> Result<String, Box<dyn std::error::Error>> {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, (820, 440)).into_drawing_area();
        root.fill(&WHITE)?;
        let xs = bounds(points.iter().map(|point| point.x), 1.1);
        let ys = bounds(points.iter().flat_map(|point| [point.cpu, point.p50]), 1.5);
        let mut chart = ChartBuilder::on(&root)
            .caption(title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d((xs.0..xs.1).log_scale(), (ys.0..ys.1).log_scale())?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(RGBColor(225, 225, 225))
            .x_desc(format!("{x} (log scale)"))
            .y_desc("microseconds (log scale)")
            .x_label_formatter(&|value| short(*value))
            .y_label_formatter(&|value| short(*value))
            .label_style(("sans-serif", 13))
            .draw()?;
        for (name, color) in names(points).into_iter().zip(COLORS) {
            let of_series = || points.iter().filter(|point| point.series == name);
            let solid = color.stroke_width(2);
            chart
                .draw_series(LineSeries::new(of_series().map(|point| (point.x, point.cpu)), solid).point_size(3))?
                .label(format!("{name}: CPU"))
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], solid));
            let dashes = of_series().map(|point| (point.x, point.p50));
            chart
                .draw_series(DashedLineSeries::new(dashes, 6, 4, color.stroke_width(1)))?
                .label(format!("{name}: p50"))
                .legend(move |(x, y)| PathElement::new([(x + 6, y), (x + 16, y)], color.stroke_width(1)));
        }
        let legend = SeriesLabelPosition::UpperLeft;
        chart.configure_series_labels().position(legend).background_style(WHITE.mix(0.8)).label_font(("sans-serif", 13)).draw()?;
        root.present()?;
    }
    Ok(text)
}

/// Returns the names of the series, in the order of their first points.
fn names(points: &[Point]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for point in points {
        if !names.contains(&point.series.as_str()) {
            names.push(&point.series);
        }
    }
    names
}

fn bounds(values: impl Iterator<Item = f64>, room: f64) -> (f64, f64) {
    let (least, most) = values.fold((f64::INFINITY, 0.0_f64), |(least, most), value| (least.min(value), most.max(value)));
    if least.is_finite() { (least / room, most * room) } else { (1.0, 10.0) }
}

fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{} M", value / 1e6),
        value if value >= 1e3 => format!("{} k", value / 1e3),
        value => format!("{value}"),
    }
}
