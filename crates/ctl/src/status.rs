//! `tgmctl status`: asks tgmd over HTTP and prints the answer for people or as it is.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;
use tgm_ocloud::asking::refused;

use crate::http::{self, Access, AskError};

/// How long tgmd may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why there is no status.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// Nobody answers.
    #[error("no tgmd answers on {address}: {error}. Is it running? Say where its metrics are with --metrics ADDR:PORT")]
    NoAnswer {
        /// Where it was looked for.
        address: String,
        /// What happened.
        error: AskError,
    },
    /// What was said of how to ask makes no sense.
    #[error("{0}")]
    Access(AskError),
    /// It refuses.
    #[error("{address} refuses ({status}): {what}")]
    Refused {
        /// Where.
        address: String,
        /// With this status.
        status: u16,
        /// What to do.
        what: &'static str,
    },
    /// Somebody else answers.
    #[error("{address} answers, but not like a tgmd: {what}")]
    NotTgmd {
        /// Where.
        address: String,
        /// What was wrong.
        what: String,
    },
    /// Standard output.
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// Prints the status; failure if the node is not alive.
pub fn run(address: &str, access: &Access, json: bool, out: &mut impl Write) -> Result<ExitCode, StatusError> {
    let not_tgmd = |what: String| StatusError::NotTgmd {
        address: address.to_owned(),
        what,
    };
    let answer = http::ask(address, access, "GET", "/status", "", PATIENCE).map_err(|error| match error {
        AskError::NoHttp(what) => not_tgmd(what),
        AskError::Io(_) => StatusError::NoAnswer {
            address: address.to_owned(),
            error,
        },
        _ => StatusError::Access(error),
    })?;
    if !refused(answer.status).is_empty() {
        return Err(StatusError::Refused {
            address: address.to_owned(),
            status: answer.status,
            what: refused(answer.status),
        });
    }
    if answer.status != 200 {
        return Err(not_tgmd(format!("status {}", answer.status)));
    }
    let status: Value = serde_json::from_str(&answer.body).map_err(|error| not_tgmd(error.to_string()))?;
    if json {
        writeln!(out, "{status}")?;
    } else {
        print(&status, out)?;
    }
    Ok(if member(&status, "node_alive") == true {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A member; nothing where there is none.
fn member<'a>(object: &'a Value, key: &str) -> &'a Value {
    object.get(key).unwrap_or(&Value::Null)
}

/// A value as people read it: no quotes, a dash for nothing.
fn word(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn print(status: &Value, out: &mut impl Write) -> io::Result<()> {
    if member(status, "simulated") == true {
        writeln!(out, "SIMULATED: nothing here is a clock's")?;
    }
    let line = |out: &mut dyn Write, object: &Value, keys: &[&str]| -> io::Result<()> {
        for key in keys {
            write!(out, "  {key} {}", word(member(object, key)))?;
        }
        writeln!(out)
    };
    write!(out, "node {}", word(member(status, "node")))?;
    line(
        out,
        status,
        &[
            "node_alive",
            "sync_state",
            "lock_state",
            "os_clock_state",
            "os_clock_offset_ns",
        ],
    )?;
    for instance in member(status, "instances").as_array().into_iter().flatten() {
        write!(out, "instance {}", word(member(instance, "name")))?;
        line(
            out,
            instance,
            &["lock_state", "clock_class", "offset_ns", "utc_offset_s"],
        )?;
        let why = word(member(instance, "why"));
        if !matches!(why.as_str(), "" | "-") {
            writeln!(out, "  why {why}")?;
        }
        let ptp4l = member(instance, "ptp4l");
        if ptp4l.is_object() {
            write!(out, "  ptp4l")?;
            let keys = [
                "announce",
                "agreed",
                "alarm",
                "clock_class",
                "convergence_last_ns",
                "foreign_changes",
            ];
            line(out, ptp4l, &keys)?;
        }
    }
    for card in member(status, "cards").as_array().into_iter().flatten() {
        write!(out, "card {}", word(member(card, "interface")))?;
        line(
            out,
            card,
            &[
                "state",
                "for_s",
                "frequency_status",
                "phase_status",
                "pps_status",
                "nmea_status",
            ],
        )?;
        write!(out, "  gnss")?;
        line(
            out,
            card,
            &[
                "gnss_state",
                "fix",
                "t_acc_ns",
                "satellites_used",
                "satellites_seen",
                "antenna",
                "jamming",
                "spoofing",
            ],
        )?;
        let receiver = member(card, "receiver");
        if receiver.is_object() {
            write!(out, "  receiver")?;
            let keys = [
                "setup",
                "antenna_moved",
                "readers",
                "lost_bytes",
                "lost_frames",
                "written_frames",
                "refused_frames",
            ];
            line(out, receiver, &keys)?;
        }
        write!(out, "  offsets")?;
        line(
            out,
            card,
            &[
                "phase_offset_ns",
                "phc_offset_ns",
                "holdover_estimate_ns",
                "time_error_bound_ns",
            ],
        )?;
        let holdover = member(card, "holdover");
        if holdover.is_object() {
            write!(out, "  holdover")?;
            let keys = [
                "ready",
                "reason",
                "model",
                "ends_known",
                "offset_ns",
                "bound_ns",
                "in_spec_left_s",
                "left_s",
                "drill",
            ];
            line(out, holdover, &keys)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;

    /// Answers one request on loopback.
    fn answer(text: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 512]);
            stream.write_all(text.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn a_status_is_printed_and_a_dead_node_fails() {
        let body = "HTTP/1.1 200 OK\r\n\r\n{\"node\":\"n1\",\"node_alive\":false,\"simulated\":true,\"cards\":[{\"interface\":\"ens1f0\"}]}";
        let mut out = vec![];
        let code = run(&answer(body), &Access::default(), false, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.starts_with("SIMULATED") && text.contains("node n1") && text.contains("card ens1f0"),
            "{text}"
        );
        assert!(!text.contains("receiver"), "no service, no line: {text}");
        assert_eq!(code, ExitCode::FAILURE);
    }

    #[test]
    fn what_serves_the_receiver_has_a_line() {
        let body = "HTTP/1.1 200 OK\r\n\r\n{\"node_alive\":true,\"cards\":[{\"receiver\":{\"setup\":\"done\",\"antenna_moved\":false,\"readers\":2}}]}";
        let mut out = vec![];
        run(&answer(body), &Access::default(), false, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains("receiver  setup done  antenna_moved false  readers 2  lost_bytes -"),
            "{text}"
        );
    }

    #[test]
    fn nobody_and_somebody_else_are_told_apart() {
        let free = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .to_string();
        let nobody = run(&free, &Access::default(), true, &mut vec![])
            .unwrap_err()
            .to_string();
        assert!(nobody.contains("no tgmd answers"), "{nobody}");
        let other = run(
            &answer("HTTP/1.1 404 Not Found\r\n\r\n"),
            &Access::default(),
            true,
            &mut vec![],
        )
        .unwrap_err()
        .to_string();
        assert!(other.contains("not like a tgmd"), "{other}");
    }
}
