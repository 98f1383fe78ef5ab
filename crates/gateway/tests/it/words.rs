//! The words of the config that say who may pass and where to: what each comes to, and what is wrong with each.

use super::config::{HASH, compare, read, route};

/// What the words of an upstream come to, of those that are not there by default.
fn upstream(words: &str) -> Result<String, String> {
    let text = format!(
        "upstream u {{\nserver \"http://a.test\"\n{words}\n}}\nsite default {{ listen \":1\"; route {{ proxy u }} }}"
    );
    let shown = read(&text)?.to_string();
    let plain = read("upstream u { server \"http://a.test\" }\nsite default { listen \":1\"; route { proxy u } }")?;
    let plain = plain.to_string();
    let more = shown.lines().filter(|line| !plain.lines().any(|known| known == *line)).map(str::trim);
    Ok(more.collect::<Vec<_>>().join("\n"))
}

#[test]
fn each_word_comes_to_its_plan() {
    let hidden = |user: &str| format!("user \"{user}\" \"(hidden)\"");
    for (words, expected) in [
        (
            format!("basic-auth realm=staff {{ user anna \"{HASH}\"; file users }}"),
            format!("basic-auth realm=\"staff\" {{\n{}\n{}\n}}", hidden("anna"), hidden("carl")),
        ),
        (
            "basic-auth proxy=#true { file users }".to_owned(),
            format!("basic-auth realm=\"restricted\" proxy=#true {{\n{}\n}}", hidden("carl")),
        ),
        (
            "forward-auth \"http://127.0.0.1:9091/verify?a=b\"".to_owned(),
            "forward-auth \"http://127.0.0.1:9091/verify?a=b\" timeout=\"5s\"".to_owned(),
        ),
        (
            "forward-auth \"http://127.0.0.1:9091\" timeout=\"1s\" { copy Remote-User Remote-Groups }".to_owned(),
            "forward-auth \"http://127.0.0.1:9091/\" timeout=\"1s\" {\ncopy \"remote-user\" \"remote-groups\"\n}"
                .to_owned(),
        ),
    ] {
        let found = route(&format!("{words}\nrespond")).unwrap_or_else(|faults| panic!("{words}: {faults}"));
        let rest = "\nrespond \"\" status=200 type=\"text/plain; charset=utf-8\"";
        assert_eq!(found.strip_suffix(rest).unwrap_or(&found), expected, "{words}");
    }
    assert_eq!(
        route("connect idle=\"1m\" { allow \"api.example:443\" \"*.a.test:*\"; allow \"10.0.0.0/8:22\" }").unwrap(),
        "connect timeout=\"10s\" idle=\"1m\" {\nallow \"api.example:443\" \"*.a.test:*\" \"10.0.0.0/8:22\"\n}"
    );
}

#[test]
fn each_word_of_an_upstream_comes_to_its_plan() {
    for (words, expected) in [
        ("sticky", "sticky cookie=\"wirelight-server\""),
        ("sticky cookie=srv max-age=\"1h\"", "sticky cookie=\"srv\" max-age=\"1h\""),
        ("slow-start \"30s\"", "slow-start \"30s\""),
        ("resolver \"127.0.0.1\" \"[::1]:5353\" \"::1\"", "resolver \"127.0.0.1:53\" \"[::1]:5353\" \"[::1]:53\""),
        ("proxy-protocol v1", "proxy-protocol v1"),
        ("proxy-protocol v2", "proxy-protocol v2"),
        ("breaker", "breaker percent=50 requests=20 within=\"10s\" for=\"5s\" trials=3"),
        (
            "breaker percent=25 requests=4 within=\"1m\" for=\"250ms\" trials=1",
            "breaker percent=25 requests=4 within=\"1m\" for=\"250ms\" trials=1",
        ),
    ] {
        assert_eq!(upstream(words).unwrap_or_else(|faults| panic!("{words}: {faults}")), expected, "{words}");
    }
    let shown = upstream("sticky key=\"sticky.key\"").unwrap();
    assert!(
        shown.starts_with("sticky cookie=\"wirelight-server\" key=\"/") && shown.ends_with("/sticky.key\""),
        "{shown}"
    );
}

