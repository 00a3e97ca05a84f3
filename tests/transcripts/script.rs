//! Reads a transcript; `README.md` beside it says how one is written.
//!
//! Nothing is played here: a line that cannot be read is told by its number.

use crate::names::repeat;

/// A file.
#[derive(Debug)]
pub struct Script {
    pub scenarios: Vec<Scenario>,
}

/// What happens on one server.
#[derive(Debug)]
pub struct Scenario {
    /// `tests/transcripts/events.txt`
    pub file: String,
    pub title: String,
    /// The server's command line.
    pub flags: Vec<String>,
    pub steps: Vec<Step>,
    /// The line behind its last.
    pub end: usize,
}

/// What one client does, or is to meet with.
#[derive(Debug)]
pub struct Step {
    pub line: usize,
    pub client: String,
    pub deed: Deed,
}

#[derive(Debug)]
pub enum Deed {
    /// A request on a connection of its own, and the answer. With method `connect` an upgrade.
    Ask(Request, Expected),
    /// So many messages at once.
    Say(usize, Said),
    /// So many messages like this.
    Hear(usize, Said),
    /// No message may have come.
    Nothing,
    /// The client closes, and the server agrees.
    Close(u16),
    /// The server closes.
    Closed(u16),
    /// The connection breaks off.
    Gone,
    /// The operator stops the server.
    Stop,
}

#[derive(Debug, Default)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

#[derive(Debug, Default)]
pub struct Expected {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// A message of a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Text(String),
    /// Text in pieces, one frame each.
    Pieces(Vec<String>),
    Binary(Vec<u8>),
    Ping(String),
    Pong(String),
}

/// The method that asks for a WebSocket.
pub const CONNECT: &str = "connect";
/// The client that is the operator.
const SERVER: &str = "server";

type Lines<'a> = std::iter::Peekable<std::vec::IntoIter<(usize, &'a str)>>;

impl Script {
    /// Reads a file's text; the error is one line that names the place.
    pub fn parse(file: &str, text: &str) -> Result<Script, String> {
        let numbered = text.lines().enumerate();
        let lines = numbered.map(|(index, line)| (index + 1, line.trim_end()));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let mut lines = lines.collect::<Vec<_>>().into_iter().peekable();
        let mut scenarios: Vec<Scenario> = Vec::new();
        while let Some((line, words)) = lines.next() {
            let at = |fault: String| format!("{file}:{line}: {fault}");
            if let Some(title) = words.strip_prefix("== ") {
                scenarios.push(Scenario {
                    file: file.to_owned(),
                    title: title.to_owned(),
                    flags: Vec::new(),
                    steps: Vec::new(),
                    end: line,
                });
                continue;
            }
            let Some(scenario) = scenarios.last_mut() else {
                return Err(at("a scenario begins with == and its title".to_owned()));
            };
            if let Some(flags) = words.strip_prefix("$ roomcast") {
                scenario.flags = flags.split_whitespace().map(str::to_owned).collect();
            } else {
                block(line, words, &mut lines, &mut scenario.steps)
                    .map_err(|(line, fault)| format!("{file}:{line}: {fault}"))?;
            }
            scenario.end = scenario.steps.last().map_or(line, |step| step.line) + 1;
        }
        Ok(Script { scenarios })
    }
}

/// What one client does, from the line with its name up to the next such line.
fn block(
    line: usize,
    words: &str,
    lines: &mut Lines<'_>,
    steps: &mut Vec<Step>,
) -> Result<(), (usize, String)> {
    let is_name = |name: &&str| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let Some((client, rest)) = words.split_once(':').filter(|(name, _)| is_name(name)) else {
        return Err((
            line,
            format!("expected a client's name and a colon, not {words:?}"),
        ));
    };
    let mut push = |line: usize, deed: Deed| {
        steps.push(Step {
            line,
            client: client.to_owned(),
            deed,
        });
    };
    match rest.trim() {
        "" => {}
        "stop" if client == SERVER => push(line, Deed::Stop),
        request => {
            let (asked, expected) = exchange(line, request, lines)?;
            push(line, Deed::Ask(asked, expected));
        }
    }
    while let Some(&(line, words)) = lines.peek() {
        let Some(deed) = deed(words).map_err(|fault| (line, fault))? else {
            break;
        };
        push(line, deed);
        lines.next();
    }
    Ok(())
}

