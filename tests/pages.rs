//! The files that a browser gets: what they refer to is here, and under any prefix.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashSet;

use roomcast::web::{ASSETS, Asset, MOVED, asset};

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
        Asset {
            path: "/",
            content_type: "",
            body: "abc"
        }
        .tag(),
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
