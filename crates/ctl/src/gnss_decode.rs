//! `tgmctl gnss decode`: a receiver's recorded bytes as one line of JSON per epoch, and a last line with the totals.
//!
//! Times and leap seconds are shown as the receiver gives them: a recording may be old, so no date is doubted, and a leap second
//! count is shown when the receiver marks it valid, believed or not.
//!
//! Keys are only ever added at the end of a line. `leap_source` is NAV-TIMELS's number (2 GPS, 5 Galileo, …); `constellations` has
//! only the systems that anything was heard of, `cno_*` in dBHz.

use std::fmt;
use std::io::{self, BufWriter, Read, Write};

use tgm_gnss::replay::HeadComments;
use tgm_gnss::{Counters, Demux, Epoch, Receiver};

/// Bytes per read.
const READ: usize = 64 * 1024;

/// Reads `input` to its end and writes the epochs to `out`. Comment lines (`#`) at the head of the input are passed over.
pub fn run(mut input: impl Read, out: impl Write) -> io::Result<()> {
    let mut lines = Lines {
        out: BufWriter::new(out),
        failed: Ok(()),
    };
    let (mut demux, mut receiver, mut head) = (Demux::new(), Receiver::new(None), HeadComments::default());
    let mut buffer = vec![0; READ];
    loop {
        let read = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let data = head.strip(buffer.get(..read).unwrap_or_default());
        demux.feed(data, |frame| {
            receiver.apply(frame, |epoch| lines.write(&Line(epoch)));
        });
        lines.check()?;
    }
    demux.finish(|frame| {
        receiver.apply(frame, |epoch| lines.write(&Line(epoch)));
    });
    if let Some(epoch) = receiver.finish() {
        lines.write(&Line(&epoch));
    }
    lines.write(&Totals(demux.counters(), receiver.malformed()));
    lines.check()?;
    lines.out.flush()
}

/// Lines out; after the first failure none.
struct Lines<W: Write> {
    out: W,
    failed: io::Result<()>,
}

impl<W: Write> Lines<W> {
    fn write(&mut self, line: &impl fmt::Display) {
        if self.failed.is_ok() {
            self.failed = writeln!(self.out, "{line}");
        }
    }

    fn check(&mut self) -> io::Result<()> {
        std::mem::replace(&mut self.failed, Ok(()))
    }
}

/// An epoch as JSON. All text in it is ours or digits, so nothing needs escaping.
struct Line<'a>(&'a Epoch);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let epoch = self.0;
        f.write_str("{\"time\":")?;
        match epoch.time {
            Some(time) => write!(f, "\"{}\"", time.rfc3339())?,
            None => f.write_str("null")?,
        }
        write!(f, ",\"fix\":{}", epoch.fix.metric())?;
        write!(f, ",\"fix_ok\":{}", Or(epoch.fix_ok))?;
        write!(f, ",\"tacc_ns\":{}", Or(epoch.t_acc.map(|t_acc| t_acc.get())))?;
        write!(f, ",\"leap_seconds\":{}", Or(epoch.leap.told.map(|leap| leap.get())))?;
        write!(f, ",\"used\":{},\"seen\":{}", epoch.used, epoch.seen)?;
        write!(f, ",\"antenna\":\"{}\"", epoch.antenna.name())?;
        write!(f, ",\"jamming\":\"{}\"", epoch.jamming.name())?;
        write!(f, ",\"spoofing\":\"{}\"", epoch.spoofing.name())?;
        write!(f, ",\"gnss_state\":\"{}\"", epoch.state.name())?;
        write!(f, ",\"clock_bias_ns\":{}", Or(epoch.clock_bias.map(|bias| bias.get())))?;
        write!(f, ",\"clock_drift_ns_per_s\":{}", Or(epoch.clock_drift))?;
        write!(f, ",\"qerr_ps\":{}", Or(epoch.q_err()))?;
        write!(
            f,
            ",\"leap_source\":{}",
            Or(epoch.leap.source.map(|source| source.number()))
        )?;
        write!(
            f,
            ",\"leap_pending\":{}",
            Or(epoch.leap.pending.map(|pending| pending.change))
        )?;
        write!(
            f,
            ",\"leap_in_s\":{}",
            Or(epoch.leap.pending.map(|pending| pending.in_secs))
        )?;
        write!(f, ",\"survey_in\":{}", Or(epoch.survey.map(|survey| survey.active)))?;
        write!(f, ",\"survey_in_s\":{}", Or(epoch.survey.map(|survey| survey.duration)))?;
        write!(
            f,
            ",\"survey_in_mm\":{}",
            Or(epoch.survey.map(|survey| survey.accuracy))
        )?;
        write!(f, ",\"drift_cm\":{}", Or(epoch.drift))?;
        f.write_str(",\"constellations\":{")?;
        for (index, (system, sky)) in epoch.sky.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(
                f,
                "{comma}\"{}\":{{\"used\":{},\"seen\":{}",
                system.name(),
                sky.used,
                sky.seen
            )?;
            let best = (sky.best > 0).then_some(sky.best);
            write!(f, ",\"cno_best\":{},\"cno_mean\":{}}}", Or(best), Or(sky.mean()))?;
        }
        f.write_str("}}")
    }
}