/// A request and its answer.
fn exchange(
    line: usize,
    request: &str,
    lines: &mut Lines<'_>,
) -> Result<(Request, Expected), (usize, String)> {
    let Some((method, target)) = request.split_once(' ') else {
        return Err((
            line,
            format!("expected a method and a path, not {request:?}"),
        ));
    };
    let (headers, body) = head_and_body(">", lines);
    let asked = Request {
        method: method.to_owned(),
        target: repeat(target),
        headers,
        body: body.join("\n"),
    };
    let status = lines.next_if(|(_, words)| words.starts_with("< "));
    let status = status.and_then(|(_, words)| words[2..].parse().ok());
    let Some(status) = status else {
        return Err((line, "expected < and a status behind a request".to_owned()));
    };
    let (headers, body) = match status {
        101 => (headers_of("<", lines), Vec::new()),
        _ => head_and_body("<", lines),
    };
    let expected = Expected {
        status,
        headers,
        body: body.join("\n"),
    };
    Ok((asked, expected))
}

fn head_and_body(mark: &str, lines: &mut Lines<'_>) -> (Vec<(String, String)>, Vec<String>) {
    let headers = headers_of(mark, lines);
    let mut body = Vec::new();
    while let Some((_, words)) = lines.next_if(|(_, words)| words.starts_with(mark)) {
        body.push(repeat(words[1..].trim_start_matches(' ')));
    }
    (headers, body)
}

/// The lines that look like `Name: value`.
fn headers_of(mark: &str, lines: &mut Lines<'_>) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    while let Some(&(_, words)) = lines.peek() {
        let header = words.strip_prefix(mark).and_then(|words| {
            let (name, value) = words.trim_start().split_once(": ")?;
            let is_token = name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            is_token.then(|| (name.to_owned(), repeat(value)))
        });
        let Some(header) = header else { break };
        headers.push(header);
        lines.next();
    }
    headers
}

/// What a line of a WebSocket says; `None` if it is the next block's.
fn deed(words: &str) -> Result<Option<Deed>, String> {
    if let Some(rest) = words.strip_prefix("> ") {
        let (times, said) = said(rest)?;
        return Ok(Some(Deed::Say(times, said)));
    }
    if let Some(rest) = words.strip_prefix("< ") {
        let (times, said) = said(rest)?;
        return Ok(Some(Deed::Hear(times, said)));
    }
    let Some(words) = words.strip_prefix('(').and_then(|it| it.strip_suffix(')')) else {
        return Ok(None);
    };
    let code = |code: &str| {
        code.parse()
            .map_err(|_| format!("{code:?} is no close code"))
    };
    match words.split_once(' ').unwrap_or((words, "")) {
        ("nothing", "") => Ok(Some(Deed::Nothing)),
        ("gone", "") => Ok(Some(Deed::Gone)),
        ("close", number) => Ok(Some(Deed::Close(code(number)?))),
        ("closed", number) => Ok(Some(Deed::Closed(code(number)?))),
        _ => Err(format!(
            "({words}): expected nothing, close, closed or gone"
        )),
    }
}

/// A message, and how often.
fn said(words: &str) -> Result<(usize, Said), String> {
    if let Some((times, rest)) = words
        .strip_prefix('(')
        .and_then(|it| it.split_once(" times) "))
    {
        let times = times
            .parse()
            .map_err(|_| format!("{times:?} is no number"))?;
        return Ok((times, said(rest)?.1));
    }
    let special = words.strip_prefix('(').and_then(|it| it.strip_suffix(')'));
    let said = match special.map(|words| words.split_once(' ').unwrap_or((words, ""))) {
        None => Said::Text(repeat(words)),
        Some(("ping", payload)) => Said::Ping(payload.to_owned()),
        Some(("pong", payload)) => Said::Pong(payload.to_owned()),
        Some(("pieces", pieces)) => Said::Pieces(pieces.split(' ').map(str::to_owned).collect()),
        Some(("binary", bytes)) => {
            let byte = |text: &str| u8::from_str_radix(text, 16);
            let bytes: Result<Vec<u8>, _> = bytes.split_whitespace().map(byte).collect();
            Said::Binary(bytes.map_err(|_| format!("{words}: expected bytes such as 00 ff"))?)
        }
        Some(_) => return Err(format!("{words}: expected binary, ping, pong or pieces")),
    };
    Ok((1, said))
}
