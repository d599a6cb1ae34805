//! A consumer's answer, as much of it as has arrived: HTTP/1.1 (RFC 9112), the status, where the answer ends, and when a consumer that
//! is too busy wants to be asked again; nothing else of it is of use. What has arrived is looked at from its beginning each time, which is short and bounded, so there is no state to go wrong.

use httparse::{EMPTY_HEADER, Header, Response, Status};
use hyper::StatusCode;

use crate::retry::Later;

/// Longest heads, those of interim answers (1xx) included, in bytes.
pub const HEAD_LIMIT: usize = 8192;
/// Most of a body that is read, in bytes; a longer one costs the consumer its connection.
pub const BODY_LIMIT: usize = 4096;
/// Most header fields of one answer.
const MAX_HEADERS: usize = 64;

/// Why bytes are no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The head does not end.
    #[error("the answer's head is longer than {HEAD_LIMIT} bytes")]
    TooLong,
    /// No HTTP/1.
    #[error("the answer is no HTTP/1 response: {0}")]
    Garbage(#[from] httparse::Error),
    /// 101 although nobody asked for another protocol, or a status below 100.
    #[error("the answer's status {0} answers no POST")]
    Status(u16),
    /// Its length contradicts itself.
    #[error("the answer's Content-Length is no number, or several different ones")]
    Length,
}

/// What has been seen of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// More has to come; the status, once the head is whole.
    Part(Option<StatusCode>),
    /// Its end, or more than is read of it.
    Whole {
        /// The status.
        status: StatusCode,
        /// The connection takes another request.
        keep: bool,
        /// `Retry-After` of 429 and 503, if it makes sense.
        later: Option<Later>,
    },
}

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Length(u64),
    Chunked,
    /// With the connection.
    Close,
}

/// Looks at all that has arrived since the request.
pub fn look(mut bytes: &[u8]) -> Result<Seen, AnswerError> {
    let mut room = HEAD_LIMIT;
    loop {
        let mut headers = [EMPTY_HEADER; MAX_HEADERS];
        let mut response = Response::new(&mut headers);
        let head = match response.parse(bytes)? {
            Status::Complete(head) if head <= room => head,
            Status::Partial if bytes.len() < room => return Ok(Seen::Part(None)),
            _ => return Err(AnswerError::TooLong),
        };
        bytes = bytes.get(head..).unwrap_or_default();
        let code = response.code.unwrap_or(0);
        if (100..200).contains(&code) && code != 101 {
            room -= head;
            continue;
        }
        let status = StatusCode::from_u16(code)
            .ok()
            .filter(|status| !status.is_informational());
        let status = status.ok_or(AnswerError::Status(code))?;
        let body = body_of(code, response.headers)?;
        let keep = keeps(response.version == Some(1), response.headers);
        let later = later(status, response.headers);
        return Ok(match end_of(body, bytes) {
            End::At(end) => Seen::Whole {
                status,
                keep: keep && end == bytes.len(),
                later,
            },
            End::Later => Seen::Part(Some(status)),
            End::Never => Seen::Whole {
                status,
                keep: false,
                later,
            },
        });
    }
}

/// The message body's length (RFC 9112, 6.3).
fn body_of(code: u16, headers: &[Header<'_>]) -> Result<Body, AnswerError> {
    if matches!(code, 204 | 304) {
        return Ok(Body::Length(0));
    }
    if let Some(last) = words(headers, "transfer-encoding").last() {
        return Ok(if last.eq_ignore_ascii_case("chunked") {
            Body::Chunked
        } else {
            Body::Close
        });
    }
    let mut length = None;
    for word in words(headers, "content-length") {
        let number = word
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| word.parse().ok());
        let number: u64 = number.flatten().ok_or(AnswerError::Length)?;
        if length.is_some_and(|length| length != number) {
            return Err(AnswerError::Length);
        }
        length = Some(number);
    }
    Ok(length.map_or(Body::Close, Body::Length))
}

