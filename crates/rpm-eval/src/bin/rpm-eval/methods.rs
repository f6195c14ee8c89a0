//! The methods that a command line names, each with and without others and for each number of own interactions.

use std::error::Error;
use std::str::FromStr;
use std::sync::Arc;

use rpm_core::stats::population::{Census, USERS_SHARED};
use rpm_eval::dataset::{Dataset, people};
use rpm_eval::method::{Method, Spec, named, names};

use crate::args::Args;

/// How many of a user's latest own interactions are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    Latest(usize),
    All,
}

impl FromStr for Own {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "all" => Ok(Self::All),
            number => {
                number.parse().map(Self::Latest).map_err(|_| "numbers of interactions, or all, such as 0,3,10,all")
            }
        }
    }
}

/// The methods of a command line: the named ones or all there are, once for each value of what is varied, for each number of own
/// interactions, and with others beside alone.
pub(crate) fn specs(args: &Args) -> Result<Vec<Spec>, Box<dyn Error>> {
    let all = || names().iter().filter_map(|name| name.parse::<Spec>().ok()).collect();
    let specs: Vec<Spec> = if args.methods.is_empty() { all() } else { args.methods.clone() };
    let specs = specs.into_iter().map(|spec| preset(args, spec)).collect();
    with_others(args, with_own(args, varied(args, specs)?)?)
}

/// Each method that has a varied option, once for each of its values.
fn varied(args: &Args, mut specs: Vec<Spec>) -> Result<Vec<Spec>, Box<dyn Error>> {
    for varied in &args.vary {
        let (option, values) = varied.split_once('=').ok_or("--vary is written option=value,value")?;
        let takes = |spec: &Spec| values.split(',').any(|value| exists(&spec.clone().with(option, value)));
        if !specs.iter().any(takes) {
            return Err(format!("--vary {option}: none of the methods has such an option and value").into());
        }
        let each = |spec: Spec| {
            let values: Vec<&str> = if takes(&spec) { values.split(',').collect() } else { Vec::new() };
            if values.is_empty() {
                return vec![spec];
            }
            values.into_iter().map(|value| spec.clone().with(option, value)).collect()
        };
        specs = specs.into_iter().flat_map(each).collect();
    }
    Ok(specs)
}

/// Each method that looks at the user, once for each number of own interactions that it can do with.
fn with_own(args: &Args, specs: Vec<Spec>) -> Result<Vec<Spec>, Box<dyn Error>> {
    if args.own.is_empty() {
        return Ok(specs);
    }
    refuse_both(&specs, "own", "--own")?;
    let mut found = Vec::new();
    for spec in specs {
        let one = |own: &Own| match own {
            Own::All => spec.clone(),
            Own::Latest(own) => spec.clone().with("own", own),
        };
        // A method that is no method says so by itself, with the options it was given.
        if !exists(&spec) || !exists(&spec.clone().with("own", 1)) {
            found.push(spec);
            continue;
        }
        let each: Vec<Spec> = args.own.iter().map(one).filter(exists).collect();
        if each.is_empty() {
            let told = "has nothing to go by without own interactions: give --own a number above 0 too, or leave the method out";
            return Err(format!("{spec} {told}").into());
        }
        found.extend(each);
    }
    Ok(found)
}

/// Each method that can learn from others, alone and with them.
fn with_others(args: &Args, specs: Vec<Spec>) -> Result<Vec<Spec>, Box<dyn Error>> {
    let (flag, whom) = match (args.folds, args.others.len()) {
        (None, 0) => return Ok(specs),
        (Some(_), 1..) => {
            return Err(
                "--folds learns from the users of --data, --others from those of other sets: give one of the two"
                    .into(),
            );
        }
        (Some(0 | 1), 0) => return Err("--folds is 2 or more: users of one fold alone have no others".into()),
        (Some(folds), 0) => ("--folds", folds.to_string()),
        (None, others) if others != args.data.len() => {
            let sets = args.data.len();
            return Err(format!(
                "--others names {others} and --data {sets}: name the others of each set, in the same order"
            )
            .into());
        }
        (None, _) => ("--others", "set".to_owned()),
    };
    refuse_both(&specs, "others", flag)?;
    let learns = |spec: &Spec| exists(&spec.clone().with("others", &whom));
    if !specs.iter().any(learns) {
        return Err(format!("{flag}: none of the methods learns from others: name offline or rpm").into());
    }
    let mut found: Vec<Spec> = Vec::new();
    for spec in specs {
        let with = Some(spec.clone().with("others", &whom)).filter(exists);
        let mut alone = spec;
        if with.is_some() {
            // Who share what is taught is nothing where nothing is.
            alone.options.remove("shared");
        }
        // Several methods with others may be one alone; what was named twice is told by the run.
        let known = with.is_some() && found.contains(&alone);
        found.extend(Some(alone).filter(|_| !known));
        found.extend(with);
    }
    Ok(found)
}

/// Refuses a flag where a method has the option that the flag sets.
fn refuse_both(specs: &[Spec], option: &str, flag: &str) -> Result<(), Box<dyn Error>> {
    match specs.iter().find(|spec| spec.options.contains_key(option)) {
        Some(spec) => {
            Err(format!("{spec} has the option {option}, and {flag} sets it for all: leave one of the two out").into())
        }
        None => Ok(()),
    }
}

fn exists(spec: &Spec) -> bool {
    named(spec).is_ok()
}

