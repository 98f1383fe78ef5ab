//! Data that others published: header blocks of other encoders, and frames with what they mean.
//!
//! The files stay beside the project. Where they are not there, the tests say so and leave them out; the tables of
//! the engine's own tests cover the same ground.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use wirelight_proto::h2::Fault;
use wirelight_proto::h2::frame::{Frame, HEAD_LENGTH, Head, PAYLOAD_DEFAULT_MAX};
use wirelight_proto::h2::hpack::{Decoder, Encoder, Field, Sink};
use wirelight_testkit::Random;

fn data(folder: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(folder);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("left out: there is no {}", folder.display());
    None
}

fn files(folder: &Path) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read_to_string(&path).expect("a file");
            found.push((path.display().to_string(), serde_json::from_str(&text).expect("JSON")));
        }
    }
    found
}

/// Names and values.
type Lines = Vec<(Vec<u8>, Vec<u8>)>;

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[derive(Default)]
struct Fields(Lines);

impl Sink for Fields {
    fn admits(&mut self, _: usize) -> bool {
        true
    }

    fn field(&mut self, field: Field) {
        self.0.push((field.name().as_bytes().to_vec(), field.value().to_vec()));
    }
}

fn fields(list: &Value) -> Lines {
    let pairs = list.as_array().into_iter().flatten().flat_map(|field| field.as_object().expect("a field"));
    pairs.map(|(name, value)| (name.clone().into_bytes(), value.as_str().expect("text").into())).collect()
}

#[test]
fn header_blocks_of_other_encoders_decode() {
    let Some(folder) = data("hpack") else { return };
    let stories = files(&folder);
    let mut count = 0;
    for (path, story) in &stories {
        let mut decoder = Decoder::default();
        for case in story["cases"].as_array().expect("cases") {
            if let Some(bytes_max) = case["header_table_size"].as_u64() {
                decoder.limit_table(bytes_max as usize);
            }
            let mut decoded = Fields::default();
            let wire = hex(case["wire"].as_str().expect("wire"));
            decoder.decode(&wire, &mut decoded).unwrap_or_else(|error| panic!("{path}: {error:?}"));
            assert_eq!(decoded.0, fields(&case["headers"]), "{path} {}", case["seqno"]);
            count += 1;
        }
    }
    assert!(stories.len() > 40 && count > 500, "{} stories, {count} blocks", stories.len());
}

fn read(wire: &[u8]) -> Result<(Head, Vec<u8>, String), Fault> {
    let head = Head::read(wire).expect("a head");
    let frame = Frame::read(head, &wire[HEAD_LENGTH..])?;
    let mut again = Vec::new();
    frame.write(&mut again);
    Ok((head, again, format!("{frame:?}")))
}

#[test]
fn frames_mean_what_others_say() {
    let Some(folder) = data("h2-frames") else { return };
    let cases = files(&folder);
    for (path, case) in &cases {
        let wire = hex(case["wire"].as_str().expect("wire"));
        let outcome = read(&wire);
        if case["error"].is_null() {
            let (head, again, debug) = outcome.unwrap_or_else(|fault| panic!("{path}: {fault:?}"));
            let expected = &case["frame"];
            assert_eq!(head.length as u64, expected["length"], "{path}");
            assert_eq!(head.kind, expected["type"], "{path}");
            assert_eq!(head.flags, expected["flags"], "{path}");
            assert_eq!(head.stream, expected["stream_identifier"], "{path}");
            // Their padding is text; ours is zeros.
            let padding = expected["frame_payload"]["padding_length"].as_u64().unwrap_or(0) as usize;
            assert_eq!(again[..again.len() - padding], wire[..wire.len() - padding], "{path}: {debug}");
            continue;
        }
        let codes: Vec<u64> = case["error"].as_array().expect("codes").iter().filter_map(Value::as_u64).collect();
        let head = Head::read(&wire).expect("a head");
        let code = match outcome {
            Err(fault) => u64::from(fault.code.0),
            // The length is judged before the payload has come.
            Ok(_) if head.length > PAYLOAD_DEFAULT_MAX => 6,
            Ok((.., debug)) => panic!("{path}: {debug}"),
        };
        assert!(codes.contains(&code), "{path}: {code} of {codes:?}");
    }
    assert!(cases.len() > 30, "{}", cases.len());
}

