//! The tactics of ATT&CK's techniques, as far as rules about an API server name them.

/// A technique without its sub-technique, and what it is used for.
const TACTICS: [(&str, &[&str]); 45] = [
    ("T1021", &["lateral-movement"]),
    ("T1036", &["defense-evasion"]),
    ("T1040", &["credential-access", "discovery"]),
    ("T1046", &["discovery"]),
    ("T1048", &["exfiltration"]),
    ("T1053", &["execution", "persistence", "privilege-escalation"]),
    ("T1056", &["collection", "credential-access"]),
    ("T1059", &["execution"]),
    ("T1068", &["privilege-escalation"]),
    ("T1069", &["discovery"]),
    ("T1070", &["defense-evasion"]),
    ("T1071", &["command-and-control"]),
    ("T1078", &["defense-evasion", "initial-access", "persistence", "privilege-escalation"]),
    ("T1082", &["discovery"]),
    ("T1087", &["discovery"]),
    ("T1090", &["command-and-control"]),
    ("T1098", &["persistence", "privilege-escalation"]),
    ("T1110", &["credential-access"]),
    ("T1133", &["initial-access", "persistence"]),
    ("T1134", &["defense-evasion", "privilege-escalation"]),
    ("T1136", &["persistence"]),
    ("T1190", &["initial-access"]),
    ("T1195", &["initial-access"]),
    ("T1485", &["impact"]),
    ("T1489", &["impact"]),
    ("T1496", &["impact"]),
    ("T1498", &["impact"]),
    ("T1499", &["impact"]),
    ("T1525", &["persistence"]),
    ("T1528", &["credential-access"]),
    ("T1530", &["collection"]),
    ("T1543", &["persistence", "privilege-escalation"]),
    ("T1546", &["persistence", "privilege-escalation"]),
    ("T1548", &["defense-evasion", "privilege-escalation"]),
    ("T1550", &["defense-evasion", "lateral-movement"]),
    ("T1552", &["credential-access"]),
    ("T1557", &["collection", "credential-access"]),
    ("T1562", &["defense-evasion"]),
    ("T1565", &["impact"]),
    ("T1567", &["exfiltration"]),
    ("T1570", &["lateral-movement"]),
    ("T1609", &["execution"]),
    ("T1610", &["defense-evasion", "execution"]),
    ("T1611", &["privilege-escalation"]),
    ("T1613", &["discovery"]),
];

/// Whether a technique, or that of which it is a part, serves this tactic. One that is not known serves none.
pub(super) fn has_tactic(technique: &str, tactic: &str) -> bool {
    let whole = technique.split('.').next().unwrap_or(technique);
    TACTICS.iter().any(|(id, tactics)| *id == whole && tactics.contains(&tactic))
}

/// The tactics that are known.
pub(super) fn is_tactic(tactic: &str) -> bool {
    TACTICS.iter().any(|(_, tactics)| tactics.contains(&tactic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_technique_serves_what_the_whole_serves() {
        assert!(has_tactic("T1078.004", "initial-access") && has_tactic("T1110", "credential-access"));
        assert!(!has_tactic("T1110", "impact") && !has_tactic("T9999", "impact"));
        assert!(is_tactic("impact") && !is_tactic("impacts"));
    }
}
