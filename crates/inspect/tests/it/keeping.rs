//! What is kept stays within its limits, whatever passes.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wirelight_inspect::Config;
use wirelight_service::{Body, Request, Response, Result};

use super::stage::{Pieces, Stage};

#[tokio::test]
async fn a_gigabyte_passes_and_little_of_it_is_kept() {
    const PIECE: usize = 1 << 20;
    let gigabyte = async |_: Request| -> Result<Response> {
        let piece = Bytes::from(vec![b'x'; PIECE]);
        Ok(Response::new(Body::stream(Pieces(vec![piece; 1024].into()))))
    };
    let stage = Stage::with(Config::default(), gigabyte);
    let (mut near, served) = stage.connect(4 * PIECE);
    near.write_all(b"GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").await.unwrap();
    let mut buffer = vec![0; 4 * PIECE];
    let (mut passed, mut most) = (0, 0);
    loop {
        let read = near.read(&mut buffer).await.unwrap();
        if read == 0 {
            break;
        }
        passed += read;
        most = most.max(stage.inspector.held_bytes());
    }
    drop(near);
    served.await.unwrap();
    assert!(passed > 1 << 30, "{passed}");
    assert!(most < 256 << 10, "{most} bytes were held");
    let detail = stage.get("/api/exchanges/1-1").await;
    assert_eq!(detail["response"]["content"]["length"], 1u64 << 30);
    assert_eq!(detail["response"]["content"]["sha256"].as_str().unwrap().len(), 64);
}

#[tokio::test]
async fn many_connections_with_much_under_way_stay_within_the_limit() {
    const CONNECTIONS: usize = 10_000;
    let config = Config { bytes_max: 32 << 20, ..Config::default() };
    let stage = Stage::new(config);
    let request =
        format!("POST /echo HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n{}", "x".repeat(20_000));
    let mut open = VecDeque::new();
    for number in 0..CONNECTIONS {
        let (mut near, served) = stage.connect(32 << 10);
        near.write_all(request.as_bytes()).await.unwrap();
        tokio::task::yield_now().await;
        open.push_back((near, served));
        let held = stage.inspector.held_bytes();
        assert!(held <= 32 << 20, "{held} bytes are held with {number} connections");
    }
    for (near, served) in open {
        drop(near);
        served.await.unwrap();
    }
    let held = stage.inspector.held_bytes();
    assert!(held <= 32 << 20, "{held} bytes are held at the end");
    assert!(stage.inspector.kept() > 100, "{} are kept", stage.inspector.kept());
    let status = stage.get("/api/status").await;
    assert_eq!(status["seen"], CONNECTIONS);
    assert_eq!(status["connections_open"], 0);
    stage.post("/api/clear", "{}").await;
    let left = stage.inspector.held_bytes();
    // The connections that are still known.
    assert!(left <= 1_000 * 2_048, "{left} bytes are left");
}

#[tokio::test]
async fn the_oldest_go_first_by_count_and_by_bytes() {
    let stage = Stage::new(Config { exchanges_max: 3, ..Config::default() });
    for _ in 0..5 {
        stage.say("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    }
    let list = stage.get("/api/exchanges").await;
    assert_eq!((list["kept"].as_u64(), list["dropped"].as_u64(), list["seen"].as_u64()), (Some(3), Some(2), Some(5)));
    assert_eq!(list["exchanges"][2]["id"], "3-1");
    let stage = Stage::new(Config { bytes_max: 100_000, ..Config::default() });
    for _ in 0..200 {
        stage.say("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        assert!(stage.inspector.held_bytes() <= 100_000);
    }
    assert!((10..200).contains(&stage.inspector.kept()), "{}", stage.inspector.kept());
}
