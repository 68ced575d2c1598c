//! Volumes: what of the node, of secrets and of tokens a pod is given.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Raw, Text};

use super::super::json::Object;
use super::super::read::{at, flag, items, number, take, text};
use super::super::written::Found;
use super::path;

/// The volumes of a pod.
#[derive(Debug)]
pub(super) struct Volumes<'a>(Vec<Volume<'a>>, BTreeMap<Cow<'a, str>, String>);

#[derive(Debug)]
struct Volume<'a> {
    name: Option<Cow<'a, str>>,
    /// The key that says what it is, such as `hostPath`.
    kind: Option<Text<'a>>,
    source: Raw<'a>,
}

impl<'a> Volumes<'a> {
    pub(super) fn of(list: Option<Raw<'a>>) -> Self {
        let volumes: Vec<_> = items(list).map(Volume::of).collect();
        let paths = volumes.iter().filter_map(|volume| Some((volume.name.clone()?, volume.host_path()?))).collect();
        Self(volumes, paths)
    }

    /// Names of the secrets in them.
    pub(super) fn secrets(&self) -> impl Iterator<Item = String> {
        self.0.iter().flat_map(Volume::secrets).map(Cow::into_owned)
    }

    /// A container's mount of one of them.
    pub(super) fn mount(&self, raw: Raw<'_>) -> Object {
        let mut mount = Object::default();
        let [name, path, read_only, propagation] = take(raw, ["name", "mountPath", "readOnly", "mountPropagation"]);
        let name = text(name);
        mount.maybe("host_path", name.as_ref().and_then(|name| self.1.get(name)));
        mount.maybe("name", name);
        mount.maybe("path", text(path));
        mount.flag("read_only", flag(read_only) == Some(true));
        mount.maybe("propagation", text(propagation));
        mount
    }

    pub(super) fn describe(&self, workload: &mut Object) {
        let paths: BTreeSet<_> = self.0.iter().filter_map(Volume::host_path).collect();
        describe_paths(&paths, workload);
        let kinds = self.0.iter().filter_map(|volume| volume.kind).map(|kind| kind.decode().into_owned());
        workload.texts("volume_kinds", kinds.collect::<BTreeSet<_>>());
        workload.texts(
            "token_audiences",
            self.0.iter().flat_map(Volume::tokens).filter_map(|token| text(token.get("audience"))),
        );
        workload.objects("volumes", self.0.iter().map(Volume::describe));
    }
}

fn describe_paths(paths: &BTreeSet<String>, workload: &mut Object) {
    workload.texts("host_paths", paths);
    workload.texts("host_path_risks", paths.iter().flat_map(|path| path::risks(path)).collect::<BTreeSet<_>>());
}

impl<'a> Volume<'a> {
    fn of(raw: Raw<'a>) -> Self {
        let source = raw.members().find(|(key, value)| *key != "name" && value.bytes().starts_with(b"{"));
        let (kind, source) = source.map_or((None, Raw::default()), |(kind, source)| (Some(kind), source));
        Self { name: text(raw.get("name")), kind, source }
    }

    fn is(&self, kind: &str) -> bool {
        self.kind.is_some_and(|found| found == *kind)
    }

    fn host_path(&self) -> Option<String> {
        text(self.source.get("path").filter(|_| self.is("hostPath"))).map(|path| path::normal(&path))
    }

    fn projections(&self) -> impl Iterator<Item = Raw<'a>> + use<'a> {
        items(self.source.get("sources").filter(|_| self.is("projected")))
    }

    fn tokens(&self) -> impl Iterator<Item = Raw<'a>> + use<'a> {
        self.projections().filter_map(|projection| projection.get("serviceAccountToken"))
    }

    fn secrets(&self) -> Vec<Cow<'a, str>> {
        let own = text(self.source.get("secretName").filter(|_| self.is("secret")));
        let projected = self.projections().filter_map(|projection| text(at(projection, &["secret", "name"])));
        own.into_iter().chain(projected).collect()
    }

    fn describe(&self) -> Object {
        let mut volume = Object::default();
        volume.maybe("name", self.name.as_ref());
        volume.maybe("kind", self.kind.map(Text::decode));
        volume.maybe("path", self.host_path());
        volume.texts("secrets", self.secrets());
        volume.maybe("config_map", text(self.source.get("name").filter(|_| self.is("configMap"))));
        volume.maybe("claim", text(self.source.get("claimName")));
        volume.maybe("driver", text(self.source.get("driver")));
        volume.texts("token_audiences", self.tokens().filter_map(|token| text(token.get("audience"))));
        volume.numbers("token_seconds", self.tokens().filter_map(|token| number(token.get("expirationSeconds"))));
        volume
    }
}

/// A PersistentVolume may be a folder of the node, and then goes past all that looks at pods.
pub(super) fn persistent(found: Found<'_>) -> Vec<u8> {
    let mut workload = Object::default();
    workload.text("kind", "PersistentVolume");
    workload.text("from", found.from);
    let sources = ["hostPath", "local", "csi", "nfs", "iscsi", "fc", "flexVolume", "cephfs", "rbd"];
    let spec = found.object.get("spec").unwrap_or_default();
    let set = sources.iter().zip(take(spec, sources)).filter_map(|(kind, source)| Some((*kind, source?)));
    let set: Vec<_> = set.collect();
    let local = set.iter().filter(|(kind, _)| matches!(*kind, "hostPath" | "local"));
    let paths = local.filter_map(|(_, source)| text(source.get("path"))).map(|path| path::normal(&path));
    describe_paths(&paths.collect(), &mut workload);
    workload.texts("volume_kinds", set.iter().map(|(kind, _)| kind));
    workload.finish()
}
