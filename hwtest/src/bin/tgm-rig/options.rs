//! The command line.

use std::time::Duration;

/// What the program says of itself.
pub const USAGE: &str = "\
usage: tgm-rig COMMAND [OPTIONS] [--] [WORDS]
  build                make the machine, or see that it is made
  run SCRIPT           boot, run, pass on output and exit code; several words are a program and its arguments
  test [CARGO WORDS]   build tests, boot, run `cargo test` in the machine (default words: -p tgm-hwtest --tests)
  up, exec SCRIPT, down    one machine for many commands
options:
  --suite stable|sid   whose kernel (default: TGM_RIG_SUITE, else stable)
  --timeout S          for a command, or for how long `up` lasts (default: 300, test 900, up 3600)
  --param A=1,B=2      parameters of the card's module;  --no-card: no card
  --memory MB --cpus N --accel tcg|kvm     (512, 1, tcg)
  --refresh            fetch newer packages (build)
  --keep               leave the machine's console in the cache folder as `console.log`
exit codes: the command's; 123 something of ours is broken, 124 time-out, 125 success but the kernel complained, 126 the machine died,
  127 no packages to make it of (test: SKIPPED and 0, unless TGM_HW_REQUIRED=1)
variables: TGM_RIG_CACHE (default ~/.cache/tgm-rig), TGM_RIG_MIRROR (default: the one this machine uses), TGM_RIG_SUITE,
  TGM_RIG_CARD (sources of the card's module, default hwtest/card)";

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    Help,
    Build,
    Run,
    Test,
    Up,
    Exec,
    Down,
}

/// Everything that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub command: Command,
    /// Distribution whose kernel boots.
    pub suite: String,
    pub timeout: Duration,
    /// The card's module is loaded.
    pub card: bool,
    /// Its parameters, separated by commas.
    pub parameters: String,
    /// MiB.
    pub memory: u32,
    pub cpus: u32,
    pub accel: String,
    pub refresh: bool,
    pub keep: bool,
    /// What is left: a script, a program, or words for cargo.
    pub words: Vec<String>,
}

impl Options {
    /// From the words after the program's name.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let mut words = words.iter();
        let command = match words.next().map(String::as_str) {
            Some("build") => Command::Build,
            Some("run") => Command::Run,
            Some("test") => Command::Test,
            Some("up") => Command::Up,
            Some("exec") => Command::Exec,
            Some("down") => Command::Down,
            Some("help" | "--help" | "-h") => Command::Help,
            Some(other) => return Err(format!("there is no command `{other}`")),
            None => return Err("no command".to_owned()),
        };
        let patience = match command {
            Command::Up => 3600,
            Command::Test => 900,
            _ => 300,
        };
        let mut options = Options {
            command,
            suite: std::env::var("TGM_RIG_SUITE").unwrap_or_else(|_| "stable".to_owned()),
            timeout: Duration::from_secs(patience),
            card: true,
            parameters: String::new(),
            memory: 512,
            cpus: 1,
            accel: "tcg".to_owned(),
            refresh: false,
            keep: false,
            words: Vec::new(),
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().cloned().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--suite" => options.suite = value()?,
                "--timeout" => options.timeout = Duration::from_secs(number(word, &value()?)?.into()),
                "--param" => options.parameters = value()?,
                "--no-card" => options.card = false,
                "--memory" => options.memory = number(word, &value()?)?,
                "--cpus" => options.cpus = number(word, &value()?)?,
                "--accel" => options.accel = value()?,
                "--refresh" => options.refresh = true,
                "--keep" => options.keep = true,
                "--" => {
                    options.words = words.cloned().collect();
                    break;
                }
                other if other.starts_with("--") => return Err(format!("there is no option `{other}`")),
                first => {
                    options.words.push(first.to_owned());
                    options.words.extend(words.cloned());
                    break;
                }
            }
        }
        options.check()
    }

    fn check(self) -> Result<Self, String> {
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"=,._-".contains(&b));
        if self.suite.is_empty() || !plain(&self.suite) {
            return Err(format!("`{}` is no suite", self.suite));
        }
        if !plain(&self.parameters) {
            return Err(format!("`{}` are no parameters of a module", self.parameters));
        }
        if matches!(self.command, Command::Run | Command::Exec) && self.words.is_empty() {
            return Err("nothing to run".to_owned());
        }
        Ok(self)
    }
}

fn number(option: &str, text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("{option}: `{text}` is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, String> {
        Options::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_end_at_the_first_other_word() {
        let options = parse("run --timeout 5 --suite sid echo --timeout 9").unwrap();
        assert_eq!(options.timeout, Duration::from_secs(5));
        assert_eq!(options.suite, "sid");
        assert_eq!(options.words, ["echo", "--timeout", "9"]);
        assert_eq!(parse("test -- --test phc").unwrap().words, ["--test", "phc"]);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "boot",
            "run",
            "run --cpus many ls",
            "build --suite ../x",
            "up --param a=1;b",
            "up --speed 2",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
