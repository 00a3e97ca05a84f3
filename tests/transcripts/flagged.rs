//! The apps and the loop of the real binary on a simulated network, with the settings that its flags give.

use std::ffi::OsString;

use super::network::Sim;
use roomcast::apps::Apps;
use roomcast::apps::access::Access;
use roomcast::apps::all::{self, Options};
use roomcast::apps::proxies::Proxies;
use roomcast::reactor::Reactor;
use roomcast::settings::load;

/// Descriptors that the process would have.
const DESCRIPTORS: u64 = 1024;

/// A server with these flags.
pub fn reactor(sim: Sim, flags: &[String]) -> Reactor<Sim> {
    let args = std::iter::once("roomcast").chain(flags.iter().map(String::as_str));
    let loaded = load(args.map(OsString::from), [], DESCRIPTORS).unwrap();
    let settings = loaded.settings;
    let (keys, origins) = (settings.keys, settings.allow_origins);
    let options = Options {
        echo: settings.echo,
        pages: settings.pages,
        secret: settings.secret.as_deref().unwrap_or("simulated").as_bytes(),
    };
    let access = Access::new(keys, origins, settings.listen);
    let apps = Apps::new(access, all::enabled(&options, &settings.bounds))
        .behind(Proxies::new(settings.trust_proxy));
    Reactor::new(sim, settings.bounds, apps).unwrap()
}
