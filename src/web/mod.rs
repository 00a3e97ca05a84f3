//! Pages and the browser client, compiled in. No inline script or style, no asset from elsewhere; what comes from a
//! client is shown as text.
//!
//! A page is looked at under any prefix that a proxy takes off, so it names everything relative to itself: its files,
//! other pages, calls and sockets. Hence a page has one address, and one that lacks its last slash leads to it.
//!
//! A new file is one line in [`ASSETS`]: its routes, its headers and its checks follow from there.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// One file as a browser gets it.
pub struct Asset {
    /// Where it is served.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Its bytes.
    pub body: &'static str,
}

/// What a page may load and who may frame it: this server's own files, its own sockets, and nobody.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Every file.
pub const ASSETS: &[Asset] = &[
    html("/", include_str!("dashboard/index.html")),
    script(
        "/dashboard/dashboard.js",
        include_str!("dashboard/dashboard.js"),
    ),
    script("/dashboard/gate.js", include_str!("dashboard/gate.js")),
    script(
        "/dashboard/history.js",
        include_str!("dashboard/history.js"),
    ),
    script("/dashboard/tiles.js", include_str!("dashboard/tiles.js")),
    script("/dashboard/tables.js", include_str!("dashboard/tables.js")),
    script("/dashboard/format.js", include_str!("dashboard/format.js")),
    style(
        "/dashboard/dashboard.css",
        include_str!("dashboard/dashboard.css"),
    ),
    script("/roomcast.js", include_str!("roomcast.js")),
    types("/roomcast.d.ts", include_str!("roomcast.d.ts")),
    script("/readiness.js", include_str!("readiness.js")),
    style("/style.css", include_str!("style.css")),
    html("/demo/", include_str!("demo/index.html")),
    style("/demo/demo.css", include_str!("demo/demo.css")),
    script("/demo/shared.js", include_str!("demo/shared.js")),
    html("/demo/events/", include_str!("demo/events.html")),
    script("/demo/events.js", include_str!("demo/events.js")),
    html("/demo/sessions/", include_str!("demo/sessions.html")),
    html("/demo/sessions/phone", include_str!("demo/phone.html")),
    script("/demo/sessions.js", include_str!("demo/sessions.js")),
    script("/demo/session.js", include_str!("demo/session.js")),
    script("/demo/phone.js", include_str!("demo/phone.js")),
    html("/demo/tasks/", include_str!("demo/tasks.html")),
    script("/demo/tasks.js", include_str!("demo/tasks.js")),
    html("/demo/stream/", include_str!("demo/stream.html")),
    script("/demo/stream.js", include_str!("demo/stream.js")),
    script("/demo/chain.js", include_str!("demo/chain.js")),
    html("/demo/rooms/", include_str!("demo/rooms.html")),
    script("/demo/rooms.js", include_str!("demo/rooms.js")),
    script("/demo/chat.js", include_str!("demo/chat.js")),
    script("/demo/polls.js", include_str!("demo/polls.js")),
];

/// Addresses of pages without their last slash, and where each leads, relative to itself.
pub const MOVED: &[(&str, &str)] = &[
    ("/demo", "demo/"),
    ("/demo/events", "events/"),
    ("/demo/sessions", "sessions/"),
    ("/demo/tasks", "tasks/"),
    ("/demo/stream", "stream/"),
    ("/demo/rooms", "rooms/"),
];

const fn html(path: &'static str, body: &'static str) -> Asset {
    Asset {
        path,
        content_type: "text/html; charset=utf-8",
        body,
    }
}

const fn script(path: &'static str, body: &'static str) -> Asset {
    Asset {
        path,
        content_type: "text/javascript; charset=utf-8",
        body,
    }
}

const fn style(path: &'static str, body: &'static str) -> Asset {
    Asset {
        path,
        content_type: "text/css; charset=utf-8",
        body,
    }
}

/// What a script offers, for TypeScript, which has no media type of its own.
const fn types(path: &'static str, body: &'static str) -> Asset {
    Asset {
        path,
        content_type: "text/plain; charset=utf-8",
        body,
    }
}

