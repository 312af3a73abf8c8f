//! A study that is interrupted in all ways ends as one that is not.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

use super::processes::Role::{self, Controller, Trainer, Worker};
use super::site::Site;

/// Everything about the trials but the time they took.
const LEADERBOARD: &str = "select stage, rank, trial, state, seld, er20, f20, le_cd, lr_cd, params, macs, epochs, \
                           architecture from leaderboard order by trial";
const CURVES: &str = "select trial, epoch, train_loss, val_loss, seld, er20, f20, le_cd, lr_cd from curves \
                      order by trial, epoch";
const PARAMETERS: &str = "select trial, name, value from parameters order by trial, name";
const STAGES: &str = "select * from stages order by position";

const EVERYTHING: &[Role] = &[Controller, Worker, Trainer];

/// What the same study ends with when nothing disturbs it, with one worker.
fn undisturbed() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| {
        let mut site = Site::new();
        site.launch("1");
        site.complete();
        site
    })
}

/// Epochs that were stored of every trial that has not finished.
fn stored_epochs(site: &Site) -> Vec<Value> {
    site.query(
        "select trials.id as trial, attempt, count(epoch) as epochs from trials
         left join trial_curves on trial_id = trials.id
         where state in ('pending', 'running') and attempt > 0 group by trials.id",
    )
}

/// After these kills, at most the epoch in progress was lost: the next attempt began where the store was.
fn assert_went_on_from(site: &Site, stored: &[Value]) {
    for trial in stored {
        let (id, attempt) = (&trial["trial"], trial["attempt"].as_i64().unwrap() + 1);
        let texts = site.query(&format!(
            "select text from events where trial_id = {id} and text like 'attempt {attempt} %'"
        ));
        let text = texts[0]["text"].as_str().unwrap();
        assert!(text.ends_with(&format!("from epoch {}", trial["epochs"])), "{trial}: {text}");
    }
}

/// Nothing that had ended was touched again.
fn assert_nothing_ran_twice(site: &Site) {
    let again = site.query(
        "select later.text from events as ended join events as later
         on later.trial_id = ended.trial_id and later.id > ended.id
         where (ended.text like 'complete:%' or ended.kind = 'prune') and later.text like 'attempt %'",
    );
    assert_eq!(again, Vec::<Value>::new());
}

#[test]
fn kills_and_interrupts_leave_no_trace_in_the_result() {
    let mut site = Site::new();
    site.launch("1");
    let mut stored = Vec::new();
    let epochs = |n: u32| format!("select count(*) >= {n} from trial_curves");

    // Before the first epoch.
    site.until("select count(*) = 1 from trials where state = 'running'");
    site.kill(EVERYTHING);
    site.processes.expect_none();
    stored.extend(stored_epochs(&site));
    site.resume();

    // Between epochs.
    site.until(&epochs(2));
    site.kill(EVERYTHING);
    site.processes.expect_none();
    stored.extend(stored_epochs(&site));
    site.resume();

    // After a trial's last epoch, before its end is stored.
    site.until(
        "select 1 from trials join trial_curves on trial_id = trials.id
         where state = 'running' and epoch = epochs_budget limit 1",
    );
    site.kill(EVERYTHING);
    site.processes.expect_none();
    stored.extend(stored_epochs(&site));
    site.resume();

    // Right after a stage's end.
    site.until("select 1 from study_stages where position = 0 and state = 'complete'");
    site.kill(EVERYTHING);
    site.processes.expect_none();
    site.resume();

    // The trainer alone: its worker starts another.
    site.until(&epochs(8));
    site.kill(&[Trainer]);
    site.until("select 1 from events where kind = 'crash' limit 1");

    // The worker alone: its trainer leaves, the controller starts another.
    site.until(&epochs(11));
    site.kill(&[Worker]);

    // The controller alone: worker and trainer leave.
    site.until(&epochs(14));
    site.kill(&[Controller]);
    site.processes.expect_none();
    stored.extend(stored_epochs(&site));
    site.resume();

    // An interrupt, which saves the state.
    site.until(&epochs(16));
    assert_eq!(site.processes.signal("INT", &[Controller]), 1);
    assert_eq!(site.wait().code(), Some(130), "{}", site.log());
    site.processes.expect_none();
    assert_eq!(site.query("select state from studies")[0]["state"], "stopped");
    stored.extend(stored_epochs(&site));
    site.resume();
    site.complete();

    assert_went_on_from(&site, &stored);
    assert_nothing_ran_twice(&site);
    for sql in [LEADERBOARD, CURVES, PARAMETERS, STAGES] {
        assert_eq!(site.query(sql), undisturbed().query(sql));
    }
    // Else the comparison says little.
    let scores = "select count(distinct seld) as scores, sum(state = 'pruned') as pruned from trials";
    let found = &site.query(scores)[0];
    assert!(found["scores"].as_i64() > Some(4) && found["pruned"].as_i64() > Some(0), "{found}");
    // There is nothing left to resume.
    site.resume();
    site.complete();
    assert!(site.log().contains("is complete already"));
}

/// Scores and curves of complete trials by what determines them.
fn by_candidate(site: &Site) -> BTreeMap<String, Vec<Value>> {
    let rows = site.query(
        "select architecture, seed, trials.seld as best, epoch, train_loss, val_loss, trial_curves.seld as seld
         from trials join trial_curves on trial_id = trials.id where state = 'complete' order by trials.id, epoch",
    );
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for row in rows {
        found.entry(format!("{} {}", row["seed"], row["architecture"])).or_default().push(row);
    }
    found
}

#[test]
fn two_workers_score_every_candidate_as_one_does() {
    let mut site = Site::new();
    site.launch("2");
    site.until("select count(*) >= 3 from trial_curves");
    site.kill(EVERYTHING);
    site.processes.expect_none();
    let stored = stored_epochs(&site);
    site.resume();
    site.until("select count(*) >= 9 from trial_curves");
    site.kill(&[Worker]);
    site.complete();
    assert_went_on_from(&site, &stored);
    assert_nothing_ran_twice(&site);
    let (one, two) = (by_candidate(undisturbed()), by_candidate(&site));
    let common: Vec<&String> = one.keys().filter(|key| two.contains_key(*key)).collect();
    for key in &common {
        assert_eq!(one[*key], two[*key], "{key}");
    }
    assert!(common.len() >= 2, "{} candidates in common", common.len());
}
