//! What a process and its children have used: CPU time and memory, as the kernel counts them.

use std::fs;
use std::io;
use std::time::Duration;

/// A process and all that descend from it.
#[derive(Debug, Clone)]
pub struct Processes {
    ids: Vec<u32>,
}

impl Processes {
    /// None at all, which use nothing.
    pub fn none() -> Self {
        Self { ids: Vec::new() }
    }

    /// One process without its children.
    pub fn only(id: u32) -> Self {
        Self { ids: vec![id] }
    }

    /// Finds all that descend from `root`, and `root`.
    pub fn of(root: u32) -> io::Result<Self> {
        let mut parents = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            // A process may end while it is looked at.
            if let Some(parent) = fs::read_to_string(format!("/proc/{id}/stat")).ok().and_then(|stat| parent(&stat)) {
                parents.push((id, parent));
            }
        }
        let mut ids = vec![root];
        let mut next = 0;
        while next < ids.len() {
            let of = ids[next];
            ids.extend(parents.iter().filter(|(_, parent)| *parent == of).map(|(id, _)| *id));
            next += 1;
        }
        Ok(Self { ids })
    }

    /// The time that their threads have been on a core: the first figure of `schedstat`.
    ///
    /// Threads that have ended are not counted, so both ends of a measurement must see the same ones.
    pub fn cpu(&self) -> io::Result<Cpu> {
        let mut cpu = Cpu { time: Duration::ZERO, threads: 0 };
        for id in &self.ids {
            for thread in fs::read_dir(format!("/proc/{id}/task"))? {
                let schedstat = fs::read_to_string(thread?.path().join("schedstat"))?;
                let nanoseconds = schedstat.split_ascii_whitespace().next().and_then(|first| first.parse().ok());
                cpu.time +=
                    Duration::from_nanos(nanoseconds.ok_or_else(|| io::Error::other("no figure in schedstat"))?);
                cpu.threads += 1;
            }
        }
        Ok(cpu)
    }

    /// The memory they hold: their share of what is resident (`Pss`), in bytes.
    pub fn resident_bytes(&self) -> io::Result<u64> {
        let mut bytes = 0;
        for id in &self.ids {
            let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup"))?;
            bytes += proportional(&rollup).ok_or_else(|| io::Error::other("no Pss in smaps_rollup"))?;
        }
        Ok(bytes)
    }

    /// The ids.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }
}

/// Time on a core, and how many threads it was summed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cpu {
    /// The sum over the threads.
    pub time: Duration,
    /// How many threads there were.
    pub threads: usize,
}

/// The parent in `/proc/ID/stat`: the second figure after the name, which may hold anything.
fn parent(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn proportional(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_lines_are_read() {
        assert_eq!(parent("17 (a) b) S 4 17 17 0"), Some(4));
        assert_eq!(
            proportional("55d000-7ff000 ---p 0 00:00 0 [rollup]\nRss:  12 kB\nPss:     34 kB\n"),
            Some(34 * 1024)
        );
    }

    #[test]
    fn this_process_is_accounted_for() {
        let own = Processes::of(std::process::id()).unwrap();
        assert!(own.resident_bytes().unwrap() > 10_000);
        assert!(own.cpu().unwrap().threads >= 1);
    }
}
