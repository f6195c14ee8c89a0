"""Ten cells of a notebook: from a data frame to answers with reasons, and to a comparison with its doubt.

Run it as it is, or cell by cell in an editor that knows `# %%`. It needs pandas and polars, and no key.
"""

# %% A frame, and what its users were asked
import asyncio
from pathlib import Path

import pandas as pd
import polars as pl

import rpm_core as rpm

DATA = Path(__file__).resolve().parents[3] / "examples" / "data" / "raters.csv"
task = rpm.Task(
    "How would this person rate the film?", rpm.ResponseSpace.scale(1, 5), query_name="review", response_name="rating"
)
columns = {"query": "review", "response": "rating", "time": "date"}
frame = pd.read_csv(DATA)

# %% Learn every user of it; a polars frame gives the same
films = rpm.Personalizer(task)
report = films.learn(frame, columns=columns)
print(report)
same = rpm.Personalizer(task)
same.learn(pl.read_csv(DATA), columns=columns)
assert same.user_model("ada") == films.user_model("ada")

# %% What is known of a user, for that user to read: a page in a notebook
profile = films.profile("ada")
print(profile)

# %% An answer with its reasons
told = films.answer("ada", "A ferry in the fog: slow scenes and long silences.")
print(told)
for part in told.reasons.contributions[:3]:
    print(part.name, part.points)

# %% What it depended on, and an answer without what the user does not want to be known by
print(films.what_if(told).in_words)
edit = films.ignore("ada", "slow")
print(films.answer("ada", "A ferry in the fog: slow scenes and long silences.").response)
films.undo("ada", edit)

# %% A model of one's own: any function of a request. This one stands in for a client
REPLY = '{"answer": "4", "reasons": [{"name": "coast", "quote": "the coast", "why": "The sea calms this person."}]}'


def model(request: rpm.CompletionRequest) -> str:
    assert request.openai_messages()
    return REPLY


with_model = rpm.Personalizer(task, model, preset="frugal")
with_model.learn(frame, columns=columns)
print(with_model.answer("ada", "A night train along the coast.").in_words())


# %% The same, async; in a notebook the last line is `await with_model.answer_async(..)`
async def async_model(request: rpm.CompletionRequest) -> rpm.Completion:
    await asyncio.sleep(0)
    return rpm.Completion(REPLY, input_tokens=200, output_tokens=9)


with_model = rpm.Personalizer(task, rpm.Backend(async_model, at_once=4, retries=2), preset="frugal")
with_model.learn(frame, columns=columns)
print(asyncio.run(with_model.answer_async("ada", "A night train along the coast.")).usage["answer"].input_tokens)

# %% A newcomer begins where most people are
population = rpm.Population.learn(task, frame, columns=columns, k=3)
beside = rpm.Personalizer(task, population=population)
print(beside.answer("somebody new", "A loud chase every ten minutes."))

# %% What is taken back is forgotten
receipt = films.forget("ada", [films.interactions("ada")[0].id])
print(receipt)
films.forget_user("ada")
assert "ada" not in films.users()

# %% Is it better than a simple method on held-out rows, and how sure is that?
found = rpm.evaluate(frame, task, columns=columns, methods=["majority", "knn", "offline"], bases=["majority"])
print(found.to_frame())
for difference in found.comparisons:
    print(difference.method, difference.metric, difference.difference.value, difference.adjusted_p)
Path("report.html").write_text(found.to_html(), encoding="utf-8")
