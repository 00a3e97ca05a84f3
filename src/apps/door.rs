//! The door in front of all apps: paths, methods, origins, keys, limits. What passes it is an app's to answer.

use std::borrow::Cow;
use std::cell::Cell;
use std::net::IpAddr;

use super::access::{Access, Denied};
use super::context::Context;
use super::proxies::Proxies;
use super::rate::Addresses;
use super::routes::{Found, Needs, Purpose, Routes};
use super::{App, Call, Progress, Reply, Seat, guests, refusal};
use crate::id::AppId;
use crate::metrics::Charge;
use crate::pace::Rate;
use crate::position::Since;
use crate::warnings::Warning;
use crate::wire::request::{Head, Request};
use crate::wire::response::Response;
use crate::wire::sse;
use crate::wire::upgrade::Upgrade;

/// What a path leads to that no app has.
const NOTHING: &str = "there is nothing at this path";

/// The headers of an answer that a page of an allowed origin may read, besides those that any may.
const EXPOSED: &str = "Allow, ETag, Retry-After, Roomcast-Position, WWW-Authenticate";

/// A request, and who asks.
pub struct Asked<'a> {
    /// The request.
    pub request: Request<'a>,
    /// The address of the connection's peer, which may be a proxy's.
    pub peer: IpAddr,
    /// How far an app has come with it, if it is asked again.
    pub progress: Cell<Option<Progress>>,
}

impl Asked<'_> {
    /// The answer, if it is asked again for that alone.
    fn settled(&self) -> Option<Response> {
        match self.progress.take() {
            Some(Progress::Settled(response)) => Some(response),
            other => {
                self.progress.set(other);
                None
            }
        }
    }
}

/// What becomes of a request.
pub enum Outcome {
    /// This answer.
    Answer(Response),
    /// A member for this app, which has given it a seat, and what its client asks for of the past.
    Open(AppId, Seat, Option<Since>, Way),
    /// Nothing yet: the request is to be asked again once this app's messages are written.
    Waits(AppId),
    /// Nothing yet: the request is to be asked again in another turn, with this.
    GoesOn(Progress),
    /// Nothing yet: what it changes is not kept yet.
    Undecided,
    /// Nothing yet: the request is to be asked again once what this app numbers so is not being changed any more.
    Behind(AppId, u64),
    /// Nothing yet: what was kept has not been taken up.
    Starting,
}

/// How a member is told what there is.
pub enum Way {
    /// By frames.
    WebSocket(Upgrade),
    /// By a stream of events, which begins with this answer.
    Stream(Response),
}

/// All apps, and the door in front of them.
pub struct Apps {
    apps: [Option<Box<dyn App>>; AppId::ALL.len()],
    routes: Routes,
    access: Access,
    proxies: Proxies,
    /// Who opened WebSockets lately, of each app.
    arrivals: Addresses<{ AppId::ALL.len() }>,
}

impl Apps {
    /// The given apps behind one door.
    pub fn new(access: Access, given: impl IntoIterator<Item = (AppId, Box<dyn App>)>) -> Apps {
        let mut apps = [const { None }; AppId::ALL.len()];
        for (id, app) in given {
            apps[id as usize] = Some(app);
        }
        let table = AppId::ALL
            .into_iter()
            .filter_map(|id| Some((id, apps[id as usize].as_ref()?.routes())));
        Apps {
            routes: Routes::new(table),
            apps,
            access,
            proxies: Proxies::default(),
            arrivals: Addresses::default(),
        }
    }

    /// The same behind these proxies.
    pub fn behind(self, proxies: Proxies) -> Apps {
        Apps { proxies, ..self }
    }

