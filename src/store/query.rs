//! SQL from people: one statement that only reads.
//!
//! Three locks, each enough by itself: the statement is looked at before it runs, the connection is opened
//! read-only, and the database is told to refuse writes (`query_only`). Extensions are never loaded.

use serde_json::{Number, Value};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow, SqliteValueRef};
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Connection, Executor, Row, SqlSafeStr, TypeInfo, ValueRef,
};

use super::error::StoreError;
use super::sqlite::Store;

/// What a query answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// Column names.
    pub columns: Vec<String>,
    /// One value a column in every row.
    pub rows: Vec<Vec<Value>>,
}

impl Store {
    /// The rows of one `select` (or `with`, `values`, `explain`) over the store's views and tables.
    ///
    /// # Errors
    /// [`StoreError::Query`] for anything that could write, open another database or change a setting, and for
    /// several statements; [`StoreError::QueryFailed`] when the database does not understand it.
    pub async fn query(&self, sql: &str) -> Result<Rows, StoreError> {
        check(sql).map_err(|why| StoreError::Query { why })?;
        let mut connection = SqliteConnectOptions::new()
            .filename(&self.path)
            .read_only(true)
            .busy_timeout(self.options.busy_timeout)
            .pragma("query_only", "1")
            .pragma("trusted_schema", "0")
            .connect()
            .await?;
        let table = fetch(&mut connection, sql).await;
        connection.close().await?;
        table
    }
}

async fn fetch(connection: &mut sqlx::SqliteConnection, sql: &str) -> Result<Rows, StoreError> {
    // Checked above; nothing is put into the text.
    let statement = connection.prepare(AssertSqlSafe(sql).into_sql_str()).await.map_err(failed)?;
    let names = sqlx::Statement::columns(&statement).iter().map(|column| column.name().to_owned());
    let mut table = Rows { columns: names.collect(), rows: Vec::new() };
    for row in sqlx::Statement::query(&statement).fetch_all(connection).await.map_err(failed)? {
        table.rows.push(values(&row)?);
    }
    Ok(table)
}

fn failed(error: sqlx::Error) -> StoreError {
    match error.as_database_error().map(|e| e.message().to_owned()) {
        Some(message) if message.contains("readonly") => {
            StoreError::Query { why: "the query writes, only reading is allowed".into() }
        }
        Some(message) => match StoreError::from(error) {
            StoreError::Database(_) => StoreError::QueryFailed { message },
            other => other,
        },
        None => error.into(),
    }
}

fn values(row: &SqliteRow) -> Result<Vec<Value>, StoreError> {
    (0..row.len()).map(|index| value(row.try_get_raw(index)?)).collect()
}

/// A value by its own type: an SQLite column may hold any.
fn value(raw: SqliteValueRef<'_>) -> Result<Value, StoreError> {
    use sqlx::Decode;
    let decode = |e| StoreError::from(sqlx::Error::Decode(e));
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind = raw.type_info();
    Ok(match kind.name() {
        "INTEGER" | "BOOLEAN" => <i64 as Decode<'_, sqlx::Sqlite>>::decode(raw).map_err(decode)?.into(),
        "REAL" => {
            let number = <f64 as Decode<'_, sqlx::Sqlite>>::decode(raw).map_err(decode)?;
            Number::from_f64(number).map_or(Value::Null, Value::Number)
        }
        "BLOB" => {
            let bytes = <Vec<u8> as Decode<'_, sqlx::Sqlite>>::decode(raw).map_err(decode)?;
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
        }
        _ => <String as Decode<'_, sqlx::Sqlite>>::decode(raw).map_err(decode)?.into(),
    })
}

/// Refuses all but one statement that begins like a read; says why.
fn check(sql: &str) -> Result<(), String> {
    if sql.contains('\0') {
        return Err("the query contains a NUL character".into());
    }
    let code = blank_quoted(sql);
    let code = code.trim();
    let single = code.strip_suffix(';').unwrap_or(code);
    if single.contains(';') {
        return Err("several statements, give one SELECT".into());
    }
    let first: String = single.chars().take_while(char::is_ascii_alphabetic).collect();
    match first.to_ascii_lowercase().as_str() {
        "select" | "with" | "values" | "explain" => Ok(()),
        "" => Err("the query is empty, give one SELECT".into()),
        _ => {
            Err(format!("{} is not allowed, give one SELECT (the store is read-only)", first.to_uppercase()))
        }
    }
}

/// The statement with comments, strings and quoted names blanked out, by SQLite's rules
/// (<https://sqlite.org/lang_expr.html>, <https://sqlite.org/lang_comment.html>).
fn blank_quoted(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let skipped = match c {
            // A doubled quote inside a string reads as two strings: blanked all the same.
            '\'' | '"' | '`' => 1 + rest[1..].find(c).map_or(rest.len() - 1, |end| end + 1),
            '[' => rest.find(']').map_or(rest.len(), |end| end + 1),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest[2..].find("*/").map_or(rest.len(), |end| end + 4),
            _ => 0,
        };
        if skipped == 0 {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            out.push(' ');
            rest = &rest[skipped..];
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_read_passes_whatever_is_quoted_in_it() {
        for sql in [
            "select 1",
            "  SELECT ';' as a, \"x;y\", [p;q], `r;s` from t;  ",
            "-- a; comment\nselect 1 /* ; */ ; -- end;",
            "with a as (select 1) select * from a",
            "values (1), (2)",
            "explain query plan select 'it''s; fine'",
        ] {
            assert_eq!(check(sql), Ok(()), "{sql}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for sql in [
            "",
            " -- nothing",
            "delete from trials",
            "attach 'other.db' as o",
            "PRAGMA query_only = 0",
            "/* select */ drop table trials",
            "select 1; delete from trials",
            "select ''; delete from trials --'",
            "vacuum into 'x.db'",
            "select 1\0; drop table trials",
        ] {
            assert!(check(sql).is_err(), "{sql}");
        }
    }
}
