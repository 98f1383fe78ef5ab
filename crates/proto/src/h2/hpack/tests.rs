//! The examples of RFC 7541, appendix C, and what must be refused.

use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::*;

pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[derive(Default)]
struct Collected {
    fields: Vec<(String, String)>,
    size: usize,
    size_max: Option<usize>,
}

impl Sink for Collected {
    fn admits(&mut self, size: usize) -> bool {
        self.size += size;
        self.size_max.is_none_or(|max| self.size <= max)
    }

    fn field(&mut self, field: Field) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.fields.push((text(field.name().as_bytes()), text(field.value())));
    }
}

#[derive(Default)]
struct Fields(Vec<Field>);

impl Sink for Fields {
    fn admits(&mut self, _: usize) -> bool {
        true
    }

    fn field(&mut self, field: Field) {
        self.0.push(field);
    }
}

fn decode(decoder: &mut Decoder, block: &str) -> Result<Vec<(String, String)>, DecodeError> {
    let mut sink = Collected::default();
    decoder.decode(&hex(block), &mut sink).map(|()| sink.fields)
}

fn lines(text: &str) -> Vec<(String, String)> {
    text.lines()
        .map(|line| {
            let (name, value) = line.trim().split_once(": ").unwrap();
            (name.into(), value.into())
        })
        .collect()
}

const REQUESTS: [&str; 3] = [
    ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com",
    ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\ncache-control: no-cache",
    ":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value",
];

const RESPONSES: [&str; 3] = [
    ":status: 302\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com",
    ":status: 307\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com",
    ":status: 200\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:22 GMT\nlocation: https://www.example.com\n\
     content-encoding: gzip\nset-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
];

#[test]
fn single_fields_of_rfc_7541_c_2() {
    for (block, field) in [
        ("400a637573746f6d2d6b65790d637573746f6d2d686561646572", "custom-key: custom-header"),
        ("040c2f73616d706c652f70617468", ":path: /sample/path"),
        ("100870617373776f726406736563726574", "password: secret"),
        ("82", ":method: GET"),
    ] {
        assert_eq!(decode(&mut Decoder::default(), block), Ok(lines(field)));
    }
}

#[test]
fn requests_of_rfc_7541_c_3_and_c_4() {
    for blocks in [
        [
            "828684410f7777772e6578616d706c652e636f6d",
            "828684be58086e6f2d6361636865",
            "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
        ],
        [
            "828684418cf1e3c2e5f23a6ba0ab90f4ff",
            "828684be5886a8eb10649cbf",
            "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
        ],
    ] {
        let mut decoder = Decoder::default();
        for (block, fields) in blocks.iter().zip(REQUESTS) {
            assert_eq!(decode(&mut decoder, block), Ok(lines(fields)));
        }
    }
}

#[test]
fn responses_of_rfc_7541_c_5_and_c_6_evict_from_a_small_table() {
    for blocks in [
        [
            "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e17\
             68747470733a2f2f7777772e6578616d706c652e636f6d",
            "4803333037c1c0bf",
            "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d41\
             53444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b207665727369\
             6f6e3d31",
        ],
        [
            "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97\
             c8e9ae82ae43d3",
            "4883640effc1c0bf",
            "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd\
             5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
        ],
    ] {
        let mut decoder = Decoder::default();
        decoder.limit_table(4096);
        decoder.decode(&hex("3fe101"), &mut Collected::default()).unwrap();
        for (block, fields) in blocks.iter().zip(RESPONSES) {
            assert_eq!(decode(&mut decoder, block), Ok(lines(fields)));
        }
    }
}

