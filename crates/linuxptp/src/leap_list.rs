//! `leap-seconds.list` as NIST and IERS publish it and ts2phc reads it (`leapfile`): when TAI − UTC changes, and up to when that is known.
//!
//! Lines of NTP seconds and TAI − UTC; `#$` says when it was made, `#@` when it expires, `#h` is the SHA-1 of all their digits in five words.

use std::fmt;

use tgm_time::civil::Civil;
use tgm_time::{Seconds, Time, Utc};

/// Seconds from 1900 (NTP) to 1970 (POSIX).
const NTP_TO_POSIX: i64 = 2_208_988_800;
/// No moment of a list lies beyond 2216.
const LATEST: u64 = 10_000_000_000;

/// A list. Moments are POSIX seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeapList {
    /// When it was made.
    pub updated: Option<i64>,
    /// Up to when it knows.
    pub expires: Option<i64>,
    /// TAI − UTC, each from its moment on; in ascending order.
    pub steps: Vec<(i64, Seconds)>,
    /// The hash that stands in it.
    pub hash: Option<[u32; 5]>,
}

/// Why something is no such list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeapListError {
    /// A line that is none of a list.
    #[error("line {0} holds no NTP seconds and offset")]
    Line(usize),
    /// TAI − UTC beyond ±127 s.
    #[error("line {0}: an offset beyond 127 s")]
    Offset(usize),
    /// A line that is older than the one before it.
    #[error("line {0} is older than the one before it")]
    Order(usize),
    /// There is no line at all.
    #[error("no line holds NTP seconds and an offset")]
    Empty,
}

fn posix(word: &str) -> Option<i64> {
    let ntp = word.parse::<u64>().ok().filter(|ntp| *ntp < LATEST)?;
    i64::try_from(ntp).ok()?.checked_sub(NTP_TO_POSIX)
}

const fn ntp(posix: i64) -> i64 {
    posix.saturating_add(NTP_TO_POSIX)
}

impl LeapList {
    /// Reads one.
    ///
    /// # Errors
    /// A line that is none, none at all, or not in order. A hash that is wrong is not: see [`LeapList::is_intact`].
    pub fn parse(text: &str) -> Result<Self, LeapListError> {
        let mut list = LeapList::default();
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(rest) = line.strip_prefix("#$") {
                list.updated = posix(rest.trim());
            } else if let Some(rest) = line.strip_prefix("#@") {
                list.expires = posix(rest.trim());
            } else if let Some(rest) = line.strip_prefix("#h") {
                list.hash = hash_of(rest);
            } else if !line.starts_with('#') && !line.trim().is_empty() {
                let mut words = line.split_whitespace();
                let pair = words.next().and_then(posix).zip(words.next());
                let (from, offset) = pair.ok_or(LeapListError::Line(number))?;
                let offset: i64 = offset.parse().map_err(|_| LeapListError::Line(number))?;
                if i8::try_from(offset).is_err() {
                    return Err(LeapListError::Offset(number));
                }
                if list.steps.last().is_some_and(|(last, _)| *last >= from) {
                    return Err(LeapListError::Order(number));
                }
                list.steps.push((from, Seconds(offset)));
            }
        }
        if list.steps.is_empty() {
            return Err(LeapListError::Empty);
        }
        Ok(list)
    }

    /// TAI − UTC at this moment; before the first line there is none.
    pub fn offset_at(&self, posix: i64) -> Option<Seconds> {
        let steps = self.steps.iter().rev();
        steps
            .into_iter()
            .find(|(from, _)| posix >= *from)
            .map(|(_, offset)| *offset)
    }

    /// The next change after this moment, and TAI − UTC from then on.
    pub fn next_after(&self, posix: i64) -> Option<(i64, Seconds)> {
        self.steps.iter().copied().find(|(from, _)| *from > posix)
    }

    /// Whether it has expired at this moment; one that does not say when counts as expired.
    pub fn is_expired(&self, posix: i64) -> bool {
        self.expires.is_none_or(|expires| expires <= posix)
    }

    /// Whether its hash is that of what stands in it; `None`: it has none.
    pub fn is_intact(&self) -> Option<bool> {
        self.hash.map(|hash| hash == self.digest())
    }

    /// SHA-1 of the digits of its moments and offsets, in the order of the file.
    pub fn digest(&self) -> [u32; 5] {
        let mut sha = sha1_smol::Sha1::new();
        let heads = [self.updated, self.expires].into_iter().flatten();
        for head in heads {
            sha.update(ntp(head).to_string().as_bytes());
        }
        for (from, offset) in &self.steps {
            sha.update(format!("{}{}", ntp(*from), offset.0).as_bytes());
        }
        let bytes = sha.digest().bytes();
        let mut words = bytes
            .chunks(4)
            .map(|word| word.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)));
        std::array::from_fn(|_| words.next().unwrap_or_default())
    }
}

