//! All readers on spoiled files.

use super::*;
use proptest::prelude::*;

/// A fixture with some of its bytes replaced, cut out or put in.
fn spoiled(path: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let bytes = fs::read(fixture(path)).unwrap();
    let change = (any::<prop::sample::Index>(), 0_usize..4, prop::collection::vec(any::<u8>(), 0..4));
    prop::collection::vec(change, 0..6).prop_map(move |changes| {
        let mut bytes = bytes.clone();
        for (at, removed, added) in changes {
            let start = at.index(bytes.len() + 1);
            let end = (start + removed).min(bytes.len());
            bytes.splice(start..end, added);
        }
        bytes
    })
}

fn bytes(path: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    prop_oneof![3 => spoiled(path), 1 => prop::collection::vec(any::<u8>(), 0..300)]
}

fn read_of(files: &[(&str, &[u8])], format: Format) {
    let folder = Folder::of(files);
    let path = if format == Format::Opinions { folder.0.join(files[0].0) } else { folder.0.clone() };
    let options = ReadOptions { least_questions: 2, max_row_bytes: 4_000, ..ReadOptions::default() };
    // Whatever could be read is sound; what could not is an error.
    if let Ok(set) = read(&path, Some(format), &options) {
        assert_sound(&set);
        assert!(!set.users.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_users_file_makes_the_reader_panic(users in bytes("rating/users.jsonl"), labels in bytes("rating/labels.json")) {
        read_of(&[("users.jsonl", &users), ("labels.json", &labels)], Format::Jsonl);
        read_of(&[("users.jsonl", &users), ("labels.json", b"[1, 5]")], Format::Jsonl);
    }

    #[test]
    fn no_users_file_with_options_makes_the_reader_panic(users in bytes("opinion/users.jsonl")) {
        read_of(&[("users.jsonl", &users)], Format::Jsonl);
    }

    #[test]
    fn no_task_file_makes_the_reader_panic(task in bytes("given_task/task.json")) {
        let users = fs::read(fixture("given_task/users.jsonl")).unwrap();
        read_of(&[("users.jsonl", &users), ("task.json", &task)], Format::Jsonl);
    }

    #[test]
    fn no_questions_or_outputs_make_the_reader_panic(
        questions in bytes("LaMP_2/dev_questions.json"),
        outputs in bytes("LaMP_2/dev_outputs.json"),
    ) {
        let sound = fs::read(fixture("LaMP_2/dev_outputs.json")).unwrap();
        read_of(&[("dev_questions.json", &questions), ("dev_outputs.json", &sound)], Format::Lamp);
        read_of(&[("dev_questions.json", &questions), ("dev_outputs.json", &outputs)], Format::Lamp);
    }

    #[test]
    fn no_table_makes_the_reader_panic(table in bytes("goqa/global_opinions.csv")) {
        read_of(&[("x.csv", &table)], Format::Opinions);
    }

    #[test]
    fn no_long_texts_make_the_reader_panic(rows in bytes("longlamp/val.jsonl")) {
        read_of(&[("val.jsonl", &rows)], Format::LongLamp);
    }
}