/// A value or `null`.
struct Or<T>(Option<T>);

impl<T: fmt::Display> fmt::Display for Or<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("null"),
        }
    }
}

/// The totals as JSON.
struct Totals(Counters, u64);

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counters {
            ubx,
            nmea,
            rtcm,
            skipped,
            checksum_errors,
            oversize,
        } = self.0;
        write!(
            f,
            "{{\"frames\":{ubx},\"sentences\":{nmea},\"rtcm\":{rtcm},\"skipped_bytes\":{skipped}"
        )?;
        write!(
            f,
            ",\"checksum_errors\":{checksum_errors},\"oversize\":{oversize},\"malformed\":{}}}",
            self.1
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(input: &[u8]) -> Vec<String> {
        let mut out = Vec::new();
        run(input, &mut out).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    fn sentence(body: &str) -> String {
        let sum = body.bytes().fold(0, |sum, byte| sum ^ byte);
        format!("${body}*{sum:02X}\r\n")
    }

    #[test]
    fn an_epoch_is_a_line_and_the_totals_are_the_last() {
        let mut input = String::from("# a capture\n# of two seconds\n");
        for second in [59, 60] {
            input += &sentence(&format!("GNRMC,2359{second}.00,A,,,,,,,311216,,,A"));
            input += &sentence(&format!("GNGGA,2359{second}.00,,,,,1,09,1.0,,M,,M,,"));
        }
        input += "noise";
        let lines = decode(input.as_bytes());
        assert_eq!(lines.len(), 3);
        assert_eq!(
            lines[1],
            "{\"time\":\"2016-12-31T23:59:60.000000000Z\",\"fix\":3,\"fix_ok\":true,\"tacc_ns\":null,\"leap_seconds\":null,\
             \"used\":9,\"seen\":0,\"antenna\":\"unknown\",\"jamming\":\"unknown\",\"spoofing\":\"unknown\",\
             \"gnss_state\":\"SYNCHRONIZED\",\"clock_bias_ns\":null,\"clock_drift_ns_per_s\":null,\"qerr_ps\":null,\
             \"leap_source\":null,\"leap_pending\":null,\"leap_in_s\":null,\"survey_in\":null,\"survey_in_s\":null,\"survey_in_mm\":null,\"drift_cm\":null,\
             \"constellations\":{}}"
        );
        assert_eq!(
            lines[2],
            "{\"frames\":0,\"sentences\":4,\"rtcm\":0,\"skipped_bytes\":5,\"checksum_errors\":0,\"oversize\":0,\"malformed\":0}"
        );
    }

    #[test]
    fn satellites_are_told_by_system() {
        let second = |time: &str| {
            sentence(&format!("GNRMC,{time}.00,A,,,,,,,221126,,,A"))
                + &sentence("GNGSA,A,3,08,,,,,,,,,,,,1,1,1,1")
                + &sentence("GPGSV,1,1,02,08,10,100,31,24,20,200,40,1")
                + &sentence("GAGSV,1,1,01,09,20,200,,7")
        };
        let lines = decode((second("120000") + &second("120001")).as_bytes());
        let json: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        let sky = &json["constellations"];
        assert_eq!(sky["gps"]["used"], 1);
        assert_eq!(
            (&sky["gps"]["cno_best"], &sky["gps"]["cno_mean"]),
            (&40.into(), &35.into())
        );
        assert_eq!(
            sky["galileo"].to_string(),
            "{\"cno_best\":null,\"cno_mean\":null,\"seen\":1,\"used\":0}"
        );
    }

    #[test]
    fn an_empty_input_has_only_totals() {
        assert_eq!(decode(b"").len(), 1);
        assert_eq!(decode(b"# nothing but a comment").len(), 1);
    }

    #[test]
    fn every_line_is_json() {
        let input = sentence("GNRMC,,V,,,,,,,,,,N") + &sentence("GNRMC,,V,,,,,,,,,,N");
        for line in decode(input.as_bytes()) {
            let json: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert!(json.is_object());
        }
    }
}
