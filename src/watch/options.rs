//! The command line of `roomcast watch`, the two secrets that may come from the environment instead, and `RUST_LOG`.
//!
//! A secret is turned into a header at once, which is never shown; no error repeats the value of a flag that may be one.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::Parser;
use clap::error::{ContextKind, ErrorKind};
use log::{Level, LevelFilter, Metadata};
use tungstenite::http::HeaderValue;

use super::dialect::Dialect;
use super::line::Style;
use super::target::Target;
use crate::settings::SettingsError;

/// The version of the tasks app that is spoken here.
const TASKS_VERSION: &str = "1.0";
/// The name that access logs see.
const USER_AGENT: &str = concat!("roomcast-watch/", env!("CARGO_PKG_VERSION"));
/// The shortest and the longest ping interval, in words and as spans.
const PING_LIMITS: (&str, Duration, Duration) = (
    "100ms to 1h",
    Duration::from_millis(100),
    Duration::from_secs(3600),
);

const MORE: &str = "\
Without --json or --text the lines are for people on a terminal, and JSON elsewhere. JSON is the message as it came, on \
one line; one that is no JSON comes as {\"text\":\"…\"}, a binary one as {\"binary\":\"BASE64\"}. Lines of a player's or a \
back-end's making cannot move the cursor: control characters come as escapes.

A server that is silent is pinged, and its own pings, those of the tasks app among them, are answered and are no lines. \
When the connection is lost another is tried, after a random time of at most 100 ms (5 s after 1001, with which the \
server sends everybody away), which doubles up to 30 s and begins again after a connection that held for 10 s; it \
subscribes again, and asks for what was published in between, as it does on the same connection for what the server \
skipped because it was read too slowly: that comes behind newer lines then. How many messages follow, and how many are \
lost for good, is said on standard error (\"resumed: 3 messages, 0 missed\"); where nobody can tell, the state must be \
read anew. A session has nothing to resume: it hears how it stands. Every app but the stream greets a new connection \
with a message of its own, which is a line like any other. RUST_LOG=debug has each step told on standard error.

Exit status:
  0  enough lines are written (--count), nobody reads them any more, or the server closed with
     1000, as when a session is deleted
  1  the server refused for good (401, 403, 404, …; 4401, 4403, 4404, 4409), the connection ended
     (with --no-reconnect), or the lines cannot be written
  2  the command line is wrong

Examples:
  roomcast watch localhost:8080/ws
  ROOMCAST_KEY=KEY roomcast watch --subscribe web http://localhost:8080/api/v1/tasks/ws
  roomcast watch localhost:8080/v1/stream | jq -r 'select(.type == \"newBlock\").data.height'
  roomcast watch --json localhost:8080/ws | tee -a feed.jsonl
  roomcast watch --since \"$(tail -n 1 feed.jsonl | jq -r .position)\" localhost:8080/ws
  timeout 30 roomcast watch --count 2 localhost:8080/ws";

#[derive(Parser)]
#[command(
    name = "roomcast watch",
    bin_name = "roomcast watch",
    version,
    about = "Print every message of an app as one line.",
    after_help = "--help says more, and gives examples.",
    after_long_help = MORE,
    next_line_help = false,
    max_term_width = 100,
    args_override_self = true
)]
struct Args {
    /// Where the app is: ws://HOST:PORT/PATH, or without ws://
    #[arg(value_name = "URL")]
    url: String,
    /// Print JSON, also on a terminal
    #[arg(long, overrides_with = "text")]
    json: bool,
    /// Print lines for people, also where there is no terminal
    #[arg(long, overrides_with = "json")]
    text: bool,
    /// Exit after so many lines
    #[arg(long, value_name = "N")]
    count: Option<String>,
    /// Hear of this repository (tasks) or channel (stream) only (repeatable) [default: all]
    #[arg(long, value_name = "NAME")]
    subscribe: Vec<String>,
    /// Begin behind this position, which a message or a Roomcast-Position said [default: now]
    #[arg(long, value_name = "POSITION|now", allow_hyphen_values = true)]
    since: Option<String>,
    /// Show this key; ROOMCAST_KEY keeps it out of the list of processes
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    key: Option<String>,
    /// Be this player of a room
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    player: Option<String>,
    /// Show this player's token; ROOMCAST_TOKEN keeps it out of the list of processes
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    token: Option<String>,
    /// Ping a server that is silent for so long, and leave it after as long again
    #[arg(long, value_name = "D", default_value = "20s")]
    ping_interval: String,
    /// Exit when the connection ends
    #[arg(long)]
    no_reconnect: bool,
    /// Say nothing about connections on standard error
    #[arg(short, long)]
    quiet: bool,
}

