//! What synce4l says itself: states of clocks and quality levels sent (ESMC, ITU-T G.8264 clause 11).

use super::error::LineError;
use super::scan::{Words, byte};
use super::state::EecState;

/// `[act on] EEC_… on SOURCE of DEVICE`, `… on DEVICE` or `… for PORT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eec<'a> {
    /// The clock's state.
    pub state: EecState<'a>,
    /// The device section of the configuration.
    pub device: Option<&'a str>,
    /// The external source that it follows, such as `GNSS`.
    pub source: Option<&'a str>,
    /// The interface that it is about.
    pub port: Option<&'a str>,
}

/// `… QL=0x2 on PORT` or `… EXT_QL=0x20 on PORT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QualityLevel<'a> {
    /// The interface.
    pub port: &'a str,
    /// The SSM code, or the enhanced one.
    pub level: u8,
    /// It is the enhanced one (of the extended TLV).
    pub extended: bool,
}

/// A state; `None` if the text is none.
pub(super) fn eec<'a>(mut words: Words<'a>) -> Result<Option<Eec<'a>>, LineError> {
    let mut act = words;
    if act.accept("act") && act.accept("on") {
        words = act;
    }
    let Some(state) = words.next().and_then(EecState::of) else {
        return Ok(None);
    };
    let mut eec = Eec {
        state,
        device: None,
        source: None,
        port: None,
    };
    if words.accept("for") {
        eec.port = Some(words.need("a port")?);
    } else {
        words.expect("on")?;
        let on = words.need("a device")?;
        if words.accept("of") {
            eec.source = Some(on);
            eec.device = Some(words.need("a device")?);
        } else {
            eec.device = Some(on);
        }
    }
    words.end()?;
    Ok(Some(eec))
}

/// A quality level; `None` if the text is none.
pub(super) fn quality<'a>(mut words: Words<'a>) -> Result<Option<QualityLevel<'a>>, LineError> {
    while !words.is_empty() {
        let (extended, prefix) = if words.rest().starts_with("EXT_QL=") {
            (true, "EXT_QL=")
        } else if words.rest().starts_with("QL=") {
            (false, "QL=")
        } else {
            words.next();
            continue;
        };
        let level = words.read("a quality level", |word| word.strip_prefix(prefix).and_then(byte))?;
        words.expect("on")?;
        let port = words.need("a port")?;
        words.end()?;
        return Ok(Some(QualityLevel { port, level, extended }));
    }
    Ok(None)
}
