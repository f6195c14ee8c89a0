//! `rpm-eval try`: a table of one's own, one comparison and one sentence.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod made;
mod messages;
mod rows;
mod verdicts;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use made::{file, film, films, has, liked, ran, refused, said, stars, tried};
use rpm_eval::try_out::{Finding, ResponseKind, TriedOut, TryOptions};

#[test]
fn a_clean_table_gets_a_sentence_figures_and_people() {
    let path = file("clean", films(8, 20, stars, |n| (1_700_000_000 + n * 60).to_string()));
    let text = said(&path, &[]);
    assert!(text.starts_with("On 32 held-out answers of 8 users, rpm-core was wrong by"), "{text}");
    has(
        &text,
        &[
            "points less than the",
            "95 % interval",
            "it helps.",
            "a rating scale from 1 to 5",
            "\"user_id\" for --user, \"review\" for --query, \"rating\" for --response, \"date\" for --time",
            "seconds since 1970",
            "The last fifth of each user's queries are asked",
            "not used nothing: all rows are used",
            "One for whom it was better",
            "From this person's profile:",
            "because",
        ],
    );
}

#[test]
fn dates_are_read_and_the_latest_are_asked_whatever_the_order_of_rows() {
    let text = films(6, 10, stars, |n| format!("{:02}/03/2024 10:00", 28 - n));
    let path = file("dates", text);
    let out = path.parent().unwrap().join("out");
    has(&said(&path, &["--tests", "2", "--out", out.to_str().unwrap()]), &["read as dates with the day first"]);
    let users = fs::read_to_string(out.join("data/users.jsonl")).unwrap();
    assert_eq!(users.lines().count(), 6);
    for user in users.lines() {
        let user: serde_json::Value = serde_json::from_str(user).unwrap();
        let times = |part: &str| -> Vec<i64> {
            user[part].as_array().unwrap().iter().map(|it| it["timestamp"].as_i64().unwrap()).collect()
        };
        let (history, test) = (times("history"), times("test"));
        assert_eq!((history.len(), test.len()), (8, 2));
        assert!(history.iter().max() < test.iter().min());
        assert!(history.is_sorted() && test.is_sorted());
    }
}

#[test]
fn rows_with_missing_values_are_counted_with_their_first_row_and_what_to_do() {
    let mut text = films(6, 10, stars, |_| String::new());
    text.push_str("viewer0,,5,\n,\"A new film\",5,\nviewer1,\"Another film\",,\nviewer1,\"One more film\",,\n");
    text.push_str("viewer2,\"A film; with too few cells\"\n");
    let _ = writeln!(text, "viewer0,\"{}\",5,", film(0));
    text.push_str("newcomer,\"A film\",3,\n");
    let told = said(&file("missing", text), &[]);
    has(
        &told,
        &[
            "not used 6 of 67 rows",
            "2 rows in which column \"rating\" is blank (the first: row 64): fill the cell in",
            "1 row in which column \"review\" is blank (the first: row 62)",
            "1 row in which column \"user_id\" is blank (the first: row 63)",
            "1 row that has more or fewer cells than the header (the first: row 66): put cells",
            "1 row that repeats a query that the same user had before (the first: row 67)",
            "1 user is set aside, with fewer than 5 different queries (their first rows: 68)",
            "column \"date\" is not used: all its cells are blank: write unix times",
            "drawn by seed 0",
        ],
    );
}

#[test]
fn of_one_user_nothing_is_said_over_users() {
    let path = file("one", films(1, 20, stars, |n| n.to_string()));
    let text = said(&path, &[]);
    has(&text, &["The data are of one user, and nothing can be said over users", "describes this user only"]);
    assert_eq!(tried(&path, &TryOptions::default()).verdict.finding, Finding::OneUser);
    assert!(!text.contains("more users"), "{text}");
}

#[test]
fn semicolons_a_mark_of_the_bytes_and_quoted_line_ends_are_read() {
    let comma = films(6, 10, stars, |n| n.to_string());
    let cells = |line: &str| {
        let (user, rest) = line.split_once(',').unwrap();
        let (rest, time) = rest.rsplit_once(',').unwrap();
        let (query, rating) = rest.rsplit_once(',').unwrap();
        format!("{user};{};{rating};{time}\r\n", query.replace(" and the ", " and\r\nthe "))
    };
    let text: String = comma.lines().map(cells).collect();
    let text = said(&file("semicolons", format!("\u{feff}{text}")), &[]);
    has(&text, &["cells parted by semicolons, 60 rows", "not used nothing", "On 12 held-out answers of 6 users"]);
}

