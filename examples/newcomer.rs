//! A viewer who has rated two films, alone and beside a population of ninety others. Nothing is asked of a model.
//!
//! The viewers are invented: each has one of three tastes and has rated ten films.
#![allow(clippy::print_stdout, missing_docs, reason = "an example talks to its reader")]

use std::error::Error;

use rpm_core::stats::population::{Population, USERS_SHARED};
use rpm_core::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task, UserId};

/// Films with the ratings of three tastes: for what is quiet, for what is loud, and for what is made for children.
const FILMS: [(&str, [&str; 3]); 18] = [
    ("A beekeeper listens to the last summer of her valley.", ["5", "2", "3"]),
    ("Two sisters sort their mother's letters in a quiet house.", ["5", "1", "2"]),
    ("A lighthouse keeper and his radio, in long quiet takes.", ["5", "1", "2"]),
    ("An old pianist tunes one piano, slowly, in natural light.", ["4", "1", "2"]),
    ("A ferry crosses a fjord, slowly, and nobody is in a hurry.", ["5", "2", "3"]),
    ("A baker's year, told slowly, loaf by loaf.", ["4", "2", "4"]),
    ("A bomb squad races a clock through nine explosions.", ["1", "5", "1"]),
    ("Three drivers, one tunnel, a chase and a dozen explosions.", ["2", "5", "2"]),
    ("A train robbery with a helicopter chase over the desert.", ["2", "4", "2"]),
    ("Tanks, a bridge, a countdown: loud action until dawn.", ["1", "5", "1"]),
    ("A stunt driver takes revenge in one long car chase.", ["2", "5", "2"]),
    ("A retired spy, loud action on two rooftops, a good joke.", ["2", "4", "2"]),
    ("A hedgehog and a snail open a school in the forest.", ["3", "1", "5"]),
    ("A cartoon moon falls into a pond, and the animals sing.", ["3", "1", "5"]),
    ("A bear learns to skate; the whole forest helps.", ["3", "2", "5"]),
    ("Two kittens, a kite and a song for every cloud.", ["2", "1", "5"]),
    ("The animals of a small zoo put on a winter play.", ["3", "2", "5"]),
    ("A cartoon train that is afraid of tunnels sings its way through.", ["2", "2", "4"]),
];

const NEW_FILM: &str = "The animals of the forest build a cartoon owl a house.";

fn main() -> Result<(), Box<dyn Error>> {
    pollster::block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let task = Task::new("How would this person rate the film described?", ResponseSpace::scale(1, 5)?)?;
    let alone = RpmPipeline::offline(task.clone());

    let mut others = Vec::new();
    for viewer in 0..90 {
        let seen = (0..10).map(|film| rated((viewer * 5 + film * 7) % FILMS.len(), viewer % 3));
        let history = History::new(&task, format!("viewer {viewer}"), seen.collect::<Result<Vec<_>, _>>()?)?;
        others.push(alone.learn(&history).await?.model);
    }
    let histories: Vec<_> = others.iter().map(|model| model.memory().items()).collect();
    let population = Population::learn(&task, &histories, USERS_SHARED)?;
    let (words, texts, axes) = population.sizes();
    println!(
        "{} viewers share {words} words and {texts} films; axes on which their tastes differ: {axes}.\n",
        population.users()
    );
    let among = RpmPipeline::offline_builder(task.clone()).population(population).build()?;

    // A newcomer who liked the hedgehog and not the bomb squad.
    let history = History::new(&task, "newcomer", [rated(12, 2)?, rated(6, 2)?])?;
    let query = Query::new(NEW_FILM)?;
    println!("New film: {NEW_FILM}");
    for (name, pipeline) in [("alone", &alone), ("beside ninety others", &among)] {
        let newcomer = pipeline.open(pipeline.learn(&history).await?.model).await?;
        let answer = pipeline.personalize(&newcomer, &query).await?;
        println!("\n==== {name}\n\nrating: {}\n{}", answer.response, answer.reasons(&newcomer));
    }

    // Somebody of whom nothing is known is asked what tells most.
    let nobody = among.open(among.newcomer(UserId::new("nobody")?).await?).await?;
    let pool = FILMS.iter().map(|(text, _)| Query::new(*text)).collect::<Result<Vec<_>, _>>()?;
    if let Some(question) = nobody.next_question(&pool) {
        println!("\n==== to ask first\n\n{}\n{}", question.query.text(), question.reason());
    }
    Ok(())
}

fn rated(film: usize, taste: usize) -> Result<Interaction, Box<dyn Error>> {
    let (text, ratings) = FILMS.get(film).ok_or("there is no such film")?;
    let rating = ratings.get(taste).ok_or("there is no such taste")?;
    Ok(Interaction::new(format!("film {film}"), Query::new(*text)?, *rating)?)
}
