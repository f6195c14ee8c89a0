//! The statements on the tables, written for the schema `rpm`; each is one step.
//!
//! What deletes or forgets marks the part of the tables that the rows were in, as one to be written anew (`erase.rs`).

/// Marks the part in the column `part` of a relation, under a condition.
macro_rules! marked {
    ($of:literal, $when:literal) => {
        concat!(
            "INSERT INTO rpm.to_erase AS held (part, last, xid)
             SELECT substring(part FROM '[0-9]+$')::int, 1, pg_current_xact_id()::xid FROM ",
            $of,
            " WHERE ",
            $when,
            " ON CONFLICT (part) DO UPDATE SET
               last = held.last + 1,
               xid = CASE WHEN age(excluded.xid) < age(held.xid) THEN excluded.xid ELSE held.xid END"
        )
    };
}

/// What follows on a save: the parts of sums, and the mark where something was forgotten.
macro_rules! saved {
    ($save:literal) => {
        concat!(
            "WITH saved AS (",
            $save,
            " RETURNING life, number, tableoid::regclass::text AS part),
             added AS (
               INSERT INTO rpm.parts (user_id, kind, number, part)
               SELECT $1, new.kind, saved.number, new.part FROM saved, unnest($5::text[], $6::bytea[]) AS new(kind, part)
               ON CONFLICT (user_id, kind) DO UPDATE SET number = excluded.number, part = excluded.part),
             dropped AS (
               DELETE FROM rpm.parts USING saved WHERE parts.user_id = $1 AND NOT parts.kind = ANY($5) AND ($4 OR $7)),
             marked AS (",
            marked!("saved", "$4"),
            ") SELECT life, number FROM saved"
        )
    };
}

macro_rules! deleted {
    ($whose:literal) => {
        concat!(
            "WITH gone AS (
               DELETE FROM rpm.users WHERE user_id = $1 ",
            $whose,
            " RETURNING model IS NOT NULL AS had, tableoid::regclass::text AS part),
             marked AS (",
            marked!("gone", "true"),
            ") SELECT had FROM gone"
        )
    };
}

/// User → life, number, model, checksum.
pub(super) const LOAD: &str = "SELECT life, number, model, sum FROM rpm.users WHERE user_id = $1 AND model IS NOT NULL";
/// User → life, number of the model.
pub(super) const VERSION: &str = "SELECT life, number FROM rpm.users WHERE user_id = $1 AND model IS NOT NULL";
/// User → life, number of the model or the reservation.
pub(super) const HELD: &str = "SELECT life, number FROM rpm.users WHERE user_id = $1";
/// The same, and nobody deletes it until the transaction is over.
pub(super) const HELD_FAST: &str = "SELECT life, number FROM rpm.users WHERE user_id = $1 FOR KEY SHARE";
/// User → life, number of a reservation; nothing where something is held.
pub(super) const RESERVE: &str = "INSERT INTO rpm.users (user_id, life, number)
    SELECT $1, n, n FROM nextval('rpm.versions') AS n
    ON CONFLICT (user_id) DO NOTHING RETURNING life, number";

/// User, model, checksum, whether something was forgotten, kinds and bytes of parts, whether others go → life, number;
/// nothing where a model is held.
pub(super) const SAVE_NEW: &str = saved!(
    "INSERT INTO rpm.users AS held (user_id, life, number, model, sum)
     SELECT $1, n, n, $2, $3 FROM nextval('rpm.versions') AS n
     ON CONFLICT (user_id) DO UPDATE SET number = excluded.number, model = excluded.model, sum = excluded.sum
     WHERE held.model IS NULL"
);
/// The same with the life and the number that must be held; nothing where they are not.
pub(super) const SAVE_OVER: &str = saved!(
    "UPDATE rpm.users SET number = nextval('rpm.versions'), model = $2, sum = $3
     WHERE user_id = $1 AND life = $8 AND number = $9"
);

/// User → whether there was a model; nothing where nothing was held.
pub(super) const DELETE: &str = deleted!("");
/// The same with the life and the number that must be held.
pub(super) const DELETE_VERSION: &str = deleted!("AND life = $2 AND number = $3");
/// User, the life and the number of a reservation, which ends.
pub(super) const RELEASE: &str = deleted!("AND life = $2 AND number = $3 AND model IS NULL");
/// User: all else that is held of them.
pub(super) const DELETE_REST: &str = concat!(
    "WITH parts AS (DELETE FROM rpm.parts WHERE user_id = $1 RETURNING tableoid::regclass::text AS part),
     inbox AS (DELETE FROM rpm.inbox WHERE user_id = $1 RETURNING tableoid::regclass::text AS part),
     replies AS (DELETE FROM rpm.replies WHERE user_id = $1 RETURNING tableoid::regclass::text AS part),
     forgotten AS (DELETE FROM rpm.forgotten WHERE user_id = $1 RETURNING tableoid::regclass::text AS part),
     gone AS (
       SELECT min(part) AS part FROM (
         SELECT part FROM parts UNION SELECT part FROM inbox UNION SELECT part FROM replies UNION SELECT part FROM forgotten
       ) AS each_table),
     marked AS (",
    marked!("gone", "part IS NOT NULL"),
    ") SELECT"
);

/// After which user, how many → users.
pub(super) const LIST: &str =
    "SELECT user_id FROM rpm.users WHERE model IS NOT NULL AND user_id > $1 ORDER BY user_id LIMIT $2";

/// User, ids, interactions → by place, whether it was put, whether it was forgotten.
pub(super) const PUT: &str = "WITH new AS (
      SELECT place, item_id, event, row_number() OVER (PARTITION BY item_id ORDER BY place) = 1 AS is_first, EXISTS (
        SELECT FROM rpm.forgotten WHERE user_id = $1 AND item = rpm.digest($1, item_id)) AS forgotten
      FROM unnest($2::text[], $3::bytea[]) WITH ORDINALITY AS new(item_id, event, place)),
    put AS (
      INSERT INTO rpm.inbox (user_id, item_id, event)
      SELECT $1, item_id, event FROM new WHERE is_first AND NOT forgotten ORDER BY place
      ON CONFLICT (user_id, item_id) DO NOTHING RETURNING item_id)
    SELECT is_first AND EXISTS (SELECT FROM put WHERE put.item_id = new.item_id), forgotten FROM new ORDER BY place";
/// User, how many → place, interaction of those that are due; the first first.
pub(super) const WAITING: &str = "SELECT seq, event FROM rpm.inbox
    WHERE user_id = $1 AND NOT aside AND due <= now() ORDER BY seq LIMIT $2";
/// User, places → how many of them are there, where they stay until the transaction is over.
pub(super) const HOLD_WAITING: &str = "WITH held AS (
      SELECT FROM rpm.inbox WHERE user_id = $1 AND seq = ANY($2) ORDER BY seq FOR UPDATE)
    SELECT count(*) FROM held";
/// User, places → how many of them were there.
pub(super) const TAKE: &str = "WITH taken AS (DELETE FROM rpm.inbox WHERE user_id = $1 AND seq = ANY($2) RETURNING 1)
    SELECT count(*) FROM taken";
/// User, ids, why each, from which try on it is set aside: it is tried again in 2, 4, 8 … minutes, six hours at most.
pub(super) const PUT_OFF: &str = "UPDATE rpm.inbox AS waits SET
      tries = tries + 1, aside = tries + 1 >= $4, why = new.why,
      due = now() + make_interval(mins => least(360, power(2, least(tries + 1, 16)))::int)
    FROM unnest($2::text[], $3::text[]) AS new(item_id, why)
    WHERE waits.user_id = $1 AND waits.item_id = new.item_id";
/// User: all that was put off or set aside is due again → how many.
pub(super) const TRY_AGAIN: &str = "WITH again AS (
      UPDATE rpm.inbox SET tries = 0, aside = false, due = now() WHERE user_id = $1 AND (aside OR due > now()) RETURNING 1)
    SELECT count(*) FROM again";
