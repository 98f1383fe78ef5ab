//! Names: TTLs, the hosts file, failures, and a pool that follows its origin to other addresses.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wirelight_client::resolve::{Family, Provenance, Settings, Source};
use wirelight_client::{Client, ClientConfig, Resolver, Versions};
use wirelight_net::{ConnectionInfo, Context};
use wirelight_proto::{Role, h2};
use wirelight_semantics::decision::Decision;
use wirelight_service::{Body, Clock, Request, Response};

use crate::dns::{A, AAAA, Names, Reply};

const S: fn(u64) -> Duration = Duration::from_secs;

fn settings(names: &Names) -> Settings {
    Settings {
        source: Source::Servers(vec![names.address]),
        hosts_file: None,
        query_timeout: Duration::from_millis(100),
        attempts: 0,
        ..Settings::default()
    }
}

fn clock() -> Clock {
    Clock::manual(SystemTime::UNIX_EPOCH)
}

fn sockets(texts: &[&str]) -> Vec<SocketAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[tokio::test]
async fn an_answer_is_held_for_as_long_as_it_says() {
    let names = Names::start().await;
    names.stands_for("a.test", &["192.0.2.1"], 30);
    let clock = clock();
    let resolver = Resolver::new(settings(&names), clock.clone());
    let first = resolver.resolve("A.test", 80).await.unwrap();
    assert_eq!(first.addresses, sockets(&["192.0.2.1:80"]));
    assert_eq!((&first.from, first.valid_until), (&Provenance::Dns { ttl: S(30) }, Some(clock.now() + S(30))));
    names.stands_for("a.test", &["192.0.2.2"], 30);
    clock.advance(S(29));
    assert_eq!(resolver.resolve("a.test.", 81).await.unwrap().addresses, sockets(&["192.0.2.1:81"]));
    assert_eq!((names.asked("a.test", A), names.asked("a.test", AAAA)), (1, 1));
    clock.advance(S(1));
    assert_eq!(resolver.resolve("a.test", 80).await.unwrap().addresses, sockets(&["192.0.2.2:80"]));
    assert_eq!(names.asked("a.test", A), 2);
}

#[tokio::test]
async fn lifetimes_have_bounds() {
    let names = Names::start().await;
    let clock = clock();
    let resolver = Resolver::new(Settings { ttl_max: S(600), ..settings(&names) }, clock.clone());
    for (name, seconds, held) in [("zero.test", 0, 1), ("long.test", 99_999, 600), ("usual.test", 60, 60)] {
        names.stands_for(name, &["192.0.2.1"], seconds);
        let answer = resolver.resolve(name, 80).await.unwrap();
        assert_eq!(answer.valid_until, Some(clock.now() + S(held)), "{name}");
    }
}

#[tokio::test]
async fn both_families_are_asked_for_and_alternate() {
    let names = Names::start().await;
    names.stands_for("a.test", &["192.0.2.1", "192.0.2.2"], 30);
    let v6: Vec<IpAddr> = vec!["2001:db8::1".parse().unwrap()];
    names.say("a.test", AAAA, Reply::Addresses(v6, 10));
    let both = Resolver::new(settings(&names), clock()).resolve("a.test", 1).await.unwrap();
    assert_eq!(both.addresses, sockets(&["[2001:db8::1]:1", "192.0.2.1:1", "192.0.2.2:1"]));
    assert_eq!(both.from, Provenance::Dns { ttl: S(10) }, "the shorter lifetime counts");
    let asked = names.asked("a.test", AAAA);
    let v4 = Resolver::new(Settings { family: Family::V4, ..settings(&names) }, clock());
    assert_eq!(v4.resolve("a.test", 1).await.unwrap().addresses, sockets(&["192.0.2.1:1", "192.0.2.2:1"]));
    assert_eq!(names.asked("a.test", AAAA), asked, "who wants IPv4 asks for nothing else");
}

#[tokio::test]
async fn what_does_not_fit_is_asked_for_over_tcp() {
    let names = Names::start().await;
    let many: Vec<IpAddr> = (1..=60).map(|last| IpAddr::from([192, 0, 2, last])).collect();
    names.say("a.test", A, Reply::Long(many, 30));
    let settings = Settings { query_timeout: S(10), ..settings(&names) };
    let answer = Resolver::new(settings, clock()).resolve("a.test", 80).await.unwrap();
    assert_eq!(answer.addresses.len(), 60);
    assert_eq!(names.asked("a.test", A), 2);
}

#[tokio::test]
async fn a_family_that_is_silent_holds_nobody_up() {
    let names = Names::start().await;
    names.stands_for("a.test", &["192.0.2.1"], 3600);
    names.say("a.test", AAAA, Reply::Silence);
    let settings = Settings { query_timeout: S(30), ..settings(&names) };
    let clock = Clock::system();
    let asked = clock.now();
    let answer = Resolver::new(settings, clock.clone()).resolve("a.test", 80).await.unwrap();
    assert!(clock.now() - asked < S(15), "it is given 50 ms, not 30 s");
    assert_eq!(answer.addresses, sockets(&["192.0.2.1:80"]));
    assert!(answer.valid_until.unwrap() <= clock.now() + S(1), "half an answer is asked for again soon");
}