#[test]
fn each_word_has_its_faults() {
    let mut wrong = String::new();
    for (words, expected) in [
        ("basic-auth; respond", "2:1 `basic-auth` lets nobody in"),
        ("basic-auth x { file users }; respond", "2:12 `basic-auth` takes no argument (this one is too many)"),
        ("basic-auth { usr a b }; respond", "2:14 `usr` is no word in `basic-auth` (did you mean `user`?)"),
        (
            "basic-auth { user anna }; respond",
            "2:14 `user` needs the hash of a password: `wirelight hash-password` makes one",
        ),
        (
            "basic-auth { user anna secret }; respond",
            "2:24 this is no hash of argon2 or bcrypt: `wirelight hash-password` makes one",
        ),
        (
            "basic-auth { user anna \"$apr1$a$b\" }; respond",
            "2:24 this hash is broken too easily: `wirelight hash-password` makes one",
        ),
        ("basic-auth { file users; file users }; respond", "2:26 there are two users `carl`"),
        (
            "basic-auth { file nowhere }; respond",
            "2:19 DIR/nowhere cannot be read: No such file or directory (os error 2)",
        ),
        (
            "basic-auth { file plain }; respond",
            "2:19 DIR/plain, line 1: this is no hash of argon2 or bcrypt: `wirelight hash-password` makes one",
        ),
        (
            "basic-auth realm=\"a\\nb\" { file users }; respond",
            "2:18 a realm is shown to people, and holds no control characters",
        ),
        (
            "forward-auth; respond",
            "2:1 `forward-auth` needs a URL such as \"http://127.0.0.1:9091/verify\" (a URL such as \"http://127.0.0.1:9091/verify\" is missing)",
        ),
        (
            "forward-auth \"/verify\"; respond",
            "2:14 `://` is no server such as http://127.0.0.1:3000, https://example.org or unix:/run/app.sock",
        ),
        ("forward-auth \"http://a/b\" { copy Host }; respond", "2:34 `host` is not for another server to say"),
        ("connect", "2:1 `connect` leads nowhere"),
        (
            "connect { allow \"api.example\" }",
            "2:17 `api.example` is no destination such as api.example:443, *:443 or 10.0.0.0/8:5432",
        ),
        (
            "connect { allow \"10.0.0.1/8:80\" }",
            "2:17 `10.0.0.1/8` has bits beyond its prefix: the network is 10.0.0.0/8",
        ),
        ("connect { alow \"*:443\" }", "2:11 `alow` is no word in `connect` (did you mean `allow`?)"),
    ] {
        let text = format!("site default {{ listen \":1\"; route \"/{{id}}\" {{\n{words}\n}} }}");
        compare(&mut wrong, &text, expected);
    }
    for (words, expected) in [
        ("sticky cookie=\"a b\"", "2:15 `a b` is no name of a cookie"),
        (
            "sticky key=\"short.key\"",
            "2:12 DIR/short.key holds 8 bytes, and a key has at least 32: head -c 32 /dev/urandom makes one",
        ),
        ("proxy-protocol v3", "2:16 `v3` is no version of the PROXY protocol (did you mean `v1`?)"),
        (
            "resolver",
            "2:1 `resolver` needs the address of a server of DNS, such as \"127.0.0.53:53\" (the address of a server of DNS, such as \"127.0.0.53:53\" is missing)",
        ),
        ("resolver \"dns.test\"", "2:10 `dns.test` is no address such as 127.0.0.53:53"),
        ("timeout silence=\"20\"", "2:17 `20` is no duration such as 500ms, 4s, 1m30s or 2h"),
        ("timeout pong=\"3s\"", "2:9 `pong` is no property of `timeout` (did you mean `ping`?)"),
        ("slow-start", "2:1 `slow-start` needs a duration (a duration is missing)"),
        ("slow-start 30", "2:12 this is to be text (write it in quotes)"),
        ("breaker percent=0", "2:17 this is to be a whole number from 1 to 100"),
        ("breaker pause=\"1s\"", "2:9 `pause` is no property of `breaker`"),
    ] {
        let text = format!(
            "upstream u {{ server \"http://a\"\n{words}\n}}\nsite default {{ listen \":1\"; route {{ proxy u }} }}"
        );
        compare(&mut wrong, &text, expected);
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn how_a_listener_takes_connections_comes_to_its_plan() {
    let listens = |words: &str| {
        let shown = read(&format!("site a.test \"*.b.test\" {{\n{words}\nroute {{ respond }}\n}}"))?.to_string();
        let inside = shown.lines().skip(1).take_while(|line| !line.contains("route")).map(str::trim);
        Ok::<_, String>(inside.collect::<Vec<_>>().join("\n"))
    };
    for (words, expected) in [
        ("listen \":1\" tls=local", "listen \"0.0.0.0:1\" tls=local"),
        (
            "listen \":1\" { proxy-protocol \"10.0.0.0/8\" \"::1\" timeout=\"1s\" }",
            "listen \"0.0.0.0:1\" {\nproxy-protocol \"10.0.0.0/8\" \"::1\" timeout=\"1s\"\n}",
        ),
        (
            "listen \":1\" tls=local { proxy-protocol \"::1\" }",
            "listen \"0.0.0.0:1\" tls=local {\nproxy-protocol \"::1\" timeout=\"5s\"\n}",
        ),
    ] {
        assert_eq!(listens(words).unwrap_or_else(|faults| panic!("{words}: {faults}")), expected, "{words}");
    }
    let mut wrong = String::new();
    for (words, expected) in [
        ("listen \":1\" tls=global", "2:17 `global` is no way to have TLS (did you mean `local`?)"),
        (
            "listen \":1\" tls=local cert=c key=k",
            "2:1 a certificate of your own needs no local authority: say `cert` and `key`, or tls=local",
        ),
        (
            "listen \":1\" { proxy-protocol }",
            "2:15 `proxy-protocol` needs the network of the proxies (the network of the proxies is missing)",
        ),
        ("listen \":1\" { proxy }", "2:15 `proxy` is no word in `listen`"),
        (
            "listen \":1\"; route { respond } }\nsite default { listen \":1\" tls=local",
            "3:23 one site has 0.0.0.0:1 in cleartext and another over TLS (it cannot be both)",
        ),
        (
            "listen \":1\"; route { respond } }\nsite default { listen \":1\" { proxy-protocol \"::1\" }",
            "3:23 two sites say different things of who may connect to 0.0.0.0:1 (say the same `proxy-protocol` in both)",
        ),
    ] {
        compare(&mut wrong, &format!("site a.test {{\n{words}; route {{ respond }} }}"), expected);
    }
    assert!(wrong.is_empty(), "{wrong}");
}
