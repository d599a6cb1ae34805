//! What the demultiplexer hands out, and what it counts.

use crate::nmea::Sentence;
use crate::ubx::UbxFrame;

/// One frame, its checksum verified; borrowed from the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A UBX message.
    Ubx(UbxFrame<'a>),
    /// An NMEA 0183 sentence.
    Nmea(Sentence<'a>),
    /// An RTCM 3 message, without preamble, length and CRC.
    Rtcm(&'a [u8]),
}

/// Totals since the start of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// UBX frames.
    pub ubx: u64,
    /// NMEA sentences.
    pub nmea: u64,
    /// RTCM 3 frames.
    pub rtcm: u64,
    /// Bytes that belong to no frame.
    pub skipped: u64,
    /// Complete frames of any protocol whose checksum was wrong.
    pub checksum_errors: u64,
    /// Frames that claim to be longer than their kind can be.
    pub oversize: u64,
}

/// Why a frame with a good checksum could not be read. Four bytes, so that results stay in registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The message is shorter than its definition: `offset` bytes are there, more were needed.
    #[error("message ends after {offset} bytes, within a field")]
    Short {
        /// Length of the message.
        offset: u16,
    },
    /// A field holds what its definition does not allow.
    #[error("field {index} of the sentence cannot be read")]
    Field {
        /// Number of the field; the address is 0.
        index: u8,
    },
}

impl DecodeError {
    /// The message has only `length` bytes; no frame has more than fit 16 bits.
    pub(crate) fn short(length: usize) -> Self {
        DecodeError::Short {
            offset: u16::try_from(length).unwrap_or(u16::MAX),
        }
    }
}
