//! Metrics, as Prometheus reads them from the admin listener.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::proxy::{Front, OK, PATIENCE, Scripted, request, status, well};

/// A gateway whose admin listener is on a port of its own.
fn front(routes: &str) -> (Front, u16) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config =
        format!("admin \"127.0.0.1:{port}\"\nsite \"a.test\" \"b.test\" {{ listen \"127.0.0.1:0\"\n{routes}\n}}");
    (Front::run(&config), port)
}

fn ask(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(status(&answer), 200, "{answer}");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[test]
fn durations_are_told_by_route_and_by_server_under_the_names_of_opentelemetry() {
    let server = Scripted::start(|_, stream| well(stream));
    let broken = Scripted::start(|_, mut stream| {
        request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").unwrap();
    });
    let routes = format!(
        "route \"/api/{{*rest}}\" name=api {{ proxy \"http://{}\" }}\n\
         route \"/broken\" name=broken {{ proxy \"http://{}\" }}\n\
         route \"/down\" {{ proxy \"http://127.0.0.1:1\" }}\nroute name=rest {{ respond status=404 }}",
        server.address, broken.address
    );
    let (front, port) = front(&routes);
    let send =
        |line: &str| front.send(format!("{line} HTTP/1.1\r\nHost: b.test\r\nConnection: close\r\n\r\n").as_bytes());
    for line in
        ["GET /api/secret-path?token=x", "GET /api/other", "BREW /api/tea", "GET /broken", "GET /down", "GET /zz"]
    {
        send(line);
    }
    let text = ask(port, "/metrics");
    let on = |site_route: &str| format!("wirelight_site=\"a.test\",http_route=\"{site_route}\"");
    let port_of = |server: &Scripted| server.address.port();
    let of = |upstream: &Scripted| {
        let port = port_of(upstream);
        format!("wirelight_upstream=\"http://127.0.0.1:{port}\",server_address=\"127.0.0.1\",server_port=\"{port}\"")
    };
    let server_name = "http_server_request_duration_seconds_count";
    let client_name = "http_client_request_duration_seconds_count";
    for line in [
        format!("{server_name}{{http_request_method=\"GET\",http_response_status_code=\"200\",{}}} 2", on("api")),
        format!("{server_name}{{http_request_method=\"_OTHER\",http_response_status_code=\"200\",{}}} 1", on("api")),
        format!(
            "{server_name}{{http_request_method=\"GET\",http_response_status_code=\"200\",error_type=\"broken_off\",{}}} 1",
            on("broken")
        ),
        format!(
            "{server_name}{{http_request_method=\"GET\",http_response_status_code=\"502\",error_type=\"502\",{}}} 1",
            on("/down")
        ),
        format!("{server_name}{{http_request_method=\"GET\",http_response_status_code=\"404\",{}}} 1", on("rest")),
        format!("http_server_active_requests{{{}}} 0", on("api")),
        format!("{client_name}{{http_request_method=\"GET\",http_response_status_code=\"200\",{}}} 2", of(&server)),
        format!("http_client_active_requests{{{}}} 0", of(&server)),
        "wirelight_reloads_total{outcome=\"done\"} 0".to_owned(),
    ] {
        assert!(text.lines().any(|known| known == line), "{line}\n{text}");
    }
    let down = "wirelight_upstream=\"http://127.0.0.1:1\",server_address=\"127.0.0.1\",server_port=\"1\"";
    let unreachable = format!("{client_name}{{http_request_method=\"GET\",error_type=\"unreachable\",{down}}}");
    assert!(text.lines().any(|line| line.starts_with(&unreachable)), "{unreachable}\n{text}");
    for secret in ["secret-path", "token", "b.test", "/zz", "BREW"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    is_well_formed(&text);
}

/// Every line is a comment or a sample, every family is described once and before its samples, no sample stands twice,
/// and buckets grow to the count.
fn is_well_formed(text: &str) {
    let (mut described, mut seen) = (HashSet::new(), HashSet::new());
    let mut last: Option<(String, u64)> = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert!(described.insert(rest.split(' ').next().unwrap().to_owned()), "{line}");
            continue;
        }
        if line.starts_with("# HELP ") {
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(seen.insert(series.to_owned()), "{line} stands twice");
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(described.contains(family) || described.contains(name), "{line} is not described");
        if name.ends_with("_bucket") {
            let (of, _) = labels.split_once("le=").unwrap();
            let count: u64 = value.parse().unwrap();
            if let Some((before, less)) = &last
                && *before == format!("{name}{of}")
            {
                assert!(*less <= count, "{line}");
            }
            last = Some((format!("{name}{of}"), count));
        }
    }
}

#[test]
fn what_is_under_way_is_told() {
    let server = Scripted::start(|_, mut stream| {
        request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n").unwrap();
        // It goes on until the client has gone.
        let _ = stream.read(&mut [0]);
    });
    let (front, port) = front(&format!("route \"/live\" name=live {{ proxy \"http://{}\" }}", server.address));
    let mut stream = TcpStream::connect(front.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /live?token=SECRET HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("2\r\nok\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        seen.push(byte[0]);
    }
    let status: serde_json::Value = serde_json::from_str(&ask(port, "/status")).unwrap();
    let streams = status["streams"].as_array().unwrap();
    assert_eq!(streams.len(), 1, "{status}");
    assert_eq!((&streams[0]["route"], &streams[0]["target"]), (&"live".into(), &"/live?token=***".into()));
    assert_eq!(status["listeners"][0]["connections"], 1);
    let text = ask(port, "/metrics");
    assert!(text.contains("http_server_active_requests{wirelight_site=\"a.test\",http_route=\"live\"} 1\n"), "{text}");
    let open = "http_client_open_connections{http_connection_state=\"active\",";
    assert!(text.lines().any(|line| line.starts_with(open) && line.ends_with(" 1")), "{text}");
    assert_eq!(OK.len(), 40, "the answer of a good server is what other tests count on");
}
