//! What responses say of the time that they took, and of servers that could not be asked.

use std::io::Write;

use crate::proxy::{Front, Scripted, request, well};

/// The value of a field, each time it is there, in order.
fn values<'a>(answer: &'a str, name: &str) -> Vec<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap();
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

/// The names of the metrics, each of which but `why` says how long it took.
fn metrics(value: &str) -> Vec<&str> {
    let told = value.split_once(", why;").map_or(value, |(told, _)| told);
    let named = told.split(", ").map(|metric| {
        let (name, parameters) = metric.split_once(";dur=").unwrap_or_else(|| panic!("{metric} took no time"));
        let took: f64 = parameters.split(';').next().unwrap().parse().unwrap();
        assert!((0.0..60_000.0).contains(&took), "{metric}");
        name
    });
    named.collect()
}

#[test]
fn responses_tell_their_times_where_the_config_says_so() {
    let server = Scripted::start(|_, stream| well(stream));
    let telling = Scripted::start(|_, mut stream| {
        request(&mut stream);
        let head = "HTTP/1.1 200 OK\r\nServer-Timing: db;dur=5\r\nCache-Status: a; hit\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
    });
    let config = format!(
        "site \"a.test\" {{ listen \"127.0.0.1:0\"\nserver-timing\n\
         route \"/up\" {{ compress; proxy \"http://{}\" }}\n\
         route \"/telling\" {{ proxy \"http://{}\" }}\n\
         route \"/down\" {{ proxy \"http://127.0.0.1:1\" }}\n\
         route \"/quiet\" {{ respond }} }}\n\
         site \"b.test\" {{ listen \"127.0.0.1:0\"\n\
         route \"/down\" {{ server-timing reasons=#false; proxy \"http://127.0.0.1:1\" }}\n\
         route \"/quiet\" {{ respond }} }}",
        server.address, telling.address
    );
    let front = Front::run(&config);
    let send = |site: &str, path: &str| {
        front.send(format!("GET {path} HTTP/1.1\r\nHost: {site}\r\nConnection: close\r\n\r\n").as_bytes())
    };
    for (site, path, expected) in [
        ("a.test", "/up", "routed compress proxy connect upstream total"),
        ("a.test", "/up", "routed compress proxy upstream total"),
        ("a.test", "/quiet", "routed respond total"),
        ("a.test", "/nowhere", "total"),
        ("b.test", "/down", "proxy upstream upstream total"),
    ] {
        let answer = send(site, path);
        let told = values(&answer, "server-timing");
        assert_eq!(told.len(), 1, "{path}: {answer}");
        assert_eq!(metrics(told[0]).join(" "), expected, "{path}: {answer}");
    }
    assert_eq!(values(&send("b.test", "/quiet"), "server-timing"), [""; 0], "the config does not say so there");

    let answer = send("a.test", "/telling");
    let told = values(&answer, "server-timing");
    assert_eq!((told.len(), told[0]), (2, "db;dur=5"), "what the server says stays before it: {answer}");
    assert_eq!(values(&answer, "cache-status"), ["a; hit"], "and what its cache says");

    let answer = send("a.test", "/down");
    let told = values(&answer, "server-timing")[0];
    assert!(told.contains(", why;desc=\"502 Bad Gateway: "), "{answer}");
    assert!(values(&answer, "proxy-status")[0].contains("; error=connection_refused; "), "{answer}");
    let quiet = send("b.test", "/down");
    assert!(!values(&quiet, "server-timing")[0].contains("why"), "{quiet}");
}
