//! What came of a comparison: kept as JSON, told as Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::measure::Figures;
use crate::scenario::{Goal, Scenario};
use crate::spread::Spread;

/// One comparison: some scenarios, in one go, on one machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Comparison {
    /// When it began, in UTC.
    pub began: String,
    /// What the order of the servers follows from.
    pub seed: u64,
    /// How often each server ran.
    pub rounds: usize,
    /// How long each ran before it counted, in milliseconds.
    pub warm_up_ms: u64,
    /// How long each was measured, in milliseconds.
    pub measured_ms: u64,
    /// The machine.
    pub machine: Machine,
    /// The servers' versions.
    pub versions: BTreeMap<String, String>,
    /// The scenarios.
    pub scenarios: Vec<Table>,
}

/// The results of one scenario.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Table {
    /// The scenario.
    pub name: String,
    /// The scenario in words.
    pub title: String,
    /// The key of the figure that counts.
    pub counts: String,
    /// That figure in words.
    pub says: String,
    /// Whether less of it is better.
    pub less_is_better: bool,
    /// The server under test.
    pub subject: String,
    /// The servers, the best first.
    pub servers: Vec<Row>,
    /// What was to be reached.
    pub goals: Vec<Reached>,
}

/// The results of one server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// The server.
    pub server: String,
    /// Its figures, round by round; none where it failed.
    pub rounds: Vec<Option<Figures>>,
    /// Why it failed, where it did.
    pub failures: Vec<String>,
    /// The figure that counts.
    pub figure: Option<Spread>,
    /// The subject's figure divided by this server's, round by round.
    pub ratio: Option<Spread>,
}

/// A goal, and how far it was reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reached {
    /// The goal in words.
    pub goal: String,
    /// The median that was measured; none if it could not be.
    pub measured: Option<f64>,
    /// Whether it was reached.
    pub met: bool,
}

impl Table {
    /// Puts together what the rounds of a scenario gave.
    pub fn new(scenario: &Scenario, mut servers: Vec<Row>) -> Self {
        let key = scenario.counts.key();
        let subject = servers.iter().find(|row| row.server == scenario.subject).map(|row| row.rounds.clone());
        let subject = subject.unwrap_or_default();
        for row in &mut servers {
            row.figure = Spread::of(row.rounds.iter().flatten().filter_map(|figures| figures.get(key).copied()));
            if row.server != scenario.subject {
                row.ratio = Spread::of(ratios(key, &subject, &[&row.rounds]));
            }
        }
        let goals = scenario.goals.iter().map(|goal| reached(*goal, key, &subject, &servers)).collect();
        let order = |row: &Row| row.figure.map_or(f64::INFINITY, |figure| figure.median);
        servers.sort_by(|one, other| order(one).total_cmp(&order(other)));
        if !scenario.counts.less_is_better() {
            servers.reverse();
            servers.sort_by_key(|row| row.figure.is_none());
        }
        Self {
            name: scenario.name.to_owned(),
            title: scenario.title.to_owned(),
            counts: key.to_owned(),
            says: scenario.counts.says().to_owned(),
            less_is_better: scenario.counts.less_is_better(),
            subject: scenario.subject.to_owned(),
            servers,
            goals,
        }
    }
}

/// The subject's figure divided by the least of the peers', for each round in which all were measured.
fn ratios(key: &str, subject: &[Option<Figures>], peers: &[&[Option<Figures>]]) -> Vec<f64> {
    let figure = |figures: &Option<Figures>| figures.as_ref().and_then(|figures| figures.get(key).copied());
    let ratio = |(round, figures): (usize, &Option<Figures>)| {
        let own = figure(figures)?;
        let others: Option<Vec<f64>> = peers.iter().map(|rounds| rounds.get(round).and_then(figure)).collect();
        let least = others?.into_iter().min_by(f64::total_cmp)?;
        (least > 0.0).then_some(own / least)
    };
    subject.iter().enumerate().filter_map(ratio).collect()
}

