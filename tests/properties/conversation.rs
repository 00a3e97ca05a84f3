//! What clients may say, and what they may not: valid streams beside what they mean, and ways to spoil and to cut them.

use flate2::{Compress, Compression, FlushCompress, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};

use crate::reader::{Piece, Seen};

/// A stream of bytes and what it means.
#[derive(Clone, Debug, Default)]
pub struct Conversation {
    pub bytes: Vec<u8>,
    pub means: Vec<Seen>,
}

impl Conversation {
    fn join(conversations: Vec<Conversation>) -> Conversation {
        let mut whole = Conversation::default();
        for part in conversations {
            whole.bytes.extend(part.bytes);
            whole.means.extend(part.means);
        }
        whole
    }
}

/// Requests, and perhaps an upgrade and frames behind it.
pub fn conversations() -> impl Strategy<Value = Conversation> {
    let opened = prop_oneof![Just(false), Just(true)]
        .prop_flat_map(|deflate| (Just(upgrade(deflate)), frames(deflate)))
        .prop_map(|(upgrade, frames)| vec![upgrade, frames]);
    let opened = prop_oneof![1 => Just(Vec::new()), 2 => opened];
    (vec(request(), 0..4), opened)
        .prop_map(|(requests, opened)| Conversation::join([requests, opened].concat()))
}

/// The request that opens a WebSocket, and offers compression or not.
pub fn upgrade(deflate: bool) -> Conversation {
    let offer = match deflate {
        true => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        false => "",
    };
    let request = format!(
        "GET /ws?a=b HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{offer}\r\n"
    );
    Conversation {
        bytes: request.into_bytes(),
        means: vec![Seen::Request {
            line: "GET /ws?a=b".to_owned(),
            body: Vec::new(),
        }],
    }
}

/// A request that stays, with a body by length, by chunks or not at all.
fn request() -> impl Strategy<Value = Conversation> {
    let method = prop_oneof![Just("GET"), Just("POST"), Just("DELETE"), Just("X-Y")];
    let header = "[A-Za-z][A-Za-z0-9-]{0,9}: {0,2}[ -~]{0,30}\r\n"
        .prop_filter("means nothing to us", |line| is_plain(line));
    let headers = vec(header, 0..4).prop_map(|lines| lines.concat());
    let expects = prop_oneof![3 => Just(""), 1 => Just("Expect: 100-continue\r\n")];
    let parts = (
        0..3usize,
        method,
        "/[a-z0-9%._~-]{0,12}",
        "[a-z=&+%0-9]{0,8}",
    );
    (parts, headers, expects, body()).prop_map(|(parts, headers, expects, (framing, body))| {
        let (empty_lines, method, path, query) = parts;
        let (begin, length, framed) = framing;
        let head = format!("{method} {path}?{query} HTTP/1.1\r\n{headers}Host: a\r\n");
        let head = format!(
            "{}{head}{expects}{begin}{length}\r\n",
            "\r\n".repeat(empty_lines)
        );
        Conversation {
            bytes: [head.into_bytes(), framed].concat(),
            means: vec![Seen::Request {
                line: format!("{method} {path}?{query}"),
                body,
            }],
        }
    })
}

fn is_plain(line: &str) -> bool {
    let meaningful = [
        "host",
        "content-length",
        "transfer-encoding",
        "expect",
        "connection",
        "upgrade",
    ];
    let name = line.split(':').next().unwrap_or_default();
    meaningful
        .iter()
        .all(|known| !name.eq_ignore_ascii_case(known))
}

