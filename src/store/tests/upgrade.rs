//! Stores of earlier versions.

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use super::*;

/// The last version that had parameters in a table of their own.
const WITH_A_TABLE_OF_PARAMETERS: i64 = 5;

#[tokio::test]
async fn parameters_of_older_stores_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteConnectOptions::new().filename(folder.path().join("s.db")).create_if_missing(true);
    let mut old = file.connect().await.unwrap();
    sqlx::migrate!("migrations/sqlite").run_to(WITH_A_TABLE_OF_PARAMETERS, &mut old).await.unwrap();
    sqlx::raw_sql(
        r#"insert into studies values (1, 'old', '{"stages": []}',
               '{"data": "/d", "devices": ["cpu"], "workers": 1, "threads": 1, "validation": 0.2}', 1, 'd', '0', 'running', 0, 0);
           insert into study_stages (id, study_id, position, name, state) values (1, 1, 0, 'a', 'running');
           insert into trials (id, study_id, stage_id, number, key, architecture, seed, epochs_budget, state, seld, model, created)
           values (1, 1, 1, 0, 'k', '{}', 1, 3, 'complete', 0.5, '/m', 0), (2, 1, 1, 1, 'l', '{}', 1, 3, 'pending', null, null, 0);
           insert into trial_parameters values (1, 'encoder.width', '64'), (1, 'train.learning_rate', '0.00030000000000000003'),
               (1, 'features.inputs', '["foa","iv"]'), (1, 'model', '"crnn"');"#,
    )
    .execute(&mut old)
    .await
    .unwrap();
    drop(old);
    let store = Store::open_existing(&url(folder.path())).await.unwrap();
    let snapshot = store.snapshot(StudyId(1)).await.unwrap();
    let (_, trial) = snapshot.trial(TrialId(1)).unwrap();
    let expected = json!({"encoder.width": 64, "features.inputs": ["foa", "iv"], "model": "crnn",
                          "train.learning_rate": 0.00030000000000000003});
    assert_eq!(json!(trial.parameters), expected);
    let rows = store.query("select name, value from parameters where trial = 1 order by name").await.unwrap();
    let of_view: serde_json::Map<String, serde_json::Value> = rows
        .rows
        .iter()
        .map(|row| (row[0].as_str().unwrap().into(), serde_json::from_str(row[1].as_str().unwrap()).unwrap()))
        .collect();
    assert_eq!(json!(of_view), expected);
    let error =
        sqlx::query("update trials set seed = 2 where id = 1").execute(&store.pool).await.unwrap_err();
    assert!(error.to_string().contains("a finished trial never changes"), "{error}");
    assert_eq!(snapshot.trial(TrialId(2)).unwrap().1.parameters.len(), 0);
}