/// Whether the connection stays (RFC 9112, 9.3).
fn keeps(is_1_1: bool, headers: &[Header<'_>]) -> bool {
    let says = |what: &str| words(headers, "connection").any(|word| word.eq_ignore_ascii_case(what));
    !says("close") && (is_1_1 || says("keep-alive"))
}

/// When a consumer that has too much to do wants the event again (RFC 9110, 10.2.3).
fn later(status: StatusCode, headers: &[Header<'_>]) -> Option<Later> {
    if !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    let field = headers
        .iter()
        .find(|field| field.name.eq_ignore_ascii_case("retry-after"))?;
    Later::parse(std::str::from_utf8(field.value).ok()?)
}

/// The comma-separated words of all fields of that name.
fn words<'a>(headers: &'a [Header<'a>], name: &'a str) -> impl Iterator<Item = &'a str> {
    let fields = headers
        .iter()
        .filter(move |field| field.name.eq_ignore_ascii_case(name));
    let words = fields.flat_map(|field| field.value.split(|byte| *byte == b','));
    words.map(|word| std::str::from_utf8(word).unwrap_or("?").trim())
}

enum End {
    /// So many bytes after the head.
    At(usize),
    Later,
    /// Too long, or not to be found.
    Never,
}

fn end_of(body: Body, bytes: &[u8]) -> End {
    match body {
        Body::Length(length) => match usize::try_from(length) {
            Ok(length) if length <= bytes.len().min(BODY_LIMIT) => End::At(length),
            Ok(length) if length <= BODY_LIMIT => End::Later,
            _ => End::Never,
        },
        Body::Chunked => match chunked(bytes) {
            Some(End::Later) | None if bytes.len() >= BODY_LIMIT => End::Never,
            Some(end) => end,
            None => End::Later,
        },
        Body::Close if bytes.len() <= BODY_LIMIT => End::Later,
        Body::Close => End::Never,
    }
}

/// The end of a chunked body (RFC 9112, 7.1); `None` if it has not come.
fn chunked(bytes: &[u8]) -> Option<End> {
    let mut at = 0;
    loop {
        let (line, size) = match httparse::parse_chunk_size(bytes.get(at..)?) {
            Ok(Status::Complete(found)) => found,
            Ok(Status::Partial) => return None,
            Err(_) => return Some(End::Never),
        };
        at += line;
        if size == 0 {
            break;
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let end = at.saturating_add(size);
        if end > BODY_LIMIT {
            return Some(End::Never);
        }
        match bytes.get(end..end + 2)? {
            b"\r\n" => at = end + 2,
            _ => return Some(End::Never),
        }
    }
    // Trailer fields, up to the empty line.
    loop {
        let rest = bytes.get(at..)?;
        let length = rest.windows(2).position(|pair| pair == b"\r\n")?;
        at += length + 2;
        if length == 0 {
            return Some(End::At(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(code: u16, keep: bool) -> Result<Seen, AnswerError> {
        let status = StatusCode::from_u16(code).unwrap();
        Ok(Seen::Whole {
            status,
            keep,
            later: None,
        })
    }

    #[test]
    fn who_is_too_busy_says_when_to_come_again() {
        let later = |text: &str| match look(text.as_bytes()).unwrap() {
            Seen::Whole { later, .. } => later,
            Seen::Part(_) => panic!("{text}"),
        };
        let answer = |status, field: &str| format!("HTTP/1.1 {status} X\r\n{field}\r\nContent-Length: 0\r\n\r\n");
        let seven = Some(Later::In(std::time::Duration::from_secs(7)));
        assert_eq!(later(&answer("503", "Retry-After: 7")), seven);
        assert_eq!(later(&answer("429", "retry-after:7")), seven);
        assert_eq!(
            later(&answer("500", "Retry-After: 7")),
            None,
            "only those two ask for patience"
        );
        assert_eq!(later(&answer("503", "Retry-After: soon")), None);
        assert_eq!(
            later("HTTP/1.1 503 X\r\nRetry-After: 7\r\nContent-Length: 9999\r\n\r\n"),
            seven
        );
    }

    /// Answers with all their bytes, their status, and whether the connection stays.
    const ANSWERS: &[(&str, u16, bool)] = &[
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, true),
        ("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", 204, false),
        ("HTTP/1.1 204 No Content\r\nconnection: x, Close\r\n\r\n", 204, false),
        ("HTTP/1.0 204 No Content\r\n\r\n", 204, false),
        (
            "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok",
            200,
            true,
        ),
        ("HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", 200, true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc", 200, true),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 202 A\r\nContent-Length: 1\r\n\r\n!",
            202,
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n",
            200,
            true,
        ),
        (
            "HTTP/1.1 500 Oh\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\nA: b\r\n\r\n",
            500,
            true,
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
            302,
            true,
        ),
    ];

    #[test]
    fn answers_end_where_they_say_in_however_many_pieces() {
        for (text, code, keep) in ANSWERS {
            assert_eq!(look(text.as_bytes()), whole(*code, *keep), "{text}");
            for end in 0..text.len() {
                let seen = look(&text.as_bytes()[..end]);
                assert!(matches!(seen, Ok(Seen::Part(_))), "{text} up to {end}: {seen:?}");
            }
        }
    }

    #[test]
    fn what_comes_after_the_end_belongs_to_no_request() {
        for (text, code, _) in ANSWERS {
            assert_eq!(
                look(format!("{text}HTTP/1.1 200").as_bytes()),
                whole(*code, false),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_answer_says_why() {
        let why = |text: &str| look(text.as_bytes()).unwrap_err();
        for text in [
            "SSH-2.0-x\r\n",
            "HTTP/2 200\r\n\r\n",
            "HTTP/1.1 abc\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        ] {
            assert!(matches!(why(text), AnswerError::Garbage(_)), "{text}");
        }
        assert_eq!(why("HTTP/1.1 101 Switching\r\n\r\n"), AnswerError::Status(101));
        assert_eq!(why("HTTP/1.1 099 Low\r\n\r\n"), AnswerError::Status(99));
        for length in ["-1", "x", "1, 2", "99999999999999999999"] {
            let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            assert_eq!(why(&text), AnswerError::Length, "{length}");
        }
        let long = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(HEAD_LIMIT));
        assert_eq!(why(&long), AnswerError::TooLong);
        assert_eq!(why(&(long + "\r\n\r\n")), AnswerError::TooLong);
        let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(HEAD_LIMIT / 25 + 1);
        assert_eq!(why(&interim), AnswerError::TooLong);
    }

    #[test]
    fn a_body_that_is_too_long_or_broken_costs_the_connection_and_not_the_answer() {
        let head = "HTTP/1.1 200 OK\r\n";
        let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
        let long = "x".repeat(BODY_LIMIT + 1);
        for text in [
            format!("{head}Content-Length: {}\r\n\r\n", BODY_LIMIT + 1),
            format!("{head}\r\n{long}"),
            format!("{head}Transfer-Encoding: gzip\r\n\r\n{long}"),
            format!("{chunked}{:x}\r\n", BODY_LIMIT + 1),
            format!("{chunked}{}", "1\r\nx\r\n".repeat(BODY_LIMIT)),
            format!("{chunked}zz\r\n"),
            format!("{chunked}1\r\nxyz"),
            format!("{chunked}0\r\nA: {long}"),
            format!("{chunked}ffffffffffffffff\r\n"),
        ] {
            assert_eq!(look(text.as_bytes()), whole(200, false), "{:.80}", text);
        }
        let open = look(format!("{head}\r\nuntil it closes").as_bytes());
        assert_eq!(open, Ok(Seen::Part(Some(StatusCode::OK))));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(head in "HTTP/1\\.[01] [0-9]{3} x\r\n((Content-Length|Transfer-Encoding|Connection): ?(chunked|close|[0-9]{1,5})\r\n){0,3}\r\n", tail in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = look(&tail);
            let _ = look(&[head.as_bytes(), &tail].concat());
        }
    }
}
