//! The numbers one by one, for a caller that shows them in another form than Prometheus text.
//!
//! A number's name is that of its family without `roomcast_` in front and `_total` behind.

use super::{Accept, CLOSE_CODES, Metrics};
use crate::id::AppId;

impl Metrics {
    /// What is counted for one app.
    pub fn of_app(&self, app: AppId) -> impl Iterator<Item = (&'static str, u64)> {
        let families = self.app_families();
        families.map(move |(_, name, _, numbers)| (short(name), numbers[app as usize]))
    }

    /// The WebSockets of one app that ended, by close code or `other`; codes that never came are left out.
    pub fn closes_of_app(&self, app: AppId) -> impl Iterator<Item = (String, u64)> {
        let codes = CLOSE_CODES.iter().map(ToString::to_string);
        let codes = codes.chain(["other".into()]);
        let all = codes.zip(self.closes[app as usize]);
        all.filter(|(_, count)| *count > 0)
    }

    /// What is counted for all apps together.
    pub fn totals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let families = self.total_families();
        families.map(|(_, name, _, number)| (short(name), number))
    }

    /// Connections offered by the kernel, by what became of them.
    pub fn accepts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let results = Accept::ALL.into_iter();
        results.map(|result| (result.name(), self.accepts[result as usize]))
    }

    /// Requests answered, by route and status.
    pub fn http_requests(&self) -> impl Iterator<Item = (&'static str, u16, u64)> {
        let requests = self.http_requests.iter();
        requests.map(|&((route, status), count)| (route, status, count))
    }
}

pub(super) fn short(name: &'static str) -> &'static str {
    let name = name.strip_prefix("roomcast_").unwrap_or(name);
    name.strip_suffix("_total").unwrap_or(name)
}
