//! Learns and answers on `wasm32-unknown-unknown`, and checks that not a byte is another one than elsewhere.
//!
//! ```sh
//! cargo run --manifest-path examples/wasm/Cargo.toml
//! cargo build --release --target wasm32-unknown-unknown --manifest-path examples/wasm/Cargo.toml
//! node examples/wasm/run.mjs
//! ```
//!
//! The target has nowhere to print to, so that the digest of the answer, the profile and the user model is compared here: another one ends
//! the program with a failure.

use std::error::Error;
use std::fmt::Write as _;

use rpm_core::{Personalizer, ResponseSpace, Task, UserId};
use sha2::{Digest as _, Sha256};

/// Of what is printed and what is stored, on every target.
const DIGEST: &str = "b47b352e91933a33b5db4295fd82829ebc4f7ee557fdc03d83fe546ad9126975";

const SEEN: [(&str, u8); 12] = [
    ("Quiet drama", 5),
    ("Loud chase", 1),
    ("Quiet walk", 5),
    ("Loud heist", 2),
    ("Quiet summer", 4),
    ("Loud battle", 1),
    ("Quiet village", 5),
    ("Loud robots", 1),
    ("Quiet friends", 4),
    ("Loud race", 2),
    ("Quiet romance", 5),
    ("Loud monsters", 1),
];

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let task =
        Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?.response_name("rating")?;
    let films = Personalizer::offline(task).blocking();
    SEEN.iter().try_for_each(|(film, rating)| films.record("ana", *film, rating).map(drop))?;
    let answer = films.answer("ana", "A quiet film about two lighthouse keepers")?.to_string();
    let profile = films.profile("ana")?.to_string();
    println!("{answer}\n{profile}");
    let ana = UserId::new("ana")?;
    let model = pollster::block_on(films.inner().stored().load(&ana))?.model.to_json();
    let digest = Sha256::digest(format!("{answer}{profile}{model}"));
    let mut hex = String::new();
    for byte in digest {
        write!(hex, "{byte:02x}")?;
    }
    if hex == DIGEST { Ok(()) } else { Err(format!("the digest is {hex}, and {DIGEST} elsewhere").into()) }
}