fn reached(goal: Goal, key: &str, subject: &[Option<Figures>], servers: &[Row]) -> Reached {
    let rounds_of = |name: &str| servers.iter().find(|row| row.server == name).map_or(&[][..], |row| &row.rounds);
    let median = |figures: Vec<f64>| Spread::of(figures).map(|spread| spread.median);
    let (goal, measured, met): (String, _, fn(f64, f64) -> bool) = match goal {
        Goal::AtMostOf(bound, peers) => {
            let rounds: Vec<_> = peers.iter().map(|peer| rounds_of(peer)).collect();
            let measured = median(ratios(key, subject, &rounds));
            let measured = measured.map(|ratio| (ratio, bound));
            (format!("at most {bound:.2} of {}", peers.join(" and ")), measured, |ratio, bound| ratio <= bound)
        }
        Goal::AtLeastOf(bound, peer) => {
            let measured = median(ratios(key, subject, &[rounds_of(peer)])).map(|ratio| (ratio, bound));
            (format!("at least {bound:.2} times {peer}"), measured, |ratio, bound| ratio >= bound)
        }
        Goal::AtMost(bound) => {
            let figures = subject.iter().flatten().filter_map(|figures| figures.get(key).copied()).collect();
            let measured = median(figures).map(|figure| (figure, bound));
            (format!("at most {bound}"), measured, |figure, bound| figure <= bound)
        }
        Goal::OtherAtMostOf(other, bound, peer) => {
            let measured = median(ratios(key, rounds_of(other), &[rounds_of(peer)])).map(|ratio| (ratio, bound));
            (format!("{other} at most {bound:.2} of {peer}"), measured, |ratio, bound| ratio <= bound)
        }
    };
    Reached {
        goal,
        measured: measured.map(|(measured, _)| measured),
        met: measured.is_some_and(|(measured, bound)| met(measured, bound)),
    }
}

impl Comparison {
    /// The comparison as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let machine = &self.machine;
        let _ = writeln!(
            text,
            "# Comparison of {}\n\n{} with {} cores, Linux {}, {} MiB; congestion control {}; {} descriptors.\n\
             {} rounds in an order shuffled from seed {}; {} ms before counting, {} ms counted. What is measured has one \
             core to itself, the generator the other. Figures are medians (least to greatest).",
            self.began,
            machine.processor,
            machine.cores,
            machine.kernel,
            machine.memory_mebibytes,
            machine.congestion_control,
            machine.descriptors_max,
            self.rounds,
            self.seed,
            self.warm_up_ms,
            self.measured_ms,
        );
        self.scenarios.iter().for_each(|table| table.write(&mut text));
        text.push_str("\n## Versions\n\n");
        for (server, version) in &self.versions {
            let _ = writeln!(text, "- {server}: {version}");
        }
        text
    }
}

impl Table {
    fn write(&self, text: &mut String) {
        let further = self.further();
        let _ = write!(
            text,
            "\n## {}: {}\n\n| server | {} | ratio of {} |",
            self.name, self.title, self.says, self.subject
        );
        further.iter().for_each(|(_, says)| text.push_str(&format!(" {says} |")));
        let _ = writeln!(text, "\n|---|---|---|{}", "---|".repeat(further.len()));
        for row in &self.servers {
            let figure = row.figure.map_or_else(|| "failed".to_owned(), spread);
            let ratio = row.ratio.map_or_else(String::new, spread);
            let _ = write!(text, "| {} | {figure} | {ratio} |", row.server);
            for (key, _) in &further {
                let median = row.median(key).map_or_else(String::new, digits);
                let _ = write!(text, " {median} |");
            }
            text.push('\n');
        }
        for row in &self.servers {
            for failure in &row.failures {
                let _ = writeln!(text, "\n{} failed: {failure}", row.server);
            }
        }
        text.push('\n');
        for goal in &self.goals {
            let outcome = match goal.measured {
                None => "not measured".to_owned(),
                Some(measured) => format!("{}, {}", if goal.met { "reached" } else { "missed" }, digits(measured)),
            };
            let _ = writeln!(text, "- {}: {outcome}", goal.goal);
        }
    }

