//! The newest results as a picture: a panel for each scenario, a bar for each server.

use std::fmt::Write as _;

use crate::report::{Comparison, Row, Table, digits};
use crate::scenario::Part;
use crate::scenarios::SCENARIOS;

/// How wide the picture is; everything is in SVG's units.
const WIDTH: usize = 960;
const MARGIN: usize = 24;
const GAP: usize = 32;
const PANEL_WIDTH: usize = (WIDTH - 2 * MARGIN - GAP) / 2;
const NAME_WIDTH: usize = 170;
const FIGURE_WIDTH: usize = 84;
const BAR_WIDTH: usize = PANEL_WIDTH - NAME_WIDTH - FIGURE_WIDTH;
const ROW_HEIGHT: usize = 22;
const BAR_HEIGHT: usize = 14;
const PANEL_HEAD: usize = 46;
const HEAD: usize = 96;
const PART_HEAD: usize = 46;
/// A bar longer than so many times the subject's is cut, or the subject's could not be seen.
const LONGEST_TIMES: f64 = 8.0;

const STYLE: &str = "
text { font: 13px ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328; }
.h1 { font-size: 20px; font-weight: 600; }
.h2 { font-weight: 600; }
.part { font-size: 16px; font-weight: 600; }
.rule { stroke: #d1d9e0; }
.note { font-size: 12px; fill: #59636e; }
.figure { font-variant-numeric: tabular-nums; }
.ours { font-weight: 600; }
.back { fill: #ffffff; }
.bar { fill: #b6bfca; }
.floor { fill: none; stroke: #8c96a1; stroke-dasharray: 3 2; }
.bar.ours { fill: #0969da; }
.bar.kin { fill: #80b8f0; }
.spread { stroke: #59636e; stroke-width: 1.5; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.note { fill: #9198a1; }
.back { fill: #0d1117; }
.bar { fill: #4d5763; }
.floor { fill: none; stroke: #7d8590; }
.bar.ours { fill: #4493f8; }
.bar.kin { fill: #2a5a96; }
.rule { stroke: #3d444d; }
.spread { stroke: #b1bac4; }
}
";

/// A table, and the comparison it is from.
pub type Drawn<'a> = (&'a Comparison, &'a Table);

/// Of several comparisons, the newest table of each scenario, in the order of `names`.
pub fn newest<'a>(comparisons: &'a [Comparison], names: &[&str]) -> Vec<Drawn<'a>> {
    let tables =
        || comparisons.iter().flat_map(|comparison| comparison.scenarios.iter().map(move |table| (comparison, table)));
    let newest_of = |name: &&str| {
        let measured =
            |(_, table): &Drawn<'_>| table.name == *name && table.ours().is_some_and(|row| row.figure.is_some());
        tables().filter(measured).max_by(|one, other| one.0.began.cmp(&other.0.began))
    };
    names.iter().filter_map(newest_of).collect()
}

/// Draws tables as SVG, part by part, in two columns.
pub fn svg(tables: &[Drawn<'_>]) -> String {
    let mut body = String::new();
    let mut height = HEAD;
    for part in Part::ALL {
        let own: Vec<&Drawn<'_>> = tables.iter().filter(|(_, table)| part_of(table) == Some(part)).collect();
        if own.is_empty() {
            continue;
        }
        let right = WIDTH - MARGIN;
        let _ = writeln!(body, "<line class=\"rule\" x1=\"{MARGIN}\" x2=\"{right}\" y1=\"{height}\" y2=\"{height}\"/>");
        text(&mut body, MARGIN, height + 26, "part", &part.to_string());
        let mut bottoms = [height + PART_HEAD; 2];
        for (comparison, table) in own {
            // Each panel goes where there is most room above, so that the columns end about level.
            let column = usize::from(bottoms[1] < bottoms[0]);
            let left = MARGIN + column * (PANEL_WIDTH + GAP);
            let dated = tables.iter().any(|(other, _)| other.began != comparison.began);
            panel(&mut body, table, left, bottoms[column], dated.then_some(comparison.began.as_str()));
            bottoms[column] += PANEL_HEAD + table.drawn().count() * ROW_HEIGHT + GAP;
        }
        height = bottoms[0].max(bottoms[1]);
    }
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" aria-labelledby=\"title\">\n<title id=\"title\">What a request costs Wirelight and other servers</title>\n\
         <style>{STYLE}</style>\n<rect class=\"back\" width=\"{WIDTH}\" height=\"{height}\"/>\n"
    );
    head(&mut svg, tables);
    svg.push_str(&body);
    svg.push_str("</svg>\n");
    svg
}

/// The part that a table's scenario belongs to.
fn part_of(table: &Table) -> Option<Part> {
    SCENARIOS.iter().find(|scenario| scenario.name == table.name).map(|scenario| scenario.part)
}

fn head(svg: &mut String, tables: &[Drawn<'_>]) {
    text(svg, MARGIN, 36, "h1", "What it costs");
    let Some((newest, _)) = tables.iter().max_by_key(|(comparison, _)| &comparison.began) else { return };
    let machine = &newest.machine;
    let note = format!("{}, Linux {}, {} UTC", machine.processor, machine.kernel, newest.began);
    text(svg, MARGIN, 58, "note", &note);
    let note = format!(
        "What is measured has one core to itself. Medians of {} interleaved rounds; lines span least to greatest.",
        newest.rounds
    );
    text(svg, MARGIN, 76, "note", &note);
}

fn panel(svg: &mut String, table: &Table, left: usize, top: usize, dated: Option<&str>) {
    text(svg, left, top + 14, "h2", &table.title);
    let better = if table.less_is_better { "less" } else { "more" };
    let mut note = format!("{}; {better} is better", table.says);
    if let Some(began) = dated {
        let _ = write!(note, " ({began})");
    }
    text(svg, left, top + 32, "note", &note);
    let longest = table.longest();
    for (index, row) in table.drawn().enumerate() {
        let Some(figure) = row.figure else { continue };
        let middle = top + PANEL_HEAD + index * ROW_HEIGHT + ROW_HEIGHT / 2;
        let ours = match row.server.starts_with("wirelight") {
            _ if row.server == table.subject => " ours",
            true => " kin",
            false => "",
        };
        let kind = if row.server == "floor" { "floor" } else { "bar" };
        let across = |value: f64| (value.min(longest) / longest * BAR_WIDTH as f64).max(1.0);
        let bar = left + NAME_WIDTH;
        text(svg, left, middle + 4, &format!("name{ours}"), &row.server);
        let (width, upper) = (across(figure.median), middle - BAR_HEIGHT / 2);
        let _ = writeln!(
            svg,
            "<rect class=\"{kind}{ours}\" x=\"{bar}\" y=\"{upper}\" width=\"{width:.1}\" height=\"{BAR_HEIGHT}\" rx=\"2\"/>"
        );
        let cut = figure.median > longest;
        let (from, to) = (bar as f64 + across(figure.min), bar as f64 + across(figure.max));
        if !cut && to - from >= 1.0 {
            let _ = writeln!(
                svg,
                "<line class=\"spread\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>"
            );
        }
        let end = bar as f64 + across(if cut { figure.median } else { figure.max });
        let mark = if cut { "\u{2192} " } else { "" };
        text(
            svg,
            end as usize + 6,
            middle + 4,
            &format!("figure{ours}"),
            &format!("{mark}{}", figure_text(figure.median)),
        );
    }
}

fn figure_text(figure: f64) -> String {
    if figure < 10_000.0 {
        return digits(figure);
    }
    format!("{:.0}k", figure / 1000.0)
}

fn text(svg: &mut String, x: usize, y: usize, class: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(svg, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>");
}

impl Table {
    /// The server under test.
    fn ours(&self) -> Option<&Row> {
        self.servers.iter().find(|row| row.server == self.subject)
    }

    /// The servers that were measured.
    fn drawn(&self) -> impl Iterator<Item = &Row> {
        self.servers.iter().filter(|row| row.figure.is_some())
    }

    /// The figure of the longest bar.
    fn longest(&self) -> f64 {
        let longest = self.drawn().filter_map(|row| row.figure).map(|figure| figure.median).fold(0.0, f64::max);
        let ours = self.ours().and_then(|row| row.figure).map_or(longest, |figure| figure.median);
        longest.min(ours * LONGEST_TIMES).max(f64::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;
    use crate::measure::Figures;
    use crate::scenario::Scenario;

    fn comparison(began: &str, scenario: &Scenario, figures: &[(&str, f64)]) -> Comparison {
        let row = |(server, figure): &(&str, f64)| Row {
            rounds: vec![Some(Figures::from([(scenario.counts.key().to_owned(), *figure)]))],
            ..Row::of(server)
        };
        Comparison {
            began: began.to_owned(),
            seed: 1,
            rounds: 1,
            warm_up_ms: 1,
            measured_ms: 1,
            machine: Machine::this(),
            versions: Default::default(),
            scenarios: vec![Table::new(scenario, figures.iter().map(row).collect())],
        }
    }

    #[test]
    fn each_scenario_is_drawn_once_as_it_was_last_measured() {
        let [one, other, ..] = SCENARIOS else { panic!("two scenarios are needed") };
        let all = [
            comparison("2026-11-21 10:00", one, &[(one.subject, 4.5), ("hyper", 5.5), ("caddy", 99.0)]),
            comparison("2026-11-21 09:00", one, &[(one.subject, 7.7)]),
            comparison("2026-11-21 11:00", one, &[("hyper", 5.0)]),
            comparison("2026-11-21 08:00", other, &[(other.subject, 0.5), ("a<b", 0.6)]),
        ];
        let drawn = newest(&all, &[one.name, other.name, "never measured"]);
        let when: Vec<_> = drawn.iter().map(|(comparison, _)| comparison.began.as_str()).collect();
        assert_eq!(when, ["2026-11-21 10:00", "2026-11-21 08:00"]);
        let svg = svg(&drawn);
        assert_eq!(svg.matches("class=\"bar ours\"").count(), 2);
        assert!(svg.contains(">4.50<") && !svg.contains(">7.70<"));
        assert!(svg.contains("a&lt;b"));
        assert!(svg.contains("\u{2192} 99.0"), "a bar that was cut says so");
    }
}
