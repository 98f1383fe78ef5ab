//! Whoever asks a gateway about itself is answered while another process takes over, and threads that do not turn are found.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroUsize;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use wirelight_gateway::config::{File, Plan};
use wirelight_gateway::run::handover::Inherited;
use wirelight_gateway::run::{Gateway, Settings};
use wirelight_net::observe::{Observer, Record};
use wirelight_server::{Address, Listener};
use wirelight_service::Clock;

use crate::proxy::{PATIENCE, is_whole, status};

fn plan() -> Plan {
    let config = "site default { listen \"127.0.0.1:0\"; route { respond } }";
    File::parse("test.kdl", config, Path::new("/")).unwrap().plan().unwrap()
}

/// A gateway that can be asked at a path, and waits so long for those who rest as it retires.
fn asked_at(path: &Path, rest: Duration) -> Gateway {
    let inherited = Inherited { control: Some(Listener::unix(path).unwrap()), ..Inherited::default() };
    let settings = Settings { workers: NonZeroUsize::new(1), inherited, rest, ..Settings::default() };
    Gateway::open(plan(), settings).unwrap()
}

fn connect(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Asks on a connection that is open, and reads one answer.
fn ask(stream: &mut UnixStream) -> String {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte).unwrap_or(0) == 1 {
        answer.push(byte[0]);
        if answer.ends_with(b"\r\n\r\nok\n") {
            break;
        }
    }
    String::from_utf8(answer).unwrap()
}

#[test]
fn whoever_came_in_before_another_process_took_over_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control");
    let gateway = asked_at(&path, Duration::from_secs(2));
    let (mut silent, mut resting) = (connect(&path), connect(&path));
    // Connections are let in in the order in which they come.
    assert_eq!(status(&ask(&mut resting)), 200);
    thread::scope(|scope| {
        scope.spawn(|| gateway.retire());
        let closing = |answer: &str| answer.to_ascii_lowercase().contains("connection: close");
        while !closing(&ask(&mut resting)) {}
        // It was let in, and says something only now that nobody new is.
        let answer = ask(&mut silent);
        assert!(is_whole(&answer) && status(&answer) == 200, "{answer}");
    });
    gateway.join().unwrap();
    assert!(path.exists(), "the file is the other process's");
}

#[test]
fn the_file_goes_with_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control");
    let first = asked_at(&path, Duration::ZERO);
    // One that fails before it serves, one that never says that it owns the file, and one that does.
    let inherited = || Inherited { control: handed_over(&first), ..Inherited::default() };
    drop(inherited());
    assert!(path.exists());
    let second = Gateway::open(plan(), Settings { inherited: inherited(), ..Settings::default() }).unwrap();
    second.drain();
    second.join().unwrap();
    assert!(path.exists());
    let third = Gateway::open(plan(), Settings { inherited: inherited(), ..Settings::default() }).unwrap();
    third.own_control();
    first.leave_control();
    first.drain();
    first.join().unwrap();
    assert_eq!(status(&ask(&mut connect(&path))), 200, "the third answers");
    third.drain();
    third.join().unwrap();
    assert!(!path.exists());
}

/// The socket for commands as another process is handed it.
fn handed_over(gateway: &Gateway) -> Option<Listener> {
    let (ours, theirs) = UnixStream::pair().unwrap();
    gateway.hand_over(&ours).unwrap();
    Inherited::receive(&theirs).unwrap().control
}

/// Holds the thread up that tells it of an exchange, until it is let go.
struct Holding(Mutex<mpsc::Receiver<()>>);

impl Observer for Holding {
    fn finished(&self, _: Box<Record>) {
        let _ = self.0.lock().unwrap().recv_timeout(PATIENCE);
    }
}

/// What is found silent once `condition` holds of it, as it is asked again and again.
fn silent_when(gateway: &Gateway, condition: impl Fn(&[String]) -> bool) -> Vec<String> {
    let until = Instant::now() + PATIENCE;
    loop {
        let silent = gateway.silent_threads();
        if condition(&silent) {
            return silent;
        }
        assert!(Instant::now() < until, "{silent:?}");
        thread::yield_now();
    }
}

#[test]
fn a_worker_that_does_not_turn_is_found_and_forgiven() {
    let (let_go, held) = mpsc::channel();
    let observer: Arc<dyn Observer> = Arc::new(Holding(Mutex::new(held)));
    let gateway = Gateway::start(plan(), NonZeroUsize::new(2), Some(observer), Clock::system()).unwrap();
    let Address::Internet(address) = gateway.addresses()[0] else { panic!("it listens on an address") };
    assert!(gateway.silent_threads().is_empty(), "nobody was nudged yet");
    let answered = |silent: &[String]| silent.is_empty();
    // Twice: what was nudged by the first has answered by the second.
    silent_when(&gateway, answered);
    silent_when(&gateway, answered);
    hold_up(address);
    let name = |silent: &[String]| silent.iter().any(|name| name.starts_with("worker "));
    // A nudge that was just given is not answered yet by anybody; the one that is held up never answers.
    let mut last = String::new();
    for _ in 0..3 {
        thread::sleep(Duration::from_millis(50));
        last = silent_when(&gateway, name).join(", ");
    }
    assert!(last.ends_with(&format!("of http://{address}/")), "{last}");
    let_go.send(()).unwrap();
    silent_when(&gateway, answered);
    gateway.drain();
    gateway.join().unwrap();
}

/// Sends a request; whoever answers it is held up.
fn hold_up(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(stream.read(&mut [0; 100]).unwrap() > 0);
}
