//! `rpm_learn`, `rpm_try_learn` and `rpm_why_not`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::prelude::SessionContext;
use proptest::prelude::*;
use rpm_core::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task};

use crate::made::{file, interactions, models, name, rows, texts};
use crate::{session, wrong};

const LEARN: &str =
    "SELECT rpm_learn(user, id, query, response, time) AS model FROM ratings GROUP BY user ORDER BY user";

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

fn ratings(users: usize) -> Vec<(String, Interaction)> {
    (0..users).flat_map(|user| interactions(user).into_iter().map(move |one| (name(user), one))).collect()
}

/// A table with the rows of these columns, all texts, and NULL for `-`.
fn table(of: &[[&str; 4]]) -> SessionContext {
    let column = |place: usize| -> ArrayRef {
        Arc::new(of.iter().map(|row| (row[place] != "-").then_some(row[place])).collect::<StringArray>())
    };
    let columns = [("user", column(0)), ("id", column(1)), ("query", column(2)), ("response", column(3))];
    session(2, "ratings", vec![vec![RecordBatch::try_from_iter(columns).unwrap()]])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_model_is_the_librarys_in_any_order_of_rows_and_any_split(
        all in Just(ratings(9)).prop_shuffle(),
        partitions in 1_usize..5,
        threads in 1_usize..4,
    ) {
        let size = all.len().div_ceil(partitions);
        let split = all.chunks(size).map(|part| part.chunks(7).map(rows).collect()).collect();
        let learned = runtime().block_on(async {
            texts(session(threads, "ratings", split).sql(LEARN).await.unwrap()).await
        });
        let by_library: Vec<Option<String>> = models(9).iter().map(|model| Some(file(model))).collect();
        prop_assert_eq!(learned, by_library);
    }
}

#[tokio::test]
async fn options_and_times_are_the_sixth_and_fifth_column() {
    let task = Task::new("What does this person say?", ResponseSpace::Choices).unwrap();
    let context = SessionContext::new();
    context.register_udaf(rpm_datafusion::learn(&task));
    let statement = "SELECT rpm_learn(user, id, query, response, at, options) FROM (VALUES
        ('ana', 'a', 'Is a lie ever right?', 'yes', TIMESTAMP '1970-01-01T00:00:20', ['yes', 'no']),
        ('ana', 'b', 'Is war ever right?', 'no', NULL, ['yes', 'no', 'seldom'])) AS said (user, id, query, response, at, options)";
    let learned = texts(context.sql(statement).await.unwrap()).await;
    let of = |text: &str, options: &[&str]| Query::with_options(text, options.iter().copied()).unwrap();
    let history = History::new(
        &task,
        "ana",
        [
            Interaction::new("a", of("Is a lie ever right?", &["yes", "no"]), "yes").unwrap().at(20),
            Interaction::new("b", of("Is war ever right?", &["yes", "no", "seldom"]), "no").unwrap(),
        ],
    );
    let model = RpmPipeline::offline(task).learn(&history.unwrap()).await.unwrap().model;
    assert_eq!(learned, [Some(file(&model))]);
}

#[tokio::test]
async fn users_who_cannot_be_learned_are_told_one_by_one_and_hold_nobody_up() {
    let context = table(&[
        ["ana", "1", "A quiet drama.", "5"],
        ["ben", "1", "A secret word.", "nine"],
        ["caro", "1", "A quiet drama.", "4"],
        ["caro", "1", "A loud chase.", "2"],
        ["dan", "1", "-", "4"],
        ["eve", "", "A quiet drama.", "4"],
        ["finn", "1", " ", "4"],
        ["-", "1", "Nobody's.", "4"],
    ]);
    let of = |function: &str| {
        format!("SELECT {function}(user, id, query, response) FROM ratings GROUP BY user ORDER BY user")
    };
    let models = texts(context.sql(&of("rpm_try_learn")).await.unwrap()).await;
    assert_eq!(
        models.iter().map(Option::is_some).collect::<Vec<_>>(),
        [true, false, false, false, false, false, false]
    );
    let why = texts(context.sql(&of("rpm_why_not")).await.unwrap()).await;
    let expected = [
        (1, "the user ben cannot be learned: 1: the response is not a whole number from 1 to 5"),
        (2, "the user caro cannot be learned: "),
        (3, "an interaction of the user dan has no query"),
        (4, "the column id has a text of 0 bytes that is no id"),
        (5, "the interaction 1 of the user finn cannot be used: "),
    ];
    assert_eq!((&why[0], &why[6]), (&None, &None));
    for (row, begins) in expected {
        let said = why[row].as_ref().unwrap();
        assert!(said.starts_with(begins), "{said}");
        assert!(!said.contains("secret") && !said.contains("nine"), "no text of a user: {said}");
    }
    let said = wrong(&context, &of("rpm_learn")).await;
    assert!(said.starts_with("BulkError(") && !said.contains("secret"), "{said}");
}

