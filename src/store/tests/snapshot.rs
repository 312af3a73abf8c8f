//! Snapshots, and what waits to be tried.

use super::*;
use crate::search::snapshot::{Action, Assignment, Ruling};

#[tokio::test]
async fn what_people_enqueue_waits_until_a_trial_is_made_of_it() {
    let fixture = Fixture::new().await;
    let study = fixture.store.study_by_id(fixture.study).await.unwrap();
    let wish = json!({"encoder": {"width": 99}});
    let enqueue = |stage: Option<&'static str>| fixture.store.enqueue(&study, stage, &wish);
    let name = enqueue(None).await.unwrap();
    let mut snapshot = fixture.store.snapshot(fixture.study).await.unwrap();
    let [(id, document)] = snapshot.stages[0].enqueued.as_slice() else { panic!("{snapshot:?}") };
    assert_eq!((snapshot.stages[0].name.as_str(), document), (name.as_str(), &wish));
    let proposal = Proposal {
        parameters: Assignment::new(),
        architecture: wish.clone(),
        enqueued: Some(*id),
        ..proposal(0)
    };
    fixture.store.add_trials(fixture.stage, &[NewTrial { proposal: &proposal, key: "k" }]).await.unwrap();
    let changed = fixture.store.refresh(fixture.study, &mut snapshot).await.unwrap();
    assert_eq!((changed.len(), snapshot.stages[0].enqueued.len()), (1, 0));
    let unknown = enqueue(Some("elsewhere")).await.unwrap_err();
    assert!(matches!(unknown, StoreError::UnknownStage { .. }), "{unknown}");
    fixture.store.fail_stage(fixture.stage, "no reason").await.unwrap();
    let over = fixture.store.enqueue(&study, Some(&name), &wish).await.unwrap_err();
    assert!(matches!(&over, StoreError::StageOver { name: Some(_) }) && over.is_input(), "{over}");
}

#[tokio::test]
async fn a_snapshot_that_is_refreshed_is_the_same_as_a_new_one() {
    let fixture = Fixture::new().await;
    let mut kept = fixture.store.snapshot(fixture.study).await.unwrap();
    for number in 0..4 {
        let trial = fixture.add(number, &number.to_string()).await;
        assert_eq!(fixture.store.refresh(fixture.study, &mut kept).await.unwrap(), [trial]);
        assert_eq!(kept, fixture.store.snapshot(fixture.study).await.unwrap());
        let claim = fixture.claim().await.unwrap();
        fixture.store.report_started(claim.trial, claim.attempt, 10, 20).await.unwrap();
        for epoch in 1..=2 {
            let point =
                CurvePoint { epoch, train_loss: 1.0, val_loss: 1.0, scores: Scores::default(), seconds: 1.0 };
            fixture.store.report_epoch(claim.trial, claim.attempt, &point, Path::new("/c")).await.unwrap();
            assert_eq!(fixture.store.refresh(fixture.study, &mut kept).await.unwrap(), [trial]);
            assert_eq!(kept, fixture.store.snapshot(fixture.study).await.unwrap());
        }
        assert_eq!(
            kept.stages[0].trials[number as usize].cost.map(|cost| (cost.params, cost.macs)),
            Some((Some(10.0), Some(20.0)))
        );
        let end = Finish::Pruned { reason: "worse".into() };
        fixture.store.finish(claim.trial, claim.attempt, &end).await.unwrap();
        assert_eq!(fixture.store.refresh(fixture.study, &mut kept).await.unwrap(), [trial]);
        assert!(
            fixture.store.refresh(fixture.study, &mut kept).await.unwrap().is_empty(),
            "what is finished never changes"
        );
    }
    assert_eq!(kept, fixture.store.snapshot(fixture.study).await.unwrap());
}

#[tokio::test]
async fn what_was_ruled_when_a_stage_began_is_part_of_it() {
    let fixture = Fixture::new().await;
    let ruling = |action| Ruling {
        parameter: "encoder.width".into(),
        value: json!([8, "x"]),
        action,
        reason: "worse".into(),
    };
    let rulings = [ruling(Action::Rarely), ruling(Action::Drop)];
    let mut kept = fixture.store.snapshot(fixture.study).await.unwrap();
    fixture.store.begin_stage(fixture.study, 1, &rulings).await.unwrap();
    fixture.store.refresh(fixture.study, &mut kept).await.unwrap();
    assert_eq!(kept.stages[1].rulings, rulings);
    assert_eq!(kept, fixture.store.snapshot(fixture.study).await.unwrap());
}

#[tokio::test]
async fn what_a_released_trial_had_reached_stays_known() {
    let fixture = Fixture::new().await;
    fixture.add(0, "k").await;
    let mut kept = fixture.store.snapshot(fixture.study).await.unwrap();
    let claim = fixture.claim().await.unwrap();
    fixture.report(&claim, 1).await.unwrap();
    fixture.store.release(claim.trial, claim.attempt).await.unwrap();
    fixture.store.refresh(fixture.study, &mut kept).await.unwrap();
    assert_eq!(kept.stages[0].trials[0].curve.len(), 1);
    assert_eq!(kept, fixture.store.snapshot(fixture.study).await.unwrap());
}
