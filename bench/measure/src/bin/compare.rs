//! Runs servers side by side: `compare [OPTION...] [NAME...]`, with `bench/run` in front of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::thread::{CpuSet, sched_setaffinity};
use wirelight_bench::identity::Identity;
use wirelight_bench::machine::{Machine, first_line};
use wirelight_bench::measure::{self, Settings};
use wirelight_bench::report::{Comparison, Row, Table, digits};
use wirelight_bench::scenario::{Entrant, Part, Scenario};
use wirelight_bench::scenarios::SCENARIOS;
use wirelight_bench::server::{Places, Scratch};
use wirelight_bench::servers;
use wirelight_bench::shuffle::Chance;
use wirelight_bench::site;

/// The core that servers get.
const SERVER_CORE: usize = 0;
/// The core that the generator gets.
const GENERATOR_CORE: usize = 1;

/// How many scenarios a file of results is named after.
const NAMED_MAX: usize = 4;

const USAGE: &str = "bench/run [OPTION...] [SCENARIO or PART...]
Options: --rounds NUMBER (5), --seconds NUMBER (2), --seed NUMBER (from the time),
         --servers NAME,NAME... (all; the one under test always runs),
         --smoke (one round of a second each, nothing is kept), --list";

struct Options {
    scenarios: Vec<&'static Scenario>,
    servers: Option<Vec<String>>,
    rounds: usize,
    seconds: f64,
    seed: u64,
    smoke: bool,
}

fn main() -> io::Result<()> {
    let Some(options) = options(std::env::args().skip(1))? else { return Ok(()) };
    let machine = Machine::this();
    let mut only = CpuSet::new();
    only.set(GENERATOR_CORE);
    sched_setaffinity(None, &only).map_err(|_| io::Error::other("two cores are needed: one serves, one asks"))?;

    let scratch = Scratch::make()?;
    let places = places(&scratch)?;
    site::make(&places.root)?;
    let settings = Settings {
        server_core: SERVER_CORE,
        warm_up: Duration::from_secs_f64(options.seconds / 4.0),
        measured: Duration::from_secs_f64(options.seconds),
    };
    println!("seed {}", options.seed);
    let began = first_line("date", &["-u", "+%Y-%m-%d %H:%M"]);
    let mut chance = Chance::new(options.seed);
    let scenarios =
        options.scenarios.iter().map(|scenario| compare(scenario, &options, &places, &settings, &mut chance)).collect();
    let mut comparison = Comparison {
        began,
        seed: options.seed,
        rounds: options.rounds,
        warm_up_ms: settings.warm_up.as_millis() as u64,
        measured_ms: settings.measured.as_millis() as u64,
        machine,
        versions: Default::default(),
        scenarios,
    };
    for (scenario, table) in options.scenarios.iter().zip(&comparison.scenarios) {
        for entrant in scenario.entrants() {
            if table.servers.iter().any(|row| row.server == entrant.label) {
                let version = || servers::named(entrant.server).version(&places);
                comparison.versions.entry(entrant.server.to_owned()).or_insert_with(version);
            }
        }
    }
    let markdown = comparison.markdown();
    println!("\n{markdown}");
    if !options.smoke {
        keep(&comparison, &markdown, &options, &places.bench)?;
    }
    Ok(())
}

