//! What the kernel says of this process, read from `/proc/self` at the moment of rendering.
//!
//! The names and meanings are those of the Prometheus client libraries. What cannot be read or understood, on another
//! system for one, is left out; nothing here fails. Only files whose reading is cheap at a million descriptors are
//! read: the number of open ones is the size of `/proc/self/fd`, which kernels since 6.2 tell; on an older one they
//! are counted by hand, and no further than `COUNTED_MAX`, past which the number is left out.

use std::fs;
use std::sync::OnceLock;

use serde::Serialize;

use super::text::{Family, Kind, Seconds};

/// The unit of times in `/proc`: 100 a second on every architecture that Rust's standard library runs on.
const MICROS_PER_TICK: u64 = 10_000;
/// Descriptors counted by hand at most: a listing of more would hold up the loop.
const COUNTED_MAX: usize = 4096;

/// What can be had; what cannot is left out.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Process {
    /// User and system time spent, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_micros: Option<u64>,
    /// When the process started, in microseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    start_micros: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resident_memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    virtual_memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_fds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_fds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threads: Option<u64>,
}

impl Process {
    /// This process, now.
    pub fn read() -> Process {
        let status = read("/proc/self/status");
        let stat = read("/proc/self/stat");
        let limits = read("/proc/self/limits");
        Process {
            cpu_micros: cpu_micros(&stat),
            start_micros: start_micros(&stat),
            resident_memory_bytes: status_bytes(&status, "VmRSS:"),
            virtual_memory_bytes: status_bytes(&status, "VmSize:"),
            open_fds: open_fds(),
            max_fds: soft_limit(&limits, "Max open files"),
            threads: status_field(&status, "Threads:").and_then(|text| text.parse().ok()),
        }
    }

    /// Appends the families that can be had.
    pub(super) fn render(&self, out: &mut String) {
        if let Some(micros) = self.cpu_micros {
            let help = "User and system time spent, in seconds.";
            Family::new(out, Kind::Counter, "process_cpu_seconds_total", help)
                .sample(&[], Seconds { micros });
        }
        #[rustfmt::skip]
        let gauges = [
            ("process_resident_memory_bytes", "Resident memory, in bytes.", self.resident_memory_bytes),
            ("process_virtual_memory_bytes", "Virtual memory, in bytes.", self.virtual_memory_bytes),
            ("process_open_fds", "Open file descriptors.", self.open_fds),
            ("process_max_fds", "File descriptors that may be open.", self.max_fds),
            ("process_threads", "Threads.", self.threads),
        ];
        for (name, help, value) in gauges {
            if let Some(value) = value {
                Family::new(out, Kind::Gauge, name, help).sample(&[], value);
            }
        }
        if let Some(micros) = self.start_micros {
            let help = "When the process started, in seconds since 1970.";
            Family::new(out, Kind::Gauge, "process_start_time_seconds", help)
                .sample(&[], Seconds { micros });
        }
    }
}

/// A file's text, empty if there is none.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// A field of `stat` by its number in proc(5), which starts at 1; the command's name, field 2, may hold anything, so
/// only those behind its closing parenthesis are looked at.
fn stat_field(stat: &str, number: usize) -> Option<u64> {
    let (_, behind) = stat.rsplit_once(") ")?;
    let mut fields = behind.split_ascii_whitespace();
    fields.nth(number.checked_sub(3)?)?.parse().ok()
}

fn cpu_micros(stat: &str) -> Option<u64> {
    let (user, system) = (stat_field(stat, 14)?, stat_field(stat, 15)?);
    Some((user + system) * MICROS_PER_TICK)
}

/// When the process started, in microseconds since 1970: read once, for it does not change, and `/proc/stat` is long
/// on a machine with many cores.
fn start_micros(stat: &str) -> Option<u64> {
    static BOOT_SECONDS: OnceLock<Option<u64>> = OnceLock::new();
    let boot = BOOT_SECONDS.get_or_init(|| {
        read("/proc/stat")
            .lines()
            .find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
    });
    Some((*boot)? * 1_000_000 + stat_field(stat, 22)? * MICROS_PER_TICK)
}

fn status_field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let field = status.lines().find_map(|line| line.strip_prefix(name));
    field.map(str::trim)
}

/// A field of `status` in bytes; the kernel writes `kB` and means KiB.
fn status_bytes(status: &str, name: &str) -> Option<u64> {
    let kib = status_field(status, name)?.strip_suffix("kB")?;
    let kib: u64 = kib.trim_end().parse().ok()?;
    Some(kib * 1024)
}

/// A soft limit; `None` for `unlimited` too.
fn soft_limit(limits: &str, name: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn open_fds() -> Option<u64> {
    let told = fs::metadata("/proc/self/fd").ok()?.len();
    if told > 0 {
        return Some(told);
    }
    let listing = fs::read_dir("/proc/self/fd").ok()?;
    let counted = listing.take(COUNTED_MAX + 1).count();
    // The listing itself holds one.
    (counted <= COUNTED_MAX).then(|| counted.saturating_sub(1) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_with_spaces_and_parentheses_is_skipped() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 120 30 0 0 20 0 1 0 4242 1 1";
        assert_eq!(cpu_micros(stat), Some(1_500_000));
        assert_eq!(stat_field(stat, 22), Some(4242));
    }

    #[test]
    fn limits_and_sizes_are_read_with_their_units() {
        let limits =
            "Max open files            1024                 524288               files     \n";
        assert_eq!(soft_limit(limits, "Max open files"), Some(1024));
        assert_eq!(
            soft_limit(
                "Max open files   unlimited  unlimited files",
                "Max open files"
            ),
            None
        );
        assert_eq!(
            status_bytes("Name:\tx\nVmRSS:\t    1234 kB\n", "VmRSS:"),
            Some(1_263_616)
        );
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        assert_eq!((cpu_micros(""), stat_field("1 (x) S", 22)), (None, None));
        assert_eq!(status_bytes("", "VmRSS:"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn every_family_is_there_on_linux() {
        let mut out = String::new();
        Process::read().render(&mut out);
        assert_eq!(out.matches("# TYPE ").count(), 7);
    }
}
