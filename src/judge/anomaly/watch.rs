//! Observes what anomaly documents ask for.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use super::clause::with_text;
use super::document::{Anomaly, Kind, Whom};
use crate::detect::{Detector, Findings, Rule};
use crate::enrich::Facts;
use crate::enrich::actor::Kind as ActorKind;
use crate::enrich::client::Trusted;

/// Longest value that is looked at, bytes. Of a longer one its beginning is.
const VALUE_BYTES_MAX: usize = 256;

/// Between the values of several fields.
const BETWEEN: char = ' ';

/// Looks at every event for all documents at once.
pub(super) struct Watch {
    documents: Vec<(Arc<str>, Anomaly)>,
    /// Which documents are about an action, where they name actions.
    by_action: HashMap<String, Vec<usize>, foldhash::fast::RandomState>,
    /// Which are about any.
    others: Vec<usize>,
    /// Values of one event, put together without allocating.
    value: RefCell<String>,
}

impl Watch {
    pub(super) fn new(documents: &[Anomaly]) -> Self {
        let mut watch = Self {
            documents: documents.iter().map(|document| (document.rule.id.as_str().into(), document.clone())).collect(),
            by_action: HashMap::default(),
            others: Vec::new(),
            value: RefCell::default(),
        };
        for (at, document) in documents.iter().enumerate() {
            match document.where_.words("request.action") {
                Some(actions) => actions.iter().for_each(|action| {
                    watch.by_action.entry((*action).to_owned()).or_default().push(at);
                }),
                None => watch.others.push(at),
            }
        }
        watch
    }
}

impl Detector for Watch {
    fn rules(&self) -> Vec<Arc<Rule>> {
        self.documents.iter().map(|(_, document)| Arc::clone(&document.rule)).collect()
    }

    fn inspect(&self, facts: &Facts<'_, '_>, findings: &mut Findings) {
        let of_action = self.by_action.get(facts.action().word()).map(Vec::as_slice).unwrap_or_default();
        for at in of_action.iter().chain(&self.others) {
            let (id, document) = &self.documents[*at];
            if document.where_.all(facts) && !document.unless.iter().any(|unless| unless.all(facts)) {
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