/// User → how many there are of theirs, whether they wait or not.
pub(super) const OF: &str = "SELECT count(*) FROM rpm.inbox WHERE user_id = $1";
/// After which user and item, how many → user, item, why, tries of those that were set aside.
pub(super) const ASIDE: &str = "SELECT user_id, item_id, why, tries FROM rpm.inbox
    WHERE aside AND (user_id, item_id) > ($1, $2) ORDER BY user_id, item_id LIMIT $3";
/// → users who wait, interactions that wait, seconds since the oldest was put, interactions that were set aside.
pub(super) const DEPTH: &str = "SELECT count(DISTINCT user_id) FILTER (WHERE NOT aside), count(*) FILTER (WHERE NOT aside),
      coalesce(extract(epoch FROM now() - min(put_at) FILTER (WHERE NOT aside)), 0)::float8, count(*) FILTER (WHERE aside)
    FROM rpm.inbox";
/// After which user, how many → users of whom something is due.
pub(super) const WHO_WAITS: &str = "SELECT DISTINCT user_id FROM rpm.inbox
    WHERE user_id > $1 AND NOT aside AND due <= now() ORDER BY user_id LIMIT $2";

/// After which user, how many, seconds → users of whom something is due for longer than that.
pub(super) const OVERDUE: &str = "SELECT DISTINCT user_id FROM rpm.inbox
    WHERE user_id > $1 AND NOT aside AND due <= now() - make_interval(secs => $3) ORDER BY user_id LIMIT $2";
