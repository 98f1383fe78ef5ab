//! Which log an exchange is in, and that it is in no other: by route, across reloads, and as files come and go.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, mpsc};
use std::time::Instant;

use wirelight_gateway::config::{File, Plan};
use wirelight_gateway::run::Gateway;
use wirelight_server::Address;
use wirelight_service::Clock;

use crate::proxy::{PATIENCE, Scripted, request};

fn plan(config: &str, folder: &Path) -> Plan {
    let file = File::parse("test.kdl", config, folder).unwrap_or_else(|faults| panic!("{faults}"));
    file.plan().unwrap_or_else(|faults| panic!("{faults}"))
}

fn start(config: &str, folder: &Path) -> (Gateway, SocketAddr) {
    let gateway = Gateway::start(plan(config, folder), NonZeroUsize::new(1), None, Clock::system()).unwrap();
    let Address::Internet(address) = gateway.addresses()[0] else { panic!("it listens on an address") };
    (gateway, address)
}

fn connect(address: SocketAddr, host: &str, target: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {host}\r\nReferer: http://r.test/\r\nConnection: close\r\n\r\n")
        .unwrap();
    stream
}

fn get(address: SocketAddr, host: &str, target: &str) {
    let mut answer = String::new();
    connect(address, host, target).read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
}

/// The paths that stand in a log, in order; whatever its format.
fn paths(folder: &Path, name: &str) -> Vec<String> {
    let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
    let path = |line: &str| match serde_json::from_str::<serde_json::Value>(line) {
        Ok(line) => line["target"].as_str().unwrap().to_owned(),
        Err(_) => line.split('"').nth(1).unwrap().split(' ').nth(1).unwrap_or("-").to_owned(),
    };
    text.lines().map(path).collect()
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

fn end(gateway: &Gateway) {
    gateway.drain();
    gateway.join().unwrap();
}

#[test]
fn each_exchange_is_in_the_log_that_stands_innermost_and_in_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let routes = "route \"/own\" { access-log own.log format=json; respond }\n\
                  route \"/off\" { access-log off; respond }\n\
                  route \"/guarded\" { limit concurrency=1; access-log own.log format=json; basic-auth { user a HASH }; respond }\n\
                  route { respond }";
    let routes = routes.replace("HASH", &format!("{:?}", crate::config::HASH));
    let config = format!(
        "access-log all.log\nsite plain.test {{ listen \"127.0.0.1:0\"\n{routes} }}\n\
         site quiet.test {{ listen \"127.0.0.1:0\"\naccess-log off\n{routes} }}\n\
         site apart.test {{ listen \"127.0.0.1:0\"\naccess-log site.log\n{routes} }}"
    );
    let (gateway, address) = start(&config, folder.path());
    for host in ["plain.test", "quiet.test", "apart.test", "nowhere.test"] {
        for path in ["own", "off", "guarded", "rest"] {
            get(address, host, &format!("/{path}?{}", host.split('.').next().unwrap()));
        }
    }
    // A head that cannot be read is nobody's.
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"nonsense\r\n\r\n").unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    end(&gateway);
    let read = |name: &str| paths(folder.path(), name);
    assert_eq!(
        read("own.log"),
        ["/own?plain", "/guarded?plain", "/own?quiet", "/guarded?quiet", "/own?apart", "/guarded?apart"]
    );
    assert_eq!(read("site.log"), ["/rest?apart"]);
    assert_eq!(
        read("all.log"),
        ["/rest?plain", "/own?nowhere", "/off?nowhere", "/guarded?nowhere", "/rest?nowhere", "-"]
    );
    let own = fs::read_to_string(folder.path().join("own.log")).unwrap();
    let because = format!("the config says `access-log {:?} format=json` here", folder.path().join("own.log"));
    assert!(own.lines().all(|line| line.contains(&because.replace('"', "\\\""))), "{because}\n{own}");
    assert!(own.lines().all(|line| line.contains("http://r.test/")), "{own}");
}

#[test]
fn a_log_of_one_route_needs_none_for_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let config = "site default { listen \"127.0.0.1:0\"\n\
                  route \"/own\" { access-log own.log; respond }\nroute { respond } }";
    let (gateway, address) = start(config, folder.path());
    get(address, "a", "/own");
    get(address, "a", "/rest");
    end(&gateway);
    assert_eq!(paths(folder.path(), "own.log"), ["/own"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let own = fs::read_to_string(folder.path().join("own.log")).unwrap();
    assert!(own.contains("\"http://r.test/\""), "{own}");
}

/// How many descriptors of this process are open on a file.
fn opened(path: &Path) -> usize {
    let all = fs::read_dir("/proc/self/fd").unwrap().filter_map(Result::ok);
    all.filter(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == path)).count()
}

