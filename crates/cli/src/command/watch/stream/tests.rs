//! A listener before an inspector that is played: what it asks for, and what it makes of the answers.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use super::*;

/// Takes the next request that asks for events or the list: its target, and what it says was heard last.
fn next(listener: &TcpListener) -> (TcpStream, String, Option<String>) {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    let target = first.split(' ').nth(1).unwrap().to_owned();
    let fields: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    assert!(fields.iter().any(|field| field.eq_ignore_ascii_case("authorization: Bearer t")), "{fields:?}");
    let last =
        fields.iter().find_map(|field| field.to_ascii_lowercase().strip_prefix("last-event-id: ").map(str::to_owned));
    (stream, target, last)
}

fn answer(mut stream: TcpStream, media_type: &str, content: &str) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nConnection: close\r\n\r\n");
    stream.write_all((head + content).as_bytes()).unwrap();
}

fn summary() -> String {
    let list: List = serde_json::from_str(include_str!("../golden/list.json")).unwrap();
    serde_json::to_string(&list.exchanges[0]).unwrap()
}

#[test]
fn a_stream_that_breaks_off_is_taken_up_where_it_was_heard_last_and_meanwhile_the_list_is_asked_for() {
    let inspector = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", inspector.local_addr().unwrap());
    let asked = Asked::find(Some(&url), Some("t")).unwrap();
    let (tell, news) = mpsc::channel();
    let turn = Turn::default();
    listen(&asked, "~e", 4, &turn, &tell);
    let said = || news.recv_timeout(Duration::from_secs(20)).unwrap();

    let (stream, target, last) = next(&inspector);
    assert_eq!((&*target, last.as_deref()), ("/api/events?after=4&filter=%7Ee", Some("4")));
    let told = format!(
        "retry: 1\n\nevent: exchange\ndata: {}\nid: 5\n\nevent: status\ndata: {{\"kept\":5,\"dropped\":0,\"seen\":9}}\nid: 9\n\n",
        summary()
    );
    answer(stream, "text/event-stream", &told);
    assert!(matches!(said(), News::Live));
    assert!(matches!(said(), News::Exchange(_)));
    assert!(matches!(said(), News::Counts(Counts { kept: 5, seen: 9 })));
    let News::Asking(words) = said() else { panic!("it is not said that the stream ended") };
    assert_eq!(words, "the stream of events ended: asking for the list every 1ms instead");

    let (stream, target, _) = next(&inspector);
    assert!(target.starts_with("/api/exchanges?"), "{target}");
    answer(stream, "application/json", include_str!("../golden/list.json"));
    let News::List(list) = said() else { panic!("the list was not told") };
    let (stream, target, last) = next(&inspector);
    assert_eq!(
        (&*target, last),
        (&*format!("/api/events?after={}&filter=%7Ee", list.seen), Some(list.seen.to_string()))
    );

    // For another filter there is another stream, and this one says nothing more.
    turn.next();
    answer(stream, "text/event-stream", "event: status\ndata: {\"kept\":1,\"dropped\":0,\"seen\":9}\n\n");
    drop(tell);
    assert!(news.recv_timeout(Duration::from_secs(20)).is_err());
}
