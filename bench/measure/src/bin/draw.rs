//! Draws the newest results: `bench/results/*.json` becomes `bench/results/latest.svg`.

use std::fs;
use std::io;
use std::path::Path;

use wirelight_bench::draw;
use wirelight_bench::report::Comparison;
use wirelight_bench::scenarios::SCENARIOS;

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("results");
    let mut comparisons = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let comparison: Comparison = serde_json::from_str(&fs::read_to_string(&path)?)?;
            comparisons.push(comparison);
        }
    }
    let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    let tables = draw::newest(&comparisons, &names);
    if tables.is_empty() {
        return Err(io::Error::other("there are no results to draw"));
    }
    let picture = folder.join("latest.svg");
    fs::write(&picture, draw::svg(&tables))?;
    println!("{} scenarios drawn as {}", tables.len(), picture.display());
    Ok(())
}
