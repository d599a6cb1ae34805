//! Where an epoch ends, before the next one begins.
//!
//! An epoch is over at the latest when a message of another time comes. Receivers send the messages of an epoch in a fixed order, so
//! the one that came last twice in a row is taken as the end from then on, and saves almost a second. If it turns out to come twice
//! in an epoch, it is never taken again.

/// Kind of message: UBX class and id, or NMEA talker, formatter and place in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind(u64);

impl Kind {
    /// UBX.
    pub const fn ubx(class: u8, id: u8) -> Self {
        Kind(u64::from_be_bytes([0, 0, 0, 0, 0, 0, class, id]))
    }

    /// NMEA; `tag` tells sentences of one group apart.
    pub const fn nmea([t, u]: [u8; 2], [a, b, c]: [u8; 3], tag: u8) -> Self {
        Kind(u64::from_be_bytes([1, 0, t, u, a, b, c, tag]))
    }
}

/// Learns the last message of an epoch.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// The last message so far.
    last: Option<Kind>,
    /// The last message of the epoch before.
    previous: Option<Kind>,
    /// The message taken as the end.
    learned: Option<Kind>,
    /// It came in this epoch.
    hit: bool,
    /// One that came twice.
    banned: Option<Kind>,
}

impl End {
    /// Nothing learned.
    pub const NEW: Self = End {
        last: None,
        previous: None,
        learned: None,
        hit: false,
        banned: None,
    };

    /// Takes a message of the epoch; true if the epoch ends with it.
    pub fn saw(&mut self, kind: Kind) -> bool {
        self.last = Some(kind);
        if self.learned != Some(kind) {
            return false;
        }
        if self.hit {
            self.banned = self.learned.take();
            return false;
        }
        self.hit = true;
        true
    }

    /// Where epochs end is known.
    pub const fn is_learned(&self) -> bool {
        self.learned.is_some()
    }

    /// Another epoch begins.
    pub fn next(&mut self) {
        let last = self.last.take();
        if last == self.previous && last != self.banned {
            self.learned = last;
        }
        self.previous = last;
        self.hit = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which letters ended an epoch early, over epochs separated by spaces.
    fn ends(stream: &str) -> String {
        let mut end = End::NEW;
        let mut found = String::new();
        for letter in stream.bytes() {
            if letter == b' ' {
                end.next();
            } else if end.saw(Kind::ubx(1, letter)) {
                found.push(char::from(letter));
            }
        }
        found
    }

    #[test]
    fn the_last_of_two_epochs_ends_the_third() {
        assert_eq!(ends("abc abc abc abc"), "cc");
        assert_eq!(ends("a a a"), "a");
    }

    #[test]
    fn a_message_behind_the_end_becomes_the_end_when_it_stays() {
        assert_eq!(ends("ab ab abx ab ab"), "bbb");
        assert_eq!(ends("ab ab abx abx abx"), "bbx");
    }

    #[test]
    fn a_repeated_message_is_no_end() {
        assert_eq!(ends("agg agg agg agg agg agg"), "g"); // once, then never again
    }
}