#[tokio::test]
async fn what_does_not_exist_says_so_and_is_held_too() {
    let names = Names::start().await;
    let clock = clock();
    let resolver = Resolver::new(settings(&names), clock.clone());
    for kind in [A, AAAA] {
        names.say("no.test", kind, Reply::NoName(20));
        names.say("failed.test", kind, Reply::Failure);
        names.say("silent.test", kind, Reply::Silence);
    }
    let table = [
        ("no.test", "there is no such name", 20),
        ("empty.test", "no address stands for it", 1),
        ("failed.test", "the server of DNS answered Server Failure", 1),
        ("silent.test", "no server of DNS answered in time", 1),
    ];
    for (name, says, held) in table {
        let error = resolver.resolve(name, 80).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("the name {name} could not be resolved: ")), "{error}");
        assert!(error.contains(says), "{name}: {error}");
        let asked = names.asked_in_all();
        clock.advance(S(held) - Duration::from_millis(1));
        resolver.resolve(name, 80).await.unwrap_err();
        assert_eq!(names.asked_in_all(), asked, "{name} is not asked for again within {held} s");
        clock.advance(Duration::from_millis(1));
        resolver.resolve(name, 80).await.unwrap_err();
        assert!(names.asked_in_all() > asked, "{name} is asked for again after {held} s");
    }
}

#[tokio::test]
async fn when_servers_fail_the_last_good_answer_goes_on() {
    let names = Names::start().await;
    names.stands_for("a.test", &["192.0.2.1"], 10);
    let clock = clock();
    let settings = Settings { kept_again: S(30), kept_max: S(100), ..settings(&names) };
    let resolver = Resolver::new(settings, clock.clone());
    resolver.resolve("a.test", 80).await.unwrap();
    for kind in [A, AAAA] {
        names.say("a.test", kind, Reply::Silence);
    }
    clock.advance(S(10));
    let kept = resolver.resolve("a.test", 80).await.unwrap();
    assert_eq!(kept.addresses, sockets(&["192.0.2.1:80"]));
    assert_eq!(kept.because(), "no server of DNS answered in time, and it stood for them before");
    assert_eq!((kept.rule().section, kept.valid_until), ("RFC 8767, section 4", Some(clock.now() + S(30))));
    clock.advance(S(90));
    assert!(matches!(resolver.resolve("a.test", 80).await.unwrap().from, Provenance::Kept { .. }));
    clock.advance(S(10));
    resolver.resolve("a.test", 80).await.expect_err("it goes on for 100 s, and no longer");
    names.stands_for("a.test", &["192.0.2.2"], 10);
    names.say("a.test", AAAA, Reply::NoRecord);
    clock.advance(S(1));
    assert_eq!(resolver.resolve("a.test", 80).await.unwrap().addresses, sockets(&["192.0.2.2:80"]));
    names.say("a.test", A, Reply::NoName(10));
    names.say("a.test", AAAA, Reply::NoName(10));
    clock.advance(S(10));
    resolver.resolve("a.test", 80).await.expect_err("a server that says that there is nobody is believed");
}

#[tokio::test]
async fn the_same_question_is_asked_once() {
    let names = Names::start().await;
    names.stands_for("a.test", &["192.0.2.1"], 10);
    let resolver = Resolver::new(settings(&names), clock());
    let many: Vec<_> = (0..50)
        .map(|_| {
            let resolver = resolver.clone();
            tokio::spawn(async move { resolver.resolve("a.test", 80).await.unwrap() })
        })
        .collect();
    for one in many {
        assert_eq!(one.await.unwrap().addresses, sockets(&["192.0.2.1:80"]));
    }
    assert_eq!(names.asked_in_all(), 2, "once for each family");
}

#[tokio::test]
async fn names_that_are_held_are_bounded() {
    let names = Names::start().await;
    let resolver = Resolver::new(Settings { names_max: 3, ..settings(&names) }, clock());
    for number in 0..20 {
        let name = format!("{number}.test");
        names.stands_for(&name, &["192.0.2.1"], 1000);
        resolver.resolve(&name, 80).await.unwrap();
    }
    let asked = names.asked_in_all();
    for number in 0..20 {
        resolver.resolve(&format!("{number}.test"), 80).await.unwrap();
    }
    assert!(names.asked_in_all() >= asked + 2 * 17, "all but three were forgotten");
}

