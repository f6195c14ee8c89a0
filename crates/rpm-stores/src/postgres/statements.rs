//! The statements on the tables, written out for one schema.

use super::schema::Schema;

/// Each compares and writes in one step, and is a transaction of its own.
pub(super) struct Statements {
    pub(super) schema: Schema,
    /// User → life, number, model, checksum.
    pub(super) load: String,
    /// User → life, number of the model.
    pub(super) version: String,
    /// User → life, number of the model or the reservation.
    pub(super) held: String,
    /// User → life, number of a reservation; nothing where something is held.
    pub(super) reserve: String,
    /// User, model, checksum, whether something was forgotten → life, number; nothing where a model is held.
    pub(super) save_new: String,
    /// The same with the life and the number that must be held; nothing where they are not.
    pub(super) save_over: String,
    /// User → whether there was a model; nothing where nothing was held.
    pub(super) delete: String,
    /// The same with the life and the number that must be held.
    pub(super) delete_version: String,
    /// After which user, how many → users.
    pub(super) list: String,
}

impl Statements {
    pub(super) fn of(schema: Schema) -> Self {
        let s = schema.as_str();
        // Enters the part of the table that the rows were in, as one to be written anew.
        let marked = |of: &str, when: &str| {
            format!(
                "INSERT INTO {s}.to_erase AS held (part, first, last, xid)
                 SELECT substring(part FROM '[0-9]+$')::int, n, n, pg_current_xact_id()::xid
                 FROM {of}, nextval('{s}.marks') AS n WHERE {when}
                 ON CONFLICT (part) DO UPDATE SET
                   first = least(held.first, excluded.first), last = greatest(held.last, excluded.last),
                   xid = CASE WHEN age(excluded.xid) < age(held.xid) THEN excluded.xid ELSE held.xid END"
            )
        };
        let saved = |save: &str| {
            format!(
                "WITH saved AS ({save} RETURNING life, number, tableoid::regclass::text AS part),
                 marked AS ({})
                 SELECT life, number FROM saved",
                marked("saved", "$4")
            )
        };
        let deleted = |whose: &str| {
            format!(
                "WITH gone AS (
                   DELETE FROM {s}.users WHERE user_id = $1 {whose}
                   RETURNING model IS NOT NULL AS had, tableoid::regclass::text AS part),
                 marked AS ({})
                 SELECT had FROM gone",
                marked("gone", "true")
            )
        };
        Self {
            load: format!("SELECT life, number, model, sum FROM {s}.users WHERE user_id = $1 AND model IS NOT NULL"),
            version: format!("SELECT life, number FROM {s}.users WHERE user_id = $1 AND model IS NOT NULL"),
            held: format!("SELECT life, number FROM {s}.users WHERE user_id = $1"),
            reserve: format!(
                "INSERT INTO {s}.users (user_id, life, number)
                 SELECT $1, n, n FROM nextval('{s}.versions') AS n
                 ON CONFLICT (user_id) DO NOTHING RETURNING life, number"
            ),
            save_new: saved(&format!(
                "INSERT INTO {s}.users AS held (user_id, life, number, model, sum)
                 SELECT $1, n, n, $2, $3 FROM nextval('{s}.versions') AS n
                 ON CONFLICT (user_id) DO UPDATE SET number = excluded.number, model = excluded.model, sum = excluded.sum
                 WHERE held.model IS NULL"
            )),
            save_over: saved(&format!(
                "UPDATE {s}.users SET number = nextval('{s}.versions'), model = $2, sum = $3
                 WHERE user_id = $1 AND life = $5 AND number = $6"
            )),
            delete: deleted(""),
            delete_version: deleted("AND life = $2 AND number = $3"),
            list: format!(
                "SELECT user_id FROM {s}.users WHERE model IS NOT NULL AND user_id > $1 ORDER BY user_id LIMIT $2"
            ),
            schema,
        }
    }
}
