//! Secrets never get into what is kept: not as values, not in bytes, not by their length.

use base64::Engine as _;
use serde_json::Value;
use wirelight_inspect::Config;
use wirelight_proto::h2::PREFACE;
use wirelight_proto::h2::frame::{Frame, Headers};
use wirelight_proto::h2::hpack::Encoder;

use super::stage::Stage;

/// Everything that the desk tells, with the bytes in it decoded.
async fn all(stage: &Stage) -> String {
    let mut text = String::new();
    let list = stage.get("/api/exchanges").await;
    let connections = stage.get("/api/connections").await;
    let mut told = vec![stage.get("/api/har").await];
    for each in list["exchanges"].as_array().unwrap() {
        told.push(stage.get(&format!("/api/exchanges/{}", each["id"].as_str().unwrap())).await);
        let id = each["id"].as_str().unwrap();
        told.push(stage.get(&format!("/api/exchanges/{id}/as?form=curl")).await);
    }
    for each in connections["connections"].as_array().unwrap() {
        told.push(stage.get(&format!("/api/connections/{}", each["id"])).await);
    }
    told.extend([list, connections]);
    for value in &told {
        text.push_str(&value.to_string());
        decode(value, &mut text);
    }
    text
}

/// Appends what the `bytes` in a value stand for.
fn decode(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if let (true, Some(coded)) = (name == "bytes", member.as_str()) {
                    let bytes = base64::engine::general_purpose::STANDARD.decode(coded).unwrap();
                    text.extend(bytes.iter().map(|&byte| char::from(byte)));
                }
                decode(member, text);
            }
        }
        Value::Array(members) => members.iter().for_each(|member| decode(member, text)),
        _ => {}
    }
}

#[tokio::test]
async fn in_http1() {
    let stage = Stage::new(Config::default());
    for head in [
        "GET /?token=SECRET HTTP/1.1\r\nHost: a.test\r\nAuthorization: Basic SECRET\r\nCookie: a=SECRET\r\nProxy-Authorization: SECRET\r\n\r\n",
        "GET http://u:SECRET@a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nBad Field: x\r\nCookie: SECRET\r\nauthorization:SECRET\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nCookie: SECRET\r\n\tSECRET\r\n\r\n",
    ] {
        stage.say(head).await;
    }
    let text = all(&stage).await;
    assert!(!text.contains("SECRET"), "{}", &text[text.find("SECRET").unwrap().saturating_sub(300)..]);
    assert!(text.contains("•••"));
}

#[tokio::test]
async fn of_a_name_that_the_config_gives() {
    let mut config = Config::default();
    config.hidden_fields.push("x-key".parse().unwrap());
    config.hidden_parameters.push("q".to_owned());
    let stage = Stage::new(config);
    stage.say("GET /?q=SECRET&r=seen HTTP/1.1\r\nHost: a.test\r\nX-Key: SECRET\r\nX-Keys: seen\r\n\r\n").await;
    let text = all(&stage).await;
    assert!(!text.contains("SECRET") && text.contains("r=seen") && text.contains("X-Keys"));
}

#[tokio::test]
async fn in_field_blocks_of_http2_and_their_lengths_with_them() {
    let mut lengths = Vec::new();
    for secret in ["SECRET-that-is-not-short", "SECRET-that-is-much-longer-than-the-other-was"] {
        let stage = Stage::new(Config::default());
        let mut bytes = PREFACE.to_vec();
        // Settings, all of them at their defaults.
        bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
        let mut encoder = Encoder::new(4096);
        for stream in [1, 3, 5] {
            let mut block = Vec::new();
            encoder.begin(&mut block);
            encoder.method(&http::Method::GET, &mut block);
            encoder.scheme("http", &mut block);
            encoder.authority("a.test", &mut block);
            encoder.path(&format!("/?a=b&token={secret}"), &mut block);
            let value = |text: &str| http::HeaderValue::from_str(text).unwrap();
            encoder.field(&http::header::COOKIE, &value(secret), &mut block);
            encoder.field(&http::header::AUTHORIZATION, &value(&format!("Bearer {secret}")), &mut block);
            encoder.field(&http::header::ACCEPT, &value("text/html"), &mut block);
            // The second is split into a frame and its continuation.
            let middle = if stream == 3 { block.len() / 2 } else { block.len() };
            let (first, rest) = block.split_at(middle);
            let end_headers = rest.is_empty();
            let headers =
                Headers { stream, end_stream: true, end_headers, fragment: first, dependency: None, padding: None };
            Frame::Headers(headers).write(&mut bytes);
            if !end_headers {
                let rest = wirelight_proto::h2::frame::Continuation { stream, end_headers: true, fragment: rest };
                Frame::Continuation(rest).write(&mut bytes);
            }
        }
        stage.say(&bytes).await;
        let list = stage.get("/api/exchanges").await;
        assert_eq!(list["exchanges"].as_array().unwrap().len(), 3, "{list:#}");
        let text = all(&stage).await;
        assert!(!text.contains("SECRET"), "{}", &text[text.find("SECRET").unwrap().saturating_sub(300)..]);
        let detail = stage.get("/api/exchanges/1-1").await;
        assert_eq!(detail["summary"]["target"], "/?a=b&token=********");
        assert_eq!(detail["summary"]["version"], "HTTP/2");
        assert_eq!(detail["summary"]["stream"], 1);
        assert_eq!(detail["response"]["content"]["text"], "Hello, world!");
        let cookie = detail["request"]["fields"].as_array().unwrap().iter().find(|field| field["name"] == "cookie");
        assert_eq!(cookie.unwrap()["redacted"], true);
        let pieces = detail["wire"].as_array().unwrap();
        lengths.push(pieces.iter().map(|piece| piece["length"].as_u64().unwrap()).collect::<Vec<_>>());
        let kinds: Vec<_> = pieces[0]["spans"].as_array().unwrap().iter().map(|span| &span["kind"]).collect();
        assert!(kinds.iter().any(|kind| **kind == "hpack-indexed"), "{kinds:?}");
        let connection = stage.get("/api/connections/1").await;
        let types: Vec<_> = connection["frames"].as_array().unwrap().iter().map(|frame| &frame["type"]).collect();
        assert!(types.iter().any(|kind| **kind == "CONTINUATION") && types.iter().any(|kind| **kind == "SETTINGS"));
    }
    assert_eq!(lengths[0], lengths[1], "how long a secret was can be told");
}
