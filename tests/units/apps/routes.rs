//! A path leads to its route, encoded and plain.

use roomcast::apps::routes::*;
use roomcast::id::AppId;

#[test]
fn a_path_leads_to_the_same_route_encoded_and_plain() {
    static ROUTES: [Route; 3] = [
        Route::open("GET", "/a/b"),
        Route::open("GET", "/a/{x}/c"),
        Route::open("POST", "/"),
    ];
    let routes = Routes::new([(AppId::Ops, ROUTES.iter().collect())]);
    for (path, expected) in [
        ("/a/b", Some("/a/b")),
        ("/%61/b", Some("/a/b")),
        ("/a/z/c", Some("/a/{x}/c")),
        ("/%61/z/%63", Some("/a/{x}/c")),
        ("/a", None),
        ("/a/bc", None),
        ("/a/z", None),
        ("/b/z/c", None),
        ("/", None),
    ] {
        let found = match routes.find("GET", path) {
            Found::Route(_, route, _) => Some(route.path),
            _ => None,
        };
        assert_eq!(found, expected, "{path}");
    }
    assert!(matches!(routes.find("GET", "/"), Found::Methods(_)));
}