#[test]
fn json_lines_say_the_same_as_the_table() {
    let csv = films(6, 10, stars, |n| n.to_string());
    let line = |line: &str| {
        let (user, rest) = line.split_once(',').unwrap();
        let (rest, time) = rest.rsplit_once(',').unwrap();
        let (query, rating) = rest.rsplit_once(',').unwrap();
        let (rating, time): (i64, i64) = (rating.parse().unwrap(), time.parse().unwrap());
        let query = query.trim_matches('"');
        serde_json::json!({"user_id": user, "review": query, "rating": rating, "date": time}).to_string() + "\n"
    };
    let jsonl: String = csv.lines().skip(1).map(line).collect();
    let options = TryOptions::default();
    let (one, other) = (tried(&file("table", csv), &options), tried(&file("lines", jsonl), &options));
    assert_eq!(one.verdict.sentence, other.verdict.sentence);
    assert_eq!(one.verdict.gain.to_bits(), other.verdict.gain.to_bits());
}

#[test]
fn where_every_row_fails_the_commonest_reason_is_the_error() {
    let mut text = "user_id,review,rating\n".to_owned();
    (0..9).for_each(|n| {
        let _ = writeln!(text, "viewer1,\"{}\",", film(n));
    });
    text.push_str("viewer2,,4\n");
    let error = refused(&file("failing", text), &[]);
    has(
        &error,
        &["none of the 10 rows can be used", "9 rows in which column \"rating\" is blank (the first: row 2): fill"],
    );
}

#[test]
fn dates_of_either_order_are_refused_until_the_order_is_given() {
    let path = file("ambiguous", films(6, 10, stars, |n| format!("{:02}/03/2024", n + 1)));
    let error = refused(&path, &[]);
    // 3 March is the same either way.
    has(&error, &["column \"date\": 54 dates, the first in row 2", "--dates day-first or --dates month-first"]);
    has(&said(&path, &["--dates", "month-first"]), &["dates with the month first"]);
}

#[test]
fn an_unknown_column_is_told_with_those_there_are_and_the_command() {
    let path = file("column", "who,what,mark\nviewer1,a quiet film,4\n");
    let error = refused(&path, &["--user", "who", "--query", "WHAT"]);
    has(&error, &["no column has an obvious name for --response", "The columns are: who, what, mark"]);
    has(&error, &["films.csv --user who --query what --response COLUMN"]);
    let error = refused(&path, &["--user", "who", "--query", "what", "--response", "marks"]);
    has(&error, &["--response: there is no column \"marks\"", "--user who --query what --response COLUMN"]);
    let error = refused(&path, &["--user", "who", "--query", "what", "--response", "what"]);
    has(&error, &["column \"what\" is named for --query and for --response, and can be one of them"]);
    has(&error, &["--user who --query what --response COLUMN"]);
}

#[test]
fn a_file_that_is_no_table_says_what_it_is() {
    let long = film(0).repeat(3).replace(',', "");
    for (name, bytes, told) in [
        ("no_header", format!("viewer1,{long},4\n").into_bytes(), "has no header: cell 2 of its first row has"),
        (
            "no_header_and_short",
            b"viewer1,quiet film,4\nviewer1,loud film,2\n".to_vec(),
            "cell 3 of its first row is a number",
        ),
        ("utf16", b"\xff\xfeu\0s\0".to_vec(), "is UTF-16: save it as UTF-8"),
        ("sheet", b"PK\x03\x04 and more".to_vec(), "is a spreadsheet"),
        ("empty", Vec::new(), "is empty: it takes a header, and a row for each response"),
        ("no_row", b"user,query,response\n".to_vec(), "has no row below its header: add a row for each response"),
        ("json", b" [{\"user\": \"a\"},\n{\"user\": \"b\"}]".to_vec(), "holds JSON: write one object a line"),
        ("an_object", b"{\"user\": \"a\"}\n".to_vec(), "a name that ends in .jsonl"),
        ("one_column", b"user\nviewer1\n".to_vec(), "has one column only"),
    ] {
        has(&refused(&file(name, bytes), &[]), &[told]);
    }
    has(&refused(Path::new("no/such/file.csv"), &[]), &["no/such/file.csv: cannot be read"]);
}

#[test]
fn half_points_are_a_scale_and_other_decimals_say_what_to_do() {
    let half = file("half", films(6, 10, |user, n| format!("{}.5", stars(user, n)), |n| n.to_string()));
    has(&said(&half, &[]), &["a rating scale in half points from 1.5 to 5.5", "wrong by, points", "responded 4.5"]);
    let decimals = file("decimals", films(6, 10, |user, n| format!("{}.37", stars(user, n)), |n| n.to_string()));
    has(&refused(&decimals, &[]), &["column \"rating\": 60 of 60 numbers are neither whole nor half", "round them"]);
}

