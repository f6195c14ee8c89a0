//! The task's wording, where a file gives none.

use rpm_core::data::{DataError, ResponseSpace, Task};

/// The longest title in characters.
const TITLE: usize = 300;
/// The longest headline or title of LaMP in characters; published ones run longer than most.
const PUBLISHED_TITLE: usize = 500;

fn task(instruction: &str, query: &str, response: &str, space: ResponseSpace) -> Result<Task, DataError> {
    Task::new(instruction, space)?.query_name(query)?.response_name(response)
}

pub(super) fn rating(space: ResponseSpace) -> Result<Task, DataError> {
    let instruction = "Which rating does this user give along with this review? The text is all or part of the \
        review; the lowest point of the scale is the worst.";
    task(instruction, "review", "rating", space)
}

pub(super) fn votes(space: ResponseSpace) -> Result<Task, DataError> {
    let instruction = "A member state votes on resolutions of the General Assembly of the United Nations. How \
        does it vote on the resolution with this title or text?";
    task(instruction, "resolution", "vote", space)
}

pub(super) fn opinion() -> Result<Task, DataError> {
    let instruction = "A group of people is asked a survey question. Which of the options do most of them choose?";
    task(instruction, "question", "answer", ResponseSpace::choices())
}

pub(super) fn title() -> Result<Task, DataError> {
    paper_title(TITLE)
}

pub(super) fn tagging(space: ResponseSpace) -> Result<Task, DataError> {
    task("Which tag does this user give to the item with this description?", "description", "tag", space)
}

/// LaMP-2.
pub(super) fn movie_tag(labels: Vec<String>) -> Result<Task, DataError> {
    let instruction = "Which tag does this user give to the movie with this description?";
    task(instruction, "description", "tag", ResponseSpace::labels(labels)?)
}

/// LaMP-3.
pub(super) fn score() -> Result<Task, DataError> {
    let instruction = "Which score, from 1 to 5, does this user give along with this review?";
    task(instruction, "review", "score", ResponseSpace::scale(1, 5)?)
}

/// LaMP-4.
pub(super) fn headline() -> Result<Task, DataError> {
    let instruction = "Which headline does this author give to this article?";
    task(instruction, "article", "headline", ResponseSpace::text(PUBLISHED_TITLE)?)
}

/// LaMP-5.
pub(super) fn published_title() -> Result<Task, DataError> {
    paper_title(PUBLISHED_TITLE)
}

fn paper_title(most: usize) -> Result<Task, DataError> {
    let instruction = "Which title does this author give to the paper with this abstract?";
    task(instruction, "abstract", "title", ResponseSpace::text(most)?)
}