    /// Answers a request, in the name of whichever app its path belongs to.
    pub fn answer(&mut self, asked: &Asked<'_>, cx: &mut Context<'_>) -> Outcome {
        let head = &asked.request.head;
        let found = self.routes.find(head.method, head.path);
        let outcome = match asked.settled() {
            Some(response) => Outcome::Answer(response),
            None => self.pass(asked, &found, cx).unwrap_or_else(Outcome::Answer),
        };
        let status = match &outcome {
            Outcome::Waits(_)
            | Outcome::GoesOn(_)
            | Outcome::Undecided
            | Outcome::Behind(..)
            | Outcome::Starting => return outcome,
            Outcome::Answer(response) | Outcome::Open(.., Way::Stream(response)) => {
                response.status()
            }
            Outcome::Open(..) => 101,
        };
        let route = match found {
            Found::Route(_, route, _) => route.path,
            _ => "unmatched",
        };
        cx.metrics().http_request(route, status);
        match outcome {
            Outcome::Answer(response) => {
                Outcome::Answer(self.with_cors(head.header("origin"), response))
            }
            Outcome::Open(app, seat, since, Way::Stream(response)) => {
                let response = self.with_cors(head.header("origin"), response);
                Outcome::Open(app, seat, since, Way::Stream(response))
            }
            open => open,
        }
    }

    /// Everything that may stop a request at the door, and then the app.
    fn pass(
        &mut self,
        asked: &Asked<'_>,
        found: &Found<'_>,
        cx: &mut Context<'_>,
    ) -> Result<Outcome, Response> {
        let head = &asked.request.head;
        let (peer, cost) = self.proxies.client(asked.peer, head);
        cx.spend(cost);
        let upgrades =
            matches!(found, Found::Route(_, route, _) if route.purpose == Purpose::Upgrade);
        self.check_whence(head, upgrades)
            .map_err(|denied| deny(denied, peer, cx))?;
        if head.method == "OPTIONS" {
            return self.options(head).map(Outcome::Answer);
        }
        let (id, route, params) = match found {
            Found::Route(id, route, params) => (*id, *route, params),
            Found::Methods(methods) => {
                let message = format!("{} is not a method of this path", head.method);
                return Err(Response::error(405, "method_not_allowed", message)
                    .with("Allow", methods.join(", ")));
            }
            Found::Nothing => return Err(refusal::missing(NOTHING)),
        };
        let shown = self.access.check_key(head, upgrades);
        if route.needs == Needs::Key
            && let Err(denied) = shown
        {
            if let Denied::WrongKey = denied {
                cx.charge(peer, Charge::Key)?;
            }
            return Err(deny(denied, peer, cx));
        }
        if shown.is_ok() && !self.access.is_open() {
            cx.vouch();
        }
        if let Some(known) = route.parameters {
            check_parameters(head, known)?;
            check_encoding(&asked.request)?;
        }
        // A byte order mark says nothing of JSON, which is UTF-8, and some libraries begin with one.
        let body = asked.request.body;
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        // In open mode everybody may do everything, and yet the players of the rooms are strangers to each other.
        let is_stranger = shown.is_err() || self.access.is_open() && id == AppId::Rooms;
        let call = Call {
            route,
            head,
            params: params.clone(),
            peer,
            has_key: shown.is_ok(),
            is_stranger,
            listens: upgrades && route.streams && wants_stream(head),
            body,
            progress: &asked.progress,
        };
        let health = cx.health();
        if health.starting && id != AppId::Ops {
            return match health.stopped {
                true => Err(refusal::unkept(cx)),
                false => Ok(Outcome::Starting),
            };
        }
        let mut cx = cx.for_app(id);
        match upgrades {
            false => self.call(id, &call, &mut cx),
            true => self.open(id, &call, &mut cx),
        }
    }

