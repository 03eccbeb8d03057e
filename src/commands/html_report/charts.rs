//! The charts: inline SVG that stretches with the page, between labels in HTML that do not, and a table of the same
//! numbers behind each of them.
//!
//! Our own, because the page needs four shapes and nothing that moves. The libraries that were considered need a script to
//! draw: uPlot, the smallest, on a canvas, which neither a screen reader nor a printer can read, ECharts and Chart.js in
//! several times the 60 kB that a page may weigh.

use std::fmt::Write as _;

use super::words::{count, duration, escaped};

/// Width and height of a chart's own units; the page stretches them.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 100.0;
/// A bar is not wider, however few there are.
const WIDEST: f64 = 80.0;

/// What the numbers of an axis are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Count,
    Seconds,
}

impl Unit {
    fn shown(self, number: f64) -> String {
        match self {
            Self::Count => count(number),
            Self::Seconds => duration(number),
        }
    }

    /// A round number at or above the largest one, to end the axis with: four steps of it are round, too.
    fn top(self, largest: f64) -> f64 {
        let scale = match self {
            Self::Count => 1.0,
            Self::Seconds if largest < 60.0 => 1.0,
            Self::Seconds if largest < 3_600.0 => 60.0,
            Self::Seconds if largest < 172_800.0 => 3_600.0,
            Self::Seconds => 86_400.0,
        };
        let largest = (largest / scale).max(4.0);
        let magnitude = 10_f64.powf(largest.log10().floor());
        let steps = [1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 10.0];
        let top = steps.iter().map(|step| step * magnitude).find(|top| *top >= largest - 1e-9);
        let top = top.unwrap_or(largest);
        // In steps of whole numbers.
        (top / 4.0).ceil() * 4.0 * scale
    }
}

/// How a series is drawn. They differ in shape, so that nobody depends on colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Bars,
    Line,
    Area,
}

/// One series of a chart.
pub(super) struct Series<'a> {
    pub(super) name: &'a str,
    pub(super) shape: Shape,
    pub(super) values: Vec<f64>,
}

/// A chart over time.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    /// One sentence on what is drawn.
    pub(super) about: &'a str,
    /// What the places are called in the table.
    pub(super) place: &'a str,
    pub(super) places: Vec<&'a str>,
    pub(super) unit: Unit,
    pub(super) series: Vec<Series<'a>>,
}

impl Chart<'_> {
    /// The figure with its title, legend, drawing and table.
    pub(super) fn html(&self) -> String {
        let largest = self.series.iter().flat_map(|series| &series.values).fold(0.0, |a: f64, b| a.max(*b));
        let top = self.unit.top(largest);
        let mut drawn = String::new();
        for step in 1..4 {
            let y = f64::from(step) * HEIGHT / 4.0;
            let _ = write!(drawn, "<line class=grid x1=0 x2={WIDTH} y1={y} y2={y} />");
        }
        for (number, series) in self.series.iter().enumerate() {
            drawn += &shape(series, number + 1, top);
        }
        drawn += &self.tips();
        let labels: String = (0..=4)
            .rev()
            .map(|step| format!("<span>{}</span>", self.unit.shown(top * f64::from(step) / 4.0)))
            .collect();
        let legend = if self.series.len() > 1 { self.legend() } else { String::new() };
        format!(
            "<figure><figcaption><h2>{title}</h2><p>{about}</p>{legend}</figcaption>\
             <div class=plot><div class=y aria-hidden=true>{labels}</div>\
             <svg role=img aria-label=\"{title}: {about} The table below holds the numbers.\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             preserveAspectRatio=none>{drawn}</svg>\
             <div class=x aria-hidden=true>{places}</div></div>{table}</figure>\n",
            title = escaped(self.title),
            about = escaped(self.about),
            places = self.place_labels(),
            table = self.table(),
        )
    }

    fn legend(&self) -> String {
        let entry = |(number, series): (usize, &Series<'_>)| {
            let shape = if series.shape == Shape::Bars { "bar" } else { "line" };
            format!("<li><i class=\"{shape} s{}\"></i>{}</li>", number + 1, escaped(series.name))
        };
        format!("<ul class=legend>{}</ul>", self.series.iter().enumerate().map(entry).collect::<String>())
    }

    /// First, middle and last place.
    fn place_labels(&self) -> String {
        let last = self.places.len().saturating_sub(1);
        let mut shown = vec![0, last / 2, last];
        shown.dedup();
        shown
            .iter()
            .filter_map(|place| self.places.get(*place))
            .map(|place| format!("<span>{}</span>", escaped(place)))
            .collect()
    }

    /// Invisible columns that tell their numbers when they are pointed at.
    fn tips(&self) -> String {
        let width = WIDTH / self.places.len().max(1) as f64;
        let mut out = String::new();
        for (number, place) in self.places.iter().enumerate() {
            let values: Vec<String> = self
                .series
                .iter()
                .filter_map(|series| {
                    Some(format!("{} {}", series.name, self.unit.shown(*series.values.get(number)?)))
                })
                .collect();
            let _ = write!(
                out,
                "<rect class=tip x={:.2} width={width:.2} height={HEIGHT}><title>{}: {}</title></rect>",
                number as f64 * width,
                escaped(place),
                escaped(&values.join(", "))
            );
        }
        out
    }

    fn table(&self) -> String {
        let names: Vec<&str> = self.series.iter().map(|series| series.name).collect();
        let rows = self.places.iter().enumerate().map(|(number, place)| {
            let cells = self.series.iter().map(|series| {
                series.values.get(number).map_or_else(String::new, |value| self.unit.shown(*value))
            });
            std::iter::once((*place).to_owned()).chain(cells).collect()
        });
        format!(
            "<details><summary>Show as a table</summary>{}</details>",
            table(self.title, self.place, &names, rows)
        )
    }
}

