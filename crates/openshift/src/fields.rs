//! Takes a map apart: every key is known or named as a problem, every value has the form its key wants.

use crate::problem::Problem;
use crate::yaml::{Node, Value};

/// A map being read, with the list that problems go to.
pub struct Fields<'a, 'p> {
    node: &'a Node,
    entries: &'a [(Node, Node)],
    problems: &'p mut Vec<Problem>,
}

impl<'a, 'p> Fields<'a, 'p> {
    /// Of `what`, whose keys are `known`; others are problems.
    pub fn new(node: &'a Node, what: &str, known: &[&str], problems: &'p mut Vec<Problem>) -> Option<Self> {
        let entries = map(node, what, problems)?;
        for (key, _) in entries {
            let name = key.text().unwrap_or_default();
            if !known.contains(&name) {
                let allowed = known.join(", ");
                problems.push(key.problem(format!("{what} has no `{name}`; allowed are {allowed}")));
            }
        }
        Some(Fields {
            node,
            entries,
            problems,
        })
    }

    /// The value of a key; nothing if it is null.
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        let found = self.entries.iter().find(|(name, _)| name.text() == Some(key));
        found.map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// A text.
    pub fn text(&mut self, key: &str) -> Option<&'a str> {
        let node = self.get(key)?;
        let text = node.text();
        if text.is_none() {
            let problem = node.problem(format!("`{key}` is {}; a text is wanted", node.kind()));
            self.problems.push(problem);
        }
        text
    }

    /// A text that must be there.
    pub fn needed(&mut self, key: &str) -> String {
        match self.text(key) {
            Some(text) => text.to_owned(),
            None => {
                if self.get(key).is_none() {
                    self.problems.push(self.node.problem(format!("`{key}` is missing")));
                }
                String::new()
            }
        }
    }

    /// A whole number within bounds.
    pub fn number(&mut self, key: &str, from: i64, to: i64) -> Option<i64> {
        let node = self.get(key)?;
        number(node, key, from, to, self.problems)
    }

    /// `true` or `false`.
    pub fn truth(&mut self, key: &str) -> Option<bool> {
        let node = self.get(key)?;
        let truth = node.text().and_then(|text| text.parse().ok());
        if truth.is_none() {
            self.problems
                .push(node.problem(format!("`{key}` is neither true nor false")));
        }
        truth
    }

    /// One of some words.
    pub fn one_of(&mut self, key: &str, words: &[&str]) -> Option<&'a str> {
        let text = self.text(key)?;
        if words.contains(&text) {
            return Some(text);
        }
        let node = self.get(key)?;
        let allowed = words.join(", ");
        self.problems
            .push(node.problem(format!("`{key}` is `{text}`; allowed are {allowed}")));
        None
    }

    /// A list's members; nothing for another form, which is a problem.
    pub fn list(&mut self, key: &str) -> &'a [Node] {
        let Some(node) = self.get(key) else { return &[] };
        match &node.value {
            Value::List(list) => list,
            _ => {
                let problem = node.problem(format!("`{key}` is {}; a list is wanted", node.kind()));
                self.problems.push(problem);
                &[]
            }
        }
    }

    /// Where problems go.
    pub fn problems(&mut self) -> &mut Vec<Problem> {
        self.problems
    }
}

/// The entries of a map; anything else is a problem.
pub fn map<'a>(node: &'a Node, what: &str, problems: &mut Vec<Problem>) -> Option<&'a [(Node, Node)]> {
    match &node.value {
        Value::Map(entries) => Some(entries),
        _ => {
            problems.push(node.problem(format!("{what} is {}; a map is wanted", node.kind())));
            None
        }
    }
}

/// A whole number within bounds, whether in quotes or not.
pub fn number(node: &Node, key: &str, from: i64, to: i64, problems: &mut Vec<Problem>) -> Option<i64> {
    let number = node.text().and_then(|text| text.trim().parse::<i64>().ok());
    let found = number.filter(|number| (from..=to).contains(number));
    if found.is_none() {
        let has = node.text().unwrap_or(node.kind());
        problems.push(node.problem(format!(
            "`{key}` is `{has}`; allowed are whole numbers from {from} to {to}"
        )));
    }
    found
}