    /// Whether a request is to one of our hosts, and from a page that may ask for what it asks.
    fn check_whence<'a>(&self, head: &Head<'a>, upgrades: bool) -> Result<(), Denied<'a>> {
        self.access.check_host(head)?;
        if upgrades || !matches!(head.method, "GET" | "HEAD") {
            self.access.check_origin(head)?;
        }
        Ok(())
    }

    /// An app's answer to a request, if it may be asked now.
    fn call(
        &mut self,
        id: AppId,
        call: &Call<'_>,
        cx: &mut Context<'_>,
    ) -> Result<Outcome, Response> {
        let app = self.app(id);
        let changes = !matches!(call.head.method, "GET" | "HEAD");
        let health = cx.health();
        if (health.refusing || health.stopped) && changes {
            return Err(refusal::unavailable(
                cx,
                "draining",
                "the server is going away",
            ));
        }
        if changes && app.waits(call, cx) {
            return Ok(Outcome::Waits(id));
        }
        // Who is asked again has paid.
        let is_again = call.is_again();
        let is_free = call.route.needs != Needs::Nothing || !call.is_stranger || is_again;
        let is_charged = changes && !is_free;
        if is_charged && !app.knows(call, cx) {
            cx.charge(call.peer, Charge::Call)?;
        }
        Ok(match app.request(call, cx) {
            Reply::Now(response) => Outcome::Answer(response),
            Reply::Later(progress) => Outcome::GoesOn(Progress::Far(progress)),
            Reply::Undecided => Outcome::Undecided,
            Reply::Behind(about) => Outcome::Behind(id, about),
        })
    }

    /// A WebSocket for a client, or a stream of events, if the hub and the app have a place for it.
    fn open(
        &mut self,
        id: AppId,
        call: &Call<'_>,
        cx: &mut Context<'_>,
    ) -> Result<Outcome, Response> {
        let way = match call.listens {
            true => Way::Stream(sse::accept(cx.random())),
            false => Way::WebSocket(Upgrade::parse(call.head, cx.deflates())?),
        };
        if let Some(about) = self.app(id).behind(call, cx) {
            return Ok(Outcome::Behind(id, about));
        }
        check_place(cx, id)?;
        let rate = Rate::a_minute(cx.bounds().connections_per_minute);
        let peer = call.peer;
        self.arrivals
            .admit(peer, id as usize, rate, cx.now().micros)
            .map_err(|wait| {
                let (name, app) = ("connections_per_minute", id.name());
                let told =
                    format_args!("{peer} is refused for a while, because it exceeds {app}.{name}");
                cx.warn(Warning::Stranger, told);
                let message =
                    format!("too many new connections from this address, see {app}.{name}");
                guests::too_many("too_many_connections", &message, wait)
            })?;
        let seat = self.app(id).admit(call, cx)?;
        Ok(Outcome::Open(id, seat, since(call), way))
    }

    /// The answer to a preflight, and to anybody else who asks for methods.
    fn options(&self, head: &Head<'_>) -> Result<Response, Response> {
        // No method is called OPTIONS in the table, so this finds all that are.
        let methods = match self.routes.find("OPTIONS", head.path) {
            Found::Methods(methods) => methods.join(", "),
            _ if head.path == "*" => String::from("GET, HEAD, POST, PATCH, DELETE, OPTIONS"),
            _ => return Err(refusal::missing(NOTHING)),
        };
        let response = Response::empty(204).with("Allow", methods.clone());
        if head.header("origin").is_none() || head.header("access-control-request-method").is_none()
        {
            return Ok(response);
        }
        let headers = "Authorization, Content-Type, Last-Event-ID, X-API-Key, X-Changed-By, X-Player-Id, X-Version";
        Ok(response
            .with("Access-Control-Allow-Methods", methods)
            .with("Access-Control-Allow-Headers", headers)
            .with("Access-Control-Max-Age", "600"))
    }

    /// Lets a page of an allowed origin read the answer, a refusal too, and those headers of it that say what to do next.
    pub fn with_cors(&self, origin: Option<&str>, response: Response) -> Response {
        match origin {
            Some(origin) if self.access.allows_origin(origin) => response
                .with("Access-Control-Allow-Origin", String::from(origin))
                .with("Access-Control-Expose-Headers", EXPOSED)
                .with("Vary", "Origin"),
            Some(_) => response.with("Vary", "Origin"),
            None => response,
        }
    }

    /// Whether an app is enabled.
    pub fn has(&self, id: AppId) -> bool {
        self.apps[id as usize].is_some()
    }

    /// The app of this number.
    ///
    /// # Panics
    /// When it is not enabled; nothing leads to it then.
    pub fn app(&mut self, id: AppId) -> &mut dyn App {
        self.apps[id as usize]
            .as_deref_mut()
            .expect("a connection's app is enabled for as long as the server runs")
    }
}

