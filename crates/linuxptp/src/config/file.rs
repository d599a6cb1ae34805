//! Reads and writes a file of sections, options and values.

use std::fmt;

/// Longest line with its end, as linuxptp's `config.c` reads it.
const MAX_LINE: usize = 1023;

/// The section of what is not a port's.
pub const GLOBAL: &str = "global";

/// An option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub key: String,
    /// Its value; may have spaces.
    pub value: String,
    /// Its line, from 1; 0: it comes from no file.
    pub line: usize,
}

/// What stands under one pair of brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The name in them: `global`, an interface, a device, `nmea`, a table.
    pub name: String,
    /// Its options, in order.
    pub entries: Vec<Entry>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigFile {
    /// Its sections, in order; one that is opened twice is one.
    pub sections: Vec<Section>,
}

/// A line that linuxptp would not start with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {kind}")]
pub struct ConfigError {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong.
    pub kind: ConfigErrorKind,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// `[` without `]`, or nothing between them.
    #[error("a section is written [name]")]
    Section,
    /// An option before the first section.
    #[error("an option before the first [section]")]
    NoSection,
    /// An option without a value.
    #[error("an option needs a value behind it")]
    NoValue,
    /// Longer than linuxptp reads.
    #[error("longer than 1023 bytes")]
    TooLong,
    /// A byte that is no text.
    #[error("holds a control character")]
    NotText,
}

impl ConfigFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// The first line that linuxptp would refuse, or would read differently from how it looks.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut file = ConfigFile::default();
        let mut current = None;
        for (number, line) in (1..).zip(text.lines()) {
            let error = |kind| ConfigError { line: number, kind };
            if line.len() >= MAX_LINE {
                return Err(error(ConfigErrorKind::TooLong));
            }
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.bytes().any(|byte| byte < b' ' && byte != b'\t' || byte == 0x7f) {
                return Err(error(ConfigErrorKind::NotText));
            }
            if let Some(name) = line.strip_prefix('[') {
                let name = name.strip_suffix(']').map(str::trim_ascii).unwrap_or_default();
                if name.is_empty() {
                    return Err(error(ConfigErrorKind::Section));
                }
                current = Some(name);
                file.section(name);
                continue;
            }
            let section = current.ok_or(error(ConfigErrorKind::NoSection))?;
            let (key, value) = line
                .split_once(|byte: char| byte.is_ascii_whitespace())
                .ok_or(error(ConfigErrorKind::NoValue))?;
            file.section(section).entries.push(Entry {
                key: key.to_owned(),
                value: value.trim_ascii().to_owned(),
                line: number,
            });
        }
        Ok(file)
    }

    /// A section, made if it is not there.
    pub fn section(&mut self, name: &str) -> &mut Section {
        let place = self.sections.iter().position(|section| section.name == name);
        let place = place.unwrap_or_else(|| {
            let entries = Vec::new();
            self.sections.push(Section {
                name: name.to_owned(),
                entries,
            });
            self.sections.len() - 1
        });
        #[allow(clippy::indexing_slicing)] // found or pushed above
        &mut self.sections[place]
    }

    /// The last word on an option in a section itself.
    pub fn entry(&self, section: &str, key: &str) -> Option<&Entry> {
        let section = self.sections.iter().find(|found| found.name == section)?;
        section.entries.iter().rev().find(|entry| entry.key == key)
    }

    /// What holds for a port: its own section, else `[global]`.
    pub fn of_port(&self, port: &str, key: &str) -> Option<&Entry> {
        self.entry(port, key).or_else(|| self.entry(GLOBAL, key))
    }

    /// Puts an option in, unless its section has it.
    pub fn preset(&mut self, section: &str, key: &str, value: &str) {
        if self.entry(section, key).is_none() {
            self.set(section, key, value);
        }
    }

    /// Puts an option in, in place of all the section has of it.
    pub fn set(&mut self, section: &str, key: &str, value: &str) {
        let section = self.section(section);
        section.entries.retain(|entry| entry.key != key);
        section.entries.push(Entry {
            key: key.to_owned(),
            value: value.to_owned(),
            line: 0,
        });
    }
}

/// As linuxptp reads it: `[global]` first.
impl fmt::Display for ConfigFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (global, others): (Vec<_>, Vec<_>) = self.sections.iter().partition(|section| section.name == GLOBAL);
        for section in global.into_iter().chain(others) {
            writeln!(out, "[{}]", section.name)?;
            for entry in &section.entries {
                writeln!(out, "{} {}", entry.key, entry.value)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_like_linuxptp_reads_it() {
        let text = "# a comment\n[global]\n\tdomainNumber\t\t24\nuserDescription a b  c \n\n[ens1f0]\nserverOnly 1\n[global]\ndomainNumber 25\n";
        let file = ConfigFile::parse(text).unwrap();
        assert_eq!(file.sections.len(), 2);
        let entry = file.of_port("ens1f0", "domainNumber").unwrap();
        assert_eq!((entry.value.as_str(), entry.line), ("25", 9));
        assert_eq!(file.entry("global", "userDescription").unwrap().value, "a b  c");
        assert_eq!(file.entry("ens1f0", "domainNumber"), None);
        assert_eq!(file.of_port("ens1f0", "serverOnly").unwrap().line, 7);
    }

    #[test]
    fn what_linuxptp_refuses_is_refused_with_its_line() {
        let long = format!("[global]\nx {}\n", "y".repeat(1100));
        for (text, line, kind) in [
            ("domainNumber 24\n", 1, ConfigErrorKind::NoSection),
            ("[global\n", 1, ConfigErrorKind::Section),
            ("[global]\n[]\n", 2, ConfigErrorKind::Section),
            ("[global]\n\nserverOnly\n", 3, ConfigErrorKind::NoValue),
            ("[global]\nx a\u{1b}b\n", 2, ConfigErrorKind::NotText),
            (&long, 2, ConfigErrorKind::TooLong),
        ] {
            assert_eq!(ConfigFile::parse(text), Err(ConfigError { line, kind }), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let mut file = ConfigFile::default();
        file.set("ens1f0", "serverOnly", "1");
        file.set("global", "domainNumber", "24");
        file.preset("global", "domainNumber", "44");
        let text = file.to_string();
        assert_eq!(text, "[global]\ndomainNumber 24\n[ens1f0]\nserverOnly 1\n");
        assert_eq!(ConfigFile::parse(&text).unwrap().to_string(), text);
    }

    #[test]
    fn debians_own_files_are_read() {
        let Ok(folder) = std::fs::read_dir("/usr/share/doc/linuxptp/configs") else {
            println!("SKIPPED: no /usr/share/doc/linuxptp/configs: install linuxptp");
            return;
        };
        let files = folder.flatten().map(|entry| entry.path());
        for path in files.filter(|path| path.extension().is_some_and(|end| end == "cfg")) {
            let text = std::fs::read_to_string(&path).unwrap();
            let file = ConfigFile::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(file.entry("global", "domainNumber").is_some() || !file.sections.is_empty());
        }
    }
}
