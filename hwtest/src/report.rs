//! What was checked and how it went.

use std::fmt::Debug;

/// Collects checks; each is printed at once.
#[derive(Debug, Default)]
pub struct Report {
    passed: u32,
    failed: u32,
}

impl Report {
    /// Something that must hold; `seen` is shown if it does not.
    pub fn check(&mut self, what: &str, holds: bool, seen: impl FnOnce() -> String) -> bool {
        if holds {
            self.passed += 1;
            println!("  ok    {what}");
        } else {
            self.failed += 1;
            println!("  FAIL  {what}: {}", seen());
        }
        holds
    }

    /// Something that must be equal.
    pub fn equal<T: Debug + PartialEq<U>, U: Debug>(&mut self, what: &str, seen: &T, expected: &U) -> bool {
        self.check(what, seen == expected, || format!("{seen:?}, expected {expected:?}"))
    }

    /// Prints the sum; whether everything held and there was anything at all.
    pub fn conclude(&self, name: &str) -> bool {
        let good = self.failed == 0 && self.passed > 0;
        let word = if good { "PASS" } else { "FAIL" };
        println!(
            "{word} {name}: {} checks, {} failed",
            self.passed + self.failed,
            self.failed
        );
        good
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_or_no_check_at_all_is_a_failure() {
        let mut report = Report::default();
        assert!(!report.conclude("nothing"));
        assert!(report.equal("same", &1, &1));
        assert!(report.conclude("one"));
        assert!(!report.equal("other", &1, &2));
        assert!(!report.conclude("two"));
    }
}
