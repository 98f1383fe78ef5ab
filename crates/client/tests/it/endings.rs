//! How a server ends an exchange over HTTP/2, and what the error says of it; written frame by frame.

use wirelight_client::{Client, ClientConfig, Phase, Versions};
use wirelight_service::Fault;

use crate::script::Step::{self, Hang, Read};
use crate::script::{Peer, send};

/// The preface, our SETTINGS and more: the request has begun to come.
const BEGUN: usize = 24 + 9;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

fn settings() -> Vec<u8> {
    frame(4, 0, 0, &[])
}

fn go_away(last: u32, code: u32, words: &str) -> Vec<u8> {
    frame(7, 0, 0, &[&last.to_be_bytes()[..], &code.to_be_bytes(), words.as_bytes()].concat())
}

/// A response of which the content has begun: `:status: 200`, and five bytes.
fn answer() -> Vec<u8> {
    [frame(1, 4, 1, &[0x88]), frame(0, 0, 1, b"begun")].concat()
}

async fn fails(script: Vec<Step>) -> (Phase, Fault, String) {
    let peer = Peer::once(script).await;
    let mut config = ClientConfig::default();
    config.connections.versions = Versions::Http2PriorKnowledge;
    let failed = match Client::with(config).unwrap().post(&peer.url("/")).body("x").send().await {
        Err(error) => error,
        Ok(answer) => answer.bytes().await.expect_err("it was cut short"),
    };
    (Phase::of(&failed), failed.fault(), failed.to_string())
}

#[tokio::test]
async fn the_error_says_who_ended_the_stream_and_how() {
    let play = |frames: &[Vec<u8>], then: &[Step]| {
        let sent = [&[settings()][..], frames].concat().concat();
        [&[Read(BEGUN), send(sent)][..], then].concat()
    };
    let reset = |code: u32| frame(3, 0, 1, &code.to_be_bytes());
    let table = [
        (play(&[], &[]), Phase::Wait, "the server closed the connection without a word (no GOAWAY)"),
        (play(&[go_away(1, 0, "")], &[]), Phase::Wait, "(GOAWAY: NO_ERROR) and closed it"),
        (
            play(&[go_away(1, 11, "slow \u{1b}down")], &[]),
            Phase::Wait,
            "(GOAWAY: ENHANCE_YOUR_CALM, \"slow \\u{1b}down\") and closed it",
        ),
        (play(&[go_away(0, 0, "")], &[Hang]), Phase::Send, "(GOAWAY: NO_ERROR) before it took the request up"),
        (play(&[answer()], &[]), Phase::Receive, "the server closed the connection without a word (no GOAWAY)"),
        (play(&[answer(), go_away(1, 2, "")], &[]), Phase::Receive, "(GOAWAY: INTERNAL_ERROR) and closed it"),
        (play(&[reset(8)], &[Hang]), Phase::Wait, "the server reset the stream (CANCEL)"),
        (play(&[reset(2)], &[Hang]), Phase::Wait, "the server reset the stream (INTERNAL_ERROR)"),
        (play(&[answer(), reset(5)], &[Hang]), Phase::Receive, "the server reset the stream (STREAM_CLOSED)"),
        // A response whose first field is no status.
        (play(&[frame(1, 5, 1, &[0x82])], &[Hang]), Phase::Wait, "the server broke the protocol: "),
    ];
    for (script, phase, says) in table {
        let (in_phase, fault, error) = fails(script).await;
        assert!(error.contains(says), "{says}: {error}");
        assert_eq!((in_phase, fault), (phase, Fault::Upstream), "{error}");
        assert!(!error.contains("Cancelled"), "{error}");
    }
}
