//! What a simulated card can be told.
//!
//! A list has one control a line, as words: a plain word stands for itself, `a|b` for either, one in capitals for any single word. Our card
//! lists its own in debugfs; for the other one the list is here. A line may end in a comment after `#`.

/// What the other simulated card can be told.
const E810SIM: &str = "\
gnss antenna on|off|short
gnss fix N
gnss silence on|off
gnss garbage N
gnss raw TEXT
gnss delay MS
gnss leap S
gnss tacc NS
gnss acquire S
pps gnss|sma1|sma2 on|off
pps gnss|sma1|sma2 offset|noise NS
pps gnss|sma1|sma2 drop N
dpll eec|pps force unlocked|locked|locked-ho-acq|holdover
dpll eec|pps auto
dpll eec|pps error|quality N
dpll eec|pps temp MILLI
dpll eec|pps phase PS
pin LABEL signal on|off
pin LABEL phase PS
pin LABEL ffo PPT
phc step NS
phc osc PPT
phc error on|off
cable delay|asym NS
cable cut on|off
lock_s S
hoacq_s S
holdover_s S
";

/// The controls of a card.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Controls {
    lines: Vec<Vec<String>>,
    file: String,
}

impl Controls {
    /// Those in `list`; commands are written to `file` in the card's folder.
    pub fn parse(list: &str, file: &str) -> Self {
        let words = |line: &str| {
            let command = line.split('#').next().unwrap_or_default();
            command.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        Controls {
            lines: list.lines().map(words).filter(|line| !line.is_empty()).collect(),
            file: file.to_owned(),
        }
    }

    /// Those of the other simulated card.
    pub fn e810sim() -> Self {
        Self::parse(E810SIM, "ctl")
    }

    /// None, as on a real card.
    pub fn none() -> Self {
        Self::default()
    }

    /// Name of the file that commands are written to.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether a control is listed that begins with the words of `command`.
    pub fn have(&self, command: &str) -> bool {
        let asked: Vec<&str> = command.split_whitespace().collect();
        let fits = |line: &Vec<String>| {
            asked.len() <= line.len() && line.iter().zip(&asked).all(|(pattern, word)| stands_for(pattern, word))
        };
        !asked.is_empty() && self.lines.iter().any(fits)
    }
}

/// Whether `word` is one that `pattern` stands for.
fn stands_for(pattern: &str, word: &str) -> bool {
    let any = pattern.chars().all(|c| c.is_ascii_uppercase() || c == '_') || pattern.starts_with('<');
    any || pattern.split('|').any(|choice| choice == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_is_found_by_its_first_words() {
        let controls = Controls::e810sim();
        for known in [
            "gnss antenna",
            "gnss antenna short",
            "dpll pps force",
            "pin GNSS-1PPS signal off",
            "lock_s 1",
        ] {
            assert!(controls.have(known), "{known}");
        }
        for unknown in [
            "",
            "gnss jamming",
            "gnss antenna burnt",
            "dpll both force",
            "gnss antenna on now",
            "antenna",
        ] {
            assert!(!controls.have(unknown), "{unknown}");
        }
    }

    #[test]
    fn a_list_may_have_comments_and_blanks() {
        let controls = Controls::parse("# ours\n\n  gnss jam N   # 0 to 3\n", "control");
        assert!(controls.have("gnss jam 3"));
        assert!(!controls.have("# ours") && !controls.have("gnss jam 3 #"));
        assert!(!Controls::none().have("gnss jam"));
    }
}
