//! The parts of an image's name.

use super::super::json::Object;

/// Where images come from that name no registry.
const USUAL_REGISTRY: &str = "docker.io";

/// An image's name, in parts, as container runtimes read it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Image<'i> {
    registry: &'i str,
    /// Without the registry; `library/` is added where the runtime does.
    repository: String,
    tag: Option<&'i str>,
    digest: Option<&'i str>,
}

impl<'i> Image<'i> {
    pub(super) fn parse(name: &'i str) -> Self {
        let (name, digest) = name.split_once('@').map_or((name, None), |(name, digest)| (name, Some(digest)));
        let (registry, path) = match name.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
            _ => (USUAL_REGISTRY, name),
        };
        let registry = if registry == "index.docker.io" { USUAL_REGISTRY } else { registry };
        let (path, tag) = path.rsplit_once(':').map_or((path, None), |(path, tag)| (path, Some(tag)));
        let official = registry == USUAL_REGISTRY && !path.contains('/');
        let repository = if official { format!("library/{path}") } else { path.to_owned() };
        Self { registry, repository, tag, digest }
    }

    pub(super) fn describe(&self, whole: &str, to: &mut Object) {
        to.text("image", whole);
        to.text("registry", self.registry);
        to.text("repository", &self.repository);
        // Without tag and digest the runtime takes `latest`.
        to.maybe("tag", self.tag.or(self.digest.is_none().then_some("latest")));
        to.maybe("digest", self.digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_runtimes_do() {
        for (name, registry, repository, tag, digest) in [
            ("nginx", "docker.io", "library/nginx", None, None),
            ("bitnami/kubectl:1.30", "docker.io", "bitnami/kubectl", Some("1.30"), None),
            ("localhost/x", "localhost", "x", None, None),
            ("reg.example:5000/a/b:v1@sha256:ab", "reg.example:5000", "a/b", Some("v1"), Some("sha256:ab")),
            ("index.docker.io/library/nginx", "docker.io", "library/nginx", None, None),
            ("", "docker.io", "library/", None, None),
        ] {
            let expected = Image { registry, repository: repository.to_owned(), tag, digest };
            assert_eq!(Image::parse(name), expected, "{name}");
        }
    }
}