/// Users → those of whom nothing is there.
pub(super) const NOTHING_OF: &str = "SELECT who FROM unnest($1::text[]) AS who
    WHERE NOT EXISTS (SELECT FROM rpm.inbox WHERE user_id = who)";

/// User, ids of items to be forgotten, nothing for all that waits and all replies → ids that waited, how many replies went.
pub(super) const FORGET: &str = concat!(
    "WITH tomb AS (
       INSERT INTO rpm.forgotten (user_id, item)
       SELECT $1, rpm.digest($1, id) FROM unnest($2::text[]) AS id ON CONFLICT DO NOTHING),
     events AS (
       DELETE FROM rpm.inbox WHERE user_id = $1 AND ($2 IS NULL OR item_id = ANY($2))
       RETURNING item_id, tableoid::regclass::text AS part),
     paid AS (
       DELETE FROM rpm.replies WHERE user_id = $1 AND ($2 IS NULL OR about && $2)
       RETURNING tableoid::regclass::text AS part),
     gone AS (SELECT min(part) AS part FROM (SELECT part FROM events UNION SELECT part FROM paid) AS each_table),
     marked AS (",
    marked!("gone", "part IS NOT NULL"),
    ") SELECT ARRAY(SELECT item_id FROM events ORDER BY item_id), (SELECT count(*) FROM paid)"
);

/// User, ids of items that stay: the replies about them → how many went.
pub(super) const FORGET_REPLIES: &str = concat!(
    "WITH paid AS (
       DELETE FROM rpm.replies WHERE user_id = $1 AND about && $2 RETURNING tableoid::regclass::text AS part),
     gone AS (SELECT min(part) AS part FROM paid),
     marked AS (",
    marked!("gone", "part IS NOT NULL"),
    ") SELECT count(*) FROM paid"
);

/// User, request → reply.
pub(super) const REPLY: &str = "SELECT reply FROM rpm.replies WHERE user_id = $1 AND key = $2";
/// User, request, items it is about, reply; not kept where one of the items was forgotten.
pub(super) const KEEP_REPLY: &str = "INSERT INTO rpm.replies (user_id, key, about, reply)
    SELECT $1, $2, $3, $4 WHERE NOT EXISTS (
      SELECT FROM rpm.forgotten, unnest($3::text[]) AS id WHERE user_id = $1 AND item = rpm.digest($1, id))
    ON CONFLICT (user_id, key) DO NOTHING";

/// Kind, after which user, how many → user, part.
pub(super) const PARTS: &str =
    "SELECT user_id, part FROM rpm.parts WHERE kind = $1 AND user_id > $2 ORDER BY user_id LIMIT $3";

/// → counts: models, reservations, interactions, replies, bytes; parts without a model, parts of another model, what is left of users of
/// whom nothing else is held, parts of the tables to be written anew.
pub(super) const EXAMINE: &str = "SELECT
    (SELECT count(*) FROM rpm.users WHERE model IS NOT NULL),
    (SELECT count(*) FROM rpm.users WHERE model IS NULL),
    (SELECT count(*) FROM rpm.inbox),
    (SELECT count(*) FROM rpm.replies),
    (SELECT sum(pg_total_relation_size(pg_class.oid))::bigint FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE nspname || '.' = 'rpm.' AND relkind = 'r'),
    (SELECT count(*) FROM rpm.parts WHERE NOT EXISTS (
       SELECT FROM rpm.users WHERE users.user_id = parts.user_id AND model IS NOT NULL)),
    (SELECT count(*) FROM rpm.parts JOIN rpm.users USING (user_id) WHERE model IS NOT NULL AND parts.number <> users.number),
    (SELECT count(*) FROM rpm.replies WHERE NOT EXISTS (SELECT FROM rpm.users WHERE users.user_id = replies.user_id)),
    (SELECT count(*) FROM rpm.to_erase WHERE last > erased)";

/// Allowance, the most of a call in millionths, the most calls, the most money → day, with the call entered; nothing where it would exceed one.
pub(super) const SPEND: &str = "INSERT INTO rpm.spent AS today (name, day, calls, money)
    SELECT $1, (now() AT TIME ZONE 'UTC')::date, 1, $2 WHERE coalesce($3 >= 1, true) AND coalesce($4 >= $2, true)
    ON CONFLICT (name, day) DO UPDATE SET calls = today.calls + 1, money = today.money + excluded.money
    WHERE coalesce($3 > today.calls, true) AND coalesce($4 - today.money >= $2, true) RETURNING day::text";
/// Allowance, what a call took more than was entered for it, on which day.
pub(super) const SETTLE: &str = "UPDATE rpm.spent SET money = money + $2 WHERE name = $1 AND day = $3::date";
/// Allowance → calls, money of today.
pub(super) const SPENT: &str =
    "SELECT calls, money FROM rpm.spent WHERE name = $1 AND day = (now() AT TIME ZONE 'UTC')::date";