#[tokio::test]
async fn a_group_of_several_users_is_refused() {
    let context = table(&[["ana", "1", "A quiet drama.", "5"], ["ben", "1", "A quiet drama.", "4"]]);
    let said = wrong(&context, "SELECT rpm_learn(user, id, query, response) FROM ratings").await;
    assert_eq!(
        said,
        "BulkError(interactions of several users are in one group, of ana among others: add GROUP BY of the user's column)"
    );
    let why = texts(context.sql("SELECT rpm_why_not(user, id, query, response) FROM ratings").await.unwrap()).await;
    assert!(why[0].as_ref().unwrap().contains("of ana among others"));
}

#[tokio::test]
async fn no_rows_give_no_model() {
    let context = table(&[["ana", "1", "A quiet drama.", "5"]]);
    let none = "SELECT rpm_learn(user, id, query, response) FROM ratings WHERE user = 'zoe'";
    assert_eq!(texts(context.sql(none).await.unwrap()).await, [None]);
}

#[tokio::test]
async fn other_columns_than_it_is_of_are_refused_before_anything_runs() {
    let context = table(&[["ana", "1", "A quiet drama.", "5"]]);
    for arguments in [
        "user, id, query",
        "user, 1, query, response",
        "user, id, query, response, response",
        "user, id, query, response, 1.5",
        "user, id, query, response, 1, response",
        "user, id, query, response, 1, [1]",
        "user, id, query, response, 1, ['a'], 2",
    ] {
        let said = wrong(&context, &format!("SELECT rpm_learn({arguments}) FROM ratings")).await;
        assert!(said.contains("rpm_learn is of the texts user, id, query and response"), "{said}");
    }
    let said = wrong(&context, "SELECT rpm_learn(DISTINCT user, id, query, response) FROM ratings").await;
    assert!(said.contains("leave out DISTINCT"), "{said}");
}

#[tokio::test]
async fn dictionaries_and_other_lists_are_read_as_what_they_hold() {
    let context = session(2, "ratings", vec![vec![rows(&ratings(3))]]);
    let of = |text: &str| format!("arrow_cast({text}, 'Dictionary(Int32, Utf8)')");
    let statement = format!(
        "SELECT rpm_learn({}, {}, arrow_cast(query, 'LargeUtf8'), arrow_cast(response, 'BinaryView'), arrow_cast(time, 'UInt8'),
            arrow_cast(NULL, 'LargeList(Utf8)')) AS model FROM ratings GROUP BY user ORDER BY user",
        of("user"),
        of("id")
    );
    let by_library: Vec<Option<String>> = models(3).iter().map(|model| Some(file(model))).collect();
    assert_eq!(texts(context.sql(&statement).await.unwrap()).await, by_library);
}

#[tokio::test]
async fn columns_in_another_order_show_nothing_of_them() {
    let secret = "A secret word, and many more that make it too long for an id. ".repeat(9);
    let context = table(&[["ana", &secret, "1", "5"]]);
    let said = wrong(&context, "SELECT rpm_learn(user, id, query, response) FROM ratings GROUP BY user").await;
    assert!(
        said.contains("the column id has a text of 558 bytes that is no id: see that the columns are in the order"),
        "{said}"
    );
    // Nobody whose id is none is passed over, and the other errors do not show it either.
    let why = "SELECT rpm_why_not(id, user, NULLIF(query, '1'), response) FROM ratings GROUP BY id";
    let said = texts(context.sql(why).await.unwrap()).await;
    let told = "the column user has a text of 558 bytes that is no id: see that the columns are in the order user, id, query, response";
    assert_eq!(said, [Some(told.to_owned())]);
}
