//! What becomes of trials leaves events, whoever writes it.

use super::*;

/// Time, kind and text of all events about trials.
async fn of_trials(f: &Fixture) -> Vec<(i64, String, String)> {
    let events = f.store.events(f.study, 0, 1000).await.unwrap();
    events.into_iter().filter(|e| e.trial.is_some()).map(|e| (e.time_ms, e.kind, e.text)).collect()
}

#[tokio::test]
async fn from_proposal_to_each_kind_of_end() {
    let f = Fixture::new().await;
    f.add(0, "a").await;
    f.pass(Duration::from_secs(1));
    let claim = f.claim().await.unwrap();
    f.report(&claim, 1).await.unwrap();
    f.pass(LEASE);
    // Taken over where the lost worker had got to.
    let claim = f.claim().await.unwrap();
    f.pass(Duration::from_secs(1));
    f.complete(&claim, 0.51239).await;
    f.add(1, "a").await;
    for (number, end) in [
        (2, Finish::Pruned { reason: "worse than most".into() }),
        (3, Finish::Failed { error: "the loss became NaN".into() }),
    ] {
        f.add(number, &number.to_string()).await;
        let claim = f.claim().await.unwrap();
        f.store.finish(claim.trial, claim.attempt, &end).await.unwrap();
    }
    let trial = |time, text: &str| (time, "trial".to_owned(), text.to_owned());
    assert_eq!(
        of_trials(&f).await,
        [
            trial(1_000, "proposed as 0"),
            trial(2_000, "attempt 1 by worker 1, from epoch 0"),
            trial(62_000, "attempt 2 by worker 1, from epoch 1"),
            trial(63_000, "complete: SELD 0.5124 at epoch 1"),
            trial(63_000, "proposed as 1"),
            trial(63_000, "complete: same candidate as trial 1"),
            trial(63_000, "proposed as 2"),
            trial(63_000, "attempt 1 by worker 1, from epoch 0"),
            (63_000, "prune".into(), "worse than most".into()),
            trial(63_000, "proposed as 3"),
            trial(63_000, "attempt 1 by worker 1, from epoch 0"),
            trial(63_000, "failed: the loss became NaN"),
        ]
    );
}

#[tokio::test]
async fn an_undefined_score_and_a_second_chance_are_said() {
    let f = Fixture::new().await;
    let pruned = f.add(0, "a").await;
    let claim = f.claim().await.unwrap();
    f.store.finish(pruned, claim.attempt, &Finish::Pruned { reason: "r".into() }).await.unwrap();
    let again = Proposal { again_of: Some(pruned), ..proposal(1) };
    f.store.add_trials(f.stage, &[NewTrial { proposal: &again, key: "a" }]).await.unwrap();
    let claim = f.claim().await.unwrap();
    let end = Finish::Complete { scores: Scores::default(), best_epoch: 3, model: "/m".into() };
    f.store.finish(claim.trial, claim.attempt, &end).await.unwrap();
    let texts: Vec<String> = of_trials(&f).await.into_iter().map(|(_, _, text)| text).collect();
    assert_eq!(texts[3], format!("proposed as 1, trial {pruned} again"));
    assert_eq!(texts[5], "complete: SELD undefined at epoch 3");
}
