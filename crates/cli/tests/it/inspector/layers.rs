//! The layers of a route, as the inspector tells of them.

use std::fs;
use std::io::{Read, Write};

use serde_json::Value;
use tempfile::TempDir;

use super::inspected;
use crate::process::{Listening, command, until};

const CONFIG: &str = r#"site "localhost" {
    listen "127.0.0.1:0"
    security-headers
    route "/old/{*rest}" {
        rewrite "/{rest}"
        header response { set "X-Way" "old" }
        compress
        files "."
    }
    route "/up" {
        timeout answer="5s"
        proxy "http://127.0.0.1:1"
    }
}
"#;

/// What the layers of the newest exchange are called, each with its line.
fn layers(entrance: &str, target: &str) -> Vec<(String, Option<String>)> {
    let filter = format!("~u {target}$");
    let detail = until("the exchange to be recorded", || {
        let told = command(&["why", "--json", "--filter", &filter, "--at", entrance]).output().unwrap();
        let detail: Value = serde_json::from_slice(&told.stdout).ok()?;
        (detail["summary"]["state"] == "done").then_some(detail)
    });
    let told = detail["layers"].as_array().unwrap().iter().map(|layer| {
        assert!(layer["in_us"].as_i64().unwrap() <= layer["out_us"].as_i64().unwrap(), "{layer}");
        let line = layer["place"].as_str().map(|place| place.split(" of ").next().unwrap().to_owned());
        (layer["name"].as_str().unwrap().to_owned(), line)
    });
    told.collect()
}

fn ask(server: &Listening, target: &str, status: &str) {
    let mut stream = server.connect();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
}

#[test]
fn each_layer_of_a_route_is_told_with_its_line_and_those_of_serve_without() {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("wirelight.kdl");
    fs::write(&config, CONFIG).unwrap();
    fs::write(folder.path().join("a.txt"), "hello").unwrap();
    let (gateway, entrance) = inspected(&["run", "--config", config.to_str().unwrap()]);
    let placed = |expected: &[(&str, usize)]| -> Vec<(String, Option<String>)> {
        let each = expected.iter();
        each.map(|(name, line)| ((*name).to_owned(), Some(format!("`{name}` at line {line}")))).collect()
    };
    ask(&gateway, "/old/a.txt", "200");
    let through = [("security-headers", 3), ("rewrite", 5), ("header", 6), ("compress", 7), ("files", 8)];
    assert_eq!(layers(&entrance, "/old/a.txt"), placed(&through));
    ask(&gateway, "/up", "502");
    assert_eq!(layers(&entrance, "/up"), placed(&[("security-headers", 3), ("timeout", 11), ("proxy", 12)]));

    let (server, entrance) = inspected(&["serve", folder.path().to_str().unwrap(), "--cors"]);
    ask(&server, "/a.txt", "200");
    assert_eq!(layers(&entrance, "/a.txt"), ["cors", "compress", "files"].map(|name| (name.to_owned(), None)));
}
