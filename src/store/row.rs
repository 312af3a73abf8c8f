//! Reading columns: text forms to types, with an error that names what was damaged.

use std::str::FromStr;

use serde_json::Value;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::error::StoreError;
use crate::search::snapshot::{Assignment, CurvePoint, Scores};

/// A JSON column.
pub(super) fn json(row: &SqliteRow, column: &str) -> Result<Value, StoreError> {
    let text: String = row.try_get(column)?;
    serde_json::from_str(&text).map_err(|e| StoreError::Damaged { what: format!("column {column}: {e}") })
}

/// A state column.
pub(super) fn state<S: FromStr>(row: &SqliteRow, column: &str) -> Result<S, StoreError>
where
    S::Err: std::fmt::Display,
{
    let text: String = row.try_get(column)?;
    text.parse().map_err(|e: S::Err| StoreError::Damaged { what: format!("column {column}: {e}") })
}

/// An integer column that is a count.
pub(super) fn count(row: &SqliteRow, column: &str) -> Result<u32, StoreError> {
    let number: i64 = row.try_get(column)?;
    u32::try_from(number)
        .map_err(|_| StoreError::Damaged { what: format!("column {column}: {number} is no count") })
}

/// Like [`count`], for a column that may be null.
pub(super) fn count_or_none(row: &SqliteRow, column: &str) -> Result<Option<u32>, StoreError> {
    let number: Option<i64> = row.try_get(column)?;
    number.map(|_| count(row, column)).transpose()
}

/// Seeds are 64 bits, SQL's integers too, but signed: the bits are kept.
pub(super) fn seed(row: &SqliteRow) -> Result<u64, StoreError> {
    Ok(row.try_get::<i64, _>("seed")?.cast_unsigned())
}

/// The five score columns.
pub(super) fn scores(row: &SqliteRow) -> Result<Scores, StoreError> {
    Ok(Scores {
        seld: row.try_get("seld")?,
        er20: row.try_get("er20")?,
        f20: row.try_get("f20")?,
        le_cd: row.try_get("le_cd")?,
        lr_cd: row.try_get("lr_cd")?,
    })
}

/// A row of `trial_curves`.
pub(super) fn curve_point(row: &SqliteRow) -> Result<CurvePoint, StoreError> {
    Ok(CurvePoint {
        epoch: count(row, "epoch")?,
        train_loss: row.try_get("train_loss")?,
        val_loss: row.try_get("val_loss")?,
        scores: scores(row)?,
        seconds: row.try_get("seconds")?,
    })
}

/// A column of parameters' names and values, from `json_group_object`.
pub(super) fn assignment(row: &SqliteRow) -> Result<Assignment, StoreError> {
    let text: String = row.try_get("parameters")?;
    serde_json::from_str(&text).map_err(|e| StoreError::Damaged { what: format!("parameters: {e}") })
}
