//! Recordings: captures may begin with comment lines.

/// Takes comment lines (`#` to line end) off the head of a recording. After the first line that is none, everything is data: the
/// stream is binary and `#` means nothing in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeadComments {
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    LineStart,
    Comment,
    Data,
}

impl HeadComments {
    /// What of the next bytes is data.
    pub fn strip<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        loop {
            match (self.place, bytes) {
                (Place::Data, _) | (_, []) => return bytes,
                (Place::LineStart, [b'#', ..]) => self.place = Place::Comment,
                (Place::LineStart, _) => self.place = Place::Data,
                (Place::Comment, _) => {
                    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                        return &[];
                    };
                    bytes = bytes.get(end + 1..).unwrap_or_default();
                    self.place = Place::LineStart;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_head_is_stripped_however_it_is_cut() {
        let capture = b"# one\r\n#\n$data\n# data too\n";
        for chunk in 1..capture.len() {
            let mut head = HeadComments::default();
            let data: Vec<u8> = capture
                .chunks(chunk)
                .flat_map(|bytes| head.strip(bytes).to_vec())
                .collect();
            assert_eq!(data, b"$data\n# data too\n", "in chunks of {chunk}");
        }
    }
}
