//! Rows that would be read wrongly: slips among points, times that are none, empty lines and quotes.

use rpm_eval::try_out::Finding;

use super::made::{file, films, has, refused, said, stars};
use super::{TryOptions, tried};

/// A table of 6 users with 10 films each, in which these rows have another response.
fn with_slips(name: &str, slips: &[(usize, &str)]) -> std::path::PathBuf {
    let mut lines: Vec<String> = films(6, 10, stars, |n| n.to_string()).lines().map(str::to_owned).collect();
    for (row, response) in slips {
        let cells: Vec<&str> = lines[row - 1].rsplitn(3, ',').collect();
        lines[row - 1] = format!("{},{response},{}", cells[2], cells[0]);
    }
    file(name, lines.join("\n") + "\n")
}

#[test]
fn a_few_words_among_points_are_rows_that_are_not_used() {
    let path = with_slips("few_words", &[(5, "good"), (9, "n/a")]);
    let text = said(&path, &[]);
    has(&text, &["a rating scale from 1 to 5", "2 rows in which column \"rating\" is not one of the scale's points"]);
    has(&text, &["(the first: row 5): write a number, leave the row out, or pass --kind labels"]);
}

#[test]
fn many_words_among_points_make_no_labels_of_a_scale() {
    let path =
        with_slips("many_words", &[(5, "good"), (9, "n/a"), (11, "bad"), (20, "4 stars"), (33, "good"), (40, "x")]);
    let told = "column \"rating\": 6 of 60 cells, the first in row 5, are no numbers; correct them, or pass --kind scale to leave \
                them out, or --kind labels";
    has(&refused(&path, &[]), &[told]);
    let text = said(&path, &["--kind", "scale"]);
    has(&text, &["a rating scale from 1 to 5", "not used 6 of 60 rows"]);
    // Beside the verdict, and not only below.
    let first = text.split("The data").next().unwrap();
    has(first, &["6 of 60 rows (10 %) are not used; the commonest reason: 6 rows in which column \"rating\""]);
}

#[test]
fn a_slip_of_the_hand_does_not_stretch_the_scale() {
    let path = with_slips("slip", &[(13, "55")]);
    let told = "column \"rating\": 1 of 60 numbers, in row 13, is far off the others, which go from 1 to 5";
    for kind in [&[] as &[&str], &["--kind", "scale"]] {
        has(&refused(&path, kind), &[told, "--scale 1..5"]);
    }
    let text = said(&path, &["--scale", "1..5"]);
    has(&text, &["a rating scale from 1 to 5, as --scale says", "not used 1 of 60 rows", "(the first: row 13)"]);
    has(&refused(&path, &["--scale", "1..5", "--kind", "labels"]), &["--scale is for --kind scale"]);
    has(&refused(&path, &["--scale", "80..90"]), &["none of the responses is on the scale"]);
}

#[test]
fn a_time_that_was_named_and_cannot_be_read_is_an_error_with_its_row() {
    let days = file("days", films(6, 10, stars, |n| format!("{:02}/03/2024", 13 + n)));
    let named = ["--time", "date", "--dates", "month-first"];
    has(&refused(&days, &named), &["column \"date\": row 2: month 13 does not exist: pass --dates day-first"]);
    // Where the column was not named it is said, with the row.
    let told = "column \"date\" is not used: row 2: month 13 does not exist: pass --dates day-first. Which queries are asked is \
                drawn by the seed";
    has(&said(&days, &["--dates", "month-first"]), &[told]);
    let mixed = |n: usize| if n < 5 { format!("2024-03-{:02}", n + 1) } else { format!("{:02}.03.2024", n + 1) };
    let mixed = file("mixed", films(6, 10, stars, mixed));
    has(
        &refused(&mixed, &["--time", "date"]),
        &["rows 2 and 7 disagree: the first has a date with the year first, the second a date with the year last"],
    );
}

#[test]
fn a_time_that_is_missing_is_blank() {
    let path = file("no_time", films(6, 20, stars, |n| if n == 3 { String::new() } else { n.to_string() }));
    has(&said(&path, &[]), &["6 rows in which column \"date\" is blank (the first: row 5): fill the cell in"]);
}

#[test]
fn rows_are_numbered_as_a_spreadsheet_does() {
    let text = films(6, 10, stars, |n| n.to_string());
    let lines: Vec<&str> = text.lines().collect();
    let mut text = lines[..3].join("\n") + "\n\n\n" + &lines[3..].join("\n") + "\n\n";
    text = text.replace("harbour and", "harbour\nand");
    text.push_str("viewer1,\"A film\",,5\n");
    let text = said(&file("gaps", text), &[]);
    // 61 lines, three empty ones before it.
    has(
        &text,
        &["column \"rating\" is blank (the first: row 65)", "counted as a spreadsheet does", "an empty line is a row"],
    );
}

#[test]
fn a_double_quote_that_is_not_closed_is_named_with_its_row() {
    let text = films(6, 10, stars, |n| n.to_string());
    let open = text.replacen("part 0\"", "part 0", 1);
    has(&refused(&file("open_quote", open), &[]), &["row 2: a double quote opens here and is not closed"]);
    let last = text.trim_end().to_owned() + "\nviewer1,\"A film,5,3\n";
    has(&refused(&file("open_at_the_end", last), &[]), &["row 62: a double quote opens here and is not closed"]);
}

#[test]
fn half_points_are_told_in_points() {
    let whole = file("whole", films(8, 20, stars, |n| n.to_string()));
    let halves = |user, n| (stars(user, n).parse::<f64>().unwrap() / 2.0).to_string();
    let half = file("halves", films(8, 20, halves, |n| n.to_string()));
    let (whole, half) = (tried(&whole, &TryOptions::default()), tried(&half, &TryOptions::default()));
    assert_eq!((whole.verdict.finding, half.verdict.finding), (Finding::Helps, Finding::Helps));
    assert_eq!(whole.verdict.gain.to_bits(), half.verdict.gain.to_bits());
    has(&half.verdict.sentence, &[&format!("was wrong by {:.2} points less", half.verdict.gain / 2.0)]);
    has(&half.to_text(), &["a rating scale in half points from 0.5 to 2.5"]);
}
