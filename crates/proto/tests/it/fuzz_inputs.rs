//! The inputs that fuzzing started from and found, through the same functions.

use std::path::Path;

use wirelight_testkit::fuzz::TARGETS;

#[test]
fn saved_inputs_hold() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, target) in TARGETS {
        let folder = corpus.join(name);
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let paths: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
        assert!(paths.len() >= 10, "{name} has only {} inputs", paths.len());
        for path in paths {
            let data = std::fs::read(&path).expect("an input");
            let caught = std::panic::catch_unwind(|| target(&data));
            assert!(caught.is_ok(), "{} does not hold", path.display());
        }
    }
}
