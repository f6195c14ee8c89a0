"""A stand-in for a model: it answers each request in the form that the request asks for."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from typing import Any

import rpm_core as rpm

QUERY = "A quiet film about a lighthouse."


def reply_to(request: rpm.CompletionRequest) -> str:
    """The features are the words of four letters or more that stand in the texts, and the response is 5."""
    text = request.messages[-1].content
    if request.stage == "extract":
        abouts = sorted(set(re.findall(r"\bt\d+\b", text))) or ["t1"]
        return json.dumps({"items": [{"about": about, "features": _features(text)} for about in abouts]})
    if request.stage == "group":
        return json.dumps({"factors": {group: f"kind {group[1:]}" for group in sorted(set(re.findall(r"\bg\d+\b", text)))}})
    if request.stage == "write path":
        return json.dumps({"reasons": [{"feature": "x1", "why": "It tells of it."}], "response": _given(text)})
    own = [{"name": "quiet", "quote": "quiet", "why": "It tells of it."}] if "quiet" in text else []
    return json.dumps({"answer": "5", "reasons": [*own, {"feature": "x1", "why": "It tells of it."}], "response": "5"})


def _given(text: str) -> str:
    """The response of the person, which stands last in the request."""
    return str(re.findall(r"\b[1-5]\b", text)[-1])


def _features(text: str) -> list[dict[str, str]]:
    words = [word for word in ("quiet", "loud", "slow") if word in text.lower()]
    return [{"name": word, "quote": word} for word in words if word in text]


class Counting:
    """Counts the requests, those under way at once, and the threads that they came on."""

    model = "stand-in"

    def __init__(self, pause: float = 0.0) -> None:
        self.requests: list[rpm.CompletionRequest] = []
        self.threads: set[str] = set()
        self.under_way = self.most_under_way = 0
        self.pause = pause
        self._lock = threading.Lock()

    def begin(self, request: rpm.CompletionRequest) -> None:
        with self._lock:
            self.requests.append(request)
            self.threads.add(threading.current_thread().name)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)

    def end(self) -> None:
        with self._lock:
            self.under_way -= 1


class AsyncModel(Counting):
    async def complete(self, request: rpm.CompletionRequest) -> rpm.Completion:
        self.begin(request)
        try:
            await asyncio.sleep(self.pause)
            return rpm.Completion(reply_to(request), input_tokens=10, output_tokens=5)
        finally:
            self.end()


class SyncModel(Counting):
    def complete(self, request: rpm.CompletionRequest) -> str:
        self.begin(request)
        try:
            threading.Event().wait(self.pause)
            return reply_to(request)
        finally:
            self.end()


def frugal(task: rpm.Task, backend: Any, rows: list[dict[str, object]], **more: Any) -> rpm.Personalizer:
    """One request for an answer, and none to learn."""
    films = rpm.Personalizer(task, backend, preset="frugal", **more)
    films.learn(rows)
    return films