/// A series with the axis ending at `top`.
fn shape(series: &Series<'_>, number: usize, top: f64) -> String {
    let width = WIDTH / series.values.len().max(1) as f64;
    let y = |value: f64| HEIGHT - value / top * HEIGHT;
    if series.shape == Shape::Bars {
        let bar = |(place, value): (usize, &f64)| {
            let (bar, y) = ((width * 0.8).min(WIDEST), y(*value));
            let x = (place as f64 + 0.5) * width - bar / 2.0;
            format!("<rect class=s{number} x={x:.2} y={y:.2} width={bar:.2} height={:.2} />", HEIGHT - y)
        };
        return series.values.iter().enumerate().map(bar).collect();
    }
    let points: Vec<(f64, f64)> = match series.values.as_slice() {
        // A single value is a line, too.
        [only] => vec![(0.0, y(*only)), (WIDTH, y(*only))],
        values => values
            .iter()
            .enumerate()
            .map(|(place, value)| ((place as f64 + 0.5) * width, y(*value)))
            .collect(),
    };
    let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.2},{y:.2}")).collect();
    let path = path.join(" ");
    let area = match (series.shape, points.first(), points.last()) {
        (Shape::Area, Some((first, _)), Some((last, _))) => {
            format!(
                "<polygon class=\"area s{number}\" points=\"{first:.2},{HEIGHT} {path} {last:.2},{HEIGHT}\" />"
            )
        }
        _ => String::new(),
    };
    format!("{area}<polyline class=s{number} points=\"{path}\" />")
}

/// When customers write: a field for each hour of the week.
pub(super) fn heat_map(title: &str, about: &str, hours: &[[f64; 24]; 7]) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let largest = hours.iter().flatten().fold(1.0, |a: f64, b| a.max(*b));
    let mut drawn = String::new();
    for (weekday, row) in hours.iter().enumerate() {
        for (hour, value) in row.iter().enumerate() {
            let _ = write!(
                drawn,
                "<rect class=heat x={:.2} y={:.2} width={:.2} height={:.2} style=\"fill-opacity:{:.3}\"><title>{}, {hour}:00: {}</title></rect>",
                hour as f64 * WIDTH / 24.0,
                weekday as f64 * HEIGHT / 7.0,
                WIDTH / 24.0 - 3.0,
                HEIGHT / 7.0 - 1.0,
                // Nothing is not the same as little.
                if *value > 0.0 { 0.12 + 0.88 * value / largest } else { 0.03 },
                DAYS[weekday],
                count(*value)
            );
        }
    }
    let days: String = DAYS.iter().map(|day| format!("<span>{day}</span>")).collect();
    let hour_names: Vec<String> = (0..24).map(|hour| hour.to_string()).collect();
    let names: Vec<&str> = hour_names.iter().map(String::as_str).collect();
    let rows = hours.iter().zip(DAYS).map(|(row, day)| {
        std::iter::once(day.to_owned()).chain(row.iter().map(|value| count(*value))).collect()
    });
    format!(
        "<figure><figcaption><h2>{title}</h2><p>{about}</p></figcaption>\
         <div class=\"plot week\"><div class=y aria-hidden=true>{days}</div>\
         <svg role=img aria-label=\"{title}: {about} The table below holds the numbers.\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         preserveAspectRatio=none>{drawn}</svg>\
         <div class=\"x hours\" aria-hidden=true><span>0:00</span><span>6:00</span><span>12:00</span><span>18:00</span></div></div>\
         <details><summary>Show as a table</summary>{}</details></figure>\n",
        table(title, "Day", &names, rows)
    )
}

/// A table that can be scrolled where the page is narrow, also with the keyboard. Its first column names the row.
pub(super) fn table(
    title: &str,
    first: &str,
    columns: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> String {
    let mut body = String::new();
    for row in rows {
        body += "<tr>";
        for (column, cell) in row.iter().enumerate() {
            let cell = escaped(cell);
            body += &if column == 0 {
                format!("<th scope=row><bdi>{cell}</bdi></th>")
            } else {
                format!("<td>{cell}</td>")
            };
        }
        body += "</tr>";
    }
    let heads: String = columns.iter().map(|name| format!("<th scope=col>{}</th>", escaped(name))).collect();
    format!(
        "<div class=scroll role=region tabindex=0 aria-label=\"{title}, table\"><table><caption>{title}</caption>\
         <thead><tr><th scope=col>{}</th>{heads}</tr></thead><tbody>{body}</tbody></table></div>",
        escaped(first),
        title = escaped(title),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_with_round_numbers() {
        let counts: Vec<f64> = [0.0, 3.0, 7.0, 11.0, 99.0, 101.0, 1_234.0].map(|n| Unit::Count.top(n)).into();
        assert_eq!(counts, [4.0, 4.0, 8.0, 12.0, 100.0, 120.0, 1_600.0]);
        assert!((Unit::Seconds.top(5_000.0) - 14_400.0).abs() < 1e-6);
        for largest in [0.1, 17.0, 61.0, 3_000.0, 90_000.0, 1e7] {
            assert!(Unit::Seconds.top(largest) >= largest);
        }
    }

    #[test]
    fn a_chart_of_nothing_and_of_one_day_is_drawn() {
        for values in [Vec::new(), vec![0.0], vec![5.0]] {
            let places = vec!["2026-01-01"; values.len()];
            let series = vec![Series { name: "<open>", shape: Shape::Area, values }];
            let chart =
                Chart { title: "Open", about: "Each day.", place: "Day", places, unit: Unit::Count, series };
            let html = chart.html();
            assert!(!html.contains("NaN") && !html.contains("inf") && !html.contains("<open>"), "{html}");
        }
    }
}
