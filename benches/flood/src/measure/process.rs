//! What a server or this client used, read from `/proc`: CPU time, memory and descriptors. Linux only.
//!
//! A server may be several processes; their sums are reported. CPU time is what the scheduler counts, to the nanosecond,
//! for each thread that lives; a kernel that does not count it is asked for its ticks of 10 ms instead. So is the time in
//! which a thread could have run but another had its core, which says whether a process had all the time that it wanted.
//!
//! Memory is what the process sees; socket buffers are the kernel's and are not in it.

use std::io;

use procfs::process::{Process as Proc, Schedstat};
use procfs::{ProcResult, page_size, ticks_per_second};
use serde::Serialize;

/// A process, or several, that can be looked at.
#[derive(Clone, Debug)]
pub struct Process {
    ids: Vec<u32>,
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
    /// Pages that are no file's: stacks and what was allocated. How much of its program a process has in RAM is the
    /// kernel's choice, and not in it.
    pub anonymous: u64,
}

impl Process {
    /// The processes with these ids.
    pub fn with_ids(pids: &[u32]) -> Process {
        Process { ids: pids.to_vec() }
    }

    /// This process.
    pub fn own() -> Process {
        Process::with_ids(&[std::process::id()])
    }

    /// User and system time of its threads since they began, in microseconds.
    pub fn cpu_us(&self) -> io::Result<u64> {
        self.sum(|process| {
            let counted_ns = scheduled_ns(process, |time| time.sum_exec_runtime)?;
            if counted_ns > 0 {
                return Ok(counted_ns / 1000);
            }
            let stat = process.stat()?;
            Ok((stat.utime + stat.stime) * 1_000_000 / ticks_per_second())
        })
    }

    /// Time in which its threads had something to do and no core to do it on, in microseconds; 0 where the kernel does
    /// not count it.
    pub fn waited_us(&self) -> io::Result<u64> {
        self.sum(|process| Ok(scheduled_ns(process, |time| time.run_delay)? / 1000))
    }

    /// Its resident set now, in bytes: quicker to read than all of its memory, and a little less exact.
    pub fn rss(&self) -> io::Result<u64> {
        self.sum(|process| Ok(process.statm()?.resident * page_size()))
    }

    /// Its open descriptors.
    pub fn descriptors(&self) -> io::Result<u64> {
        self.sum(|process| Ok(process.fd_count()? as u64))
    }

    /// Its memory now.
    pub fn memory(&self) -> io::Result<Memory> {
        let mut sum = Memory::default();
        for pid in &self.ids {
            let rollup = open(pid).and_then(|process| process.smaps_rollup());
            let map = rollup.map_err(io::Error::other)?.memory_map_rollup;
            let numbers = map.0.into_iter().next().map(|map| map.extension.map);
            let numbers = numbers.unwrap_or_default();
            let bytes = |name: &str| numbers.get(name).copied().unwrap_or(0);
            sum.rss += bytes("Rss");
            sum.pss += bytes("Pss");
            sum.private += bytes("Private_Clean") + bytes("Private_Dirty");
            sum.anonymous += bytes("Anonymous");
        }
        Ok(sum)
    }

    fn sum(&self, part: impl Fn(&Proc) -> ProcResult<u64>) -> io::Result<u64> {
        let each = self.ids.iter().map(|pid| part(&open(pid)?));
        each.sum::<ProcResult<u64>>().map_err(io::Error::other)
    }
}

fn open(pid: &u32) -> ProcResult<Proc> {
    Proc::new_with_root(format!("/proc/{pid}").into())
}

/// A time that the scheduler counts, summed over the threads.
fn scheduled_ns(process: &Proc, time: fn(Schedstat) -> u64) -> ProcResult<u64> {
    // A thread may end at any time.
    let threads = process
        .tasks()?
        .filter_map(|thread| thread.ok()?.schedstat().ok());
    Ok(threads.map(time).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_looked_at() {
        let own = Process::own();
        assert!(own.cpu_us().unwrap() > 0);
        assert!(own.waited_us().is_ok());
        assert!(own.descriptors().unwrap() > 0);
        let memory = own.memory().unwrap();
        // In bytes: a test is larger than a mebibyte and smaller than a gibibyte.
        for bytes in [memory.rss, memory.pss, own.rss().unwrap()] {
            assert!((1 << 20..1 << 30).contains(&bytes), "{bytes}");
        }
        for part in [memory.private, memory.anonymous] {
            assert!(part > 0 && part <= memory.rss);
        }
    }

    #[test]
    fn a_process_that_is_not_there_is_named() {
        let error = Process::with_ids(&[u32::MAX]).cpu_us().unwrap_err();
        assert!(error.to_string().contains("4294967295"), "{error}");
    }
}