/// The file that is served at this path.
pub fn asset(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

impl Asset {
    /// What the file is known by for as long as it stays as it is: an entity tag (RFC 9110 §8.8.3) of its bytes alone,
    /// so that two servers of one build give the same.
    pub fn tag(&self) -> String {
        let digest = Sha256::digest(self.body);
        format!("\"{}\"", HEXLOWER.encode(&digest[..16]))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// The values of an attribute, wherever it stands in a page.
    fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
        let start = format!(" {attribute}=\"");
        let after = html.split(start.as_str()).skip(1);
        after.filter_map(|rest| rest.split('"').next()).collect()
    }

    #[test]
    fn every_file_has_a_path_of_its_own() {
        let paths: HashSet<&str> = ASSETS.iter().map(|asset| asset.path).collect();
        assert_eq!(paths.len(), ASSETS.len());
        for path in paths {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/.-_".contains(&byte);
            assert!(
                path.starts_with('/') && path.bytes().all(is_plain),
                "{path}"
            );
        }
    }

    #[test]
    fn a_tag_is_quoted_and_changes_with_the_content() {
        let tags: HashSet<String> = ASSETS.iter().map(Asset::tag).collect();
        let bodies: HashSet<&str> = ASSETS.iter().map(|asset| asset.body).collect();
        assert_eq!(tags.len(), bodies.len());
        assert!(tags.iter().all(|tag| tag.len() == 34), "{tags:?}");
        assert_eq!(
            script("/", "abc").tag(),
            "\"ba7816bf8f01cfea414140de5dae2223\""
        );
    }

    #[test]
    fn the_browser_client_says_the_version_that_it_comes_with() {
        let said = format!(
            "\nexport const version = \"{}\";\n",
            env!("CARGO_PKG_VERSION")
        );
        assert!(asset("/roomcast.js").unwrap().body.contains(&said));
    }

    /// Where a reference leads from the file at this path; nothing, if that is not below the root.
    fn lead(from: &str, reference: &str) -> Option<String> {
        let folder = &from[..=from.rfind('/')?];
        let mut segments: Vec<&str> = folder[1..].split_terminator('/').collect();
        let mut last = "";
        for segment in reference.split(['?', '#']).next()?.split('/') {
            match segment {
                "." => last = "",
                ".." => {
                    segments.pop()?;
                    last = "";
                }
                name => {
                    segments.extend((!last.is_empty()).then_some(last));
                    last = name;
                }
            }
        }
        let all = segments.iter().map(|segment| format!("/{segment}"));
        Some(all.collect::<String>() + "/" + last)
    }

    /// What a file asks for by itself or leads to.
    fn references(asset: &Asset) -> Vec<&str> {
        if !asset.content_type.starts_with("text/javascript") {
            return [values(asset.body, "src"), values(asset.body, "href")].concat();
        }
        let code = asset.body.lines().filter(|line| !line.starts_with("//"));
        let imports = code.flat_map(|line| line.split(" from \"").skip(1));
        imports.filter_map(|rest| rest.split('"').next()).collect()
    }

    #[test]
    fn a_reference_leads_where_a_browser_goes() {
        assert_eq!(
            lead("/demo/events/", "../demo.css").unwrap(),
            "/demo/demo.css"
        );
        assert_eq!(
            lead("/demo/sessions/phone", "./").unwrap(),
            "/demo/sessions/"
        );
        assert_eq!(lead("/demo/", "events/#x").unwrap(), "/demo/events/");
        assert_eq!(lead("/demo", "demo/").unwrap(), "/demo/");
        assert_eq!(lead("/demo/", "../").unwrap(), "/");
        assert_eq!(lead("/demo/", "../../style.css"), None);
    }

    #[test]
    fn every_reference_is_relative_and_leads_to_a_file_that_is_here() {
        for file in ASSETS {
            for to in references(file) {
                let is_elsewhere = to.starts_with('/') || to.contains(':');
                let leads = lead(file.path, to).is_some_and(|path| asset(&path).is_some());
                assert!(
                    to == "data:," || (leads && !is_elsewhere),
                    "{} names {to}",
                    file.path
                );
            }
        }
        for (path, to) in MOVED {
            assert!(asset(&lead(path, to).unwrap()).is_some(), "{path}");
            assert!(asset(path).is_none(), "{path}");
        }
    }

    #[test]
    fn pages_hold_no_script_or_style() {
        let pages = ASSETS
            .iter()
            .filter(|asset| asset.content_type.starts_with("text/html"));
        for page in pages {
            let scripts = page.body.matches("<script").count();
            let sources = page.body.split("<script").skip(1);
            let outside = sources.filter(|tag| {
                let tag = tag.split('>').next().unwrap_or_default();
                !values(tag, "src").is_empty()
            });
            assert_eq!(
                outside.count(),
                scripts,
                "{} has an inline script",
                page.path
            );
            for inline in ["<style", " style=\"", " onclick=", " onload=", " onerror="] {
                assert!(!page.body.contains(inline), "{} has {inline}", page.path);
            }
        }
    }
}
