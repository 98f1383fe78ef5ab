//! The transcripts of RFC 9112, each whole, byte by byte and split at random (invariant 10).

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use wirelight_testkit::Split;
use wirelight_testkit::transcript::{read, run};

#[test]
fn every_transcript_says_the_same_however_it_is_split() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts/rfc9112");
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_nanos() as u64;
    let mut failures = Vec::new();
    let mut cases = 0;
    for entry in std::fs::read_dir(&folder).expect("the folder of transcripts") {
        let path = entry.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("a transcript");
        let name = path.file_name().expect("a name").to_string_lossy();
        for case in read(&text).unwrap_or_else(|why| panic!("{name}: {why}")) {
            cases += 1;
            let failed = Split::all(seed, 6).find_map(|split| run(&case, split).err());
            failures.extend(failed.map(|why| format!("{name}: {why}")));
        }
    }
    assert!(cases > 100, "only {cases} cases");
    assert!(failures.is_empty(), "{} cases failed:\n{}", failures.len(), failures.join("\n"));
}