#[test]
fn a_reload_opens_and_closes_logs_and_what_is_under_way_stays_in_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let server = Scripted::start(move |_, mut stream| {
        request(&mut stream).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab").unwrap();
        wait.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        stream.write_all(b"cd").unwrap();
    });
    let config = |slow: &str, other: &str| {
        format!(
            "access-log all.log\nsite default {{ listen \"127.0.0.1:0\"\n\
             route \"/slow\" {{ {slow}\n proxy \"http://{}\" }}\nroute {{ {other}\n respond }} }}",
            server.address
        )
    };
    let (gateway, address) = start(&config("access-log slow.log", "access-log other.log"), folder.path());
    let (slow_log, other_log) = (folder.path().join("slow.log"), folder.path().join("other.log"));
    let mut slow = connect(address, "a", "/slow");
    let mut answer = Vec::new();
    while !answer.ends_with(b"ab") {
        let mut byte = [0];
        slow.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    get(address, "a", "/1");
    gateway.reload(plan(&config("", "access-log other.log"), folder.path())).unwrap();
    assert_eq!((opened(&slow_log), opened(&other_log)), (1, 1), "one is still written to, and one goes on");
    get(address, "a", "/2");
    go.send(()).unwrap();
    slow.read_to_end(&mut answer).unwrap();
    assert!(answer.ends_with(b"abcd"));
    until("the slow exchange to be logged", || paths(folder.path(), "slow.log") == ["/slow"]);
    gateway.reload(plan(&config("", "access-log off"), folder.path())).unwrap();
    until("what is not used any more to be closed", || {
        // Another reload looks again.
        gateway.reload(plan(&config("", "access-log off"), folder.path())).unwrap();
        (opened(&slow_log), opened(&other_log)) == (0, 0)
    });
    get(address, "a", "/3");
    gateway.reload(plan(&config("", ""), folder.path())).unwrap();
    get(address, "a", "/4");
    end(&gateway);
    assert_eq!(paths(folder.path(), "slow.log"), ["/slow"]);
    assert_eq!(paths(folder.path(), "other.log"), ["/1", "/2"]);
    assert_eq!(paths(folder.path(), "all.log"), ["/4"]);
}

#[test]
fn a_log_that_cannot_be_opened_stops_a_reload_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        |log: &str| format!("site default {{ listen \"127.0.0.1:0\"\nroute {{ access-log {log}; respond }} }}");
    let (gateway, address) = start(&config("a.log"), folder.path());
    let trouble = gateway.reload(plan(&config("\"nowhere/b.log\""), folder.path())).unwrap_err().to_string();
    assert!(trouble.contains("nowhere/b.log cannot be opened"), "{trouble}");
    get(address, "a", "/1");
    end(&gateway);
    assert_eq!(paths(folder.path(), "a.log"), ["/1"]);
}

#[test]
fn the_log_of_a_route_rotates_and_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let config = "access-log all.log\nsite default { listen \"127.0.0.1:0\"\n\
                  route \"/r/{n}\" { access-log turning.log rotate=\"50B\" keep=2; respond }\n\
                  route \"/m/{n}\" { access-log moved.log; respond }\n}";
    let (gateway, address) = start(config, folder.path());
    for number in 1..=4 {
        get(address, "a", &format!("/r/{number}"));
        until("the line", || paths(folder.path(), "turning.log") == [format!("/r/{number}")]);
    }
    assert_eq!(paths(folder.path(), "turning.log.1"), ["/r/3"]);
    assert_eq!(paths(folder.path(), "turning.log.2"), ["/r/2"]);
    assert!(!folder.path().join("turning.log.3").exists());
    get(address, "a", "/m/1");
    until("the first line", || paths(folder.path(), "moved.log") == ["/m/1"]);
    fs::rename(folder.path().join("moved.log"), folder.path().join("old.log")).unwrap();
    gateway.reopen_logs();
    until("the log to be made anew", || folder.path().join("moved.log").exists());
    get(address, "a", "/m/2");
    end(&gateway);
    assert_eq!(
        (paths(folder.path(), "old.log"), paths(folder.path(), "moved.log")),
        (vec!["/m/1".to_owned()], vec!["/m/2".to_owned()])
    );
    assert_eq!(paths(folder.path(), "all.log"), Vec::<String>::new());
}
