//! The words of labels: how a label is split, which of its words say nothing by themselves, and when two are one.

use std::collections::BTreeSet;
use std::sync::LazyLock;

/// The language that labels are judged by. Some words say nothing in one and much in the other: "war" is a past tense in
/// German.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    German,
}

impl Language {
    /// The language whose function words are more frequent in the texts; English where neither's are.
    pub(super) fn of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let (mut english, mut german) = (0_usize, 0_usize);
        for word in texts.into_iter().flat_map(words) {
            english += usize::from(ENGLISH.contains(word.as_str()));
            german += usize::from(GERMAN.contains(word.as_str()));
        }
        if german > english { Self::German } else { Self::English }
    }

    /// True for an article, a pronoun, a preposition, a conjunction, an auxiliary, a negation, or an adverb of degree or
    /// of discourse.
    pub(super) fn is_function_word(self, word: &str) -> bool {
        let list = match self {
            Self::English => &ENGLISH,
            Self::German => &GERMAN,
        };
        let spoken = || {
            let (word, tail) = word.split_once('\'')?;
            Some(matches!(tail, "s" | "m" | "re" | "ve" | "ll" | "d" | "t" | "n") && list.contains(word))
        };
        list.contains(word) || self.may_lead(word) || spoken().unwrap_or(false)
    }

    /// True for a function word that a telling phrase may begin with, since it says which way: a negation, "more", "too".
    pub(super) fn may_lead(self, word: &str) -> bool {
        match self {
            Self::English => LEADING_ENGLISH.contains(&word) || word.ends_with("n't"),
            Self::German => LEADING_GERMAN.contains(&word),
        }
    }

    /// A word without its commonest endings: rough, and enough to tell that two labels are of one word.
    pub(super) fn stem(self, word: &str) -> String {
        let (endings, least): (&[&str], usize) = match self {
            Self::English => (&["ings", "ing", "edly", "ed", "ies", "es", "ly", "s"], 3),
            Self::German => (&["ern", "en", "er", "em", "es", "e", "n", "s"], 4),
        };
        let keeps_its_s = self == Self::English && ["ss", "us", "is"].iter().any(|end| word.ends_with(end));
        let cut = |ending: &&str| word.strip_suffix(ending).filter(|stem| stem.chars().count() >= least);
        let stem = if keeps_its_s { word } else { endings.iter().find_map(cut).unwrap_or(word) };
        if self == Self::German {
            return stem.to_owned();
        }
        // "votes" and "vote", "stories" and "story", "planning" and "plan".
        let stem = stem.trim_end_matches(['e', 'i', 'y']);
        let mut last = stem.chars().rev();
        match (last.next(), last.next()) {
            (Some(a), Some(b)) if a == b => stem.strip_suffix(a).unwrap_or(stem).to_owned(),
            _ => stem.to_owned(),
        }
    }
}

/// The words of a text in lower case. A hyphen or an apostrophe within a word belongs to it.
pub(super) fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace('’', "'");
    let pieces = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '\'')));
    let bare = pieces.map(|piece| piece.trim_matches(['-', '\'']));
    bare.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

const LEADING_ENGLISH: [&str; 22] = [
    "no", "not", "never", "nor", "neither", "without", "hardly", "barely", "scarcely", "lack", "lacks", "lacking",
    "cannot", "nothing", "none", "nobody", "isnt", "dont", "more", "less", "fewer", "too",
];

const LEADING_GERMAN: [&str; 15] = [
    "nicht", "nie", "niemals", "kein", "keine", "keinen", "keiner", "keinem", "keines", "ohne", "nichts", "niemand",
    "weder", "mehr", "weniger",
];

static ENGLISH: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    "a about above according across actually after afterwards again against ago ahead all almost alone along already \
     also although altogether always am amid among amongst an and another any anybody anyhow anymore anyone anything \
     anyway anywhere apart are aren't around as aside at away back barely basically be became because become becomes \
     been before beforehand behind being below beneath beside besides between beyond both but by came can cannot \
     certain certainly clearly come could definitely despite did do does doing done down due during each either else \
     elsewhere enough entirely especially etc even ever every everybody everyone everything everywhere exactly except \
     extremely fairly far few finally first firstly following for former from fully further furthermore generally get \
     gets getting give given go goes going gone gonna got had has have having he hence her here hers herself him \
     himself his how however i if im in indeed inside instead into is it its itself ive just kind largely last lastly \
     later least let like likely lot lots made mainly make makes making many may maybe me meanwhile merely might mine \
     moreover most mostly much must my myself namely near nearly need needs never nevertheless next non nonetheless \
     normally now nowhere obviously of off often oh ok okay on once one ones only onto or other others otherwise ought \
     our ours ourselves out outside over overall own particularly per perhaps please possibly pretty probably quite \
     rather re really regarding same say says seem seemed seems several shall she should similarly simply since so \
     some somebody somehow someone something sometimes somewhat somewhere soon still such sure surely than that the \
     their theirs them themselves then there thereby therefore these they thing things this those though through \
     throughout thus till to together toward towards truly under unfortunately unless unlike until up upon us usually \
     various very via was we well went were what whatever when whenever where whereas wherever whether which while who \
     whoever whole whom whose why will with within would yes yet you your yours yourself yourselves"
        .split_whitespace()
        .collect()
});