/// Refuses methods that would learn from fewer users of a set than must share what others teach.
pub(crate) fn check_enough(specs: &[Spec], set: &Dataset) -> Result<(), Box<dyn Error>> {
    if Census::new(&set.task).is_err() {
        return Ok(());
    }
    for spec in specs {
        let Some(whom) = spec.options.get("others").filter(|whom| *whom != "0") else { continue };
        let shared = spec.options.get("shared").and_then(|shared| shared.parse().ok()).unwrap_or(USERS_SHARED);
        let teach = match (whom.parse::<usize>(), &set.teachers) {
            (Ok(folds), _) => {
                let people = people(&set.users);
                let of_fold = |fold| people.iter().filter(|person| **person % folds.max(1) == fold).count();
                let largest = (0..folds.min(people.len())).map(of_fold).max().unwrap_or(0);
                people.len() - largest
            }
            (Err(_), Some(teachers)) => teachers.histories.len(),
            (Err(_), None) => return Err(format!("{spec}: name the users of another set by --others").into()),
        };
        if teach < shared {
            let name = &set.name;
            return Err(format!(
                "{spec}: {teach} users teach those of {name}, and what they teach is of {shared} at least: give the method \
                 shared={} or less, or more users",
                teach.max(2)
            )
            .into());
        }
    }
    Ok(())
}

/// The methods of these names that can be run.
pub(crate) fn of(args: &Args, specs: Vec<Spec>, with_model: bool) -> Result<Vec<Arc<dyn Method>>, Box<dyn Error>> {
    let mut methods = Vec::new();
    for spec in specs {
        let method = named(&spec)?;
        if method.asks_model() && !with_model {
            if args.methods.is_empty() {
                continue;
            }
            return Err(format!(
                "{} asks a model: set RPM_PROVIDER and RPM_MODEL, and build with --features providers",
                method.name()
            )
            .into());
        }
        methods.push(method);
    }
    Ok(methods)
}

/// The method with the preset of the command line, where it is to have one.
pub(crate) fn preset(args: &Args, spec: Spec) -> Spec {
    match &args.preset {
        Some(preset) if spec.name == "rpm" && !spec.options.contains_key("preset") => spec.with("preset", preset),
        _ => spec,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;
    use rpm_eval::dataset::{ReadOptions, read};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn named_by(line: &str) -> Result<Vec<String>, String> {
        let words = ["run", "--data", "one"].into_iter().chain(line.split_whitespace());
        let args = Line::try_parse_from(words).map_err(|error| error.to_string())?.args;
        let specs = specs(&args).map_err(|error| error.to_string())?;
        Ok(specs.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn each_method_runs_with_and_without_others_for_each_number_of_own_interactions() {
        let named = named_by("--methods majority,offline,rpm:k=2 --folds 10 --own 0,3,all").unwrap();
        let expected = [
            "majority:own=3",
            "majority",
            "offline:own=0",
            "offline:others=10:own=0",
            "offline:own=3",
            "offline:others=10:own=3",
            "offline",
            "offline:others=10",
            "rpm:k=2:own=0",
            "rpm:k=2:others=10:own=0",
            "rpm:k=2:own=3",
            "rpm:k=2:others=10:own=3",
            "rpm:k=2",
            "rpm:k=2:others=10",
        ];
        assert_eq!(named, expected);
    }

    #[test]
    fn others_may_be_the_users_of_another_set_and_their_number_may_be_varied() {
        let named = named_by("--others two --methods zero-shot,offline --vary shared=3,10").unwrap();
        let with = ["offline", "offline:others=set:shared=3", "offline:others=set:shared=10"];
        assert_eq!(named, [&["zero-shot"][..], &with].concat());
    }

    #[test]
    fn what_means_nothing_is_refused_with_what_to_do() {
        for (line, told) in [
            ("--methods offline --folds 1", "--folds is 2 or more"),
            ("--methods offline --folds 5 --others two", "give one of the two"),
            ("--methods offline --others two three", "name the others of each set, in the same order"),
            ("--methods majority,zero-shot --folds 5", "name offline or rpm"),
            ("--methods offline:others=5 --folds 5", "leave one of the two out"),
            ("--methods offline:own=5 --own 3", "leave one of the two out"),
            ("--methods offline --vary own=5 --own 3", "leave one of the two out"),
            ("--methods majority --own 0", "give --own a number above 0 too"),
            ("--methods offline --own some", "such as 0,3,10,all"),
            ("--methods offline --vary history=3", "none of the methods has such an option"),
        ] {
            let error = named_by(line).unwrap_err();
            assert!(error.contains(told), "{line}: {error}");
        }
    }

    #[test]
    fn more_users_must_teach_than_share_what_is_taught() {
        let raters = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/data/raters");
        let set = read(&raters, None, &ReadOptions::default()).unwrap();
        let check = |name: &str| check_enough(&[name.parse().unwrap()], &set).map_err(|error| error.to_string());
        assert!(check("offline:others=4").unwrap_err().contains("give the method shared=6 or less, or more users"));
        assert_eq!(check("offline:others=4:shared=6"), Ok(()));
        assert!(check("offline:others=set").unwrap_err().contains("by --others"));
        assert_eq!(check("offline"), Ok(()));
        let beside = set.clone().beside(&set).map(|_| ()).unwrap_err().to_string();
        assert!(beside.contains("every user of raters is in raters too"), "{beside}");
    }
}
