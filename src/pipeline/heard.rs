//! A query as an answer reads it: without what the user set aside.

use std::borrow::Cow;

use crate::data::{AssignedFeature, Feature, Query, ResponseSpace, Span};
use crate::model::Heard;
use crate::stats::{Muted, Reading};

use super::Prepared;

/// A query without the words that the user set aside, and what these were.
pub(super) struct HeardQuery<'q> {
    whole: &'q Query,
    /// By name, and then by where features were found in what was left.
    readings: Vec<Reading>,
    /// What the query says that is set aside, each factor's name once.
    set_aside: Vec<AssignedFeature>,
}

impl<'q> HeardQuery<'q> {
    /// Reads a query of this model.
    pub(super) fn new(prepared: &Prepared, whole: &'q Query) -> Self {
        let mut heard = Self { whole, readings: Vec::new(), set_aside: Vec::new() };
        if let Some(muted) = prepared.heard().map(Heard::muted) {
            let aside = prepared.model().set_aside();
            let named = muted.names_in(whole.text()).into_iter().filter_map(|(key, span)| {
                let feature = Feature::new(whole, key.as_str(), span).ok()?;
                Some(AssignedFeature { factor: aside.factor_of(&key).map(|factor| factor.id().clone()), feature })
            });
            heard.set_aside = named.collect();
            heard.take_out(prepared, muted, &[]);
        }
        heard
    }

    /// The query as it is read.
    pub(super) fn query(&self) -> &Query {
        self.readings.last().map_or(self.whole, Reading::query)
    }

    /// Takes out of it what was found in it and is set aside; gives the features of what is left.
    pub(super) fn without(&mut self, prepared: &Prepared, features: Vec<AssignedFeature>) -> Vec<AssignedFeature> {
        let Some(muted) = prepared.heard().map(Heard::muted) else { return features };
        let bare: Vec<Feature> = features.iter().map(|assigned| assigned.feature.clone()).collect();
        for feature in bare.iter().filter(|feature| muted.is_of(feature)) {
            let factor = prepared.model().set_aside().factor_of(&feature.key()).map(|factor| factor.id().clone());
            let known = self.set_aside.iter().any(|other| other.feature.key() == feature.key());
            if let Some(feature) = self.in_whole(feature).filter(|_| !known) {
                self.set_aside.push(AssignedFeature { feature, factor });
            }
        }
        let taken = self.take_out(prepared, muted, &bare);
        let reading = self.readings.last().filter(|_| taken);
        let left = |assigned: AssignedFeature| {
            let feature = if muted.is_name(&assigned.feature.key()) { None } else { Some(assigned.feature) };
            let feature = feature.and_then(|f| reading.map_or(Some(f.clone()), |reading| reading.left_of(&f)))?;
            Some(AssignedFeature { feature, factor: assigned.factor })
        };
        features.into_iter().filter_map(left).collect()
    }

    /// False when nothing was taken out. A text of which a title is asked is read whole where nothing would be left.
    fn take_out(&mut self, prepared: &Prepared, muted: &Muted, features: &[Feature]) -> bool {
        let needs_words = matches!(prepared.model().task().space(), ResponseSpace::Text { .. });
        let reading = muted.reading(self.query(), features).filter(|reading| !(needs_words && reading.is_empty()));
        let taken = reading.is_some();
        self.readings.extend(reading);
        taken
    }

    fn in_whole(&self, feature: &Feature) -> Option<Feature> {
        let mut feature = Cow::Borrowed(feature);
        for (place, reading) in self.readings.iter().enumerate().rev() {
            let before = place.checked_sub(1).and_then(|before| self.readings.get(before));
            feature = Cow::Owned(reading.in_whole(&feature, before.map_or(self.whole, Reading::query))?);
        }
        Some(feature.into_owned())
    }

    /// Features of the query as it is read, each where it stands in the whole one.
    pub(super) fn all_in_whole(&self, features: &[AssignedFeature]) -> Vec<AssignedFeature> {
        let whole = |assigned: &AssignedFeature| {
            let feature = self.in_whole(&assigned.feature).or_else(|| {
                // A place that cannot be told is anywhere in the text.
                assigned.feature.moved(self.whole, Span { start: 0, end: self.whole.text().len() }).ok()
            });
            AssignedFeature {
                feature: feature.unwrap_or_else(|| assigned.feature.clone()),
                factor: assigned.factor.clone(),
            }
        };
        features.iter().map(whole).collect()
    }

    /// The query as it was read, where that is not all of it, and what is set aside.
    pub(super) fn into_parts(self) -> (Option<Query>, Vec<AssignedFeature>) {
        let read = self.readings.last().map(|reading| reading.query().clone());
        (read, self.set_aside)
    }
}
