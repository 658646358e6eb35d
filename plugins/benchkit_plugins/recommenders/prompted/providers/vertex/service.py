"""Google's Vertex AI: Gemini, as it is or tuned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchkit.contracts.config import Value
from benchkit.contracts.prompted import Conversation
from benchkit_plugins.language_models import vertex
from benchkit_plugins.language_models.calls import CallError
from benchkit_plugins.language_models.tokens import well_formed
from benchkit_plugins.recommenders.prompted.config import PromptedConfig
from benchkit_plugins.recommenders.prompted.providers.contract import Sampling
from benchkit_plugins.recommenders.prompted.providers.hosted.answers import Answer
from benchkit_plugins.recommenders.prompted.providers.hosted.service import Service

_READABLE = (0, 1, 2)  # reasons to finish: unsaid, the end, too long; all others hold a text back
# Thoughts cost money and leave no room for an answer: off, or as few as the model can.
_THINKING: dict[str, dict[str, Value]] = {
    "gemini-2.5-flash": {"thinking_budget": 0},
    "gemini-3": {"thinking_level": "MINIMAL"},
}


class VertexService(Service):
    """Gemini's completions on Vertex AI.

    The paper's text-bison is retired; the default is the last small model that can be tuned and
    heeds the temperature (at least until 2027-05-07): later ones ignore it. Credentials are
    Google's application default ones. Files to fine-tune on go through Cloud Storage, in `bucket`.
    """

    name = "vertex"
    default = "gemini-3.1-flash-lite"
    most_samples = 8
    prices = Path(__file__).with_name("prices.json")

    def __init__(self, config: PromptedConfig, workspace: Path) -> None:
        super().__init__(config, workspace)
        self._clients: dict[str, Any] = {}

    def why_unavailable(self) -> str | None:
        if not self.project:
            return (
                f"say which project pays: set {vertex.PROJECT}, or --set RECOMMENDER.project="
                "PROJECT"
            )
        return vertex.not_installed()

    def identity(self) -> dict[str, Value]:
        """Return the model, and the server where it is another."""
        return {"model": self.model, "api_endpoint": (self.config.api_endpoint or "").rstrip("/")}

    @property
    def project(self) -> str:
        """The project that pays."""
        return vertex.project(self.config.project)

    @property
    def parent(self) -> str:
        """Where models and jobs are."""
        return f"projects/{self.project}/locations/{self.config.location}"

    def client(self, service: str) -> Any:
        config = self.config
        if service not in self._clients:
            self._clients[service] = (
                vertex.storage(self.project, config.api_endpoint)
                if service == "storage"
                else vertex.client(service, config.api_endpoint, config.location)
            )
        return self._clients[service]

    def call_error(self, error: Exception) -> CallError:
        tokens = map(vertex.token, list(self._clients.values()))
        return vertex.failed(error, self.config.timeout, *tokens)

    def complete(
        self, model: str | None, prompt: Conversation, sampling: Sampling, count: int, seed: int
    ) -> Answer:
        from google.api_core.exceptions import BadRequest, NotFound

        sent = contents(prompt)
        request = {
            "model": model or f"{self.parent}/publishers/google/models/{self.model}",
            "contents": sent["contents"],
            "system_instruction": sent.get("systemInstruction"),
            "generation_config": self._generation(sampling, count, seed),
        }
        client = self.client("PredictionServiceClient")
        try:
            response = client.generate_content(request, retry=None, timeout=self.config.timeout)
        except NotFound:
            if model is not None:
                raise self.gone(model) from None
            raise
        except BadRequest as error:
            return Answer([], 0, 0, self.call_error(error).reason)
        return _read(type(response).pb(response), count)

    def _generation(self, sampling: Sampling, count: int, seed: int) -> dict[str, Any]:
        thinking = [how for name, how in _THINKING.items() if self.model.startswith(name)]
        return {
            "candidate_count": count,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_output_tokens": sampling.max_tokens,
            "seed": seed,
            **({"thinking_config": thinking[0]} if thinking else {}),
        }


def contents(conversation: Conversation) -> dict[str, Any]:
    """Return a conversation as Vertex AI takes it."""
    turns = [(turn.role, [{"text": well_formed(turn.content)}]) for turn in conversation]
    system = [{"role": role, "parts": parts} for role, parts in turns if role == "system"]
    roles = {"user": "user", "assistant": "model"}
    others = [{"role": roles[role], "parts": parts} for role, parts in turns if role != "system"]
    return {**({"systemInstruction": system[0]} if system else {}), "contents": others}


def _read(response: Any, count: int) -> Answer:
    """Return the texts of a response, the bare protobuf message.

    Raises:
        CallError: it holds none, and does not say that the prompt is refused.
    """
    usage = response.usage_metadata
    read, written = usage.prompt_token_count, usage.candidates_token_count
    if response.prompt_feedback.block_reason:
        return Answer([""] * count, read, written)
    if not response.candidates:
        raise CallError("vertex returned no candidate", again=True, billed=True)
    texts = [_text(candidate) for candidate in response.candidates[:count]]
    if not response.HasField("usage_metadata"):
        return Answer(texts)
    return Answer(texts, read, written + usage.thoughts_token_count)


def _text(candidate: Any) -> str:
    if candidate.finish_reason not in _READABLE:
        return ""
    parts = candidate.content.parts
    return well_formed("".join(part.text for part in parts if not part.thought))
