"""Fine-tuning at OpenAI: files, jobs, events, checkpoints."""

from __future__ import annotations

import math
from itertools import takewhile
from typing import Any

from benchkit.contracts.config import Value
from benchkit.contracts.prompted import Pairs
from benchkit_plugins.language_models import openai
from benchkit_plugins.language_models.calls import CallError, scrubbed
from benchkit_plugins.recommenders.prompted.providers.contract import FineTune, Status, Trained
from benchkit_plugins.recommenders.prompted.providers.hosted.files import (
    Limits,
    answered,
    training_files,
)
from benchkit_plugins.recommenders.prompted.providers.hosted.jobs import LABEL, Job, Jobs
from benchkit_plugins.recommenders.prompted.providers.openai.chat import messages
from benchkit_plugins.recommenders.prompted.providers.openai.service import OpenAIService

# https://platform.openai.com/docs/guides/supervised-fine-tuning
LIMITS = Limits("openai", 65_536, 512_000_000, 10)
_CLOSING = (
    "where this server does not fine-tune (OpenAI takes new jobs from earlier customers only, and "
    "none from 2027-01-06 on), set provider=local or vertex, or state=base"
)


class OpenAIJobs(Jobs):
    """OpenAI's fine-tuning jobs; of a job's checkpoints, that of the lowest validation loss."""

    service: OpenAIService

    def files(self, pairs: Pairs) -> dict[str, str]:
        return training_files(pairs, LIMITS, lambda pair: {"messages": messages(answered(pair))})

    def find(self, fine_tune: FineTune) -> Job | None:
        from openai import NotFoundError

        try:
            listed = list(self.service.client.fine_tuning.jobs.list(limit=100))
        except NotFoundError:  # a server that does not fine-tune
            return None
        matching = [job for job in listed if (job.metadata or {}).get(LABEL) == fine_tune.key]
        best = min(matching, key=lambda job: job.status in ("failed", "cancelled"), default=None)
        return None if best is None else self._job(best)

    def begin(self, fine_tune: FineTune) -> Job:
        from openai import BadRequestError, NotFoundError, PermissionDeniedError, omit

        files = self.files(fine_tune.pairs)
        client = self.service.client
        try:
            ids = {
                part: uploaded(
                    client, f"benchkit-{fine_tune.key}-{part}.jsonl", content, "fine-tune"
                )
                for part, content in files.items()
                if content
            }
            job = client.fine_tuning.jobs.create(
                model=self.service.model,
                training_file=ids["train"],
                validation_file=ids.get("validation", omit),
                method={"type": "supervised", "supervised": {"hyperparameters": self._tuning()}},
                seed=fine_tune.seed % 2**31,
                suffix=LABEL,
                metadata={LABEL: fine_tune.key},
            )
        except (BadRequestError, NotFoundError, PermissionDeniedError) as error:
            raise CallError(f"{self.service.call_error(error).reason}; {_CLOSING}") from None
        return self._job(job)

    def look(self, name: str) -> Job | None:
        from openai import NotFoundError

        try:
            return self._job(self.service.client.fine_tuning.jobs.retrieve(name))
        except NotFoundError:
            return None

    def events(self, name: str, reported: set[str]) -> list[str]:
        """Return a job's new events; the service lists the newest first."""
        from openai import NotFoundError

        listed = self.service.client.fine_tuning.jobs.list_events
        try:
            new = list(takewhile(lambda event: event.id not in reported, listed(name, limit=100)))
        except NotFoundError:
            return []
        reported.update(event.id for event in new)
        return [scrubbed(event.message, openai.key()) for event in reversed(new)]

    def _tuning(self) -> dict[str, Value]:
        config = self.service.config
        parameters = {"n_epochs": config.epochs, "learning_rate_multiplier": config.learning_rate}
        return {name: value for name, value in parameters.items() if value is not None}

    def _job(self, job: Any) -> Job:
        if job.status in ("failed", "cancelled"):
            words = scrubbed(getattr(job.error, "message", None) or job.status, openai.key())
            return Job(job.id, Status(job.status, words))
        if job.status != "succeeded":
            return Job(job.id, Status("running", str(job.status).replace("_", " ")))
        tokens = job.trained_tokens or 0
        seconds = float((job.finished_at or job.created_at) - job.created_at)
        dollars = self.service.rates(False).of_training(tokens)
        trained = Trained(self._best(job), tokens, dollars, seconds)
        return Job(job.id, Status("succeeded", "succeeded", trained))

    def _best(self, job: Any) -> str:
        """Return the checkpoint of the lowest validation loss, else the final model."""
        from openai import NotFoundError

        try:
            checkpoints = list(self.service.client.fine_tuning.jobs.checkpoints.list(job.id))
        except NotFoundError:
            checkpoints = []
        losses = {
            checkpoint.fine_tuned_model_checkpoint: _loss(checkpoint.metrics)
            for checkpoint in checkpoints
        }
        best = min(losses, key=lambda name: losses[name], default=None)
        return best if best and losses[best] < math.inf else str(job.fine_tuned_model)


def uploaded(client: Any, name: str, content: str, purpose: str) -> str:
    """Return the id of a file of this name and size, uploaded unless it is there."""
    size = len(content)  # it is all ASCII
    for file in client.files.list(purpose=purpose):
        if (file.filename, file.bytes) == (name, size) and file.status != "error":
            return str(file.id)
    return str(client.files.create(file=(name, content.encode()), purpose=purpose).id)


def _loss(metrics: Any) -> float:
    """Return the loss on all validation pairs, else on some of them, else infinity."""
    losses = (metrics.full_valid_loss, metrics.valid_loss)
    return next((loss for loss in losses if loss is not None and math.isfinite(loss)), math.inf)
