//! The processes of one study, found by a mark in their environment, which children inherit: so none is missed,
//! whoever its parent is by now.

use std::time::{Duration, Instant};

/// The name of the mark.
pub const MARK: &str = "AT2SELD_TEST_MARK";

/// What a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `launch` or `resume`.
    Controller,
    /// `worker`.
    Worker,
    /// `trainer`.
    Trainer,
}

/// All processes with a mark; whatever happens, none outlives this value.
#[derive(Debug)]
pub struct Processes {
    mark: String,
}

impl Processes {
    /// Looks for `mark`, which no other test may use.
    pub fn new(mark: &str) -> Self {
        Self { mark: mark.to_owned() }
    }

    /// Those that run now.
    pub fn running(&self) -> Vec<(u32, Role)> {
        let wanted = format!("{MARK}={}", self.mark);
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.filter_map(|pid| {
            // Empty for a zombie; unreadable for one that has gone, or belongs to somebody else.
            let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
            environment.split(|byte| *byte == 0).find(|entry| *entry == wanted.as_bytes())?;
            let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let role = match command.split(|byte| *byte == 0).nth(1)? {
                b"worker" => Role::Worker,
                b"trainer" => Role::Trainer,
                _ => Role::Controller,
            };
            Some((pid, role))
        })
        .collect()
    }

    /// Sends a signal to all that have one of the roles; says to how many.
    pub fn signal(&self, signal: &str, roles: &[Role]) -> usize {
        let mut pids: Vec<String> = self
            .running()
            .into_iter()
            .filter(|(_, role)| roles.contains(role))
            .map(|(pid, _)| pid.to_string())
            .collect();
        if !pids.is_empty() {
            // The shell's own `kill`: there need not be a program of that name.
            let script = format!("kill -s {signal} \"$@\"");
            pids.splice(0..0, ["-c".to_owned(), script, "sh".to_owned()]);
            let _ = std::process::Command::new("sh").args(&pids).stderr(std::process::Stdio::null()).status();
            pids.drain(0..3);
        }
        pids.len()
    }

    /// Waits until none is left.
    pub fn expect_none(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.running().is_empty() {
            assert!(Instant::now() < deadline, "still running: {:?}", self.running());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        while self.signal("KILL", &[Role::Controller, Role::Worker, Role::Trainer]) > 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
