//! The weights of English words in titles in general, before anyone's own titles are seen.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Words that carry nothing of the subject, each with its log-odds of being in a title of a text that uses it.
#[rustfmt::skip]
const STOP: &[(&str, f64)] = &[
    ("a", 0.688), ("about", -0.833), ("across", -0.328), ("against", -0.592), ("all", -1.133), ("also", -2.403),
    ("although", -0.895), ("among", -1.273), ("an", -0.323), ("and", 0.629), ("another", -0.787), ("any", -1.421),
    ("are", -2.25), ("as", -1.146), ("at", -0.779), ("based", 0.736), ("be", -2.5), ("because", -1.22),
    ("been", -2.168), ("being", -1.283), ("between", -0.65), ("both", -2.139), ("but", -2.076), ("by", -0.854),
    ("can", -2.08), ("could", -1.07), ("did", -0.514), ("do", -1.45), ("does", -1.156), ("during", -1.112),
    ("each", -2.13), ("either", -1.142), ("few", -0.116), ("for", 1.846), ("from", -0.425), ("had", -0.365),
    ("has", -2.376), ("have", -2.423), ("he", -0.063), ("hence", -0.379), ("her", -0.219), ("here", -0.888),
    ("his", -0.289), ("how", -1.542), ("however", -2.231), ("i", -1.407), ("if", -1.147), ("in", 0.472),
    ("into", -0.447), ("is", -2.556), ("it", -1.973), ("its", -1.258), ("least", -0.379), ("less", -0.982),
    ("many", -1.473), ("may", -1.266), ("might", -0.76), ("more", -1.899), ("most", -1.873), ("much", -1.291),
    ("must", 0.28), ("my", -0.171), ("neither", -0.304), ("new", -1.11), ("no", -1.42), ("nor", -0.304),
    ("not", -1.887), ("of", 0.487), ("on", -0.426), ("one", -1.596), ("only", -1.826), ("onto", -0.201),
    ("or", -1.986), ("other", -2.038), ("our", -3.005), ("over", -1.814), ("per", -0.698), ("same", -1.461),
    ("several", -1.814), ("shall", -0.063), ("she", -0.201), ("should", -1.012), ("so", -1.25), ("some", -1.076),
    ("such", -2.504), ("than", -2.023), ("that", -2.98), ("the", -0.101), ("their", -1.892), ("them", -1.728),
    ("then", -1.852), ("there", -1.564), ("therefore", -1.039), ("these", -2.391), ("they", -2.03), ("this", -2.906),
    ("those", -1.154), ("though", -0.787), ("three", -1.272), ("through", -1.254), ("thus", -1.336), ("to", -0.247),
    ("toward", -0.289), ("towards", 0.25), ("two", -1.445), ("under", -0.492), ("upon", -0.614), ("us", -0.783),
    ("use", -2.065), ("used", -1.988), ("using", 0.481), ("very", -1.544), ("via", -0.166), ("was", -1.318),
    ("we", -3.085), ("were", -1.492), ("what", -0.138), ("when", -1.998), ("where", -1.801), ("which", -2.669),
    ("while", -2.126), ("who", -0.711), ("whom", 0.0), ("whose", -0.727), ("why", 0.193), ("will", -1.395),
    ("with", 0.53), ("within", -1.213), ("without", -1.077), ("would", -0.818), ("you", -0.281), ("your", -0.063),
];

/// Log-odds added to the weights of [`STOP`] by the number of uses: one, two, three, more.
pub(super) const STOP_BY_COUNT: &[f64] = &[-2.64, -2.119, -1.877, -1.666];

const PREPOSITIONS: &str = "about across against among as at based between by during for from in into of on onto over per through to \
    toward towards under upon using via with within without";
const DETERMINERS: &str = "a an each her his its my our such that the their these this those your";
const AUXILIARIES: &str = "although are be because been being both but can could did do does either had has have he how however i if is \
    it may might must not shall she should so than that then there therefore they though thus was we were what \
    when where which who whom whose why will would you";
/// Verbs after which a text names its subject.
const CUES: &str = "address addresses aim aims analyse analyze apply compare conduct consider create demonstrate describe \
    described describes develop discuss discusses evaluate examine examines explore explores extend focus focuses \
    introduce introduces investigate investigates offer perform present presented presents propose proposed \
    proposes provide release report reports show studies study tackle";