#[test]
fn blocks_that_cannot_be_decoded() {
    for (block, error) in [
        ("80", DecodeError::NoSuchIndex),
        ("be", DecodeError::NoSuchIndex),
        ("7f80 7f 01 61", DecodeError::NoSuchIndex),
        ("ff", DecodeError::Truncated),
        ("ff ff ff ff ff ff", DecodeError::IntegerTooLarge),
        ("00 05 61", DecodeError::Truncated),
        ("00 01 61", DecodeError::Truncated),
        ("00", DecodeError::Truncated),
        ("00 7f 81 ff ff ff 0f 61", DecodeError::IntegerTooLarge),
        ("00 7f 80 ff ff ff 0f 61", DecodeError::Truncated),
        ("00 81 18 01 61", DecodeError::HuffmanPadding),
        ("00 01 61 84 ff ff ff ff", DecodeError::HuffmanEos),
        ("3f e1 ff 03 82", DecodeError::SizeUpdateTooLarge),
        ("82 20", DecodeError::SizeUpdateLate),
        ("20 82 be", DecodeError::NoSuchIndex),
    ] {
        assert_eq!(decode(&mut Decoder::default(), block), Err(error), "{block}");
    }
}

#[test]
fn a_smaller_limit_must_be_acted_on_by_the_next_block() {
    let mut decoder = Decoder::default();
    decoder.limit_table(256);
    assert_eq!(decode(&mut decoder, "82"), Err(DecodeError::SizeUpdateMissing));
    let mut decoder = Decoder::default();
    decoder.limit_table(256);
    assert_eq!(decode(&mut decoder, "20 3fe101 82"), Ok(lines(":method: GET")));
    assert_eq!(decode(&mut decoder, "82"), Ok(lines(":method: GET")));
    assert_eq!(decode(&mut decoder, "3fe201"), Err(DecodeError::SizeUpdateTooLarge));
}

#[test]
fn fields_that_are_not_wanted_still_enter_the_table() {
    let mut decoder = Decoder::default();
    let mut sink = Collected { size_max: Some(0), ..Collected::default() };
    decoder.decode(&hex("400161 0162 be be"), &mut sink).unwrap();
    assert_eq!((sink.fields.len(), sink.size), (0, 3 * 34));
    assert_eq!(decode(&mut decoder, "be"), Ok(lines("a: b")));
}

#[test]
fn defects_are_kept_as_they_were_and_named() {
    for (name, value, defect) in [
        (&b"Upper"[..], &b"x"[..], Defect::Name),
        (b"", b"x", Defect::Name),
        (b"sp ace", b"x", Defect::Name),
        (b"x\r\ny", b"x", Defect::Name),
        (b":other", b"x", Defect::UnknownPseudo),
        (b"x", b"a\0b", Defect::Value),
        (b"x", b"a\r\nb", Defect::Value),
        (b"x", b" a", Defect::Surrounded),
        (b"x", b"a\t", Defect::Surrounded),
        (b":method", b"GET\r\nx", Defect::Method),
        (b":method", b"", Defect::Method),
        (b":scheme", b"1x", Defect::Scheme),
        (b":scheme", b"HTTP", Defect::Scheme),
        (b":authority", b"", Defect::Authority),
        (b":authority", b"u@h", Defect::Authority),
        (b":authority", b"h:x", Defect::Authority),
        (b":authority", b":80", Defect::Authority),
        (b":authority", b"a\r\nx", Defect::Authority),
        (b":authority", b"a/b", Defect::Authority),
        (b":path", b"", Defect::Path),
        (b":path", b"echo", Defect::Path),
        (b":path", b"/a b", Defect::Path),
        (b":path", b"/a\0", Defect::Path),
        (b":path", b"/a\\b", Defect::Path),
        (b":path", b"/%4", Defect::Path),
        (b":path", b"/a%?", Defect::Path),
        (b":path", b"/?<", Defect::Path),
        (b":authority", b"[::1", Defect::Authority),
        (b":authority", b"[::1]x", Defect::Authority),
        (b":authority", b"a:65536", Defect::Authority),
        (b":authority", b"a b", Defect::Authority),
        (b":path", b"/a#b", Defect::Path),
        (b":path", b"/\xc3\xa9", Defect::Path),
        (b":status", b"20", Defect::Status),
        (b":status", b"2000", Defect::Status),
        (b":protocol", b"a b", Defect::Protocol),
    ] {
        let Field::Malformed(field) = Field::parse(Name::parse(name), value) else { panic!("{name:?}: {value:?}") };
        assert_eq!((field.0.as_bytes(), &field.1[..], field.2), (name, value, defect));
    }
}

