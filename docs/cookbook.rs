use rpm_core::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task};

/// How would this person rate the film, from 1 to 5?
fn films() -> Result<Task, rpm_core::DataError> {
    Task::new("How would this person rate the film described?", ResponseSpace::scale(1, 5)?)
}

/// What somebody rated until now.
fn history(task: &Task, user: &str) -> Result<History, rpm_core::DataError> {
    let rated = [
        ("a", "A quiet drama in natural light.", "5"),
        ("b", "Loud action and huge explosions.", "1"),
        ("c", "A quiet walk along a river.", "5"),
        ("d", "A heist with loud action and explosions.", "2"),
        ("e", "Two old friends and a quiet summer.", "4"),
        ("f", "Loud action in space, with explosions.", "1"),
    ];
    let past = rated.map(|(id, film, rating)| Interaction::new(id, Query::new(film)?, rating));
    History::new(task, user, past.into_iter().collect::<Result<Vec<_>, _>>()?)
}
