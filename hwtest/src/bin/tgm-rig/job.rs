//! What is sent to the machine, and how its answer is told from what a program prints. See `hwtest/rig/init`.

/// One request: a script for the machine's shell, as a line.
pub fn request(tag: &str, script: &str) -> String {
    format!("run {tag} {}\n", escaped(script))
}

/// `script` for the shell's `printf %b`: one word without blanks or quotes, any byte in it.
fn escaped(script: &str) -> String {
    let mut out = String::with_capacity(script.len() * 2);
    for byte in script.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-=:,".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("\\0{byte:03o}"));
        }
    }
    out
}

/// A word for a shell.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A script with the caller's variables and folder, for `words`: one is a script itself, several a program and its arguments.
pub fn script(path: &str, variables: &[(String, String)], folder: &str, words: &[String]) -> String {
    let mut script = format!("export PATH={path}:\"$PATH\" TMPDIR=/tmp\n");
    for (name, value) in variables {
        script.push_str(&format!("export {name}={}\n", quoted(value)));
    }
    script.push_str(&format!("cd {} || exit 126\n", quoted(folder)));
    match words {
        [one] => script.push_str(one),
        several => script.push_str(&several.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")),
    }
    script.push('\n');
    script
}

/// Separates a port's bytes from the mark at their end.
#[derive(Debug)]
pub struct Stream {
    mark: Vec<u8>,
    held: Vec<u8>,
}

impl Stream {
    /// For the job `tag`.
    pub fn new(tag: &str) -> Self {
        Stream {
            mark: format!("\0end {tag} ").into_bytes(),
            held: Vec::new(),
        }
    }

    /// Takes what arrived; gives what is the program's, and its exit code if this was the end. What may be a part of the mark is kept back.
    pub fn take(&mut self, bytes: &[u8]) -> (Vec<u8>, Option<u8>) {
        self.held.extend(bytes);
        let found = self
            .held
            .windows(self.mark.len())
            .position(|window| window == self.mark);
        if let Some(at) = found {
            let after = self.held.get(at + self.mark.len()..).unwrap_or_default();
            let Some(line) = after.iter().position(|byte| *byte == b'\n') else {
                return (self.release(at), None);
            };
            let code = after
                .get(..line)
                .and_then(|code| std::str::from_utf8(code).ok()?.parse().ok());
            let own = self.release(at);
            self.held.clear();
            return (own, Some(code.unwrap_or(u8::MAX)));
        }
        let mut keep = self.held.len();
        for start in self.held.len().saturating_sub(self.mark.len())..self.held.len() {
            let tail = self.held.get(start..).unwrap_or_default();
            if self.mark.starts_with(tail) {
                keep = start;
                break;
            }
        }
        (self.release(keep), None)
    }

    fn release(&mut self, until: usize) -> Vec<u8> {
        self.held.drain(..until).collect()
    }
}

/// Lines of a kernel log that say that something in the kernel is wrong.
pub fn complaints(log: &str) -> Vec<&str> {
    const WORDS: [&str; 6] = [
        "WARNING:",
        "BUG:",
        "Oops",
        "general protection fault",
        "Kernel panic",
        "INFO: possible",
    ];
    log.lines()
        .filter(|line| WORDS.iter().any(|word| line.contains(word)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_survives_the_shell() {
        let script = "echo 'a  b' \"$HOME\" \\0 % \u{e9}\n\ttrue";
        let line = request("t", script);
        assert_eq!(line.lines().count(), 1);
        let word = line.trim_end().split(' ').nth(2).unwrap().to_owned();
        let made = std::process::Command::new("printf")
            .args(["%b", &word])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(made.stdout).unwrap(), script);
    }

    #[test]
    fn words_are_quoted_and_a_single_one_is_a_script() {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let variables = [("A".to_owned(), "it's".to_owned())];
        let made = script("/t", &variables, "/x y", &words(&["echo", "a b"]));
        assert!(made.contains("export A='it'\\''s'\n") && made.ends_with("cd '/x y' || exit 126\n'echo' 'a b'\n"));
        assert!(script("/t", &[], "/", &words(&["a | b"])).ends_with("\na | b\n"));
    }

    #[test]
    fn the_mark_is_found_however_the_bytes_arrive() {
        let sent = b"out\0put\0end\n\0end t1 7\0end t 3\n";
        for step in 1..sent.len() {
            let mut stream = Stream::new("t");
            let mut own = Vec::new();
            let mut ended = None;
            for chunk in sent.chunks(step) {
                let (bytes, code) = stream.take(chunk);
                own.extend(bytes);
                ended = ended.or(code);
            }
            assert_eq!(own, b"out\0put\0end\n\0end t1 7", "in steps of {step}");
            assert_eq!(ended, Some(3));
        }
    }

    #[test]
    fn output_is_not_kept_longer_than_needed() {
        let mut stream = Stream::new("t");
        assert_eq!(stream.take(b"abc\0").0, b"abc");
        assert_eq!(stream.take(b"x").0, b"\0x");
    }

    #[test]
    fn a_kernel_that_warns_is_heard() {
        let log = "[ 1.0] tgmcard: loading out-of-tree module taints kernel.\n[ 2.0] WARNING: CPU: 0 PID: 1 at lib/x.c:1\n[ 3.0] fine\n";
        assert_eq!(complaints(log).len(), 1);
        assert!(complaints("[ 1.0] all good").is_empty());
    }
}