/// Whether a request asks for a stream of events, and not for an upgrade.
fn wants_stream(head: &Head<'_>) -> bool {
    let mut accepted = head
        .all("accept")
        .filter_map(|it| std::str::from_utf8(it).ok());
    let named = accepted.any(|accepted| {
        let types = accepted
            .split(',')
            .map(|it| it.split(';').next().unwrap_or_default());
        types
            .into_iter()
            .any(|it| it.trim().eq_ignore_ascii_case("text/event-stream"))
    });
    named && head.method == "GET" && !head.lists("upgrade", "websocket")
}

/// Since when a client asks for what was published. A browser that comes back to a stream says it by a header, which is newer than what its
/// address says.
fn since(call: &Call<'_>) -> Option<Since> {
    let header = call.head.header("last-event-id").map(Cow::Borrowed);
    let named = |name| call.head.parameter(name);
    let given = [
        header.filter(|_| call.listens),
        named("last_event_id").filter(|_| call.listens),
        named("since"),
    ];
    let given = given.into_iter().flatten().find(|given| !given.is_empty());
    given.map(|given| Since::parse(&given))
}

/// Refuses a request at the door, and tells the operator of it; that nothing was shown is told on request only, because
/// everybody who opens the dashboard begins so.
fn deny(denied: Denied<'_>, peer: IpAddr, cx: &mut Context<'_>) -> Response {
    let kind = match denied {
        Denied::Host(_) => Some(Warning::Host),
        Denied::Origin(_) => Some(Warning::Origin),
        Denied::WrongKey => Some(Warning::Key),
        Denied::NoKey => None,
    };
    match kind {
        Some(kind) => cx.warn(kind, format_args!("{denied} (from {peer})")),
        None => log::debug!("{denied} (from {peer})"),
    }
    denied.into()
}

/// Whether one more WebSocket may come in.
fn check_place(cx: &mut Context<'_>, app: AppId) -> Result<(), Response> {
    let health = cx.health();
    let connections_max = u64::from(cx.bounds().connections_max);
    let is_full = health.full || cx.metrics().connections[app as usize] >= connections_max;
    let (code, message) = if health.refusing {
        ("draining", "the server is going away")
    } else if is_full {
        ("full", "the server holds as many connections as it may")
    } else if health.lagging {
        ("lagging", "the server is late with what it has to do")
    } else if health.memory {
        ("memory", "the server's memory budget is nearly spent")
    } else {
        return Ok(());
    };
    Err(refusal::unavailable(cx, code, message))
}

/// Whether a call's query has the parameters that its route takes and no others, each once.
fn check_parameters(head: &Head<'_>, known: &[&str]) -> Result<(), Response> {
    let mut seen = Vec::new();
    for (name, _) in head.parameters() {
        let shown = &name[..name.floor_char_boundary(refusal::SENTENCE_BYTES_MAX)];
        let Some(known) = known.iter().find(|known| **known == name) else {
            let known = match known {
                [] => "parameters".to_owned(),
                known => format!("such parameter, only {}", known.join(", ")),
            };
            return Err(refusal::bad(format!("{shown}: this call has no {known}")));
        };
        if seen.contains(known) {
            return Err(refusal::bad(format!("{shown}: must be given once")));
        }
        seen.push(*known);
    }
    Ok(())
}

/// Whether a body is as it is, and not packed: nobody here unpacks any.
fn check_encoding(request: &Request<'_>) -> Result<(), Response> {
    let codings = request.head.all("content-encoding");
    let codings = codings.flat_map(|value| value.split(|&byte| byte == b','));
    let is_packed = |it: &&[u8]| !it.is_empty() && !it.eq_ignore_ascii_case(b"identity");
    let packed = codings.map(<[u8]>::trim_ascii).find(is_packed);
    let Some(coding) = packed.filter(|_| !request.body.is_empty()) else {
        return Ok(());
    };
    let coding = String::from_utf8_lossy(coding).to_lowercase();
    let coding = &coding[..coding.floor_char_boundary(refusal::SENTENCE_BYTES_MAX)];
    Err(refusal::unsupported(format!(
        "Content-Encoding: the body must be sent as it is, not as {coding}"
    )))
}