/// Allowance, seconds between two calls, the longest wait → seconds until the place that is booked; nothing where that is too long.
pub(super) const BOOK: &str = "INSERT INTO rpm.booked AS held (name, next)
    VALUES ($1, clock_timestamp() + make_interval(secs => $2))
    ON CONFLICT (name) DO UPDATE SET next = greatest(held.next, clock_timestamp()) + make_interval(secs => $2)
    WHERE coalesce(extract(epoch FROM held.next - clock_timestamp()) <= $3, true)
    RETURNING greatest(extract(epoch FROM next - clock_timestamp()) - $2, 0)::float8";

/// → the parts that are to be written anew, with the number of deletions up to the last.
pub(super) const MARKED: &str = "SELECT part, last FROM rpm.to_erase WHERE last > erased ORDER BY part";
/// Parts, numbers of deletions → those of the parts where not all of these were erased.
pub(super) const LEFT: &str =
    "SELECT part FROM rpm.to_erase JOIN unnest($1::int[], $2::bigint[]) AS mine (part, upto) USING (part)
    WHERE erased < upto ORDER BY part";
/// Part → the number of deletions up to the last, the newest transaction of one.
pub(super) const MARK: &str = "SELECT last, xid::text FROM rpm.to_erase WHERE part = $1";
/// Part, the number of deletions that were erased.
pub(super) const UNMARK: &str = "UPDATE rpm.to_erase SET erased = greatest(erased, $2) WHERE part = $1";
/// User: nobody forgets until the transaction is over.
pub(super) const NOBODY_FORGETS: &str =
    "SELECT pg_advisory_xact_lock_shared(hashtextextended('rpm-stores rpm.' || $1, 0))";
/// User: nobody puts or keeps anything until the transaction is over.
pub(super) const NOBODY_PUTS: &str = "SELECT pg_advisory_xact_lock(hashtextextended('rpm-stores rpm.' || $1, 0))";
/// → whether this session has the lock of erasing, until its transaction is over.
pub(super) const LOCK_ERASING: &str = "SELECT pg_try_advisory_xact_lock(hashtextextended('rpm-stores rpm.erase', 0))";

/// What was counted of users is void, also where nothing was yet, since whoever begins may read what goes: whoever counts finds another number, and begins again. To be in a transaction that deletes or forgets,
/// after what marks the user's part.
pub(super) const VOID: &str = concat!(
    "WITH ended AS (
       UPDATE rpm.counting SET number = nextval('rpm.versions'), held = stage <> 'idle', stage = 'idle', last = NULL, sums = NULL
       RETURNING '32' AS part, held)",
    marked!("ended", "held")
);
/// → number, stage, the last user that was counted, sums.
pub(super) const COUNTING: &str = "SELECT number, stage, last, sums FROM rpm.counting";
/// The number that must be held, stage, the last user that was counted, sums → the next number; nothing where another is held.
pub(super) const KEEP_COUNTING: &str = "UPDATE rpm.counting SET
      number = nextval('rpm.versions'), stage = $2, last = $3, sums = $4, kept_at = now()
    WHERE number = $1 RETURNING number";
/// The number that must be held, why there is no population, users, digest, the population or nothing → how many numbers were held: 1 or 0.
pub(super) const END_COUNTING: &str = concat!(
    "WITH ended AS (
       UPDATE rpm.counting SET number = nextval('rpm.versions'), held = stage <> 'idle', stage = 'idle', last = NULL, sums = NULL,
         ended_at = now(), refused = $2
       WHERE number = $1 RETURNING '32' AS part, held),
     made AS (
       INSERT INTO rpm.population AS before (version, made_at, users, digest, population)
       SELECT 1, now(), $3, $4, $5 FROM ended WHERE $5 IS NOT NULL
       ON CONFLICT (one) DO UPDATE SET version = before.version + 1, made_at = excluded.made_at, users = excluded.users,
         digest = excluded.digest, population = excluded.population),
     marked AS (",
    marked!("ended", "held"),
    ") SELECT count(*) FROM ended"
);
/// → version of the population.
pub(super) const POPULATION_VERSION: &str = "SELECT version FROM rpm.population";
/// → version of the population, its file.
pub(super) const POPULATION: &str = "SELECT version, population FROM rpm.population";
/// → version of the population, users, digest, seconds since it was made; stage and seconds since it was kept, of a counting under way;
/// seconds since the last one ended, why it made none.
pub(super) const POPULATION_TOLD: &str = "SELECT version, users, digest, extract(epoch FROM now() - made_at)::float8,
      nullif(stage, 'idle'), extract(epoch FROM now() - kept_at)::float8, extract(epoch FROM now() - ended_at)::float8, refused
    FROM rpm.counting LEFT JOIN rpm.population USING (one)";
