//! Counts instructions: `cargo bench`, with Debian's valgrind and `cargo install gungraun-runner`.

#![expect(missing_docs, reason = "the modules that the harness makes have no words")]

use std::hint::black_box;

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderValue};
use wirelight_instructions::engines::{self, Lent, Sending};
use wirelight_instructions::exchanges::{self, Connection, Shelf};
use wirelight_instructions::{asked, figures};
use wirelight_semantics::coding::Coding;
use wirelight_semantics::media_type::MediaType;
use wirelight_semantics::negotiate::{self, Choice};
use wirelight_service::Response;

/// Fails a count that exceeds its figure by more than a tenth.
fn within(name: &str) -> LibraryBenchmarkConfig {
    let mut config = LibraryBenchmarkConfig::default();
    if let Some(limit) = figures::limit(name) {
        config.tool(Callgrind::default().hard_limits([(EventKind::Ir, limit)]).clone());
    }
    config
}

#[library_benchmark]
#[bench::small(args = (asked::SMALL), setup = engines::before, config = within("hear::small"))]
#[bench::browser(args = (asked::BROWSER), setup = engines::before, config = within("hear::browser"))]
#[bench::chunked(args = (&asked::chunked()), setup = engines::before, config = within("hear::chunked"))]
fn hear(lent: Lent) -> Lent {
    black_box(engines::hear(black_box(lent)))
}

#[library_benchmark]
#[bench::short(args = (), setup = engines::before_short_response, config = within("send::short"))]
#[bench::chunked(args = (), setup = engines::before_chunked_response, config = within("send::chunked"))]
fn send(sending: Sending) -> Lent {
    black_box(engines::send(black_box(sending)))
}

fn accepting() -> HeaderMap {
    HeaderMap::from_iter([
        (ACCEPT, HeaderValue::from_static("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")),
        (ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate, br;q=0.9, zstd")),
    ])
}

#[library_benchmark]
#[bench::browser(args = (), setup = accepting, config = within("coding::browser"))]
fn coding(fields: HeaderMap) -> Choice<Coding> {
    black_box(negotiate::coding(black_box(&fields), &[Coding::Zstd, Coding::Brotli, Coding::Gzip, Coding::Identity]))
}

fn accepting_a_type() -> (HeaderMap, Vec<MediaType>) {
    let parse = |name: &&str| MediaType::parse(name.as_bytes()).expect("the names are well formed");
    (accepting(), ["application/problem+json", "text/html", "text/plain"].iter().map(parse).collect())
}

#[library_benchmark]
#[bench::browser(args = (), setup = accepting_a_type, config = within("media_type::browser"))]
fn media_type(asked: (HeaderMap, Vec<MediaType>)) -> Choice<MediaType> {
    black_box(negotiate::media_type(black_box(&asked.0), &asked.1))
}

#[library_benchmark]
#[bench::in_memory(args = (), setup = exchanges::shelf, config = within("file::in_memory"))]
fn file(shelf: Shelf) -> Response {
    black_box(exchanges::look_up(black_box(shelf)))
}

#[library_benchmark]
#[bench::small(args = (asked::SMALL), setup = exchanges::hello, config = within("exchange::small"))]
#[bench::browser(args = (asked::BROWSER), setup = exchanges::hello, config = within("exchange::browser"))]
#[bench::pipelined(args = (&asked::pipelined()), setup = exchanges::hello, config = within("exchange::pipelined"))]
fn exchange(connection: Connection) -> u64 {
    black_box(exchanges::serve(black_box(connection)))
}

library_benchmark_group!(name = engine, benchmarks = [hear, send]);
library_benchmark_group!(name = negotiation, benchmarks = [coding, media_type]);
library_benchmark_group!(name = whole, benchmarks = [file, exchange]);

main!(library_benchmark_groups = [engine, negotiation, whole]);
