//! The target of a request: what it asks for, and of whom.
//!
//! Nothing is decoded here, and no path is looked up.

use super::fault::Fault;

/// A target in origin form, or in the absolute form that a server must take too (RFC 9112 §3.2).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    /// Only of the absolute form.
    pub(super) authority: Option<&'a str>,
    /// Still percent-encoded.
    pub(super) path: &'a str,
    /// What follows the first `?`.
    pub(super) query: &'a str,
}

impl<'a> Target<'a> {
    /// Takes it apart; what a proxy is sent, and what names no host where one must be, is refused.
    pub(super) fn parse(target: &'a str) -> Result<Target<'a>, Fault> {
        let begins_with = |scheme: &&str| {
            let start = target.get(..scheme.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        };
        let scheme = ["http://", "https://"].into_iter().find(begins_with);
        let (authority, local) = match scheme {
            Some(scheme) => {
                let rest = &target[scheme.len()..];
                let (authority, local) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
                (Some(authority), local)
            }
            None => (None, target),
        };
        let (path, query) = local.split_once('?').unwrap_or((local, ""));
        // The absolute form of the root may go without its slash (RFC 9110 §4.2.3), but not without a host (§4.2.1).
        let path = match authority {
            Some("") => "",
            Some(_) if path.is_empty() => "/",
            _ => path,
        };
        if !path.starts_with('/') && local != "*" {
            return Err(Fault::Head("the target must be a path"));
        }
        Ok(Target {
            authority,
            path,
            query,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_absolute_form_names_the_same_path_and_its_own_host() {
        let target = |text: &'static str| {
            let target = Target::parse(text).ok()?;
            Some((target.authority, target.path, target.query))
        };
        let host = Some("a.example:80");
        assert_eq!(target("/b?c?d"), Some((None, "/b", "c?d")));
        assert_eq!(target("http://a.example:80/b?c"), Some((host, "/b", "c")));
        assert_eq!(target("HTTPS://a.example:80"), Some((host, "/", "")));
        assert_eq!(target("http://a.example:80?c/d"), Some((host, "/", "c/d")));
        for wrong in ["a.example:443", "http://", "http:///b", "?b", "*?b", ""] {
            assert_eq!(target(wrong), None, "{wrong}");
        }
    }
}
