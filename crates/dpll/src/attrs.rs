//! Walking netlink attributes in place (`struct nlattr`, include/uapi/linux/netlink.h).
//!
//! An attribute is `u16` length with its header, `u16` type, value, padding to four bytes, all in host byte order. The walk lends
//! values out of the receive buffer and never allocates.
//!
//! **What is malformed, and what is only odd.** A message is dropped whole, with the place, when its bytes cannot be trusted:
//! an attribute that is cut or claims an impossible length, or an attribute *we know* whose value has a length its type does not
//! have. Odd and fine: an attribute we do not know, in any length; a missing attribute, also inside a nest; a nest without the
//! nested flag; a repeated single attribute (the last one counts, as in the kernel's own parser); missing padding at the very end;
//! a string without its NUL or that is no UTF-8; an enum value without a name.

use core::fmt;

/// Bytes in front of a value.
const HEADER: usize = 4;
/// The type's own bits; the two above are NLA_F_NESTED and NLA_F_NET_BYTEORDER.
const TYPE_MASK: u16 = 0x3fff;

/// Why a message was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MalformedKind {
    /// Fewer bytes left than an attribute header has.
    Truncated,
    /// The length field is below the header's own or reaches past the end.
    Length,
    /// A known attribute whose value is not as long as its type.
    Value(u16),
}

/// A message that cannot be trusted, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong.
    pub kind: MalformedKind,
    /// Offset of the attribute from the start of the message's attributes, in bytes.
    pub offset: usize,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.offset;
        match self.kind {
            MalformedKind::Truncated => write!(f, "truncated attribute header at byte {at}"),
            MalformedKind::Length => write!(f, "impossible attribute length at byte {at}"),
            MalformedKind::Value(kind) => write!(f, "attribute {kind} at byte {at} has a value of the wrong length"),
        }
    }
}

impl core::error::Error for Malformed {}

/// A string attribute: bytes up to the first NUL, which is looked for when somebody reads it.
#[derive(Clone, Copy, Default)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// The value of a string attribute.
    pub const fn new(value: &'a [u8]) -> Self {
        Text(value)
    }

    /// As the kernel sent it, without the NUL.
    pub fn bytes(self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == 0);
        end.and_then(|end| self.0.get(..end)).unwrap_or(self.0)
    }

    /// The text, if it is UTF-8; every driver's labels so far are ASCII. Display replaces what is not.
    pub fn as_str(self) -> Option<&'a str> {
        core::str::from_utf8(self.bytes()).ok()
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Text<'_> {}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.bytes().utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_str("\u{fffd}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// One attribute, its value still in the caller's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attr<'a> {
    /// Type without its flags.
    pub kind: u16,
    /// Value without padding.
    pub value: &'a [u8],
    /// Offset of the attribute from the start of the message's attributes.
    pub offset: usize,
}

impl<'a> Attr<'a> {
    #[cold]
    fn wrong(&self) -> Malformed {
        Malformed {
            kind: MalformedKind::Value(self.kind),
            offset: self.offset,
        }
    }

    #[inline]
    fn array<const N: usize>(&self) -> Result<[u8; N], Malformed> {
        match self.value.try_into() {
            Ok(bytes) => Ok(bytes),
            Err(_) => Err(self.wrong()),
        }
    }

    /// A `u32`.
    #[inline]
    pub fn u32(&self) -> Result<u32, Malformed> {
        self.array().map(u32::from_ne_bytes)
    }

    /// An `s32`.
    #[inline]
    pub fn i32(&self) -> Result<i32, Malformed> {
        self.array().map(i32::from_ne_bytes)
    }

    /// A `u64`.
    #[inline]
    pub fn u64(&self) -> Result<u64, Malformed> {
        self.array().map(u64::from_ne_bytes)
    }

    /// An `s64`.
    #[inline]
    pub fn i64(&self) -> Result<i64, Malformed> {
        self.array().map(i64::from_ne_bytes)
    }

    /// A `sint`: four bytes where the number fits, eight where it does not (`nla_put_sint`, include/net/netlink.h).
    #[inline]
    pub fn sint(&self) -> Result<i64, Malformed> {
        match self.value.len() {
            4 => self.i32().map(i64::from),
            _ => self.i64(),
        }
    }

    /// A string.
    #[inline]
    pub fn text(&self) -> Text<'a> {
        Text::new(self.value)
    }

    /// The attributes inside this one.
    pub const fn nested(&self) -> Attrs<'a> {
        Attrs {
            rest: self.value,
            end: self.offset.saturating_add(HEADER).saturating_add(self.value.len()),
        }
    }
}

/// The attributes of a message, in order. After an error the walk is over.
#[derive(Debug, Clone)]
pub struct Attrs<'a> {
    rest: &'a [u8],
    /// Offset of the end of `rest` in the message.
    end: usize,
}

