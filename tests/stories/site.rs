//! A folder of its own with a store, and the study in it.

use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use super::processes::{MARK, Processes, Role};
use super::tiny;

/// Longer than any wait takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// Where one study is carried out.
pub struct Site {
    /// Its processes, ended before the folder goes.
    pub processes: Processes,
    controller: Option<Child>,
    folder: tempfile::TempDir,
}

impl Site {
    /// A fresh folder.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("space.json"), tiny::SPACE).unwrap();
        tiny::cache_at(&folder.path().join("cache"));
        let processes = Processes::new(folder.path().to_str().unwrap());
        Self { processes, controller: None, folder }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_at2seld"));
        command.current_dir(self.folder.path()).env("AT2SELD_CACHE", self.folder.path().join("cache"));
        command.env_remove("AT2SELD_STORE").args(arguments);
        command
    }

    /// Starts `launch` and does not wait for it.
    pub fn launch(&mut self, workers: &str) {
        let data = tiny::dataset().to_str().unwrap();
        let arguments = ["launch", "space.json", "--data", data, "--study", "s", "--seed", "1"];
        self.start(&[&arguments[..], &["--workers", workers]].concat());
    }

    /// Starts `resume` and does not wait for it.
    pub fn resume(&mut self) {
        self.start(&["resume"]);
    }

    fn start(&mut self, arguments: &[&str]) {
        let log = std::fs::File::options().create(true).append(true).open(self.log_file()).unwrap();
        let mut command = self.command(arguments);
        command.env(MARK, self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.controller = Some(command.spawn().unwrap());
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("controller.log")
    }

    /// What the controllers said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Waits for the controller's end.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        let mut controller = self.controller.take().unwrap();
        loop {
            if let Some(status) = controller.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the controller does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the controller to complete the study.
    pub fn complete(&mut self) {
        let status = self.wait();
        assert!(status.success(), "{status}:\n{}", self.log());
        self.processes.expect_none();
    }

    /// Waits until the condition, an SQL expression over the store, holds.
    pub fn until(&mut self, condition: &str) {
        let deadline = Instant::now() + PATIENCE;
        let sql = format!("select coalesce(({condition}), 0)");
        while self.number(&sql) != Some(1) {
            let ended = self.controller.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "ended with {ended:?} before {condition}:\n{}", self.log());
            assert!(Instant::now() < deadline, "waited in vain for {condition}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Kills processes at once, with no chance to clean up.
    pub fn kill(&mut self, roles: &[Role]) {
        let deadline = Instant::now() + PATIENCE;
        // Right after a start there may be none yet.
        while self.processes.signal("KILL", roles) == 0 {
            assert!(Instant::now() < deadline, "there is no {roles:?} to kill:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        }
        if roles.contains(&Role::Controller) {
            assert!(!self.wait().success());
        }
    }

    /// The first value of the answer, read past the program; `None` when the store is not there yet.
    fn number(&self, sql: &str) -> Option<i64> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let file = self.folder.path().join("at2seld.db");
            let mut connection =
                SqliteConnectOptions::new().filename(file).read_only(true).connect().await.ok()?;
            let sql = sqlx::AssertSqlSafe(sql.to_owned());
            sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut connection).await.ok()
        })
    }

    /// The answer to a query, by the program.
    pub fn query(&self, sql: &str) -> Vec<Value> {
        let output = self.command(&["leaderboard", "--format", "json", "--sql", sql]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}
