//! The files that are served: made anew for each comparison, the same bytes each time.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

/// The path of the file of 13 bytes.
pub const HELLO: &str = "/hello.txt";
/// The path of the file of 1 KiB.
pub const ONE_KIBIBYTE: &str = "/1k.txt";
/// The path of the file of 64 KiB.
pub const SIXTY_FOUR_KIBIBYTES: &str = "/64k.txt";
/// The path of 1 MiB.
pub const ONE_MEBIBYTE: &str = "/1m.txt";
/// The path of the file of 10 MiB.
pub const TEN_MEBIBYTES: &str = "/10m.bin";
/// The path of 100 KB of JSON.
pub const JSON: &str = "/data.json";
/// The path of 10 MB of JSON.
pub const LARGE_JSON: &str = "/large.json";
/// The path of the file of 1 GiB, which takes no room: it has never been written to.
pub const ONE_GIBIBYTE: &str = "/1g.bin";
/// How long the file of 1 GiB is, in bytes.
pub const ONE_GIBIBYTE_BYTES: u64 = 1 << 30;
/// How much of JSON there is at [`JSON`], in bytes.
pub const JSON_BYTES: usize = 100_000;
/// How much of JSON there is at [`LARGE_JSON`], in bytes.
pub const LARGE_JSON_BYTES: usize = 10_000_000;

/// Writes the files into a folder.
pub fn make(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let file = |path: &str, content: &[u8]| fs::write(folder.join(path.trim_start_matches('/')), content);
    file(HELLO, b"Hello, world!")?;
    file(ONE_KIBIBYTE, &text(1 << 10))?;
    file(SIXTY_FOUR_KIBIBYTES, &text(64 << 10))?;
    file(ONE_MEBIBYTE, &text(1 << 20))?;
    file(TEN_MEBIBYTES, &text(10 << 20))?;
    fs::File::create(folder.join(ONE_GIBIBYTE.trim_start_matches('/')))?.set_len(ONE_GIBIBYTE_BYTES)?;
    file(JSON, json(JSON_BYTES).as_bytes())?;
    file(LARGE_JSON, json(LARGE_JSON_BYTES).as_bytes())
}

/// So many bytes of text.
pub fn text(length: usize) -> Vec<u8> {
    b"The quick brown fox jumps over the lazy dog. \n".iter().copied().cycle().take(length).collect()
}

/// Records as an API lists them, with enough that differs for compression to be work.
fn json(length: usize) -> String {
    const FIRST: [&str; 16] = [
        "Ada",
        "Alan",
        "Barbara",
        "Claude",
        "Donald",
        "Edsger",
        "Frances",
        "Grace",
        "Hedy",
        "John",
        "Katherine",
        "Leslie",
        "Margaret",
        "Niklaus",
        "Radia",
        "Tim",
    ];
    const WORDS: [&str; 24] = [
        "lorem",
        "ipsum",
        "dolor",
        "amet",
        "consectetur",
        "adipiscing",
        "elit",
        "tempor",
        "incididunt",
        "labore",
        "magna",
        "aliqua",
        "veniam",
        "nostrud",
        "exercitation",
        "ullamco",
        "laboris",
        "nisi",
        "commodo",
        "consequat",
        "aute",
        "irure",
        "reprehenderit",
        "voluptate",
    ];
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut draw = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut json = String::with_capacity(length + 512);
    json.push('[');
    let mut id = 0;
    while json.len() < length {
        id += 1;
        let name = FIRST[draw(16) as usize];
        let words: Vec<&str> = (0..4 + draw(6)).map(|_| WORDS[draw(24) as usize]).collect();
        let _ = write!(
            json,
            r#"{{"id":{id},"name":"{name}","email":"{}{}@example.org","active":{},"balance":{}.{:02},"token":"{:016x}","note":"{}"}},"#,
            name.to_lowercase(),
            draw(10_000),
            draw(2) == 0,
            draw(100_000),
            draw(100),
            draw(u64::MAX),
            words.join(" "),
        );
    }
    // The last record becomes a string, so that the length is exact and the JSON valid.
    json.truncate(length);
    let cut = json.rfind(r#"{"id""#).unwrap_or(1);
    let filler = length - cut - 3;
    json.truncate(cut);
    json.push('"');
    json.extend(std::iter::repeat_n('x', filler));
    json.push_str("\"]");
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_is_valid_and_as_long_as_it_says() {
        for length in [JSON_BYTES, 5000, 5001] {
            let json = json(length);
            assert_eq!(json.len(), length);
            let records: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
            assert!(records.len() > 20);
        }
    }
}