/// The header that frames a body, the framed body, and the body itself.
type Framed = ((&'static str, String, Vec<u8>), Vec<u8>);

fn body() -> impl Strategy<Value = Framed> {
    let none = Just((("", String::new(), Vec::new()), Vec::new()));
    let by_length = vec(any::<u8>(), 0..1500).prop_map(|body| {
        let length = format!("{}\r\n", body.len());
        (("Content-Length: ", length, body.clone()), body)
    });
    let extension = prop_oneof![Just(""), Just(";a"), Just(" ; a=\"b\"")];
    let chunk = (
        vec(any::<u8>(), 1..200),
        0..3usize,
        extension.clone(),
        any::<bool>(),
    );
    let trailers = prop_oneof![Just(""), Just("A: b\r\n"), Just("A: b\r\nC-D:\r\n")];
    let by_chunks =
        (vec(chunk, 0..6), extension, trailers).prop_map(|(chunks, extension, trailers)| {
            let (mut framed, mut body) = (Vec::new(), Vec::new());
            for (bytes, zeros, extension, upper) in chunks {
                let size = format!("{}{:x}", "0".repeat(zeros), bytes.len());
                let size = if upper { size.to_uppercase() } else { size };
                framed.extend(format!("{size}{extension}\r\n").into_bytes());
                framed.extend([&bytes[..], b"\r\n"].concat());
                body.extend(bytes);
            }
            framed.extend(format!("0{extension}\r\n{trailers}\r\n").into_bytes());
            (
                ("Transfer-Encoding: ", "chunked\r\n".to_owned(), framed),
                body,
            )
        });
    prop_oneof![1 => none, 2 => by_length, 2 => by_chunks]
}

/// Messages whole and in fragments, some of them compressed if that was agreed on, control frames between them, and
/// perhaps a close frame with something behind it.
pub fn frames(deflate: bool) -> impl Strategy<Value = Conversation> {
    let item = prop_oneof![3 => message(deflate), 1 => control()];
    let end = prop_oneof![1 => Just(Conversation::default()), 1 => goodbye()];
    (vec(item, 0..8), end).prop_map(|(mut items, end)| {
        items.push(end);
        Conversation::join(items)
    })
}

fn message(deflate: bool) -> impl Strategy<Value = Conversation> {
    let text = prop_oneof![8 => ".{0,60}", 1 => "[a-zü€😀]{100,140}"];
    let text = text.prop_map(|text| (true, text.into_bytes()));
    let long = prop_oneof![120..130usize, 65_530..65_540usize, Just(70_000)];
    let long = (any::<u8>(), long).prop_map(|(byte, length)| (false, vec![byte; length]));
    let short = vec(any::<u8>(), 0..300).prop_map(|bytes| (false, bytes));
    let payload = prop_oneof![8 => text, 8 => short, 1 => long];
    let cut = (
        any::<Index>(),
        prop_oneof![2 => Just(None), 1 => control().prop_map(Some)],
    );
    let form = (any::<[u8; 4]>(), any::<bool>());
    (payload, vec(cut, 0..4), form).prop_map(move |((is_text, payload), mut cuts, form)| {
        let (mask, is_compressed) = (form.0, form.1 && deflate);
        let means = match str::from_utf8(&payload) {
            Ok(text) if is_text => Seen::Text(text.to_owned()),
            _ => Seen::Binary(payload.clone()),
        };
        let payload = if is_compressed {
            compress(&payload)
        } else {
            payload
        };
        cuts.sort_by_key(|(index, _)| index.index(payload.len() + 1));
        let (mut parts, mut from) = (Vec::new(), 0);
        let mut kind = if is_text { Data::Text } else { Data::Binary };
        for (index, control) in cuts {
            let to = index.index(payload.len() + 1);
            let piece = &payload[from..to];
            parts.push(frame(OpCode::Data(kind), false, piece, mask, Vec::new()));
            parts.extend(control);
            (from, kind) = (to, Data::Continue);
        }
        let rest = &payload[from..];
        parts.push(frame(OpCode::Data(kind), true, rest, mask, vec![means]));
        parts[0].bytes[0] |= u8::from(is_compressed) << 6;
        Conversation::join(parts)
    })
}

/// As another client compresses a message (RFC 7692 §7.2.1).
fn compress(payload: &[u8]) -> Vec<u8> {
    let mut compress = Compress::new(Compression::default(), false);
    let mut compressed = Vec::with_capacity(payload.len() + 100);
    let status = compress.compress_vec(payload, &mut compressed, FlushCompress::Sync);
    assert_eq!(
        (status.unwrap(), compress.total_in()),
        (Status::Ok, payload.len() as u64)
    );
    compressed.truncate(compressed.len() - 4);
    compressed
}

fn control() -> impl Strategy<Value = Conversation> {
    let payload = prop_oneof![vec(any::<u8>(), 0..10), vec(any::<u8>(), 120..126)];
    (payload, any::<bool>(), any::<[u8; 4]>()).prop_map(|(payload, is_ping, mask)| {
        let (control, means) = match is_ping {
            true => (Control::Ping, Seen::Ping(payload.clone())),
            false => (Control::Pong, Seen::Pong),
        };
        frame(OpCode::Control(control), true, &payload, mask, vec![means])
    })
}

fn goodbye() -> impl Strategy<Value = Conversation> {
    let code = prop_oneof![Just(1000u16), Just(1001), Just(1011), 3000..5000u16];
    let reason = "[a-zü]{0,20}";
    let close = prop::option::of((code, reason));
    (close, any::<[u8; 4]>(), vec(any::<u8>(), 0..20)).prop_map(|(close, mask, behind)| {
        let means = vec![Seen::Close(close.as_ref().map_or(1005, |(code, _)| *code))];
        let close = close.map(|(code, reason)| CloseFrame {
            code: CloseCode::from(code),
            reason: reason.into(),
        });
        let mut frame = Frame::close(close);
        frame.header_mut().mask = Some(mask);
        let mut bytes = Vec::new();
        frame.format(&mut bytes).unwrap();
        bytes.extend(behind);
        Conversation { bytes, means }
    })
}

fn frame(
    opcode: OpCode,
    last: bool,
    payload: &[u8],
    mask: [u8; 4],
    means: Vec<Seen>,
) -> Conversation {
    let mut frame = Frame::ping(payload.to_vec());
    let header = frame.header_mut();
    (header.opcode, header.is_final, header.mask) = (opcode, last, Some(mask));
    let mut bytes = Vec::new();
    frame.format(&mut bytes).unwrap();
    Conversation { bytes, means }
}

/// How a stream is spoiled.
#[derive(Clone, Debug)]
pub enum Spoil {
    Set(Index, u8),
    Flip(Index, u32),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
    Truncate(Index),
}

pub fn spoils() -> impl Strategy<Value = Vec<Spoil>> {
    let index = any::<Index>;
    let sign = prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\0".to_vec()),
        Just(b"Content-Length: 3\r\n".to_vec()),
        Just(b"Transfer-Encoding: chunked\r\n".to_vec()),
        Just(b"Connection: close\r\n".to_vec()),
        vec(any::<u8>(), 1..6),
    ];
    let spoil = prop_oneof![
        (index(), any::<u8>()).prop_map(|(at, byte)| Spoil::Set(at, byte)),
        (index(), 0..8u32).prop_map(|(at, bit)| Spoil::Flip(at, bit)),
        (index(), sign).prop_map(|(at, bytes)| Spoil::Insert(at, bytes)),
        (index(), 1..8usize).prop_map(|(at, count)| Spoil::Remove(at, count)),
        (index(), 1..40usize).prop_map(|(at, count)| Spoil::Repeat(at, count)),
        index().prop_map(Spoil::Truncate),
    ];
    vec(spoil, 1..4)
}

/// The same stream, spoiled.
pub fn spoil(mut bytes: Vec<u8>, spoils: &[Spoil]) -> Vec<u8> {
    for spoil in spoils {
        let length = bytes.len();
        let place = |index: &Index| index.index(length + 1);
        match spoil {
            Spoil::Insert(at, new) => drop(bytes.splice(place(at)..place(at), new.iter().copied())),
            Spoil::Truncate(at) => bytes.truncate(place(at)),
            _ if bytes.is_empty() => {}
            Spoil::Set(at, byte) => bytes[at.index(length)] = *byte,
            Spoil::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Spoil::Remove(at, count) => {
                drop(bytes.drain(place(at)..(place(at) + count).min(length)));
            }
            Spoil::Repeat(at, count) => {
                let piece = bytes[place(at)..(place(at) + count).min(length)].to_vec();
                bytes.splice(place(at)..place(at), piece);
            }
        }
    }
    bytes
}

/// Frames that mostly keep the rules for themselves, in an order that mostly does not.
pub fn rude_frames() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop::sample::select(vec![0u8, 0, 0, 1, 1, 1, 2, 8, 9, 10]);
    let first = prop_oneof![
        40 => (kind, any::<bool>()).prop_map(|(kind, last)| kind | u8::from(last) << 7),
        1 => any::<u8>(),
    ];
    let text = prop::sample::select(vec!["", "a", "é", "€", "😀"]);
    let payload = prop_oneof![
        6 => (text, 0..5usize).prop_map(|(text, cut)| text.as_bytes()[cut.min(text.len())..].to_vec()),
        2 => Just(b"\xf0\x9f\x98".to_vec()),
        2 => (1000..1016u16).prop_map(|code| code.to_be_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..200),
    ];
    let form = prop_oneof![60 => Just(0), 1 => 1..3];
    let is_masked = prop_oneof![60 => Just(true), 1 => Just(false)];
    let frame = (first, payload, form, is_masked, any::<[u8; 4]>());
    let frame = frame.prop_map(|(first, mut payload, form, is_masked, mask)| {
        let (marked, length) = (u8::from(is_masked) << 7, payload.len());
        let mut bytes = vec![first];
        match (form, length) {
            (0, ..126) => bytes.push(marked | length as u8),
            (2, _) => bytes.extend([&[marked | 127][..], &(length as u64).to_be_bytes()].concat()),
            _ => bytes.extend([&[marked | 126][..], &(length as u16).to_be_bytes()].concat()),
        }
        if is_masked {
            bytes.extend(mask);
            payload
                .iter_mut()
                .zip(mask.iter().cycle())
                .for_each(|(byte, mask)| *byte ^= mask);
        }
        bytes.extend(payload);
        bytes
    });
    vec(frame, 0..12).prop_map(|frames| frames.concat())
}

/// Words of both protocols in any order, and bytes of neither.
pub fn babble() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "GET ",
        "POST ",
        "/",
        "/ws",
        "?",
        " ",
        "HTTP/1.1",
        "HTTP/1.0",
        "\r\n",
        "\r",
        "\n",
        ":",
        ";",
        "0",
        "5",
        "a",
        "Host: a\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\n",
        "Expect: 100-continue\r\n",
        "Connection: close\r\n",
        "\r\n\r\n",
        "hello",
    ];
    let word = prop::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec());
    let word = prop_oneof![8 => word, 1 => vec(any::<u8>(), 1..4)];
    vec(word, 0..20).prop_map(|words| words.concat())
}

/// Ways to cut a stream.
pub fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let bytes = prop_oneof![
        Just(1),
        1..4usize,
        1..40usize,
        1..2000usize,
        1..100_000usize
    ];
    let piece = (bytes, any::<bool>()).prop_map(|(bytes, ends_turn)| Piece { bytes, ends_turn });
    vec(piece, 1..12)
}