    /// What stands in the table besides the figure that counts.
    fn further(&self) -> Vec<(&'static str, &'static str)> {
        let all = [
            ("cpu_us", "CPU µs a request"),
            ("requests_per_s", "requests/s"),
            ("mb_per_s", "MB/s"),
            ("server_busy", "server busy"),
            ("generator_busy", "generator busy"),
            ("coding_ratio", "coding ratio"),
            ("median_ms", "median ms"),
            ("p99_ms", "99th percentile ms"),
            ("longest_ms", "longest ms"),
            ("grown_bytes", "memory grown by bytes"),
            ("resident_mib_before", "MiB before"),
        ];
        let known = |key: &str| self.servers.iter().any(|row| row.median(key).is_some());
        let told =
            |key: &str| key != "mb_per_s" || self.servers.iter().filter_map(|row| row.median(key)).any(|mb| mb > 50.0);
        all.into_iter().filter(|(key, _)| *key != self.counts && known(key) && told(key)).collect()
    }
}

impl Row {
    /// Of a server that has not run.
    pub fn of(server: &str) -> Self {
        Self { server: server.to_owned(), rounds: Vec::new(), failures: Vec::new(), figure: None, ratio: None }
    }

    /// The median of one of its figures.
    pub fn median(&self, key: &str) -> Option<f64> {
        let figures = self.rounds.iter().flatten().filter_map(|figures| figures.get(key).copied());
        Spread::of(figures).map(|spread| spread.median)
    }
}

fn spread(spread: Spread) -> String {
    format!("{} ({} to {})", digits(spread.median), digits(spread.min), digits(spread.max))
}

/// A figure with about three digits that mean something.
pub fn digits(figure: f64) -> String {
    match figure.abs() {
        size if size >= 100.0 => format!("{figure:.0}"),
        size if size >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenarios::SCENARIOS;

    fn row(server: &str, figures: &[Option<f64>]) -> Row {
        let round = |figure: &Option<f64>| figure.map(|figure| Figures::from([("cpu_us".to_owned(), figure)]));
        let rounds = figures.iter().map(round).collect();
        Row { server: server.to_owned(), rounds, failures: Vec::new(), figure: None, ratio: None }
    }

    #[test]
    fn ratios_are_taken_round_by_round_and_goals_judged_by_their_median() {
        let scenario = SCENARIOS.iter().find(|scenario| scenario.name == "static-64k").unwrap();
        let table = Table::new(
            scenario,
            vec![
                row("lighttpd", &[Some(10.0), Some(40.0), Some(10.0)]),
                row("h2o", &[Some(20.0), Some(20.0), None]),
                row("wirelight serve", &[Some(9.0), Some(18.0), Some(11.0)]),
            ],
        );
        let order: Vec<_> = table.servers.iter().map(|row| row.server.as_str()).collect();
        assert_eq!(order, ["lighttpd", "wirelight serve", "h2o"]);
        assert_eq!(table.servers[0].ratio, Some(Spread { median: 0.9, min: 0.45, max: 1.1 }));
        // The third round does not count: one of the two was not measured.
        assert_eq!(table.goals[0].measured, Some(0.9));
        assert!(table.goals[0].met);
    }

    #[test]
    fn what_was_not_measured_is_not_reached() {
        let scenario = SCENARIOS.iter().find(|scenario| scenario.name == "static-10m").unwrap();
        let table = Table::new(scenario, vec![row("wirelight serve", &[Some(1.0)])]);
        assert_eq!((table.goals[0].measured, table.goals[0].met), (None, false));
    }
}
