//! Several trials added at once.

use super::*;

impl Fixture {
    async fn add_all(&self, of: &[(u32, &str)]) -> Result<Vec<TrialId>, StoreError> {
        let proposals: Vec<Proposal> = of.iter().map(|(number, _)| proposal(*number)).collect();
        let new = proposals.iter().zip(of).map(|(proposal, (_, key))| NewTrial { proposal, key });
        self.store.add_trials(self.stage, &new.collect::<Vec<_>>()).await
    }
}

#[tokio::test]
async fn each_has_its_own_parameters_and_event_and_the_order_stays() {
    let fixture = Fixture::new().await;
    // More than one statement adds.
    let numbers: Vec<u32> = (0..250).rev().collect();
    let keys: Vec<String> = numbers.iter().map(u32::to_string).collect();
    let of: Vec<(u32, &str)> = numbers.iter().copied().zip(keys.iter().map(String::as_str)).collect();
    let ids = fixture.add_all(&of).await.unwrap();
    assert_eq!(ids.len(), 250);
    let snapshot = fixture.store.snapshot(fixture.study).await.unwrap();
    for (id, number) in ids.iter().zip(numbers) {
        let (_, trial) = snapshot.trial(*id).unwrap();
        assert_eq!((trial.number, trial.parameters["encoder.width"].clone()), (number, json!(number)));
    }
    let events = fixture.store.events(fixture.study, 0, 1000).await.unwrap();
    let proposed: Vec<_> = events.iter().filter(|event| event.text.starts_with("proposed as ")).collect();
    assert_eq!((proposed.len(), proposed[0].trial), (250, Some(ids[0])));
    assert_eq!(proposed[0].text, "proposed as 249");
}

#[tokio::test]
async fn all_of_them_or_none() {
    let fixture = Fixture::new().await;
    fixture.add(1, "a").await;
    for (of, double) in [([(2, "b"), (1, "c")], 1), ([(3, "b"), (3, "c")], 3)] {
        let error = fixture.add_all(&of).await.unwrap_err();
        assert!(matches!(error, StoreError::TrialExists { number } if number == double), "{error}");
    }
    assert_eq!(fixture.store.snapshot(fixture.study).await.unwrap().stages[0].trials.len(), 1);
    assert_eq!(fixture.add_all(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn those_whose_result_is_known_are_complete_at_once() {
    let fixture = Fixture::new().await;
    fixture.add(0, "known").await;
    let claim = fixture.claim().await.unwrap();
    fixture.complete(&claim, 0.5).await;
    let ids = fixture.add_all(&[(1, "new"), (2, "known"), (3, "known")]).await.unwrap();
    let mut states = Vec::new();
    for id in &ids {
        let trial = fixture.store.trial(*id).await.unwrap();
        states.push((trial.state, trial.reused_from, trial.scores.seld));
    }
    let reused = (TrialState::Complete, Some(claim.trial), Some(0.5));
    assert_eq!(states, [(TrialState::Pending, None, None), reused, reused]);
}
