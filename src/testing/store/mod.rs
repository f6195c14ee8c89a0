//! The checks of user model stores.

mod held;
mod writers;

use super::error::ConformanceError;
use super::stored_models::{LARGE, Models, ODD_IDS};
use super::tally::Tally;
use crate::data::{DataError, UserId};
use crate::model::UserModel;
use crate::store::{UserModelStore, Version};

use held::{conflicts, deletes, distinct, holds, ids, is_absent, refuses_to_delete};

/// Checks a user model store on made-up models, and returns how many checks it passed.
///
/// Checked are: loading, saving and deleting what is not there; that a model comes back to the byte, a large one too;
/// every case of the comparison, and that a conflict changes nothing; that no version is given twice, also after a
/// delete, and lives are kept apart; reservations; deletions of one version; order and pages of the list; that users are not mixed up, whatever
/// printable characters are in their ids; that no update of several writers is lost, in turns and on threads; and that
/// a future dropped at any point leaves the old model or the new one, whole.
///
/// `make` is called for every part and gives an empty store each time. One check polls on threads of its own; a store
/// whose futures need a runtime must bring it, and one that shares the suite's runtime needs a thread more than the suite.
///
/// # Errors
/// [`ConformanceError::Broken`] with every check that failed.
pub async fn user_model_store_conformance<S, F>(mut make: F) -> Result<usize, ConformanceError>
where
    S: UserModelStore,
    F: FnMut() -> S,
{
    let mut run = Tally::default();
    let models = Models::new().await?;
    absent(&mut run, &make()).await?;
    round_trips(&mut run, &make(), &models).await?;
    comparisons(&mut run, &make(), &models).await?;
    lives(&mut run, &make(), &models).await?;
    reservations(&mut run, &make(), &models).await?;
    deletions(&mut run, &make(), &models).await?;
    pages(&mut run, &make(), &models).await?;
    isolation(&mut run, &make(), &models).await?;
    writers::turns(&mut run, &make(), &models).await?;
    writers::on_threads(&mut run, &make(), &models)?;
    writers::dropped(&mut run, &mut make, &models).await?;
    run.result()
}

/// Checks that a store keeps what it acknowledged when it is closed and opened again, and returns how many checks it
/// passed. `open` opens the same store each time, which is empty at first and is dropped before it is opened again.
///
/// Checked are: models, versions, reservations and deletions after opening again, and that versions go on where they were.
///
/// # Errors
/// [`ConformanceError::Broken`] with every check that failed.
pub async fn durable_user_model_store_conformance<S, F>(mut open: F) -> Result<usize, ConformanceError>
where
    S: UserModelStore,
    F: FnMut() -> S,
{
    let mut run = Tally::default();
    let models = Models::new().await?;
    let (kept, gone, reserved) = (models.of("kept")?, models.of("gone")?, UserId::new("reserved")?);
    let mut numbers = Vec::new();
    let (version, place) = {
        let store = open();
        let version = store.save(&kept, None).await.ok();
        let other = store.save(&gone, None).await.ok();
        let place = store.reserve(&reserved).await.ok();
        run.check("a store that was opened: deletes", store.delete(gone.user()).await.is_ok_and(|there| there));
        numbers.extend([version, other, place].into_iter().flatten().map(Version::number));
        (version, place)
    };
    {
        let store = open();
        run.check("opened again: what was saved", holds(&store, &kept, version).await);
        run.check("opened again: what was deleted is gone", is_absent(&store, gone.user()).await);
        run.check("opened again: the list", ids(&store, None, 9).await == ["kept"]);
        let still = store.reserve(&reserved).await.ok();
        run.check("opened again: a reservation", place.is_some() && still == place);
        let next = store.save(&gone, None).await.ok();
        run.check("opened again: a new version", next.is_some_and(|next| !numbers.contains(&next.number())));
        numbers.extend(next.map(Version::number));
        run.check("opened again: deletes the latest", store.delete(gone.user()).await.is_ok_and(|there| there));
    }
    let store = open();
    let next = store.save(&gone, None).await.ok();
    let new = next.is_some_and(|next| !numbers.contains(&next.number()) && next.life() == next.number());
    run.check("opened again after the latest was deleted: a new version and life", new);
    let changed = models.changed(&kept)?;
    run.check("opened again: the old version is expected", store.save(&changed, version).await.is_ok());
    run.result()
}