#[test]
fn labels_and_free_text_are_told_apart_and_can_be_said() {
    let words = |user: usize, n: usize| if liked(user, n) { "yes" } else { "no" }.to_owned();
    let labels = file("labels", films(6, 20, words, |n| n.to_string()));
    has(&said(&labels, &[]), &["one of 2 labels (no, yes)", "On 24 held-out answers of 6 users", "right"]);
    let text = file(
        "text",
        films(6, 10, |user, n| format!("What viewer {user} calls {}", film(n).replace(',', "")), |n| n.to_string()),
    );
    has(&said(&text, &[]), &["free text", "of 100 words"]);
    let mut options = TryOptions::default();
    options.kind = Some(ResponseKind::Text);
    options.question = Some("What would this viewer say of it?".to_owned());
    let tried = tried(&labels, &options);
    assert_eq!(tried.kind, ResponseKind::Text);
    has(&tried.to_text(), &["What would this viewer say of it?"]);
}

#[test]
fn which_methods_are_compared_does_not_depend_on_what_is_held_out() {
    let at = |n: usize| n.to_string();
    let turned = |user, n| if n < 16 { stars(user, n) } else { stars(user + 1, n) };
    let (one, other) = (file("as_is", films(8, 20, stars, at)), file("turned", films(8, 20, turned, at)));
    let options = TryOptions::default();
    let (one, other) = (tried(&one, &options), tried(&other, &options));
    let chosen = |tried: &TriedOut| -> Vec<String> { tried.methods.iter().map(|it| it.method.clone()).collect() };
    assert_eq!(chosen(&one), chosen(&other));
    let on_histories = |tried: &TriedOut| serde_json::to_string(&tried.candidates).unwrap();
    assert_eq!(on_histories(&one), on_histories(&other));
    assert!(one.verdict.gain > 0.0 && other.verdict.gain < 0.0);
    assert_eq!((one.verdict.finding, other.verdict.finding), (Finding::Helps, Finding::Worse));
}

#[test]
fn with_enough_users_others_teach_and_the_harness_finds_the_same_difference() {
    let path = file("others", films(13, 10, stars, |n| n.to_string()));
    let out = path.parent().unwrap().join("out");
    has(&said(&path, &["--out", out.to_str().unwrap()]), &["rpm-core, with what other users teach"]);
    let verdict: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(out.join("verdict.json")).unwrap()).unwrap();
    let (ours, base) = (verdict["ours"].as_str().unwrap(), verdict["baseline"].as_str().unwrap());
    let data = out.join("data");
    let run = Command::new(env!("CARGO_BIN_EXE_rpm-eval"))
        .args(["run", "--data", data.to_str().unwrap(), "--methods", &format!("{base},{ours}"), "--base", base])
        .args(["--report", out.join("run").to_str().unwrap()])
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let report: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(out.join("run/report.json")).unwrap()).unwrap();
    let mae = report["sets"][0]["comparisons"].as_array().unwrap().iter().find(|it| it["metric"] == "MAE").unwrap();
    let gain = verdict["verdict"]["gain"].as_f64().unwrap();
    assert!((gain + mae["difference"]["value"].as_f64().unwrap()).abs() < 1e-12);
    assert!(!fs::read_to_string(out.join("verdict.json")).unwrap().contains("film"));
}

#[test]
fn the_same_table_and_seed_give_the_same_to_the_byte() {
    let path = file("twice", films(7, 12, stars, |_| String::new()));
    let outs = ["one", "other"].map(|name| path.parent().unwrap().join(name));
    let pages = outs.each_ref().map(|out| ran(&path, &["--seed", "3", "--out", out.to_str().unwrap()]).stdout);
    assert_eq!(pages[0], pages[1]);
    for name in ["verdict.json", "report.md", "report.html", "report.json", "data/users.jsonl", "data/task.json"] {
        let [one, other] = outs.each_ref().map(|out| fs::read(out.join(name)).unwrap());
        assert!(!one.is_empty() && one == other, "{name}");
    }
    assert_ne!(pages[0], ran(&path, &["--seed", "4"]).stdout);
}

#[test]
fn a_table_of_many_users_is_drawn_from_and_too_few_rows_are_refused() {
    let path = file("many", films(9, 6, stars, |n| n.to_string()));
    has(&said(&path, &["--users", "7"]), &["Of 9 users, 7 drawn by seed 0 are looked at", "of 7 users"]);
    let error = refused(&path, &["--tests", "5"]);
    has(
        &error,
        &["none of the 9 users has 8 different queries or more", "the most that one has is 6", "lower --tests"],
    );
}
