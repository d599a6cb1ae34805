//! Frames of HTTP/2 (RFC 9113), by hand, for what no client would send.

/// Begins HTTP/2 (§3.4), with empty settings.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// Ends a connection.
pub const GOAWAY: u8 = 7;
/// Error code ENHANCE_YOUR_CALM (§7).
pub const CALM: [u8; 4] = [0, 0, 0, 0xb];
const RST_STREAM: u8 = 3;
/// Error code CANCEL.
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// One frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// `GET http://a` and a path as HPACK's static table has it, all of it in one frame.
pub fn get(stream: u32, path: &[u8]) -> Vec<u8> {
    let length = u8::try_from(path.len()).unwrap();
    let fields = [&[0x82, 0x86, 0x01, 1, b'a', 0x04, length], path].concat();
    frame(1, 0x5, stream, &fields)
}

/// Requests that are taken back at once, as in CVE-2023-44487.
pub fn resets(count: u32) -> Vec<u8> {
    let pair = |n| [get(2 * n + 1, b"/"), frame(RST_STREAM, 0, 2 * n + 1, &CANCEL)].concat();
    (0..count).flat_map(pair).collect()
}

/// Kind and payload of each frame.
pub fn frames(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut found = Vec::new();
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = bytes {
        let length = usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).unwrap();
        let (payload, next) = rest.split_at(length.min(rest.len()));
        found.push((*kind, payload));
        bytes = next;
    }
    found
}