async fn absent(run: &mut Tally, store: &impl UserModelStore) -> Result<(), DataError> {
    let user = UserId::new("nobody")?;
    run.check("an empty store: loads nothing", is_absent(store, &user).await);
    run.check("an empty store: has nothing to delete", store.delete(&user).await.is_ok_and(|there| !there));
    run.check("an empty store: lists nobody", ids(store, None, 10).await.is_empty());
    run.check("an empty store: lists nobody after somebody", ids(store, Some(&user), 10).await.is_empty());
    run.check("a name", !store.name().trim().is_empty());
    Ok(())
}

async fn round_trips(run: &mut Tally, store: &impl UserModelStore, models: &Models) -> Result<(), DataError> {
    for (name, model) in [("a model", models.of("small")?), ("a model of over 1 MB", models.large("large")?)] {
        let saved = store.save(&model, None).await.ok();
        run.check(&format!("{name}: is saved"), saved.is_some());
        run.check(&format!("{name}: comes back"), holds(store, &model, saved).await);
        let json = store.load(model.user()).await.ok().flatten().map(|found| found.model.to_json());
        run.check(&format!("{name}: comes back to the byte"), json.is_some_and(|json| json == model.to_json()));
        let changed = models.changed(&model)?;
        let next = store.save(&changed, saved).await.ok();
        run.check(&format!("{name}: a change comes back"), holds(store, &changed, next).await);
        let back = store.save(&model, next).await.ok();
        run.check(
            &format!("{name}: an older revision may be saved over a newer one"),
            holds(store, &model, back).await,
        );
    }
    run.check("a large model is large", models.large("large")?.to_json().len() > LARGE);
    Ok(())
}

async fn comparisons(run: &mut Tally, store: &impl UserModelStore, models: &Models) -> Result<(), DataError> {
    let first = models.of("compared")?;
    let second = models.changed(&first)?;
    let third = models.changed(&second)?;
    let other = store.save(&models.of("another")?, None).await.ok();
    run.check("a version where nothing is held: a conflict", conflicts(store, &first, other).await);
    run.check("a version where nothing is held: nothing is saved", is_absent(store, first.user()).await);

    let one = store.save(&first, None).await.ok();
    run.check("nothing expected where a model is held: a conflict", conflicts(store, &second, None).await);
    run.check("another user's version: a conflict", conflicts(store, &second, other).await);
    run.check("after conflicts: the model and its version are the same", holds(store, &first, one).await);

    let two = store.save(&second, one).await.ok();
    run.check("the version held: is saved under another one", two.is_some() && two != one);
    run.check("the version before: a conflict", conflicts(store, &third, one).await);
    run.check("the version before, the same model: a conflict", conflicts(store, &second, one).await);
    run.check("after a late writer: the model and its version are the same", holds(store, &second, two).await);

    let same = store.save(&second, two).await.ok();
    run.check("the same model again: another version", same.is_some() && same != two);
    let made_up = same.map(|version| Version::new(version.life(), version.number() + 1000));
    run.check("a version never given: a conflict", conflicts(store, &third, made_up).await);
    let other_life = same.map(|version| Version::new(version.life() + 1000, version.number()));
    run.check("a version of a life never given: a conflict", conflicts(store, &third, other_life).await);
    run.check("after made-up versions: the model and its version are the same", holds(store, &second, same).await);
    Ok(())
}