static GERMAN: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    "ab aber alle allem allen aller allerdings alles als also am an andere anderem anderen anderer anderes auch auf aus \
     ausschließlich außer außerdem außerhalb bald bei beide beiden beim bereits besonders bevor bin bis bisher bist \
     bleiben bleibt bloß da dabei dadurch dafür dagegen daher dahin damit danach daneben dann daran darauf daraus darf \
     darin darum darunter darüber das dass davon davor dazu dein deine dem den denen denn dennoch der deren derer des \
     deshalb dessen desto deutlich die dies diese dieselbe diesem diesen dieser dieses doch dort du durch durchaus \
     dürfen dürfte eben ebenfalls ebenso eher eigentlich ein eine einem einen einer eines einfach einige einigen \
     einiger einmal einzelne einzelnen entweder er erst etwa etwas euch euer eure fast für ganz gar gegen gegenüber \
     gemacht genau genug gerade gern geworden gibt gilt grundsätzlich hab habe haben hat hatte hatten her hier hin \
     hinter hätte hätten ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im immer in indem innerhalb ins insbesondere ist \
     ja je jede jedem jeden jeder jederzeit jedes jedoch jemand jene jenem jenen jener jenes jetzt kann können könnte \
     könnten künftig lassen lässt machen macht man manche manchen mancher mehrere mein meine meinem meinen meiner mich \
     mindestens mir mit mittels muss musste möchte möchten möglichst müssen müsste nach nachdem nah neben noch nun nur \
     nächste ob oberhalb obwohl oder oft per pro schon sehr sei seien sein seine seinem seinen seiner seines seit \
     selber selbst sich sie sind so sobald sodass sofern sogar solange solche solchem solchen solcher soll sollen \
     sollte sollten somit sondern sonst soweit sowie sowohl statt stets trotz trotzdem um und uns unser unsere unserem \
     unseren unter viel viele vielen vieler vielleicht vom von vor während wann war waren warum was wegen weil weiter \
     weitere weiterem weiteren weiterer weiterhin welche welchem welchen welcher welches wenn wer werde werden wie \
     wieder will wir wird wo wobei wohl wollen wollte worden wurde wurden während wäre wären würde würden zu zudem zum \
     zumindest zunächst zur zusammen zwar zwischen über überall überhaupt"
        .split_whitespace()
        .collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hyphen_and_an_apostrophe_hold_a_word_together() {
        assert_eq!(words("A well-made film, isn’t it? -"), ["a", "well-made", "film", "isn't", "it"]);
        assert!(words(" – 'x' ")[0] == "x" && words("§ !").is_empty());
    }

    #[test]
    fn what_says_nothing_depends_on_the_language() {
        assert_eq!(Language::of(["The war is over and the peace is not."]), Language::English);
        assert_eq!(Language::of(["Der Bund soll keine Waffen in den Krieg liefern."]), Language::German);
        assert_eq!(Language::of([]), Language::English);
        assert!(Language::German.is_function_word("war") && !Language::English.is_function_word("war"));
        for word in ["also", "however", "even", "really", "don't", "it's", "i've", "without"] {
            assert!(Language::English.is_function_word(word), "{word}");
        }
        for word in ["film", "film's", "slow", "treaty"] {
            assert!(!Language::English.is_function_word(word), "{word}");
        }
    }

    #[test]
    fn forms_of_one_word_have_one_stem() {
        let one = |words: &[&str], language: Language| {
            words.iter().map(|word| language.stem(word)).collect::<BTreeSet<_>>().len() == 1
        };
        assert!(one(&["vote", "votes", "voting", "voted"], Language::English));
        assert!(one(&["story", "stories"], Language::English));
        assert!(one(&["plan", "plans", "planning"], Language::English));
        assert!(one(&["Waffe", "Waffen"], Language::German));
        assert_eq!(Language::English.stem("crisis"), "crisis");
    }
}
