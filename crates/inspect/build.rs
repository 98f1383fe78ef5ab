//! Makes the table of the page's files, so that none can be forgotten.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    // Asked when it runs: a checkout may have moved since this was compiled.
    let crate_folder = env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where");
    let folder = Path::new(&crate_folder).join("page");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut names: Vec<String> = fs::read_dir(&folder)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.') && !name.ends_with('~'))
        .filter(|name| folder.join(name).is_file())
        .collect();
    names.sort();
    let mut table = String::from("&[\n");
    for name in names {
        let path = folder.join(&name);
        writeln!(table, "    ({name:?}, include_bytes!({path:?})),").expect("a string takes everything");
    }
    table.push_str("]\n");
    let made = env::var_os("OUT_DIR").expect("cargo says where");
    fs::write(Path::new(&made).join("page.rs"), table)
}
