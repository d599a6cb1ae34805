//! What is wrong with a file, and where.

use std::fmt;

/// Something to tell whoever wrote the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong, and what is allowed.
    pub text: String,
    /// It is used all the same.
    pub is_warning: bool,
}

impl Problem {
    /// With this the file cannot be used.
    pub fn error(line: usize, column: usize, text: impl Into<String>) -> Self {
        Problem {
            line,
            column,
            text: text.into(),
            is_warning: false,
        }
    }

    /// The same, but the file can be used.
    #[must_use]
    pub fn warn(self) -> Self {
        Problem {
            is_warning: true,
            ..self
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_warning { "warning: " } else { "" };
        write!(f, "{}:{}: {kind}{}", self.line, self.column, self.text)
    }
}