#[test]
fn pseudo_header_fields_that_are_held() {
    for (name, value) in [
        (":path", "/"),
        (":path", "*"),
        (":path", "//double"),
        (":path", "/a|b[c]?q=100%&{d}^e`f\\g"),
        (":authority", "a.test"),
        (":authority", "a.test:"),
        (":authority", "[::1]:8443"),
        (":authority", "127.0.0.1:65535"),
        (":scheme", "coap+tcp"),
        (":method", "M-SEARCH"),
        (":status", "599"),
        (":protocol", "websocket"),
    ] {
        let field = Field::parse(Name::parse(name.as_bytes()), value.as_bytes());
        assert!(!matches!(field, Field::Malformed(_)), "{name}: {value}");
        assert_eq!((field.name().as_bytes(), field.value()), (name.as_bytes(), value.as_bytes()));
    }
}

/// What the encoder writes, the decoder reads, over a table that is resized on the way.
#[test]
fn an_authority_that_is_written_out_again_is_what_it_says_each_time() {
    let mut decoder = Decoder::default();
    for (block, authority) in
        [("010161", "a"), ("010161", "a"), ("01026162", "ab"), ("010161", "a"), ("01811e", "!"), ("010161", "a")]
    {
        let decoded = decode(&mut decoder, block);
        match authority {
            "!" => assert!(decoded.is_err(), "the padding of a code is checked, whatever came before"),
            _ => assert_eq!(decoded, Ok(lines(&format!(":authority: {authority}")))),
        }
    }
    // One that is malformed is refused, and not remembered for the one after it.
    for _ in 0..2 {
        let mut fields = Fields::default();
        decoder.decode(&hex("0103614061"), &mut fields).unwrap();
        assert!(matches!(fields.0.as_slice(), [Field::Malformed(_)]));
    }
}

#[test]
fn the_encoder_and_the_decoder_agree() {
    let mut encoder = Encoder::new(4096);
    let mut decoder = Decoder::default();
    let mut lengths = Vec::new();
    for round in 0..200usize {
        if round % 50 == 49 {
            let bytes_max = [100, 0, 4096, 200][round / 50];
            encoder.limit_table(bytes_max);
            decoder.limit_table(bytes_max);
        }
        let mut block = Vec::new();
        let mut expected = Vec::new();
        encoder.begin(&mut block);
        encoder.status(StatusCode::from_u16(200 + (round % 7) as u16).unwrap(), &mut block);
        expected.push((":status".to_owned(), (200 + round % 7).to_string()));
        encoder.content_length(round as u64 * 1_000_003, &mut block);
        expected.push(("content-length".into(), (round * 1_000_003).to_string()));
        for (name, value) in [
            ("server", "wirelight".to_owned()),
            ("date", format!("Mon, 21 Oct 2013 20:13:{:02} GMT", round / 10)),
            ("x-request-id", round.to_string()),
            ("x-empty", String::new()),
            ("accept-encoding", "gzip, deflate".into()),
            ("etag", format!("\"{round:x}\"")),
            ("authorization", "short".into()),
            ("x-long", "l".repeat(round * 20)),
        ] {
            let mut typed = HeaderValue::from_str(&value).unwrap();
            typed.set_sensitive(name == "x-request-id");
            encoder.field(&HeaderName::from_static(name), &typed, &mut block);
            expected.push((name.into(), value));
        }
        lengths.push(block.len());
        let mut sink = Collected::default();
        decoder.decode(&block, &mut sink).unwrap();
        assert_eq!(sink.fields, expected, "round {round}");
    }
    assert!(lengths[1] < lengths[0], "{lengths:?}");
}

#[test]
fn requests_use_the_tables() {
    let mut encoder = Encoder::new(4096);
    let mut write = |path: &str| {
        let mut block = Vec::new();
        encoder.begin(&mut block);
        encoder.method(&Method::GET, &mut block);
        encoder.scheme("https", &mut block);
        encoder.authority("example.com", &mut block);
        encoder.path(path, &mut block);
        block
    };
    assert_eq!(write("/").len(), 3 + 2 + 8);
    assert_eq!(write("/"), [0x82, 0x87, 0xbe, 0x84]);
    assert_eq!(write("/a")[..4], [0x82, 0x87, 0xbe, 0x04]);
}
