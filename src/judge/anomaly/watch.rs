//! Observes what anomaly documents ask for.

use std::cell::RefCell;
use std::sync::Arc;

use super::clause::{Clauses, with_text};
use super::document::{Anomaly, Kind, Whom};
use crate::detect::{Detector, Findings, Rule};
use crate::enrich::Facts;
use crate::enrich::actor::Kind as ActorKind;
use crate::enrich::client::Trusted;
use crate::enrich::request::{Action, Outcome};

/// Longest value that is looked at, bytes. Of a longer one its beginning is.
const VALUE_BYTES_MAX: usize = 256;

/// Between the values of several fields.
const BETWEEN: char = ' ';

/// What every document may say and is known without a look at it.
const KNOWN: [&str; 2] = ["request.action", "request.outcome"];

/// Looks at every event for all documents at once.
pub(super) struct Watch {
    documents: Vec<Watched>,
    /// For each action, and for each outcome of it, the documents that are about such requests.
    about: [[Vec<usize>; Outcome::ALL.len()]; Action::ALL.len()],
    /// Values of one event, put together without allocating.
    value: RefCell<String>,
}

/// A document, and what is left to ask once action and outcome are known.
struct Watched {
    id: Arc<str>,
    document: Anomaly,
    rest: Clauses,
}

impl Watched {
    fn new(document: &Anomaly) -> Self {
        let rest = document.where_.without(&KNOWN);
        Self { id: document.rule.id.as_str().into(), document: document.clone(), rest }
    }

    fn is_about(&self, action: Action, outcome: Outcome) -> bool {
        let clauses = &self.document.where_;
        clauses.allows(KNOWN[0], action.word()) && clauses.allows(KNOWN[1], outcome.word())
    }
}

impl Watch {
    pub(super) fn new(documents: &[Anomaly]) -> Self {
        let documents: Vec<_> = documents.iter().map(Watched::new).collect();
        let about = Action::ALL.map(|action| {
            Outcome::ALL.map(|outcome| {
                let about = |at: &usize| documents[*at].is_about(action, outcome);
                (0..documents.len()).filter(about).collect()
            })
        });
        Self { documents, about, value: RefCell::default() }
    }
}

impl Detector for Watch {
    fn rules(&self) -> Vec<Arc<Rule>> {
        self.documents.iter().map(|watched| Arc::clone(&watched.document.rule)).collect()
    }

    fn inspect(&self, facts: &Facts<'_, '_>, findings: &mut Findings) {
        for at in &self.about[facts.action() as usize][facts.outcome() as usize] {
            let Watched { id, document, rest } = &self.documents[*at];
            if rest.all(facts) && !document.unless.iter().any(|unless| unless.all(facts)) {
                self.observe(id, document, facts, findings);
            }
        }
    }
}

impl Watch {
    fn observe(&self, id: &Arc<str>, document: &Anomaly, facts: &Facts<'_, '_>, findings: &mut Findings) {
        // Without a credential nobody has habits; the cluster has.
        if facts.who.without_credential && document.whom != Whom::Cluster {
            return;
        }
        let mut value = self.value.borrow_mut();
        match document.of.as_slice() {
            [field] => {
                field.any(facts, &mut |one| {
                    with_text(one, &mut |text| {
                        value.clear();
                        put(&mut value, text);
                        note(id, document, facts, &value, findings);
                        false
                    })
                });
            }
            fields => {
                value.clear();
                for field in fields {
                    field.any(facts, &mut |one| {
                        with_text(one, &mut |text| {
                            put(&mut value, text);
                            true
                        })
                    });
                }
                note(id, document, facts, &value, findings);
            }
        }
    }
}

fn put(value: &mut String, text: &str) {
    if !value.is_empty() && !text.is_empty() {
        value.push(BETWEEN);
    }
    let mut end = text.len().min(VALUE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    value.push_str(&text[..end]);
}

fn note(id: &Arc<str>, document: &Anomaly, facts: &Facts<'_, '_>, value: &str, findings: &mut Findings) {
    let who = facts.who.shown();
    let values = || {
        vec![
            ("who".into(), who.to_owned()),
            ("peers".into(), peers(facts)),
            ("value".into(), value.to_owned()),
            ("trusted".into(), (facts.origin.trusted == Trusted::Yes).to_string()),
        ]
    };
    match document.kind {
        // Each request counts.
        Kind::Spike => findings.observe(id, values),
        _ => findings.observe_minutely(id, &[who.as_bytes(), value.as_bytes()], facts.event.time(), values),
    }
}

/// Those whose habits are alike.
fn peers(facts: &Facts<'_, '_>) -> String {
    match facts.who.user.kind() {
        ActorKind::ServiceAccount { namespace, .. } => format!("service accounts of {namespace}"),
        ActorKind::Node { .. } => "nodes".to_owned(),
        ActorKind::ControlPlane => "the control plane".to_owned(),
        _ => "people".to_owned(),
    }
}