/// What is asked for; none if a text was asked for, which is printed.
fn options(mut arguments: impl Iterator<Item = String>) -> io::Result<Option<Options>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut options =
        Options { scenarios: Vec::new(), servers: None, rounds: 5, seconds: 2.0, seed: now.as_secs(), smoke: false };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| io::Error::other(format!("{argument} needs a value")));
        match argument.as_str() {
            "--rounds" => options.rounds = value()?.parse().map_err(io::Error::other)?,
            "--seconds" => options.seconds = value()?.parse().map_err(io::Error::other)?,
            "--seed" => options.seed = value()?.parse().map_err(io::Error::other)?,
            "--servers" => options.servers = Some(value()?.split(',').map(str::to_owned).collect()),
            "--smoke" => (options.smoke, options.rounds, options.seconds) = (true, 1, 1.0),
            "--list" => {
                for part in Part::ALL {
                    println!("{:20} {part}:", part.name());
                    let own = SCENARIOS.iter().filter(|scenario| scenario.part == part);
                    own.for_each(|scenario| println!("  {:18} {}", scenario.name, scenario.title));
                }
                return Ok(None);
            }
            "-h" | "--help" => {
                println!("{USAGE}");
                return Ok(None);
            }
            name => {
                let before = options.scenarios.len();
                let known = |scenario: &&Scenario| scenario.name == name || scenario.part.name() == name;
                options.scenarios.extend(SCENARIOS.iter().filter(known));
                if options.scenarios.len() == before {
                    return Err(io::Error::other(format!("no scenario {name}\n{USAGE}")));
                }
            }
        }
    }
    if options.scenarios.is_empty() {
        options.scenarios = SCENARIOS.iter().collect();
    }
    Ok(Some(options))
}

fn places(scratch: &Scratch) -> io::Result<Places> {
    let bench = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from);
    let built = std::env::current_exe()?.parent().map(PathBuf::from);
    Ok(Places {
        bench: bench.ok_or_else(|| io::Error::other("no folder"))?,
        built: built.ok_or_else(|| io::Error::other("no folder"))?,
        root: scratch.path().join("site"),
        identity: Identity::make(scratch.path())?,
        scratch: scratch.path().to_owned(),
    })
}

/// All rounds of one scenario.
fn compare(scenario: &Scenario, options: &Options, places: &Places, settings: &Settings, chance: &mut Chance) -> Table {
    println!("\n{}: {}", scenario.name, scenario.title);
    let wanted = |entrant: &Entrant| {
        let named = |names: &Vec<String>| names.iter().any(|name| name == entrant.server || name == entrant.label);
        entrant.label == scenario.subject || options.servers.as_ref().is_none_or(named)
    };
    let mut entrants: Vec<(Entrant, Row)> =
        scenario.entrants().into_iter().filter(wanted).map(|entrant| (entrant, Row::of(entrant.label))).collect();
    entrants.retain(|(entrant, _)| {
        let there = servers::named(entrant.server).is_there(places);
        if !there {
            println!("  {} is not there", entrant.label);
        }
        there
    });
    for round in 1..=options.rounds {
        let mut order: Vec<&mut (Entrant, Row)> = entrants.iter_mut().collect();
        chance.shuffle(&mut order);
        for (entrant, row) in order {
            let server = servers::named(entrant.server);
            let outcome = measure::run(scenario, entrant, server, places, settings);
            match &outcome {
                Ok(figures) => {
                    let figure = figures.get(scenario.counts.key()).copied().unwrap_or(f64::NAN);
                    let busy = figures.get("server_busy").map_or_else(String::new, |busy| format!(", {busy:.2} busy"));
                    println!(
                        "  round {round}: {:20} {:>10} {}{busy}",
                        row.server,
                        digits(figure),
                        scenario.counts.says()
                    );
                }
                Err(error) => {
                    println!("  round {round}: {:20} failed: {error}", row.server);
                    row.failures.push(format!("round {round}: {error}"));
                }
            }
            row.rounds.push(outcome.ok());
        }
    }
    Table::new(scenario, entrants.into_iter().map(|(_, row)| row).collect())
}

/// Writes the results where they are kept.
fn keep(comparison: &Comparison, markdown: &str, options: &Options, bench: &Path) -> io::Result<()> {
    let names: Vec<&str> = options.scenarios.iter().map(|scenario| scenario.name).collect();
    let name = match names.len() {
        all if all == SCENARIOS.len() => "all".to_owned(),
        1..=NAMED_MAX => names.join("+"),
        more => format!("{}+{}-more", names[0], more - 1),
    };
    let stem = format!("{}-{name}", comparison.began.replace(' ', "-").replace(':', ""));
    let folder = bench.join("results");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(format!("{stem}.json")), serde_json::to_string_pretty(comparison)? + "\n")?;
    fs::write(folder.join(format!("{stem}.md")), markdown)?;
    println!("kept as bench/results/{stem}.json and .md");
    Ok(())
}
