//! The table from path to app: what exists, by which methods, and who may ask.
//!
//! A path is split at `/` first and percent-decoded after, so `%2F` does not separate.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::id::AppId;

/// The most `{}` segments of a pattern.
const PARAMS_MAX: usize = 2;

/// One thing that can be asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// `GET` answers `HEAD` too.
    pub method: &'static str,
    /// Literal segments, and `{name}` for one segment of any content.
    pub path: &'static str,
    /// Who may ask.
    pub needs: Needs,
    /// What becomes of it.
    pub purpose: Purpose,
    /// The parameters that its query may have; none for any, which are left alone.
    pub parameters: Option<&'static [&'static str]>,
    /// Whether an upgrade is to be had as a stream of events, too.
    pub streams: bool,
}

/// What a request must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing, or something that the app itself looks at.
    Nothing,
    /// A key.
    Key,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An answer, at once.
    Call,
    /// A WebSocket.
    Upgrade,
    /// A file, which is the same for everybody.
    Page,
}

impl Route {
    /// A call without a key.
    pub const fn open(method: &'static str, path: &'static str) -> Route {
        Route {
            method,
            path,
            needs: Needs::Nothing,
            purpose: Purpose::Call,
            parameters: Some(&[]),
            streams: false,
        }
    }

    /// A call with a key.
    pub const fn keyed(method: &'static str, path: &'static str) -> Route {
        Route {
            needs: Needs::Key,
            ..Route::open(method, path)
        }
    }

    /// The same with these parameters.
    pub const fn taking(self, parameters: &'static [&'static str]) -> Route {
        Route {
            parameters: Some(parameters),
            ..self
        }
    }

    /// The same with any parameters: who asks cannot always choose them.
    pub const fn taking_any(self) -> Route {
        Route {
            parameters: None,
            ..self
        }
    }

    /// A file.
    pub const fn page(path: &'static str) -> Route {
        Route {
            purpose: Purpose::Page,
            ..Route::open("GET", path).taking_any()
        }
    }

    /// An upgrade to a WebSocket.
    pub const fn upgrade(path: &'static str, needs: Needs) -> Route {
        Route {
            needs,
            purpose: Purpose::Upgrade,
            ..Route::open("GET", path).taking_any()
        }
    }

    /// The same, which is to be had as a stream of events, too.
    pub const fn stream(path: &'static str, needs: Needs) -> Route {
        Route {
            streams: true,
            ..Route::upgrade(path, needs)
        }
    }
}

/// The decoded `{}` segments of a path, in their order.
pub type Params<'a> = [Cow<'a, str>; PARAMS_MAX];

/// What a path leads to.
pub enum Found<'a> {
    /// This route.
    Route(AppId, &'static Route, Params<'a>),
    /// The path exists, for these methods only.
    Methods(Vec<&'static str>),
    /// No such path.
    Nothing,
}

/// Every route of every app that is enabled.
pub struct Routes {
    entries: Vec<Entry>,
}

struct Entry {
    app: AppId,
    route: &'static Route,
    /// What a path of this route begins with, if nothing in it is encoded.
    prefix: &'static str,
}

impl Routes {
    /// The routes of these apps.
    pub fn new(apps: impl IntoIterator<Item = (AppId, Vec<&'static Route>)>) -> Routes {
        let each = |(app, routes): (AppId, Vec<&'static Route>)| {
            routes.into_iter().map(move |route| Entry {
                app,
                route,
                prefix: route.path.split('{').next().unwrap_or_default(),
            })
        };
        let mut entries: Vec<_> = apps.into_iter().flat_map(each).collect();
        // The first that fits is taken: a name comes before a segment of any content. Files are many and seldom asked
        // for: a request for anything else does not look past them.
        entries.sort_by_key(|Entry { route, .. }| {
            (route.purpose == Purpose::Page, route.path.contains('{'))
        });
        Routes { entries }
    }

    /// What a request for this path leads to.
    pub fn find<'a>(&self, method: &str, path: &'a str) -> Found<'a> {
        let method = if method == "HEAD" { "GET" } else { method };
        let mut methods = Vec::new();
        // Most routes can be told from a path by how it begins, without taking both apart.
        let is_plain = !path.contains('%');
        for &Entry { app, route, prefix } in &self.entries {
            if is_plain && !path.starts_with(prefix) {
                continue;
            }
            let Some(params) = matches(route.path, path) else {
                continue;
            };
            if route.method == method {
                return Found::Route(app, route, params);
            }
            let has_head = route.method == "GET" && route.purpose != Purpose::Upgrade;
            methods.push(route.method);
            methods.extend(has_head.then_some("HEAD"));
        }
        if methods.is_empty() {
            return Found::Nothing;
        }
        methods.push("OPTIONS");
        Found::Methods(methods)
    }
}

fn decoded(segment: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(segment).decode_utf8().ok()
}

/// The `{}` segments of `path`, if it has the shape of `pattern`.
fn matches<'a>(pattern: &str, path: &'a str) -> Option<Params<'a>> {
    let mut params = Params::default();
    let mut used = 0;
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(params),
            (Some(name), Some(segment)) if name.starts_with('{') => {
                params[used] = decoded(segment).filter(|text| !text.is_empty())?;
                used += 1;
            }
            (Some(literal), Some(segment)) if literal == segment => {}
            // No escape is longer than three bytes, and so nothing longer is decoded once for each route.
            (Some(literal), Some(segment))
                if segment.len() <= 3 * literal.len() && segment.contains('%') =>
            {
                decoded(segment).filter(|text| text == literal)?;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_before_they_are_decoded() {
        assert_eq!(matches("/a/{x}/b", "/a/c%2Fd/b").unwrap()[0], "c/d");
        assert!(matches("/a/{x}/b", "/a/c/d/b").is_none());
        assert!(matches("/a/b", "/%61/b").is_some());
    }

    #[test]
    fn a_name_comes_before_a_segment_of_any_content() {
        static ANY: Route = Route::open("GET", "/a/{x}");
        static NAMED: Route = Route::open("GET", "/a/b");
        let routes = Routes::new([(AppId::Ops, vec![&ANY, &NAMED])]);
        let found = |path| match routes.find("GET", path) {
            Found::Route(_, route, _) => route.path,
            Found::Methods(_) | Found::Nothing => "",
        };
        assert_eq!([found("/a/b"), found("/a/c")], ["/a/b", "/a/{x}"]);
    }

    #[test]
    fn an_empty_or_undecodable_segment_is_nothing() {
        assert!(matches("/a/{x}", "/a/").is_none());
        assert!(matches("/a/{x}", "/a/%ff").is_none());
    }
}
