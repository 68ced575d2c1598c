//! The event plus what we worked out about it.

use std::cell::OnceCell;
use std::net::IpAddr;
use std::sync::Arc;

use crate::event::{Event, ObjectRef, Raw};

use super::actor::{Kind as ActorKind, User};
use super::client::{Flags, Forwarded, Trusted, effective, parse_source_ips};
use super::document::{Document, Documents, Written};
use super::network::{UnknownMeans, Zone};
use super::place::{Place, Places};
use super::policy::{Bounds, Policies};
use super::request::{Action, Outcome};
use super::scope::Scope;
use super::trust::Trust;

/// Who asked, worked out once for all events with the same `user`.
#[derive(Debug, PartialEq, Eq)]
pub struct Who {
    /// The user as logged.
    pub user: User,
    /// The networks he is held to.
    pub bounds: Bounds,
    /// He came without a credential, whether he was let in or not.
    pub without_credential: bool,
    /// He is a kubelet, or a part of the control plane.
    pub of_cluster: bool,
}

impl Who {
    pub(super) fn new(raw: &[u8], policies: &Policies) -> Self {
        let user = User::parse(raw);
        let bounds = policies.bounds(&user);
        let without_credential = matches!(user.kind(), ActorKind::Anonymous | ActorKind::Unauthenticated);
        let of_cluster = matches!(user.kind(), ActorKind::Node { .. } | ActorKind::ControlPlane);
        Self { user, bounds, without_credential, of_cluster }
    }

    /// A name for sentences and subjects.
    pub fn shown(&self) -> &str {
        match self.user.kind() {
            ActorKind::Unauthenticated => "somebody unauthenticated",
            ActorKind::Anonymous => "an anonymous caller",
            ActorKind::Unknown => "somebody unknown",
            _ => &self.user.name,
        }
    }
}

/// Where a request came from, worked out once for all events with the same `sourceIPs`.
#[derive(Debug, PartialEq, Eq)]
pub struct Origin {
    /// The address the caller is held to, when the log shows it.
    pub address: Option<IpAddr>,
    /// The named network it belongs to.
    pub zone: Option<Zone>,
    /// Whether it comes from inside.
    pub trusted: Trusted,
    /// The TCP peer the API server saw.
    pub peer: Option<IpAddr>,
    /// How the forwarding chain looked.
    pub forwarded: Forwarded,
    /// What was odd about it.
    pub flags: Flags,
    /// The hop that hides or forwards the request.
    pub hop: Option<String>,
    /// What unknown means behind that hop.
    pub unknown: Option<UnknownMeans>,
    /// Public, private and so on.
    pub scope: Option<Scope>,
    /// An entry before the genuine ones claims to be a trusted address.
    pub claims_trusted: bool,
    /// Country and autonomous system.
    pub place: Place,
    /// Date of the file that the place came from.
    pub place_date: Option<String>,
}

impl Origin {
    pub(super) fn new(raw: &[u8], trust: &Trust, places: &Places) -> Self {
        let chain = parse_source_ips(raw);
        let verdict = effective(&chain.entries, chain.total, trust);
        let claims_trusted = chain.entries.iter().rev().skip(1).flatten().any(|claimed| trust.trusts(*claimed));
        let place = verdict.address.map(|address| places.lookup(address)).unwrap_or_default();
        Self {
            address: verdict.address,
            zone: verdict.zone.cloned(),
            trusted: verdict.trusted,
            peer: verdict.peer,
            forwarded: verdict.forwarded,
            flags: verdict.flags,
            hop: verdict.hop.map(str::to_owned),
            unknown: verdict.unknown,
            scope: verdict.address.map(Scope::of),
            claims_trusted,
            place_date: (place != Place::default()).then(|| places.date()).flatten(),
            place,
        }
    }

    /// The address for sentences.
    pub fn shown(&self) -> String {
        match (self.address, &self.hop) {
            (Some(address), _) => address.to_string(),
            (None, Some(hop)) => format!("behind {hop}"),
            (None, None) => "an unknown address".to_owned(),
        }
    }

    /// The address for subjects. Addresses of one IPv6 /64 are one: a single host has all of them at hand.
    pub fn subject(&self) -> String {
        match self.address {
            Some(IpAddr::V6(address)) => {
                let mut segments = address.segments();
                segments[4..].fill(0);
                format!("{}/64", std::net::Ipv6Addr::from(segments))
            }
            Some(address) => address.to_string(),
            None => self.shown(),
        }
    }
}

/// The event plus what we worked out about it. What costs something is worked out when first asked for.
#[derive(Debug)]
pub struct Facts<'e, 'a> {
    /// The event.
    pub event: &'e Event<'a>,
    /// Who asked.
    pub who: Arc<Who>,
    /// From where.
    pub origin: Arc<Origin>,
    object: OnceCell<ObjectRef<'a>>,
    action: OnceCell<Action>,
    outcome: OnceCell<Outcome>,
    documents: OnceCell<Box<Documents<'a>>>,
}

impl<'e, 'a> Facts<'e, 'a> {
    /// The facts of an event whose who and where are known.
    pub fn new(event: &'e Event<'a>, who: Arc<Who>, origin: Arc<Origin>) -> Self {
        let (object, action, outcome) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self { event, who, origin, object, action, outcome, documents: OnceCell::new() }
    }

    /// What the request names.
    pub fn object(&self) -> &ObjectRef<'a> {
        self.object.get_or_init(|| self.event.object_ref())
    }

    /// What the request does.
    pub fn action(&self) -> Action {
        *self.action.get_or_init(|| Action::of(self.event, self.object()))
    }

    /// What came of it.
    pub fn outcome(&self) -> Outcome {
        *self.outcome.get_or_init(|| Outcome::of(self.event))
    }

    /// What the request writes.
    pub(super) fn written(&self) -> &Written<'a> {
        self.documents.get_or_init(Box::default).written(self)
    }

    /// What the event means, where it is of a kind that has such a document.
    pub(super) fn document(&self, document: Document) -> Raw<'_> {
        if !document.may_be_of(self) {
            return Raw::default();
        }
        self.documents.get_or_init(Box::default).get(document, self)
    }
}
