//! A token is minted by one and used elsewhere.
//!
//! The API server writes the id of a token it issues beside the request, and the same id at each use. Kubelets mint
//! for their pods all day, and where those are used is another judge's; what is remembered here is what people and
//! programs mint.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::recent::Recent;
use super::sighting::{Network, Sighting};
use super::two_networks::short;
use super::{Case, Judge};
use crate::alert::{EventRef, Severity};
use crate::detect::minted::MINTED;
use crate::detect::needs::{ANY_STAGE, Callers, Kind, Needs, Requests, Targets};
use crate::detect::{Finding, Findings, Rule};
use crate::event::Timestamp;

/// How long the first use of a token is waited for, seconds: two days.
const WAIT_SECONDS: i64 = 48 * 3600;

/// Tokens of one generation. Beyond it those minted longest ago are forgotten.
const TOKENS_MAX: usize = 4096;

/// What is known of a token that was not used yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Token {
    minter: String,
    by_human: bool,
    place: String,
    address: String,
    target: String,
    time: Timestamp,
    event: Option<EventRef>,
}

/// Remembers minted tokens until their first use.
pub(super) struct Minted {
    rule: Arc<Rule>,
    tokens: Recent<Token>,
}

impl Default for Minted {
    fn default() -> Self {
        Self {
            rule: Rule::new(
                "minted-token-used-elsewhere",
                "A minted token was used by somebody",
                &["T1528", "T1550.001"],
            ),
            tokens: Recent::new(TOKENS_MAX),
        }
    }
}

impl Judge for Minted {
    fn id(&self) -> &str {
        &self.rule.id
    }

    fn shape(&self) -> String {
        "1".to_owned()
    }

    fn needs(&self) -> Vec<(String, Needs)> {
        let mut needs = Needs::of(Callers::LetIn, Targets::All, &ANY_STAGE);
        // The token's id is written when it is issued.
        needs.0.push(Requests::completed(&["create"], &[Kind::subresource("serviceaccounts", "token")]));
        vec![(self.rule.id.clone(), needs)]
    }

    fn judge(&mut self, case: &Case<'_>, verdict: &mut Findings) {
        for minted in case.observed(MINTED) {
            let value = |name| minted.value(name).unwrap_or_default().to_owned();
            self.tokens.entry(&value("issued"), || Token {
                minter: value("who"),
                by_human: value("kind") == "human",
                place: value("place"),
                address: value("address"),
                target: value("target"),
                time: case.time,
                event: case.event.cloned(),
            });
        }
        let Some(seen) = Sighting::of(case) else { return };
        let Some(token) = seen.credential.and_then(|credential| self.tokens.remove(credential)) else { return };
        if token.time.plus_seconds(WAIT_SECONDS) >= case.time {
            self.first_use(&token, &seen, verdict);
        }
    }

    fn save(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&self.tokens)
    }

    fn load(&mut self, memory: &RawValue) -> serde_json::Result<()> {
        self.tokens = serde_json::from_str(memory.get())?;
        Ok(())
    }
}

impl Minted {
    fn first_use(&self, token: &Token, seen: &Sighting<'_>, verdict: &mut Findings) {
        let here = token.place == seen.place;
        let (severity, how) = match seen.network {
            // What programs mint is meant for pods.
            network if network.is_cluster() && !token.by_human => return,
            _ if here => (Severity::Medium, "where it was minted, as if by hand"),
            Network::Untrusted => (Severity::Critical, "outside every trusted network"),
            Network::Trusted => (Severity::High, "elsewhere"),
            _ => (Severity::Medium, "inside the cluster"),
        };
        let text = format!(
            "a token for {} that {} minted from {} was first used from {}, {how} ({})",
            token.target,
            token.minter,
            token.address,
            seen.address,
            short(seen.credential.unwrap_or_default())
        );
        let mut finding = Finding::new(&self.rule, format!("{} for {}", token.minter, token.target), severity, text);
        finding.events.extend(token.event.clone());
        verdict.push(finding);
    }
}