async fn lives(run: &mut Tally, store: &impl UserModelStore, models: &Models) -> Result<(), DataError> {
    let (model, other) = (models.of("living")?, models.of("beside")?);
    let (mut numbers, mut lives, mut late) = (Vec::new(), Vec::new(), Vec::new());
    let beside = store.save(&other, None).await.ok();
    numbers.extend(beside.map(Version::number));
    for life in 0..3 {
        let one = store.save(&model, None).await.ok();
        let two = store.save(&models.changed(&model)?, one).await.ok();
        let name = format!("life {life}");
        run.check(&format!("{name}: begins and goes on"), one.zip(two).is_some_and(|(a, b)| a.life() == b.life()));
        for old in &late {
            run.check(&format!("{name}: a writer from a life before conflicts"), conflicts(store, &model, *old).await);
        }
        numbers.extend([one, two].into_iter().flatten().map(Version::number));
        lives.extend(one.map(Version::life));
        late.extend([one, two]);
        run.check(&format!("{name}: is deleted"), store.delete(model.user()).await.is_ok_and(|there| there));
        run.check(&format!("{name}: is gone"), is_absent(store, model.user()).await);
        run.check(
            &format!("{name}: cannot be deleted twice"),
            store.delete(model.user()).await.is_ok_and(|there| !there),
        );
        for old in &late {
            run.check(&format!("{name}: a late writer conflicts"), conflicts(store, &model, *old).await);
        }
        run.check(&format!("{name}: stays gone"), is_absent(store, model.user()).await);
        run.check(&format!("{name}: the others are as they were"), holds(store, &other, beside).await);
    }
    numbers.extend(store.save(&models.of("later")?, None).await.map(Version::number));
    run.check("every save has a version", numbers.len() == 8);
    run.check("no version is given twice", distinct(&numbers));
    run.check("no life is given twice", lives.len() == 3 && distinct(&lives));
    Ok(())
}

async fn reservations(run: &mut Tally, store: &impl UserModelStore, models: &Models) -> Result<(), DataError> {
    let model = models.of("reserved")?;
    let user = model.user();
    let place = store.reserve(user).await.ok();
    run.check("a reservation: is given", place.is_some());
    run.check("a reservation: is no model", is_absent(store, user).await && ids(store, None, 9).await.is_empty());
    run.check("a reservation: is given again", store.reserve(user).await.ok() == place);
    let saved = store.save(&model, place).await.ok();
    run.check("a reservation: is saved to", holds(store, &model, saved).await && saved != place);
    run.check("a reservation: begins the life", saved.map(Version::life) == place.map(Version::life));
    run.check("a model: its version for a reservation", store.reserve(user).await.ok() == saved);
    run.check("a reservation: is used once", conflicts(store, &model, place).await);

    run.check("a reserved place: is deleted with the model", store.delete(user).await.is_ok_and(|there| there));
    let place = store.reserve(user).await.ok();
    run.check("a reservation alone: was no model", store.delete(user).await.is_ok_and(|there| !there));
    run.check("a reservation that was deleted: a conflict", conflicts(store, &model, place).await);
    run.check("a reservation that was deleted: nothing is saved", is_absent(store, user).await);
    let again = store.reserve(user).await.ok();
    let new = again.zip(place).is_some_and(|(a, b)| a.number() != b.number() && a.life() != b.life());
    run.check("a reservation after it: a new one", new);
    run.check("a reservation after it: not for the writer before", conflicts(store, &model, place).await);
    let direct = store.save(&model, None).await.ok();
    run.check("a reserved place: holds no model", direct.is_some());
    run.check("a reservation that another writer used: a conflict", conflicts(store, &model, again).await);
    run.check("a reservation that another writer used: its model stays", holds(store, &model, direct).await);
    run.check(
        "a reservation that another writer used: one life",
        direct.map(Version::life) == again.map(Version::life),
    );
    Ok(())
}

