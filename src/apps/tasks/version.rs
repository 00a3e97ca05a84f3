//! The version of the dialect, which every client says when it comes in.

use std::borrow::Cow;

use crate::apps::refusal::bad;
use crate::wire::request::Head;
use crate::wire::response::Response;

/// The major version that is spoken.
const MAJOR: &str = "1";

/// Whether the client speaks a version that the server speaks too.
pub fn check_version(head: &Head<'_>) -> Result<(), Response> {
    let mut headers = head.all("x-version");
    let (name, version) = match headers.next() {
        Some(header) => {
            let version = std::str::from_utf8(header).unwrap_or_default();
            ("X-Version", Cow::Borrowed(version))
        }
        None => {
            let version = head.parameter("version").ok_or_else(|| {
                bad("X-Version: a version is needed, MAJOR.MINOR, as this header or as ?version=")
            })?;
            ("version", version)
        }
    };
    if headers.next().is_some() {
        return Err(bad("X-Version: must be given once"));
    }
    match major(&version) {
        Some(MAJOR) => Ok(()),
        Some(_) => Err(bad(format!(
            "{name}: this server speaks major version {MAJOR} only"
        ))),
        None => Err(bad(format!("{name}: must be MAJOR.MINOR, such as 1.0"))),
    }
}

/// The major version of `MAJOR.MINOR`, two plain decimal numbers.
fn major(version: &str) -> Option<&str> {
    let is_number = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && (text == "0" || !text.starts_with('0'))
    };
    let (major, minor) = version.split_once('.')?;
    (is_number(major) && is_number(minor)).then_some(major)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_two_plain_numbers() {
        for (version, expected) in [("1.0", "1"), ("1.27", "1"), ("2.0", "2"), ("0.10", "0")] {
            assert_eq!(major(version), Some(expected), "{version}");
        }
        let huge = "99999999999999999999999.0";
        assert_eq!(major(huge), huge.strip_suffix(".0"));
        for bad in [
            "",
            ".",
            "1",
            "1.",
            ".1",
            "1.0.0",
            "v1.0",
            "+1.0",
            "-1.0",
            "1.x",
            " 1.0",
            "01.0",
            "1.00",
            "1,0",
            "\u{661}.0",
        ] {
            assert_eq!(major(bad), None, "{bad}");
        }
    }
}