/// Decodes every block with the hpack package, and sends back what it made of them and how it would write the same.
const PYTHON: &str = "
import json, sys
import hpack
decoder, encoder = hpack.Decoder(), hpack.Encoder()
decoder.max_header_list_size = 1 << 20
lists = []
for case in json.load(sys.stdin):
    if case['table'] is not None:
        decoder.max_allowed_table_size = case['table']
        encoder.header_table_size = case['table']
    fields = decoder.decode(bytes.fromhex(case['wire']), raw=True)
    lists.append({'fields': [[name.hex(), value.hex()] for name, value in fields], 'wire': encoder.encode(fields).hex()})
json.dump(lists, sys.stdout)
";

#[test]
fn what_the_encoder_writes_python_reads_and_the_other_way_round() {
    let found = Command::new("python3").args(["-c", "import hpack"]).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        println!("left out: python3 has no hpack package");
        return;
    }
    let (cases, expected) = cases();
    let mut python = Command::new("python3")
        .args(["-c", PYTHON])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let input = python.stdin.take().expect("an input");
    serde_json::to_writer(input, &cases).expect("python3 reads");
    let output = python.wait_with_output().expect("python3 ends");
    let lists: Vec<Value> = serde_json::from_slice(&output.stdout).expect("python3 answers");
    assert_eq!(lists.len(), expected.len());
    let mut decoder = Decoder::default();
    for (at, (list, expected)) in lists.iter().zip(&expected).enumerate() {
        let pairs = list["fields"].as_array().expect("fields").iter();
        let fields: Vec<_> =
            pairs.map(|pair| (hex(pair[0].as_str().unwrap()), hex(pair[1].as_str().unwrap()))).collect();
        assert_eq!(&fields, expected, "block {at} read by python");
        if let Some(bytes_max) = cases[at]["table"].as_u64() {
            decoder.limit_table(bytes_max as usize);
        }
        let mut decoded = Fields::default();
        decoder.decode(&hex(list["wire"].as_str().unwrap()), &mut decoded).expect("a valid block");
        assert_eq!(&decoded.0, expected, "block {at} read by us");
    }
}

/// Blocks of our encoder with what they stand for, over a table that is resized now and then.
fn cases() -> (Vec<Value>, Vec<Lines>) {
    let names = ["server", "x-custom", "cookie", "etag", "content-type", "x-another-name", "date", "authorization"];
    let mut random = Random::new(7541);
    let mut encoder = Encoder::new(1 << 16);
    let (mut cases, mut expected) = (Vec::new(), Vec::new());
    for round in 0..400usize {
        let table = (round % 60 == 59).then(|| [0, 100, 4096, 20_000][random.below(4)]);
        if let Some(bytes_max) = table {
            encoder.limit_table(bytes_max);
        }
        let (mut block, mut list) = (Vec::new(), Vec::new());
        encoder.begin(&mut block);
        let method = ["GET", "POST", "PATCH"][random.below(3)];
        encoder.method(&Method::from_bytes(method.as_bytes()).unwrap(), &mut block);
        list.push((b":method".to_vec(), method.into()));
        let path = format!("/{}", random.below(50));
        encoder.path(&path, &mut block);
        list.push((b":path".to_vec(), path.into_bytes()));
        for _ in 0..random.below(8) {
            let name = names[random.below(names.len())];
            let length = [1, 5, 40, 300][random.below(4)];
            let alphabet = [32..127, 48..58, 128..256][random.below(3)].clone();
            let value: Vec<u8> =
                (0..random.below(length)).map(|_| (alphabet.start + random.below(alphabet.len())) as u8).collect();
            let mut typed = HeaderValue::from_bytes(&value).expect("a value");
            typed.set_sensitive(random.below(10) == 0);
            encoder.field(&HeaderName::from_static(name), &typed, &mut block);
            list.push((name.into(), value));
        }
        let wire: String = block.iter().map(|byte| format!("{byte:02x}")).collect();
        cases.push(json!({ "wire": wire, "table": table }));
        expected.push(list);
    }
    (cases, expected)
}
