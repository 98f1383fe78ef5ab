//! Everything the fuzzer of configs has begun with, or found, again.

use std::fs;
use std::path::Path;

use crate::config_property::config;

#[test]
fn what_must_hold_of_every_config_holds_of_those_that_were_kept() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/config");
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
        config(&fs::read(entry.path()).unwrap());
        count += 1;
    }
    assert!(count >= 8, "{count} inputs in {}", folder.display());
}