#[tokio::test]
async fn the_hosts_file_comes_first_and_localhost_is_nobody_elses() {
    let names = Names::start().await;
    names.stands_for("a.test", &["192.0.2.1"], 10);
    names.stands_for("localhost", &["192.0.2.66"], 10);
    let path = std::env::temp_dir().join(format!("wirelight-hosts-{}", std::process::id()));
    std::fs::write(&path, "192.0.2.9 a.test\n").unwrap();
    let clock = clock();
    let resolver = Resolver::new(Settings { hosts_file: Some(path.clone()), ..settings(&names) }, clock.clone());
    let hosts = resolver.resolve("a.test", 80).await.unwrap();
    assert_eq!((hosts.addresses, hosts.from), (sockets(&["192.0.2.9:80"]), Provenance::Hosts));
    for name in ["localhost", "LOCALHOST.", "a.localhost"] {
        let local = resolver.resolve(name, 80).await.unwrap();
        assert_eq!((local.addresses, local.from), (sockets(&["[::1]:80", "127.0.0.1:80"]), Provenance::Loopback));
    }
    assert_eq!(names.asked_in_all(), 0);
    std::fs::write(&path, "").unwrap();
    clock.advance(S(10));
    assert_eq!(resolver.resolve("a.test", 80).await.unwrap().addresses, sockets(&["192.0.2.1:80"]));
    std::fs::remove_file(&path).unwrap();
}

/// Two servers on one port of two addresses of this machine; each says which of both it is.
async fn two_places() -> (u16, [Arc<AtomicUsize>; 2]) {
    loop {
        let one = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = one.local_addr().unwrap().port();
        // The port is free on the first address; on the second, somebody may have it.
        let Ok(two) = TcpListener::bind(("127.0.0.2", port)).await else { continue };
        let counts = [Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default()];
        for (listener, (answer, count)) in [one, two].into_iter().zip(["one", "two"].into_iter().zip(counts.clone())) {
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    count.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(serve(stream, answer));
                }
            });
        }
        return (port, counts);
    }
}

/// HTTP/1.1 or HTTP/2 with prior knowledge, whichever is spoken.
async fn serve(mut stream: TcpStream, answer: &'static str) {
    let mut first = [0; 3];
    if stream.peek(&mut first).await.is_ok_and(|length| length == 3) && &first == b"PRI" {
        let service = move |_: Request| async move { wirelight_service::Result::Ok(Response::new(Body::from(answer))) };
        let engine = h2::Connection::new(Role::Server, Arc::default(), std::time::Instant::now());
        let info = ConnectionInfo { id: 1, peer: None, secured: None, local: None };
        wirelight_net::serve(stream, engine, Arc::new(service), Arc::new(Context::default()), info).await;
        return;
    }
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await.is_ok_and(|length| length > 0) {
        let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
        if stream.write_all(response.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn follows(versions: Versions) {
    let names = Names::start().await;
    names.stands_for("a.test", &["127.0.0.1"], 30);
    let (port, counts) = two_places().await;
    let clock = clock();
    let mut config = ClientConfig::default();
    config.connections.clock = clock.clone();
    config.connections.resolve = settings(&names);
    config.connections.versions = versions;
    let client = Client::with(config).unwrap();
    let url = format!("http://a.test:{port}/");
    let ask = async || client.get(&url).send().await.unwrap();
    for _ in 0..3 {
        assert_eq!(ask().await.text().await.unwrap(), "one");
    }
    assert_eq!(names.asked("a.test", A), 1, "a connection that is there needs no name");
    names.stands_for("a.test", &["127.0.0.2"], 30);
    clock.advance(S(29));
    assert_eq!(ask().await.text().await.unwrap(), "one");
    assert_eq!(names.asked("a.test", A), 1);
    clock.advance(S(1));
    assert_eq!(ask().await.text().await.unwrap(), "one", "who finds the answer expired is not held up");
    // The name is asked for besides that request; the connection to the address that vanished is retired then.
    while client.connections().count().0 > 0 {
        tokio::task::yield_now().await;
    }
    let moved = ask().await;
    let says = moved.trail().read(|all| all.iter().map(|d| d.because().into_owned()).collect::<Vec<_>>());
    assert!(says.iter().any(|says| says == "DNS says so, for 30s"), "{says:?}");
    assert_eq!(moved.text().await.unwrap(), "two");
    assert_eq!([&counts[0], &counts[1]].map(|count| count.load(Ordering::SeqCst)), [1, 1]);
    names.say("a.test", A, Reply::Silence);
    names.say("a.test", AAAA, Reply::Silence);
    clock.advance(S(31));
    for _ in 0..3 {
        assert_eq!(ask().await.text().await.unwrap(), "two", "the last good answer is kept");
    }
    assert_eq!(client.connections().count().0, 1);
}

#[tokio::test]
async fn a_pool_follows_its_origin_to_another_address() {
    follows(Versions::Http1).await;
}

#[tokio::test]
async fn a_shared_connection_is_retired_when_its_address_vanishes() {
    follows(Versions::Http2PriorKnowledge).await;
}
