//! Workers that claim, report, crash and come back in any order.

use proptest::prelude::*;

use super::*;

/// What a worker, or the time, does next.
#[derive(Debug, Clone)]
enum Step {
    Claim,
    Report(usize),
    Extend(usize),
    Release(usize),
    Crash(usize),
    Complete(usize),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Claim),
        4 => (0..8_usize).prop_map(Step::Report),
        1 => (0..8_usize).prop_map(Step::Extend),
        1 => (0..8_usize).prop_map(Step::Release),
        1 => (0..8_usize).prop_map(Step::Crash),
        1 => (0..8_usize).prop_map(Step::Complete),
        2 => (1..90_u64).prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 1..40)
}

/// Whatever happens in whatever order: one holder a trial, attempts grow, finished trials stay as they are,
/// curves have no gap.
async fn interleave(steps: Vec<Step>) {
    let f = Fixture::new().await;
    for number in 0..3 {
        f.add(number, &format!("k{number}")).await;
    }
    let mut claims: Vec<Claim> = Vec::new();
    let mut current = std::collections::BTreeMap::new();
    let mut finished = std::collections::BTreeMap::new();
    for step in steps {
        let claim = |i: usize| claims.get(i % claims.len().max(1)).cloned();
        match step {
            Step::Claim => {
                if let Some(claim) = f.claim().await {
                    let before = current.insert(claim.trial, claim.attempt);
                    assert!(before < Some(claim.attempt));
                    assert!(!finished.contains_key(&claim.trial));
                    claims.push(claim);
                }
            }
            Step::Pass(seconds) => f.pass(Duration::from_secs(seconds)),
            Step::Report(i) | Step::Extend(i) | Step::Release(i) | Step::Crash(i) | Step::Complete(i) => {
                let Some(claim) = claim(i) else { continue };
                let (trial, attempt) = (claim.trial, claim.attempt);
                let details = f.store.trial(trial).await.unwrap();
                let may_write = details.state == TrialState::Running && details.attempt == attempt;
                let written = match step {
                    Step::Report(_) if details.curve.len() == 3 => continue,
                    Step::Report(_) => f.report(&claim, details.curve.len() as u32 + 1).await.map(|_| ()),
                    Step::Extend(_) => f.store.extend_lease(trial, attempt, LEASE).await,
                    Step::Release(_) => f.store.release(trial, attempt).await,
                    Step::Crash(_) => f.store.crash(trial, attempt, "x", 9).await.map(|_| ()),
                    _ => f.store.finish(trial, attempt, &Finish::Pruned { reason: "x".into() }).await,
                };
                assert_eq!(written.is_ok(), may_write, "{written:?}");
                if let (Step::Complete(_), Ok(())) = (&step, &written) {
                    finished.insert(trial, f.store.trial(trial).await.unwrap());
                }
            }
        }
        for (id, before) in &finished {
            assert_eq!(&f.store.trial(*id).await.unwrap(), before);
        }
    }
    for trial in &f.store.snapshot(f.study).await.unwrap().stages[0].trials {
        let epochs: Vec<u32> = trial.curve.iter().map(|p| p.epoch).collect();
        assert_eq!(epochs, (1..=epochs.len() as u32).collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn any_interleaving_keeps_the_contract(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(interleave(steps));
    }
}