/// Words that make a poor first word of a title.
const WEAK: &str = "able aim aims allow allows approach approaches challenging common comprehensive different effective efficient \
    expense experiments fact first focus focuses focusing general given goal ideal important interesting \
    literature lot main method methods need novel paper part participation performance place present previous \
    proposed recent result results several state-of-the-art submission systematic task way ways well work works";
/// Words that stay lower case in a capitalized title.
const SMALL: &str = "a an and as at but by for from in into nor of on onto or per the to via vs with";

/// General log-odds of a token to be in a text's title, by the token's traits in the text. A row is indexed by the
/// trait's level and its last entry holds for every higher level.
pub(super) mod trait_weight {
    /// Every token.
    pub(in super::super) const BIAS: f64 = -0.334;
    /// Uses, from one.
    pub(in super::super) const COUNT: &[f64] = &[-0.403, 0.163, 0.373, 0.505, 0.569];
    /// First sentence that uses it; the last level is the text's last sentence.
    pub(in super::super) const FIRST: &[f64] = &[0.616, -0.177, -0.252, -0.571, -1.296];
    /// Nearness to a cue before it: none, far, near.
    pub(in super::super) const CUE: &[f64] = &[-0.61, 0.291, 0.497];
    /// Uses of the most used pair of words it is in, from "not twice".
    pub(in super::super) const PAIR: &[f64] = &[-0.321, 0.2, 0.522];
    /// Lower case, capitalized inside a sentence, several capitals.
    pub(in super::super) const CAPITAL: &[f64] = &[-0.433, 1.013, 0.125];
    /// Alone or in a hyphenated word.
    pub(in super::super) const COMPOUND: &[f64] = &[-0.403, 0.251];
    /// Letters, in threes.
    pub(in super::super) const LENGTH: &[f64] = &[-1.676, -0.484, -0.225, -0.237, 0.107];
    /// Among the first four words of the text.
    pub(in super::super) const OPENING: f64 = 0.628;
    /// Is itself a cue.
    pub(in super::super) const CUE_WORD: f64 = -2.069;
    /// All digits.
    pub(in super::super) const NUMBER: f64 = 0.908;
    /// By ending; every row that matches counts once.
    #[rustfmt::skip]
    pub(in super::super) const ENDINGS: &[(&[&str], f64)] = &[
        (&["ly"], -1.313),
        (&["ing"], 0.331),
        (&["ed"], -0.21),
        (&["s"], -0.291),
        (&["tion", "sion", "ment", "ity", "ness", "ance", "ence"], 0.795),
        (&["al", "ic", "ive", "ous", "ful", "ary"], 0.673),
    ];
}

/// The part a word plays for where a title may begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Beyond the first or last word of a sentence.
    Edge,
    /// A mark rather than a word.
    Mark,
    Determiner,
    Preposition,
    Auxiliary,
    Conjunction,
    Cue,
    Stop,
    Adverb,
    Content,
}

/// The general properties of one lower-case word.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entry {
    pub(super) kind: Option<Kind>,
    /// The word's own log-odds, for a stop word.
    pub(super) stop: Option<f64>,
    pub(super) weak: bool,
    pub(super) small: bool,
}

/// One look-up per word instead of one per list.
static LEXICON: LazyLock<HashMap<&'static str, Entry>> = LazyLock::new(|| {
    let mut lexicon: HashMap<&'static str, Entry> = HashMap::new();
    let kinds = [
        (DETERMINERS, Kind::Determiner),
        (PREPOSITIONS, Kind::Preposition),
        (AUXILIARIES, Kind::Auxiliary),
        ("and or", Kind::Conjunction),
        (CUES, Kind::Cue),
    ];
    for (list, kind) in kinds {
        for word in list.split_whitespace() {
            lexicon.entry(word).or_default().kind.get_or_insert(kind);
        }
    }
    for &(word, weight) in STOP {
        let entry = lexicon.entry(word).or_default();
        entry.stop = Some(weight);
        entry.kind.get_or_insert(Kind::Stop);
    }
    for word in WEAK.split_whitespace() {
        lexicon.entry(word).or_default().weak = true;
    }
    for word in SMALL.split_whitespace() {
        lexicon.entry(word).or_default().small = true;
    }
    lexicon
});

/// The properties of `word`, which must be in lower case; none for most words.
pub(super) fn entry(word: &str) -> Entry {
    LEXICON.get(word).copied().unwrap_or_default()
}