async fn deletions(run: &mut Tally, store: &impl UserModelStore, models: &Models) -> Result<(), DataError> {
    let (model, other) = (models.of("seen")?, models.of("another")?);
    let user = model.user();
    let beside = store.save(&other, None).await.ok();
    let one = store.save(&model, None).await.ok();
    let changed = models.changed(&model)?;
    let two = store.save(&changed, one).await.ok();
    run.check("deleting the version before: a conflict", refuses_to_delete(store, user, one).await);
    run.check("deleting another user's version: a conflict", refuses_to_delete(store, user, beside).await);
    let made_up = two.map(|version| Version::new(version.life() + 1000, version.number()));
    run.check("deleting a version never given: a conflict", refuses_to_delete(store, user, made_up).await);
    run.check("after conflicts of deletions: the model is there", holds(store, &changed, two).await);
    run.check("deleting the version held: is done", deletes(store, user, two).await && is_absent(store, user).await);
    run.check("deleting it twice: a conflict", refuses_to_delete(store, user, two).await);
    run.check("after it, nothing is in its place", conflicts(store, &model, two).await);
    let place = store.reserve(user).await.ok();
    run.check("deleting a model where a place is reserved: a conflict", refuses_to_delete(store, user, two).await);
    run.check("deleting a reservation by its version: is done", deletes(store, user, place).await);
    run.check("deleting a reservation by its version: ends it", conflicts(store, &model, place).await);
    let place = store.reserve(user).await.ok();
    let saved = store.save(&model, place).await.ok();
    run.check("deleting a reservation that was saved to: a conflict", refuses_to_delete(store, user, place).await);
    run.check("deleting a reservation that was saved to: its model stays", holds(store, &model, saved).await);
    run.check("after deletions: the others are as they were", holds(store, &other, beside).await);
    Ok(())
}

async fn pages(run: &mut Tally, store: &impl UserModelStore, models: &Models) -> Result<(), DataError> {
    let mut all: Vec<&str> = ["u10", "u1", "u2", "é", "U1", "z", "a b", "日本", "u1\u{301}"].to_vec();
    for id in &all {
        let saved = store.save(&models.of(id)?, None).await;
        run.check(&format!("{id}: is saved"), saved.is_ok());
    }
    store.reserve(&UserId::new("u15")?).await.ok();
    all.sort_unstable();
    run.check("the list: all, in the order of their bytes", ids(store, None, 100).await == all);
    run.check("the list: all for a limit beyond them", ids(store, None, usize::MAX).await == all);
    run.check("the list: nobody for 0", ids(store, None, 0).await.is_empty());
    for limit in [1, 2, 4, all.len(), all.len() + 1] {
        let (mut seen, mut after): (Vec<String>, Option<UserId>) = (Vec::new(), None);
        // A page more than can be needed, so that a store which does not get on ends too.
        for _ in 0..all.len() + 2 {
            let page = ids(store, after.as_ref(), limit).await;
            run.check(&format!("pages of {limit}: no longer than asked for"), page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = Some(UserId::new(last.as_str())?);
            seen.extend(page);
        }
        run.check(&format!("pages of {limit}: everybody once, in order"), seen == all);
    }
    let between = ids(store, Some(&UserId::new("u15")?), 100).await;
    run.check("the list: after an id that is not held", between.first().map(String::as_str) == Some("u1\u{301}"));
    store.delete(&UserId::new("u2")?).await.ok();
    run.check("the list: without those that were deleted", !ids(store, None, 100).await.contains(&"u2".to_owned()));
    Ok(())
}

async fn isolation(run: &mut Tally, store: &impl UserModelStore, models: &Models) -> Result<(), DataError> {
    let long = ["x".repeat(256), format!("{}y", "x".repeat(255)), "x".repeat(255)];
    let odd: Vec<UserModel> =
        ODD_IDS.into_iter().chain(long.iter().map(String::as_str)).map(|id| models.of(id)).collect::<Result<_, _>>()?;
    let mut versions = Vec::new();
    for model in &odd {
        let version = store.save(model, None).await.ok();
        run.check(&format!("{:?}: is saved", model.user()), version.is_some());
        versions.push(version);
    }
    for (model, version) in odd.iter().zip(&versions) {
        run.check(&format!("{:?}: has its own model", model.user()), holds(store, model, *version).await);
    }
    for (n, (model, version)) in odd.iter().zip(&versions).enumerate() {
        run.check(
            &format!("{:?}: is deleted", model.user()),
            store.delete(model.user()).await.is_ok_and(|there| there),
        );
        run.check(&format!("{:?}: is gone", model.user()), is_absent(store, model.user()).await);
        let rest = odd.iter().zip(&versions).skip(n + 1);
        for (other, version) in rest {
            let name = format!("{:?} beside {:?} that was deleted: has its model", other.user(), model.user());
            run.check(&name, holds(store, other, *version).await);
        }
        run.check(&format!("{:?}: its version ended", model.user()), conflicts(store, model, *version).await);
    }
    Ok(())
}
