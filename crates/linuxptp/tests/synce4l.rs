//! synce4l's socket, against a stub that speaks as synce4l does: one command, one answer, and the connection is closed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // tests stop where it breaks

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::thread::JoinHandle;

use tgm_core::synce::QualityLevel;
use tgm_linuxptp::synce4l::{Synce4lError, answered, get, get_command, set, set_command};

const PRTC: QualityLevel = QualityLevel { ssm: 2, extended: 0x20 };

fn tlv(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap();
    [&kind.to_ne_bytes()[..], &length.to_ne_bytes(), value].concat()
}

fn place(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tgm-synce-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).unwrap();
    folder.join("socket")
}

/// Answers one connection after another with `answers`; `None`: takes the command and says nothing. Gives back the commands.
fn stub(socket: &PathBuf, answers: Vec<Option<Vec<u8>>>) -> JoinHandle<Vec<Vec<u8>>> {
    let _ = std::fs::remove_file(socket);
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        let take = |answer: Option<Vec<u8>>| {
            let (mut client, _) = listener.accept().unwrap();
            let mut command = vec![0; 256];
            let length = client.read(&mut command).unwrap();
            command.truncate(length);
            match answer {
                Some(answer) => client.write_all(&answer).unwrap(),
                None => assert_eq!(client.read(&mut [0; 8]).unwrap_or(0), 0, "it gives up"),
            }
            command
        };
        answers.into_iter().map(take).collect()
    })
}

#[test]
fn func_tgm014_r2_a_level_is_set_and_asked_over_its_socket() {
    let socket = place("good");
    let end = tlv(8, &[]);
    let set_answer = [
        tlv(1, b"synce1"),
        tlv(2, b"gnss"),
        tlv(6, &[2]),
        tlv(7, &[0x20]),
        end.clone(),
    ]
    .concat();
    let get_answer = [tlv(1, b"synce1"), tlv(4, &[0xb]), tlv(5, &[0xff]), end.clone()].concat();
    let synce4l = stub(&socket, vec![Some(set_answer.clone()), Some(get_answer)]);
    set(&socket, "synce1", "gnss", PRTC).unwrap();
    let told = get(&socket, "synce1").unwrap();
    assert_eq!((told.ssm, told.extended), (0xb, 0xff));
    let commands = synce4l.join().unwrap();
    assert_eq!(commands[0], set_answer, "an answer to SET repeats the command");
    assert_eq!(commands[1], [tlv(1, b"synce1"), tlv(4, &[]), tlv(5, &[]), end].concat());
    // And again with the next one, after it was away.
    std::fs::remove_file(&socket).unwrap();
    assert!(matches!(
        set(&socket, "synce1", "gnss", PRTC),
        Err(Synce4lError::Absent(_))
    ));
    let synce4l = stub(&socket, vec![Some(set_answer)]);
    set(&socket, "synce1", "gnss", PRTC).unwrap();
    synce4l.join().unwrap();
    assert!(
        matches!(set(&socket, "synce1", "gnss", PRTC), Err(Synce4lError::Absent(_))),
        "nobody listens"
    );
    std::fs::remove_dir_all(socket.parent().unwrap()).unwrap();
}

#[test]
fn wrong_answers_refusals_and_silence_are_told_apart() {
    let socket = place("bad");
    let refusal = [tlv(3, b"External clock source not found"), tlv(8, &[])].concat();
    let other = [tlv(6, &[0xb]), tlv(7, &[0xff]), tlv(8, &[])].concat();
    let synce4l = stub(&socket, vec![Some(refusal), Some(other), Some(vec![]), None]);
    let tried = || set(&socket, "synce1", "gnss", PRTC).unwrap_err();
    let refused = tried();
    assert!(
        matches!(&refused, Synce4lError::Refused(why) if why.contains("not found")),
        "{refused}"
    );
    for _ in 0..2 {
        let error = tried();
        assert!(matches!(error, Synce4lError::Nonsense(_)), "{error}");
    }
    assert!(matches!(tried(), Synce4lError::Silent));
    synce4l.join().unwrap();
    std::fs::remove_dir_all(socket.parent().unwrap()).unwrap();
}

#[test]
fn a_socket_that_may_not_be_used_is_called_so() {
    if nix::unistd::geteuid().is_root() {
        println!("SKIPPED: root may use every socket");
        return;
    }
    let socket = place("closed");
    let _listener = UnixListener::bind(&socket).unwrap();
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o000)).unwrap();
    assert!(matches!(get(&socket, "synce1"), Err(Synce4lError::Permission(_))));
    std::fs::remove_dir_all(socket.parent().unwrap()).unwrap();
}

#[test]
fn no_bytes_make_it_stumble_and_no_name_is_cut() {
    let whole = [tlv(1, b"x"), tlv(4, &[2]), tlv(5, &[0x20]), tlv(8, &[])].concat();
    assert_eq!(answered(&whole).unwrap(), PRTC);
    // Its end marker may come without a length: everything after its type is not looked at.
    for length in 0..whole.len() - 2 {
        assert!(answered(&whole[..length]).is_err(), "{length}");
    }
    for (place, value) in (0..whole.len()).flat_map(|place| (0..=255).map(move |value| (place, value))) {
        let mut changed = whole.clone();
        changed[place] = value;
        let _ = answered(&changed); // a level or an error, never a panic
    }
    assert!(answered(&[tlv(4, &[2, 2]), tlv(8, &[])].concat()).is_err());
    assert!(answered(&tlv(8, &[])).is_err());
    for name in ["", "a-name-that-is-too-long"] {
        assert!(matches!(get_command(name), Err(Synce4lError::Name(_))));
        assert!(matches!(set_command("synce1", name, PRTC), Err(Synce4lError::Name(_))));
    }
}
