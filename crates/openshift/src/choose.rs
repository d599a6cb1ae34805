//! Which profiles a node gets: `spec.recommend`.

use crate::fields::Fields;
use crate::problem::Problem;
use crate::yaml::Node;

/// What a node must be for a rule to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// It has this name.
    Name(String),
    /// It has this label, whatever its value.
    Label(String),
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recommend {
    /// The profile's name.
    pub profile: String,
    /// The lowest number of all rules that hold wins.
    pub priority: i64,
    /// It holds if any of these does; without any it holds for nobody.
    pub matches: Vec<Match>,
}

impl Recommend {
    /// Reads one; what is wrong goes to `problems`.
    pub(crate) fn read(node: &Node, names: &[&str], problems: &mut Vec<Problem>) -> Option<Self> {
        let mut fields = Fields::new(node, "recommend[]", &["match", "priority", "profile"], problems)?;
        let profile = fields.needed("profile");
        let place = fields.get("profile").unwrap_or(node);
        if !profile.is_empty() && !names.contains(&profile.as_str()) {
            let allowed = names.join(", ");
            let problem = place.problem(format!(
                "there is no profile `{profile}` in this file; there are {allowed}"
            ));
            fields.problems().push(problem);
        }
        let priority = fields.number("priority", 0, i64::from(i32::MAX)).unwrap_or(i64::MAX);
        let rules = fields.list("match");
        if rules.is_empty() {
            fields
                .problems()
                .push(node.problem("a rule without `match` holds for no node").warn());
        }
        let mut matches = Vec::new();
        for rule in rules {
            let Some(mut fields) = Fields::new(rule, "match[]", &["nodeLabel", "nodeName"], problems) else {
                continue;
            };
            matches.extend(fields.text("nodeName").map(|name| Match::Name(name.to_owned())));
            matches.extend(fields.text("nodeLabel").map(|label| Match::Label(label.to_owned())));
        }
        Some(Recommend {
            profile,
            priority,
            matches,
        })
    }

    /// Whether it holds for a node of this name and these labels.
    pub fn holds(&self, name: &str, labels: &[&str]) -> bool {
        self.matches.iter().any(|rule| match rule {
            Match::Name(wanted) => wanted == name,
            Match::Label(wanted) => labels.contains(&wanted.as_str()),
        })
    }
}