impl<'a> Attrs<'a> {
    /// Starts at the first attribute: what follows the generic-netlink header.
    pub const fn new(body: &'a [u8]) -> Self {
        Attrs {
            rest: body,
            end: body.len(),
        }
    }

    /// The bytes that were not walked yet; the next attribute is at their beginning.
    #[inline]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[cold]
    fn stop(&mut self, kind: MalformedKind) -> Malformed {
        let offset = self.end.saturating_sub(self.rest.len());
        self.rest = &[];
        Malformed { kind, offset }
    }
}

impl<'a> Iterator for Attrs<'a> {
    type Item = Result<Attr<'a>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let Some((&[l0, l1, k0, k1], _)) = self.rest.split_first_chunk::<HEADER>() else {
            return (!self.rest.is_empty()).then(|| Err(self.stop(MalformedKind::Truncated)));
        };
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let Some(value) = self.rest.get(HEADER..length) else {
            return Some(Err(self.stop(MalformedKind::Length)));
        };
        let offset = self.end.wrapping_sub(self.rest.len()); // `rest` is a tail of what ends there
        let kind = u16::from_ne_bytes([k0, k1]) & TYPE_MASK;
        // By hand: `next_multiple_of` took a third of the whole decoding. Nothing overflows, the length has sixteen bits.
        let padded = length.wrapping_add(3) & !3;
        self.rest = self.rest.get(padded..).unwrap_or_default();
        Some(Ok(Attr { kind, value, offset }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attr(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = u16::try_from(value.len() + HEADER).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn values_are_lent_and_flags_removed() {
        let body = [attr(0x8012, &5u32.to_ne_bytes()), attr(7, b"abc\0")].concat();
        let mut attrs = Attrs::new(&body);
        let first = attrs.next().unwrap().unwrap();
        assert_eq!((first.kind, first.u32()), (0x12, Ok(5)));
        assert!(core::ptr::eq(first.value.as_ptr(), &raw const body[4]));
        let second = attrs.next().unwrap().unwrap();
        assert_eq!((second.text().as_str(), second.offset), (Some("abc"), 8));
        assert_eq!(attrs.next(), None);
    }

    #[test]
    fn an_error_in_a_nest_is_placed_in_the_message() {
        let inner = [attr(1, &[1; 4]), attr(2, &[2; 3])].concat();
        let body = [attr(9, b""), attr(18, &inner)].concat();
        let nest = Attrs::new(&body).nth(1).unwrap().unwrap();
        let odd = nest.nested().nth(1).unwrap().unwrap();
        let kind = MalformedKind::Value(2);
        assert_eq!(
            odd.u32(),
            Err(Malformed {
                kind,
                offset: 4 + 4 + 8
            })
        );
    }

    #[test]
    fn a_length_below_the_header_or_past_the_end_ends_the_walk() {
        for length in [0u8, 1, 3, 9, 255] {
            let body = [length, 0, 1, 0, 0, 0, 0, 0];
            let mut attrs = Attrs::new(&body);
            let kind = MalformedKind::Length;
            assert_eq!(attrs.next(), Some(Err(Malformed { kind, offset: 0 })));
            assert_eq!(attrs.next(), None);
        }
        let mut attrs = Attrs::new(&[4, 0, 1, 0, 0, 0]);
        assert!(attrs.next().unwrap().is_ok());
        let kind = MalformedKind::Truncated;
        assert_eq!(attrs.next(), Some(Err(Malformed { kind, offset: 4 })));
        assert_eq!(attrs.next(), None);
    }

    #[test]
    fn padding_may_be_missing_at_the_end_only() {
        let body = attr(1, b"abcde");
        assert_eq!(
            Attrs::new(&body[..9])
                .map(|a| a.unwrap().value.len())
                .collect::<Vec<_>>(),
            [5]
        );
    }

    #[test]
    fn a_sint_has_four_or_eight_bytes() {
        let of = |value: &[u8]| {
            Attr {
                kind: 24,
                value,
                offset: 0,
            }
            .sint()
            .ok()
        };
        assert_eq!(of(&(-2i32).to_ne_bytes()), Some(-2));
        assert_eq!(of(&(-2i64).to_ne_bytes()), Some(-2));
        assert_eq!(of(&[0; 6]), None);
    }

    #[test]
    fn text_without_nul_or_utf8_is_shown_anyway() {
        assert_eq!(Text::new(b"GNSS-1PPS").as_str(), Some("GNSS-1PPS"));
        assert_eq!(Text::new(b"a\0b").bytes(), b"a");
        assert_eq!(format!("{}", Text::new(b"a\xffb")), "a\u{fffd}b");
        assert_eq!(Text::new(b"").as_str(), Some(""));
    }
}