/// Five words, whose leading zeros some writers leave out.
fn hash_of(text: &str) -> Option<[u32; 5]> {
    let mut words = text.split_whitespace().map(|word| u32::from_str_radix(word, 16).ok());
    let mut hash = [0; 5];
    for place in &mut hash {
        *place = words.next()??;
    }
    Some(hash)
}

/// As a file, with the hash of what stands in it.
impl fmt::Display for LeapList {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (mark, moment) in [("#$", self.updated), ("#@", self.expires)] {
            if let Some(moment) = moment {
                writeln!(out, "{mark}\t{}", ntp(moment))?;
            }
        }
        for (from, offset) in &self.steps {
            writeln!(out, "{}     {}    # {}", ntp(*from), offset.0, Date(*from))?;
        }
        let [a, b, c, d, e] = self.digest();
        writeln!(out, "\n#h\t{a:08x} {b:08x} {c:08x} {d:08x} {e:08x}")
    }
}

/// The day of a moment, as these lists name it: `1 Jan 2017`.
struct Date(i64);

impl fmt::Display for Date {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let civil = Civil::from(Time::<Utc>::from_parts(self.0, 0));
        let month = usize::from(civil.month)
            .checked_sub(1)
            .and_then(|month| MONTHS.get(month));
        write!(out, "{} {} {}", civil.day, month.unwrap_or(&"?"), civil.year)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IERS: &str =
        "# c\n#$\t3927775672\n#@\t4291747200\n3644697600\t36\t# 1 Jul 2015\n3692217600     37    # 1 Jan 2017\n";

    #[test]
    fn a_list_is_read_in_ntp_seconds() {
        let list = LeapList::parse(IERS).unwrap();
        assert_eq!(list.expires, Some(4_291_747_200 - NTP_TO_POSIX));
        assert_eq!(list.offset_at(1_483_228_799), Some(Seconds(36)));
        assert_eq!(list.offset_at(1_483_228_800), Some(Seconds(37)));
        assert_eq!(list.offset_at(0), None);
        assert_eq!(list.next_after(1_483_228_799), Some((1_483_228_800, Seconds(37))));
        assert_eq!(list.next_after(1_483_228_800), None);
        assert!(!list.is_expired(4_291_747_199 - NTP_TO_POSIX) && list.is_expired(4_291_747_200 - NTP_TO_POSIX));
        assert!(LeapList::parse("3692217600 37").unwrap().is_expired(0));
    }

    #[test]
    fn what_is_written_is_read_as_it_was_with_its_hash() {
        let list = LeapList::parse(IERS).unwrap();
        assert_eq!(list.is_intact(), None);
        let text = list.to_string();
        assert!(text.contains("\n3692217600     37    # 1 Jan 2017\n"), "{text}");
        let again = LeapList::parse(&text).unwrap();
        assert_eq!(again.is_intact(), Some(true));
        assert_eq!(LeapList { hash: None, ..again }, list);
        let other = LeapList::parse(&text.replace("     37 ", "     38 ")).unwrap();
        assert_eq!(other.is_intact(), Some(false));
    }

    #[test]
    fn what_is_no_list_is_refused_with_its_line() {
        assert_eq!(LeapList::parse("# c\n"), Err(LeapListError::Empty));
        assert_eq!(LeapList::parse("# c\n3692217600 3a\n"), Err(LeapListError::Line(2)));
        assert_eq!(LeapList::parse("369221760a 37\n"), Err(LeapListError::Line(1)));
        assert_eq!(LeapList::parse("99999999999 37\n"), Err(LeapListError::Line(1)));
        assert_eq!(LeapList::parse("3692217600 128\n"), Err(LeapListError::Offset(1)));
        assert_eq!(
            LeapList::parse("3692217600 37\n3644697600 36\n"),
            Err(LeapListError::Order(2))
        );
    }
}
