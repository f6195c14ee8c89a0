//! Questions of one set asked of users of another: whether the gate sees that they are about something else, and what a
//! stricter gate would cost the users' own questions. Thin histories beside it.

use std::error::Error;

use pollster::block_on;
use rpm_core::{History, Prepared, Query, RpmPipeline, Tier};

use crate::data::{Kind, Set};

/// Users of each set, and questions asked of each.
const USERS: usize = 12;
const ASKED: usize = 15;
const SIMILARITIES: [f64; 5] = [0.02, 0.1, 0.2, 0.3, 0.4];

/// Of a question: the best similarity, the established factors and the tier.
type Seen = (f64, usize, Tier);

/// The support of each question.
fn support(pipeline: &RpmPipeline, model: &Prepared, queries: &[Query]) -> Result<Vec<Seen>, Box<dyn Error>> {
    let mut all = Vec::new();
    for query in queries {
        let support = block_on(pipeline.personalize(model, query))?.support;
        all.push((support.best_similarity, support.known_factors, support.tier));
    }
    Ok(all)
}

fn row(name: &str, seen: &[Seen]) {
    let share = |n: usize| 100.0 * n as f64 / seen.len().max(1) as f64;
    let known = share(seen.iter().filter(|(_, known, _)| *known > 0).count());
    let full = |least: f64| share(seen.iter().filter(|(similar, known, _)| *similar >= least && *known > 0).count());
    let generic = |least: f64| share(seen.iter().filter(|(similar, known, _)| *similar < least && *known == 0).count());
    let at: Vec<String> = SIMILARITIES.iter().map(|t| format!("{:.0} / {:.0}", full(*t), generic(*t))).collect();
    println!("| {name} | {} | {known:.0} | {} |", seen.len(), at.join(" | "));
}

pub(crate) fn print(sets: &[Set]) -> Result<(), Box<dyn Error>> {
    println!(
        "## Off topic\n\nShares in percent: questions with an established factor; tier full / generic at each least similarity.\n"
    );
    let heads: Vec<String> = SIMILARITIES.iter().map(|t| format!("{t}")).collect();
    println!("| users of, asked | questions | known | {} |", heads.join(" | "));
    println!("|---|---:|---:|{}", "---:|".repeat(SIMILARITIES.len()));
    for set in sets.iter().filter(|set| set.kind != Kind::Opinion) {
        let pipeline = RpmPipeline::offline(set.task.clone());
        let mut models = Vec::new();
        for user in 0..set.users.len().min(USERS) {
            let history = set.history(user)?;
            models.push(block_on(async { pipeline.open(pipeline.learn(&history).await?.model).await })?);
        }
        for asked in sets {
            let mut seen = Vec::new();
            for (user, model) in models.iter().enumerate() {
                let of = if asked.name == set.name { user } else { user % asked.users.len() };
                let rows = asked.users[of].test.iter().take(ASKED);
                let queries: Vec<Query> =
                    rows.map(|row| Query::new(row.query(asked.kind)?.text())).collect::<Result<_, _>>()?;
                seen.extend(support(&pipeline, model, &queries)?);
            }
            row(&format!("{}, {}", set.name, asked.name), &seen);
        }
    }
    println!(
        "\n## Thin histories\n\nThe first interactions only; accuracy on the tests, less the user's most frequent response of these.\n"
    );
    println!(
        "| set | interactions | generic, % | full, % | accuracy | less majority [95 %] |\n|---|---:|---:|---:|---:|---:|"
    );
    for set in sets.iter().filter(|set| !matches!(set.kind, Kind::Title | Kind::Opinion)) {
        for n in [1, 2, 3, 5, 10] {
            thin(set, n)?;
        }
    }
    Ok(())
}

fn thin(set: &Set, n: usize) -> Result<(), Box<dyn Error>> {
    let pipeline = RpmPipeline::offline(set.task.clone());
    let (mut differences, mut hits, mut tiers) = (Vec::new(), Vec::new(), [0, 0, 0]);
    for user in 0..set.users.len() {
        let whole = set.history(user)?;
        let first = whole.interactions().iter().take(n).cloned();
        let history = History::new(&set.task, whole.user().as_str(), first)?;
        let count = |response: &str| history.interactions().iter().filter(|i| i.response() == response).count();
        let most = history.interactions().iter().map(rpm_core::Interaction::response).max_by_key(|r| (count(r), *r));
        let model = block_on(async { pipeline.open(pipeline.learn(&history).await?.model).await })?;
        let mut own = Vec::new();
        for test in &set.users[user].test {
            let answer = block_on(pipeline.personalize(&model, &test.query(set.kind)?))?;
            let hit = |response: &str| f64::from(u8::from(response == test.response));
            hits.push(hit(&answer.response));
            own.push(hit(&answer.response) - most.map_or(0.0, hit));
            tiers[match answer.support.tier {
                Tier::Generic => 0,
                Tier::Full => 1,
                _ => 2,
            }] += 1;
        }
        differences.push(own);
    }
    let (mean, low, high) = crate::chance::paired(&differences);
    let share = |n: usize| 100.0 * n as f64 / hits.len().max(1) as f64;
    let accuracy = hits.iter().sum::<f64>() / hits.len().max(1) as f64;
    println!(
        "| {} | {n} | {:.0} | {:.0} | {accuracy:.3} | {mean:+.3} [{low:+.3}, {high:+.3}] |",
        set.name,
        share(tiers[0]),
        share(tiers[1])
    );
    Ok(())
}
