//! The whole rendering, read back by a small checker of the text format.

use std::collections::{BTreeMap, BTreeSet};

use roomcast::id::AppId;
use roomcast::metrics::{Accept, Metrics, Store, StreamMessage};

mod histogram;

/// The samples of a text, by their whole series name; panics where the text breaks a rule of the format.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let (mut helped, mut samples) = (BTreeSet::new(), BTreeMap::new());
    let (mut family, mut kind) = (String::new(), String::new());
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("HELP has a text");
            assert!(
                !help.is_empty() && helped.insert(name.to_owned()),
                "{name} twice"
            );
            (family, kind) = (name.to_owned(), String::new());
        } else if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, what) = typed.split_once(' ').expect("TYPE has a type");
            assert_eq!(name, family, "TYPE follows HELP");
            kind = what.to_owned();
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
            let name = series.split('{').next().unwrap_or_default();
            let suffix = name
                .strip_prefix(&*family)
                .expect("a sample is in its family");
            let suffixes: &[&str] = match &*kind {
                "histogram" => &["_bucket", "_sum", "_count"],
                "counter" | "gauge" => &[""],
                other => panic!("{family}: unknown type {other:?}"),
            };
            assert!(suffixes.contains(&suffix), "{series} is a {kind}");
            let counted =
                kind != "counter" || name.ends_with("_total") || name.starts_with("explorer_");
            assert!(counted, "{name}: counters end in _total");
            let value: f64 = value.parse().expect("a value is a number");
            assert!(
                samples.insert(series.to_owned(), value).is_none(),
                "{series} twice"
            );
        }
    }
    assert!(text.ends_with('\n'), "the last line ends too");
    samples
}

fn rendered(metrics: &Metrics) -> BTreeMap<String, f64> {
    let mut out = String::new();
    metrics.render(&mut out);
    parse(&out)
}

/// A little of everything.
fn sample() -> Metrics {
    let mut metrics = Metrics::new();
    metrics.connections[AppId::Stream as usize] = 3;
    metrics.messages_delivered[AppId::Rooms as usize] += 7;
    metrics.accept(Accept::Exhausted);
    metrics.close(AppId::Events, 4408);
    metrics.close(AppId::Events, 3999);
    metrics.http_request("/api/v1/tasks/{id}", 404);
    metrics.http_request("/api/v1/tasks", 201);
    metrics.http_request("/api/v1/tasks/{id}", 404);
    metrics.stream_message(StreamMessage::NewTx, 1000);
    metrics.stream_error("invalid_json");
    [3, 40, 40, 90_000, 20_000_000]
        .into_iter()
        .for_each(|micros| metrics.loop_turn.observe(micros));
    let mut store = Store {
        commits: 2,
        ..Store::default()
    };
    store.commit.observe(150);
    metrics.store = Some(store);
    metrics
}

#[test]
fn the_text_is_well_formed_and_tells_what_was_counted() {
    let samples = rendered(&sample());
    let expected = [
        (r#"roomcast_connections{app="stream"}"#, 3.0),
        ("explorer_websocket_connections", 3.0),
        (r#"roomcast_messages_delivered_total{app="rooms"}"#, 7.0),
        (r#"roomcast_accepts_total{result="exhausted"}"#, 1.0),
        (r#"roomcast_closes_total{app="events",code="4408"}"#, 1.0),
        (r#"roomcast_closes_total{app="events",code="other"}"#, 1.0),
        (
            r#"roomcast_http_requests_total{route="/api/v1/tasks/{id}",status="404"}"#,
            2.0,
        ),
        (r#"explorer_websocket_messages_sent{type="newTx"}"#, 1000.0),
        (
            r#"explorer_websocket_errors{error_type="invalid_json"}"#,
            1.0,
        ),
        (r#"roomcast_loop_turn_seconds_bucket{le="0.00005"}"#, 3.0),
        ("roomcast_loop_turn_seconds_sum", 20.090_083),
        ("roomcast_store_commits_total", 2.0),
        (r#"roomcast_store_commit_seconds_bucket{le="0.00025"}"#, 1.0),
    ];
    for (series, value) in expected {
        assert_eq!(samples.get(series), Some(&value), "{series}");
    }
}

#[test]
fn histograms_are_cumulative_and_their_last_bucket_is_the_count() {
    let samples = rendered(&sample());
    let mut seen = 0;
    for (series, count) in samples
        .iter()
        .filter(|(series, _)| series.ends_with("_count"))
    {
        let buckets = series.replace("_count", "_bucket{le=\"");
        let mut buckets: Vec<(f64, f64)> = samples
            .iter()
            .filter_map(|(name, &value)| {
                let edge = name.strip_prefix(&buckets)?.strip_suffix("\"}")?;
                Some((edge.parse().expect("an edge is a number"), value))
            })
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert_eq!(buckets.len(), 21);
        assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1));
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, *count)));
        seen += 1;
    }
    assert_eq!(seen, 5);
}

#[test]
fn the_names_of_the_contract_are_there() {
    let mut text = String::new();
    sample().render(&mut text);
    let names = "roomcast_connections roomcast_rooms roomcast_accepts_total roomcast_closes_total \
        roomcast_messages_received_total roomcast_messages_published_total roomcast_messages_delivered_total \
        roomcast_messages_dropped_total roomcast_messages_offered_total roomcast_messages_discarded_total roomcast_queue_bytes roomcast_queue_messages roomcast_memory_budget_bytes \
        roomcast_http_requests_total roomcast_loop_turn_seconds roomcast_publish_to_write_seconds \
        explorer_websocket_connections explorer_websocket_messages_sent explorer_websocket_errors \
        explorer_websocket_broadcast_latency_seconds roomcast_build_info \
        roomcast_store_commits_total roomcast_store_failures_total roomcast_store_commit_seconds roomcast_store_bytes \
        roomcast_store_waiting roomcast_store_waiting_bytes";
    for name in names.split_whitespace() {
        assert!(
            text.contains(&format!("# TYPE {name} ")),
            "{name} is missing"
        );
    }
}

#[test]
fn where_nothing_is_kept_no_number_says_that_a_file_is_empty() {
    let mut text = String::new();
    Metrics::new().render(&mut text);
    assert!(!text.contains("roomcast_store"), "{text}");
}