/// What was asked for.
#[derive(Debug)]
pub(super) struct Options {
    /// What to watch.
    pub target: Target,
    /// What an upgrade shows.
    pub headers: Vec<(&'static str, HeaderValue)>,
    /// What is subscribed to; nothing, if that is everything.
    names: Vec<String>,
    /// Where to begin, if not now.
    pub since: Option<String>,
    /// How lines look.
    pub style: Style,
    /// How many lines are wanted; at least one.
    pub count: Option<u64>,
    /// The silence before a ping, and after it.
    pub ping_interval: Duration,
    /// Whether another connection is tried.
    pub reconnects: bool,
    /// Whether nothing is said about connections.
    pub quiet: bool,
    /// How much is logged.
    pub log_level: LevelFilter,
}

impl Options {
    /// Reads the arguments, the first of which is the command's name, and the variables.
    pub fn parse(
        args: impl IntoIterator<Item = OsString>,
        env: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Options, SettingsError> {
        let args = Args::try_parse_from(args).map_err(explain)?;
        let env: BTreeMap<OsString, OsString> = env.into_iter().collect();
        Options::new(args, &env).map_err(SettingsError::Wrong)
    }

    /// What is said first on a connection, which is asked for what is behind this position.
    pub fn subscription(&self, since: Option<&str>) -> Option<String> {
        let said = self.target.dialect.subscription(&self.names, since);
        said.expect("the names were checked when they were read")
    }

    fn new(args: Args, env: &BTreeMap<OsString, OsString>) -> Result<Options, String> {
        let mut target = Target::parse(&args.url)?;
        let dialect = target.dialect;
        let mut headers = vec![("user-agent", HeaderValue::from_static(USER_AGENT))];
        if let Some((key, origin)) = secret(args.key, "key", "ROOMCAST_KEY", env)? {
            headers.push(("x-api-key", header(&key, &origin)?));
        }
        if dialect == Dialect::Tasks && !target.has_parameter("version") {
            headers.push(("x-version", HeaderValue::from_static(TASKS_VERSION)));
        }
        if dialect == Dialect::Room {
            let token = secret(args.token, "token", "ROOMCAST_TOKEN", env)?;
            match (args.player, token) {
                (Some(player), Some((token, origin))) => {
                    headers.push(("x-player-id", header(&player, "flag --player")?));
                    headers.push((
                        "authorization",
                        header(&format!("Bearer {token}"), &origin)?,
                    ));
                }
                (Some(_), None) => {
                    return Err("a player needs a token: give --token or ROOMCAST_TOKEN".to_owned());
                }
                (None, Some((_, origin))) if origin.starts_with("flag") => {
                    return Err("a token needs its player: give --player".to_owned());
                }
                (None, _) => {}
            }
        } else if args.player.is_some() || args.token.is_some() {
            return Err(
                "--player and --token are for a room: expected a URL with /ws/rooms/CODE"
                    .to_owned(),
            );
        }
        dialect.subscription(&args.subscribe, None)?;
        let since = since(args.since, &mut target)?;
        let is_json = args.json || !(args.text || io::stdout().is_terminal());
        Ok(Options {
            names: args.subscribe,
            since,
            target,
            headers,
            style: if is_json { Style::Json } else { Style::Text },
            count: args.count.as_deref().map(count).transpose()?,
            ping_interval: ping_interval(&args.ping_interval)?,
            reconnects: !args.no_reconnect,
            quiet: args.quiet,
            log_level: log_level(env),
        })
    }
}

/// Where to begin: what the flag says, or else the query. Later connections begin elsewhere, so it is no part of the URL.
fn since(given: Option<String>, target: &mut Target) -> Result<Option<String>, String> {
    if given.is_some() && !target.dialect.resumes() {
        return Err(
            "there is nothing to resume at this path (flag --since): expected that of events, tasks, the stream or a room"
                .to_owned(),
        );
    }
    if given.as_deref() == Some("") {
        return Err("the flag --since is empty: expected a position, or now".to_owned());
    }
    let is_asked = target.dialect.resumes_at_the_door();
    let asked = is_asked.then(|| target.take_parameter("since"));
    Ok(given.or(asked.flatten()))
}

fn count(text: &str) -> Result<u64, String> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let count = text.parse().ok().filter(|count| is_plain && *count > 0);
    count.ok_or_else(|| {
        format!("the count cannot be {text:?} (flag --count): expected a whole number from 1")
    })
}

fn ping_interval(text: &str) -> Result<Duration, String> {
    let (limits, least, most) = PING_LIMITS;
    let span = humantime::parse_duration(text).ok();
    span.filter(|span| (least..=most).contains(span)).ok_or_else(|| {
        format!("the ping interval cannot be {text:?} (flag --ping-interval): expected a duration such as 20s, {limits}")
    })
}

/// The most that `RUST_LOG` asks for of this program, as the server reads it; nothing if it is not set or cannot be read.
fn log_level(env: &BTreeMap<OsString, OsString>) -> LevelFilter {
    let named = env.get(OsStr::new("RUST_LOG")).and_then(|it| it.to_str());
    let named = named.map(str::trim).filter(|it| !it.is_empty());
    let mut builder = env_filter::Builder::new();
    if builder.try_parse(named.unwrap_or("off")).is_err() {
        return LevelFilter::Off;
    }
    let filter = builder.build();
    let asked = |level: &Level| {
        let metadata = Metadata::builder()
            .level(*level)
            .target(module_path!())
            .build();
        filter.enabled(&metadata)
    };
    let most = Level::iter().filter(asked).max();
    most.map_or(LevelFilter::Off, |level| level.to_level_filter())
}

/// A secret and where it came from. An empty variable is none; an empty flag is a mistake.
pub(crate) fn secret(
    given: Option<String>,
    flag: &str,
    variable: &str,
    env: &BTreeMap<OsString, OsString>,
) -> Result<Option<(String, String)>, String> {
    if let Some(text) = given {
        if text.is_empty() {
            return Err(format!("the flag --{flag} is empty: expected a {flag}"));
        }
        return Ok(Some((text, format!("flag --{flag}"))));
    }
    let Some(text) = env.get(OsStr::new(variable)).filter(|it| !it.is_empty()) else {
        return Ok(None);
    };
    let origin = format!("environment {variable}");
    let text = text
        .to_str()
        .ok_or_else(|| format!("what was given as a secret is not UTF-8 ({origin})"))?;
    Ok(Some((text.to_owned(), origin)))
}

/// A secret as the value of a header.
pub(crate) fn header(text: &str, origin: &str) -> Result<HeaderValue, String> {
    let is_visible = text
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let value = HeaderValue::from_str(text).ok().filter(|_| is_visible);
    let mut value = value.ok_or_else(|| {
        format!("the value cannot be sent ({origin}): expected visible ASCII characters only")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// One sentence for what is wrong. Stray words are not repeated, as one may be a key.
fn explain(error: clap::Error) -> SettingsError {
    let about = |kind: ContextKind| error.get(kind).map(ToString::to_string);
    let given = about(ContextKind::InvalidArg).unwrap_or_default();
    let given = given.split_whitespace().next().unwrap_or_default();
    SettingsError::Wrong(match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return SettingsError::Shown(error),
        ErrorKind::MissingRequiredArgument => {
            "what to watch is missing: expected a URL, such as ws://127.0.0.1:8080/ws".to_owned()
        }
        ErrorKind::UnknownArgument if given.starts_with('-') => {
            let near = about(ContextKind::SuggestedArg);
            let perhaps =
                near.map_or_else(String::new, |near| format!(", perhaps {near} was meant"));
            let given = given.escape_debug();
            format!("unknown flag {given}{perhaps}: roomcast watch --help lists them all")
        }
        ErrorKind::UnknownArgument => "more than one URL is given: expected one".to_owned(),
        ErrorKind::InvalidValue => {
            format!(
                "the flag {given} came without a value: expected one, see roomcast watch --help"
            )
        }
        ErrorKind::InvalidUtf8 => "an argument is not UTF-8: expected text".to_owned(),
        kind => format!("the command line cannot be read ({kind}): see roomcast watch --help"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &str, env: &[(&str, &str)]) -> Result<Options, SettingsError> {
        let args = ["watch"].into_iter().chain(args.split_whitespace());
        let env = env.iter().map(|(name, value)| (name.into(), value.into()));
        Options::parse(args.map(OsString::from), env)
    }

    fn header_of(options: &Options, name: &str) -> String {
        let mut headers = options.headers.iter();
        let found = headers.find(|(given, _)| *given == name);
        found.map_or(String::new(), |(_, value)| {
            value.to_str().unwrap().to_owned()
        })
    }

    fn error(args: &str) -> String {
        let error = parse(args, &[]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        let text = error.to_string();
        assert!(!text.contains("hunter2"), "{text}");
        text
    }

    #[test]
    fn a_flag_beats_the_environment_and_an_empty_variable_is_none() {
        let env = [("ROOMCAST_KEY", "from-env")];
        assert_eq!(
            header_of(&parse("h/ws", &env).unwrap(), "x-api-key"),
            "from-env"
        );
        let options = parse("h/ws --key -flag", &env).unwrap();
        assert_eq!(header_of(&options, "x-api-key"), "-flag");
        let options = parse("h/ws", &[("ROOMCAST_KEY", "")]).unwrap();
        assert_eq!(header_of(&options, "x-api-key"), "");
    }

    #[test]
    fn secrets_are_never_shown() {
        let env = [("ROOMCAST_TOKEN", "hunter2")];
        let options = parse("h/ws/rooms/A?x=hunter2 --key hunter2 --player p", &env).unwrap();
        assert_eq!(header_of(&options, "authorization"), "Bearer hunter2");
        let shown = format!("{:?} {}", options.headers, options.target);
        assert!(!shown.contains("hunter2"), "{shown}");
        for args in [
            "h/ws hunter2",
            "h/ws --key hunter2 hunter2",
            "h/ws --key=hunter2é",
            "h/ws --frob=hunter2",
            "ws://hunter2@h/ws",
            "h/ws --token hunter2",
            "h/ws/rooms/A --token hunter2",
        ] {
            error(args);
        }
    }

    #[test]
    fn the_tasks_app_is_told_a_version_unless_the_url_tells_one() {
        let options = parse("h/api/v1/tasks/ws", &[]).unwrap();
        assert_eq!(header_of(&options, "x-version"), "1.0");
        let options = parse("h/api/v1/tasks/ws?version=2.0", &[]).unwrap();
        assert_eq!(header_of(&options, "x-version"), "");
        assert_eq!(header_of(&parse("h/ws", &[]).unwrap(), "x-version"), "");
    }

    #[test]
    fn what_is_logged_is_said_as_for_the_server() {
        for (named, level) in [
            ("debug", LevelFilter::Debug),
            (" info ", LevelFilter::Info),
            ("roomcast=debug,info", LevelFilter::Debug),
            ("mio=trace", LevelFilter::Off),
            ("=loud=", LevelFilter::Off),
            ("", LevelFilter::Off),
        ] {
            let options = parse("h/ws", &[("RUST_LOG", named)]).unwrap();
            assert_eq!(options.log_level, level, "{named:?}");
        }
        assert_eq!(parse("h/ws", &[]).unwrap().log_level, LevelFilter::Off);
    }

    #[test]
    fn the_last_of_json_and_text_counts() {
        let style = |args: &str| parse(args, &[]).unwrap().style;
        assert_eq!(style("h/ws --json --text"), Style::Text);
        assert_eq!(style("h/ws --text --json"), Style::Json);
    }

    #[test]
    fn a_wrong_command_line_is_told_in_one_sentence() {
        let cases = [
            ("", "URL"),
            ("h:1", "/ws (events)"),
            ("wss://h/ws", "TLS"),
            ("h/ws --count 0", "from 1"),
            ("h/ws --count +1", "from 1"),
            ("h/ws --count=-1", "from 1"),
            ("h/ws --count", "--count"),
            ("h/ws --ping-interval 5", "100ms to 1h"),
            ("h/ws --ping-interval 1ms", "100ms to 1h"),
            ("h/ws --subscribe a", "subscribe"),
            ("h/v1/stream --subscribe a", "newBlocks"),
            ("h/ws/rooms/A --player p", "--token"),
            ("h/ws --player p", "room"),
            ("h/api/v1/sessions/a/ws --since now", "--since"),
            ("h/ws --since", "--since"),
            ("h/ws --jsn", "--json"),
        ];
        for (args, word) in cases {
            let text = error(args);
            assert!(text.contains(word), "{args}: {text}");
            assert!(!text.contains('\n'), "{args}: {text}");
        }
    }

    #[test]
    fn the_help_is_of_this_command_alone() {
        let help = parse("--help", &[]).unwrap_err();
        assert!(help.is_help());
        let text = help.to_string();
        assert!(text.contains("roomcast watch [OPTIONS] <URL>"), "{text}");
        assert!(
            text.contains("Exit status") && !text.contains("--listen"),
            "{text}"
        );
    }
}
