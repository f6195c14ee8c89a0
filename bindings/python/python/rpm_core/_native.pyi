"""The part of rpm_core that is compiled. What it takes and gives is made for the package and may change; `Task` and `ResponseSpace` stay."""

from collections.abc import Callable, Sequence
from typing import Any, TypedDict, final

from ._backend import Settings

Told_ = tuple[dict[str, Any], str, str]
Asked = tuple[str, list[str] | None]
Outcome = tuple[str, dict[str, Any] | None, Exception | None]
Native = dict[str, tuple[str, Any]]
Tell = Callable[[str, int, int], None]

class Parts(TypedDict):
    backend: Settings | None
    preset: str
    population: Population | None
    catalog: Catalog | None
    store: str | None
    exemplars: int | None
    budget: tuple[int | None, int | None, float | None] | None
    keep_open: int | None

class Taking(TypedDict):
    at_once: int
    go_on: bool
    progress: Tell | None
    stop: Stop | None

class PopulationLearning(TypedDict):
    k: int
    catalog: Catalog | None
    epsilon: float | None
    delta: float | None
    seed: list[int]
    stop: Stop | None

class Comparing(TypedDict):
    name: str
    methods: list[tuple[str, Any]]
    bases: list[str]
    backend: Settings | None
    tests: int | None
    users: int | None
    seed: int
    at_once: int
    folder: str | None
    resume: bool
    texts: bool
    progress: Tell | None
    stop: Stop | None

@final
class ResponseSpace:
    """The responses that a task allows."""

    @staticmethod
    def labels(labels: Sequence[str]) -> ResponseSpace:
        """A fixed list of labels."""
    @staticmethod
    def scale(min: int, max: int) -> ResponseSpace:
        """The whole numbers from `min` to `max`."""
    @staticmethod
    def choices() -> ResponseSpace:
        """Options that come with each query."""
    @staticmethod
    def text(max_chars: int) -> ResponseSpace:
        """Free text of at most `max_chars` characters."""
    def fixed_responses(self) -> list[str] | None:
        """The responses that are the same for every query; `None` for choices and text."""

@final
class Task:
    """A question that users are asked, and the responses open to it."""

    def __new__(
        cls,
        instruction: str,
        space: ResponseSpace,
        *,
        query_name: str | None = None,
        response_name: str | None = None,
        language: str | None = None,
    ) -> Task: ...
    @staticmethod
    def from_json(json: str) -> Task:
        """Reads what `to_json` wrote."""
    def to_json(self) -> str:
        """The task as JSON."""
    @property
    def instruction(self) -> str: ...
    @property
    def query_name(self) -> str: ...
    @property
    def response_name(self) -> str: ...
    @property
    def space(self) -> ResponseSpace: ...

@final
class Stop:
    def __new__(cls) -> Stop: ...
    def set(self) -> None: ...

@final
class Told:
    @property
    def response(self) -> str: ...
    def reasons(self) -> dict[str, Any]: ...
    def usage(self) -> dict[str, Any]: ...
    def in_words(self) -> str: ...
    def svg(self) -> str | None: ...

@final
class Population:
    @staticmethod
    def learn(task: Task, columns: Native, how: PopulationLearning) -> Population: ...
    @staticmethod
    def from_json(json: str) -> Population: ...
    def to_json(self) -> str: ...
    @property
    def users(self) -> int: ...
    @property
    def interactions(self) -> int: ...
    @property
    def k(self) -> int: ...
    @property
    def epsilon(self) -> float | None: ...
    @property
    def digest(self) -> str: ...

@final
class Catalog:
    @staticmethod
    def from_json(json: str) -> Catalog: ...
    @staticmethod
    def build(texts: list[str]) -> Catalog: ...
    def to_json(self) -> str: ...
    def labels(self) -> list[str]: ...
    def assign(self, text: str) -> list[str]: ...
    @property
    def version(self) -> int: ...
    @property
    def digest(self) -> str: ...

@final
class Personalizer:
    def __new__(cls, task: Task, parts: Parts) -> Personalizer: ...
    def learn(self, columns: Native, how: Taking) -> list[Outcome]: ...
    def observe(self, columns: Native, how: Taking) -> list[Outcome]: ...
    def record(self, user: str, query: Asked, response: str, stop: Stop | None) -> str: ...
    def answer(self, user: str, query: Asked, stop: Stop | None) -> Told: ...
    def explain(self, told: Told, extent: tuple[int, bool, int], stop: Stop | None) -> Told_: ...
    def profile(self, user: str, extent: tuple[int, int, str | None]) -> Told_: ...
    def ignore(self, user: str, factor: str) -> int: ...
    def undo(self, user: str, edit: int) -> int: ...
    def forget(self, user: str, interactions: list[str]) -> tuple[dict[str, Any], str]: ...
    def forget_user(self, user: str) -> bool: ...
    def learn_again(self, user: str, stop: Stop | None) -> None: ...
    def next_question(self, user: str, pool: list[Asked]) -> tuple[int, float, float, str] | None: ...
    def users(self, after: str | None, limit: int) -> list[str]: ...
    def interactions(self, user: str) -> list[tuple[str, str, list[str], str, int | None]]: ...
    def user_model(self, user: str) -> str: ...

@final
class Evaluation:
    @property
    def stopped(self) -> bool: ...
    def report(self) -> dict[str, Any]: ...
    def records(self) -> list[dict[str, Any]]: ...
    def metrics(self, method: str) -> dict[str, float | None]: ...
    def html(self) -> str: ...
    def markdown(self) -> str: ...
    def write(self, folder: str) -> None: ...

def evaluate_frame(task: Task, columns: Native, how: Comparing) -> Evaluation: ...
def evaluate_files(path: str, how: Comparing) -> Evaluation: ...
def method_names() -> list[str]: ...
