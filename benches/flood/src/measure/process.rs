//! What a server or this client used, read from `/proc`: CPU time and memory. Linux only.
//!
//! A server may be several processes; their sums are reported. CPU time is what the scheduler counts, to the nanosecond,
//! for each thread that lives; a kernel that does not count it is asked for its ticks of 10 ms instead. So is the time in
//! which a thread could have run but another had its core, which says whether a process had all the time that it wanted.
//!
//! Memory is what the process sees; socket buffers are the kernel's and are not in it.

use std::fs;
use std::io;

use serde::Serialize;

/// Microseconds of one tick in `/proc/PID/stat`: `USER_HZ` is 100 on every architecture that Linux runs on today.
const TICK_US: u64 = 10_000;

/// A process, or several, that can be looked at.
#[derive(Clone, Debug)]
pub struct Process {
    folders: Vec<String>,
}

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Pages in RAM.
    pub rss: u64,
    /// The same, shared pages counted by share.
    pub pss: u64,
    /// Pages that nobody else has.
    pub private: u64,
}

impl Process {
    /// The processes with these ids.
    pub fn with_ids(pids: &[u32]) -> Process {
        Process {
            folders: pids.iter().map(|pid| format!("/proc/{pid}")).collect(),
        }
    }

    /// This process.
    pub fn own() -> Process {
        Process {
            folders: vec!["/proc/self".to_owned()],
        }
    }

    /// User and system time of its threads since they began, in microseconds.
    pub fn cpu_us(&self) -> io::Result<u64> {
        self.folders.iter().map(|folder| cpu_us(folder)).sum()
    }

    /// Time in which its threads had something to do and no core to do it on, in microseconds; 0 where the kernel does
    /// not count it.
    pub fn waited_us(&self) -> io::Result<u64> {
        let waited = self.folders.iter().map(|folder| scheduled_ns(folder, 1));
        Ok(waited.sum::<io::Result<u64>>()? / 1000)
    }

    /// Its resident set now, in bytes: quicker to read than all of its memory, and a little less exact.
    pub fn rss(&self) -> io::Result<u64> {
        let each = self.folders.iter().map(|folder| {
            let status = fs::read_to_string(format!("{folder}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            kib.map(|kib| kib << 10).ok_or_else(|| malformed("status"))
        });
        each.sum()
    }

    /// Its memory now.
    pub fn memory(&self) -> io::Result<Memory> {
        let mut sum = Memory::default();
        for folder in &self.folders {
            let rollup = fs::read_to_string(format!("{folder}/smaps_rollup"))?;
            let memory = parse_memory(&rollup).ok_or_else(|| malformed("smaps_rollup"))?;
            sum.rss += memory.rss;
            sum.pss += memory.pss;
            sum.private += memory.private;
        }
        Ok(sum)
    }
}

fn cpu_us(folder: &str) -> io::Result<u64> {
    let sum_ns = scheduled_ns(folder, 0)?;
    if sum_ns > 0 {
        return Ok(sum_ns / 1000);
    }
    let stat = fs::read_to_string(format!("{folder}/stat"))?;
    let ticks = parse_ticks(&stat).ok_or_else(|| malformed("stat"))?;
    Ok(ticks * TICK_US)
}

/// A field of `schedstat`, summed over the threads: 0 is the time on a core, 1 the time of waiting for one.
fn scheduled_ns(folder: &str, field: usize) -> io::Result<u64> {
    let mut sum_ns = 0;
    for thread in fs::read_dir(format!("{folder}/task"))? {
        // A thread may end at any time.
        let text = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        let ns = text.split_ascii_whitespace().nth(field);
        sum_ns += ns.and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(sum_ns)
}

fn malformed(file: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("/proc/PID/{file} does not look as expected"),
    )
}

/// Fields 14 and 15; the second field, the name in parentheses, may hold anything.
fn parse_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn parse_memory(rollup: &str) -> Option<Memory> {
    let kibibytes = |name: &str| -> Option<u64> {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
        let number = line.trim().strip_suffix("kB")?.trim();
        Some(number.parse::<u64>().ok()? << 10)
    };
    Some(Memory {
        rss: kibibytes("Rss:")?,
        pss: kibibytes("Pss:")?,
        private: kibibytes("Private_Clean:")? + kibibytes("Private_Dirty:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 500 0 0 0 123 45 0 0 20 0 1 0 99 1000 200";
        assert_eq!(parse_ticks(stat), Some(168));
        assert_eq!(parse_ticks("7 (x) S 1"), None);
    }

    #[test]
    fn memory_is_read_in_bytes() {
        let rollup = "5500-7ff0 ---p 0 00:00 0 [rollup]\nRss:  1752 kB\nPss:  278 kB\nPss_Dirty: 112 kB\n\
                      Private_Clean:  4 kB\nPrivate_Dirty:  100 kB\n";
        let memory = parse_memory(rollup).unwrap();
        assert_eq!(memory.rss, 1752 << 10);
        assert_eq!(memory.pss, 278 << 10);
        assert_eq!(memory.private, 104 << 10);
    }

    #[test]
    fn this_process_can_be_looked_at() {
        assert!(Process::own().cpu_us().unwrap() > 0);
        assert!(Process::own().waited_us().is_ok());
        assert!(Process::own().memory().unwrap().rss > 0);
        assert!(Process::with_ids(&[u32::MAX]).cpu_us().is_err());
    }
}
